"""Whatever is sent through whatever door, the plan keeps its rules and the rows agree.

The doors find themselves: the writing addresses of the API and the pages in the URL configuration,
the forms, inlines and actions in the admin's registry, the commands among those of the apps. What
is sent stands in `tests/support/every_door`; a door, a form's field or a column without values
fails by its name. Each value is sent to the same company, in the middle of its day, and taken back.
"""

import re

import pytest
from django.contrib import admin
from django.core.management import CommandError
from django.urls import get_resolver

from bookings import guards
from bookings.models import Status
from drivers.fleet import changes
from drivers.models import Absence, Driver, Shift, Vehicle
from drivers.refused import Refused
from perf.measuring.taken_back import taken_back
from tests.support.every_door.admin import ACTIONS, added, fields_of, form_changes, rows_of
from tests.support.every_door.api import API_DOORS, writing_addresses
from tests.support.every_door.commands import APART, COMMANDS, call, commands
from tests.support.every_door.company import clock, make_company
from tests.support.every_door.pages import PAGES, READS, pages, values_of
from tests.support.every_door.walk import Walk, admin_url
from tests.support.pages import shown_fields

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.any_database]

ADDRESSES = dict(writing_addresses(get_resolver()))
PAGE_NAMES = dict(pages(get_resolver()))
MODELS = {model._meta.label: model for model in admin.site._registry}

# A change of the fleet leaves what is between the trips to the next run: fleet_changes.py.
BETWEEN_TRIPS = {
    "capacity", "drive", "duty_start", "duty_end", "break_missing", "break_during_trip",
    "break_drive",
}  # fmt: skip
FLEET = (Absence, Driver, Shift, Vehicle)
FLEET_API = re.compile("(absences|drivers|shifts|vehicles|vehicle-absences)/")
# The rules that are broken behind a door which does not ask whether they are.
AHEAD = {"unknown_duty"}  # whoever is on the way to a later trip passes over those before it
POLICY = {"capacity", "duty_start", "overlap", "ride_time", "two_places", "unknown_duty"}
KNOWN: dict[str, set[str]] = {
    # A report says what happened, whatever was planned.
    "POST bookings/<pk>/progress/": AHEAD,
    "POST me/trips/<pk>/progress/": AHEAD,
    "admin/board/<company>/booking/<booking>/change/": AHEAD,
    # A policy counts from now on: its owner is warned, and the next run tells what it keeps.
    "PATCH companies/<pk>/": POLICY,
    "drivers.Company": POLICY,
    # So do the minutes of a place.
    "PATCH company-places/<pk>/": {"ride_time", "unknown_duty"},
    "bookings.CompanyPlace": {"ride_time", "unknown_duty"},
}
# What nobody may do, not even this superuser: nothing of it is ever done.
NEVER: dict[str, set[str]] = {
    "PATCH bookings/<pk>/": {"will_call"},  # of a booking that has been accepted
    "PATCH series/<pk>/": {"client"},
    "drivers.Membership": {"delete"},  # the last owner
    "drivers.ApiToken": {"delete"},
    "drivers.Invitation": {"delete"},
    "drivers.Customer": {"delete"},  # by the API
    "auth.User": {"delete", "delete_selected"},  # with events
    "manage.py learn_traffic": {""},  # of so few rides, see tests/dispatch/traffic
    **dict.fromkeys(
        (
            "bookings.Booking", "bookings.Event", "bookings.Webhook", "bookings.Delivery",
            "bookings.Message", "bookings.MessagePolicy", "bookings.Series",
            "dispatch.DispatchRun", "dispatch.Assignment",
        ),
        {"delete"},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def busy(django_db_setup, django_db_blocker):
    """The company, made once: the transaction of each test lies inside this one."""
    with django_db_blocker.unblock(), taken_back():
        made = make_company()
        assert Walk(made).faults() == set(), "broken before any door was entered"
        yield made


@pytest.fixture
def walk(busy):
    return Walk(busy)


def test_the_company_has_a_trip_of_every_status(busy):
    assert {row.status for row in busy.bookings.values()} == set(Status)
    assert busy.trip("LOCKED").locked


def judge(walk, door, *, tolerated=frozenset(), never=None):
    """Refuse what was broken and is not known, and what was never done."""
    broken = {
        f"{row.label}: {sorted(row.faults - tolerated)}": row.faults - tolerated
        for row in walk.entered
        if row.faults - tolerated
    }
    found = set().union(*broken.values())
    assert found == KNOWN.get(door, set()), f"{door}: " + "\n".join(broken)
    done = {row.about for row in walk.entered if row.done}
    never = NEVER.get(door, set()) if never is None else never
    never_done = {row.about for row in walk.entered} - done
    assert never_done <= never, f"{door}: {sorted(never_done - never)} never done"


def send_all(walk, door):
    method, _space, path = door.partition(" ")
    for ask in API_DOORS[door](walk.busy):
        address = path.replace("<pk>", str(ask.pk))
        label = f"{method} {address} {ask.body or ''}"
        walk.enter(ask.about, label, walk.api, method, address, ask.body, ask.caller)


@pytest.mark.parametrize("door", ADDRESSES)
def test_no_address_of_the_api_breaks_a_plan(walk, door):
    assert door in API_DOORS, f"new door without values: {door}"
    if door.startswith("PATCH"):
        named = {name for ask in API_DOORS[door](walk.busy) for name in ask.body}
        for name, field in ADDRESSES[door].serializer_class().fields.items():
            assert field.read_only or name in named, f"new door without values: {door} {name}"
    send_all(walk, door)
    fleet = FLEET_API.search(door)
    judge(walk, door, tolerated=BETWEEN_TRIPS if fleet else set())


@pytest.mark.parametrize("label", MODELS)
def test_no_form_or_action_of_the_admin_breaks_a_plan(walk, label):
    model = MODELS[label]
    with clock():
        add_rows(walk, model)
        for row in rows_of(model, walk.busy):
            change_row(walk, model, row)
        act_on_rows(walk, model)
    judge(walk, label, tolerated=BETWEEN_TRIPS if model in FLEET else set())


def add_rows(walk, model):
    url = admin_url(model, "add")
    page = walk.busy.browser.get(url)
    if page.status_code != 200:
        return
    forms = added(model, walk.busy)
    names = {re.sub(r"-\d+-", ".", name) for form in forms for name in form}
    for field in fields_of(page):
        assert {field, f"{field}_0"} & names, f"new door without values: {url}, {field}"
    shown = shown_fields(page)
    for form in forms:
        walk.enter("add", f"{url} {form}", walk.post, url, shown | form)


def change_row(walk, model, row):
    url = admin_url(model, "change", row.pk)
    page = walk.busy.browser.get(url)
    shown, found = shown_fields(page), list(fields_of(page))
    values = form_changes(row, walk.busy) if found else {}
    for field in found:
        assert field in values, f"new door without values: {url}, {field}"
        for form in values[field]:
            walk.enter(field, f"{url} {form}", walk.post, url, shown | form)
    url = admin_url(model, "delete", row.pk)
    walk.enter("delete", url, walk.post, url, {"post": "yes"})


def act_on_rows(walk, model):
    url = admin_url(model, "changelist")
    request = walk.busy.browser.get(url).wsgi_request
    request.user = walk.busy.user
    for name in admin.site._registry[model].get_actions(request):
        assert name in ACTIONS, f"new door without values: {url}, action {name}"
        keys = [row.pk for row in rows_of(model, walk.busy)]
        for chosen in (*([key] for key in keys), keys):
            form = {"action": name, "_selected_action": chosen, **ACTIONS[name]}
            walk.enter(name, f"{name} {chosen} of {model._meta.label}", walk.post, url, form)


@pytest.mark.parametrize("address", PAGE_NAMES)
def test_no_page_breaks_a_plan(walk, address):
    values = values_of(walk.busy)
    sends = PAGES[address](walk.busy) if address in PAGES else [({}, {})]
    for given, form in sends:
        path = "/" + address.replace("<", "{").replace(">", "}").format(**values | given)
        path += given.get("query", "")
        walk.enter("", f"{path} {form}", walk.post, path, form)
    only_shows = address not in PAGES and {row.status for row in walk.entered} == {405}
    assert address in PAGES or only_shows, f"new door without values: {address}"
    judge(walk, address, never={""} if address in READS or only_shows else None)


@pytest.mark.parametrize("name", [name for name in commands() if name not in APART])
def test_no_command_breaks_a_plan(walk, name, tmp_path):
    assert name in COMMANDS, f"new door without values: manage.py {name}"
    call_all(walk, name, tmp_path)
    judge(walk, f"manage.py {name}")


def call_all(walk, name, folder):
    for args, options in COMMANDS[name](walk.busy, folder):
        walk.enter("", f"{name} {args} {options}", run, name, args, options)


def run(name, args, options):
    try:
        return call(name, *args, **options)
    except (CommandError, Refused):
        return 409


# Where guards are registered, and the doors that they hold.
GUARDED = {
    (changes, "GUARDS"): (
        "PATCH vehicles/<pk>/", "PATCH drivers/<pk>/", "PATCH shifts/<pk>/", "DELETE shifts/<pk>/",
        "POST absences/", "PATCH absences/<pk>/", "POST me/availability/",
        "POST vehicle-absences/", "PATCH vehicle-absences/<pk>/",
    ),
    (guards, "GUARDS"): ("PATCH bookings/<pk>/",),
    (guards, "BULK_GUARDS"): ("import_bookings",),
    (guards, "FORBID_GUARDS"): ("bookings.Client",),
}  # fmt: skip
WITHOUT = [(*where, guard) for where in GUARDED for guard in getattr(*where)]


@pytest.mark.parametrize(("module", "registry", "guard"), WITHOUT)
def test_without_a_guard_every_door_that_it_holds_is_found(
    busy, monkeypatch, tmp_path, module, registry, guard
):
    others = [other for other in getattr(module, registry) if other is not guard]
    monkeypatch.setattr(module, registry, others)
    for door in GUARDED[module, registry]:
        walk = Walk(busy)
        if door in COMMANDS:
            call_all(walk, door, tmp_path)
        elif door in MODELS:
            with clock():
                for row in rows_of(MODELS[door], busy):
                    change_row(walk, MODELS[door], row)
        else:
            send_all(walk, door)
        found = set().union(*(row.faults for row in walk.entered)) - BETWEEN_TRIPS
        assert found, f"{door}: {[(row.label, row.status) for row in walk.entered]}"
