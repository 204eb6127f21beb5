"""Every page of the admin, for every role, at home and in another company.

The pages come from the URL configuration. What a page is to whom stands in the tables below;
a page that is in none of them, or needs a value that `VALUES` does not know, fails.
"""

import re
from types import SimpleNamespace

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.urls import get_resolver

from bookings.models import Event, ImportFile
from drivers.companies.actors import Actor, Door
from drivers.companies.roles import STAFF_ROLES
from drivers.companies.tokens import issue_token
from drivers.fleet.traffic import set_traffic
from drivers.models import ApiToken, Role, TrafficVersion
from tests.support import builders as make

pytestmark = [pytest.mark.slow, pytest.mark.any_database]

OWNER, PLANNERS, STAFF = {Role.OWNER}, {Role.OWNER, Role.DISPATCHER}, set(STAFF_ROLES)
NOBODY = set()  # but superusers
WHO = [*Role, "outsider", "superuser"]

# Model: who sees, adds, changes, deletes. Who sees a row sees its history.
MODELS = {
    "drivers.company": (STAFF, NOBODY, OWNER, NOBODY),
    "drivers.customer": (STAFF, PLANNERS, PLANNERS, NOBODY),
    "drivers.membership": (OWNER, NOBODY, OWNER, OWNER),  # owners invite
    "drivers.invitation": (OWNER, OWNER, NOBODY, NOBODY),
    "drivers.apitoken": (OWNER, OWNER, NOBODY, NOBODY),
    "drivers.vehicle": (STAFF, PLANNERS, PLANNERS, PLANNERS),
    "drivers.driver": (STAFF, PLANNERS, PLANNERS, PLANNERS),
    "drivers.shift": (STAFF, PLANNERS, PLANNERS, PLANNERS),
    "drivers.absence": (STAFF, PLANNERS, PLANNERS, PLANNERS),
    "drivers.vehicleabsence": (STAFF, PLANNERS, PLANNERS, PLANNERS),
    "drivers.trafficversion": (STAFF, NOBODY, NOBODY, NOBODY),
    "bookings.client": (STAFF, PLANNERS, PLANNERS, PLANNERS),
    "bookings.series": (STAFF, PLANNERS, PLANNERS, NOBODY),
    "bookings.companyplace": (STAFF, PLANNERS, PLANNERS, PLANNERS),
    "bookings.booking": (STAFF, PLANNERS, PLANNERS, NOBODY),
    "bookings.event": (STAFF, NOBODY, NOBODY, NOBODY),
    "bookings.webhook": (OWNER, NOBODY, NOBODY, NOBODY),
    "bookings.delivery": (OWNER, NOBODY, NOBODY, NOBODY),
    "bookings.message": (STAFF, NOBODY, NOBODY, NOBODY),
    "bookings.messagepolicy": (STAFF, OWNER, OWNER, NOBODY),
    "dispatch.dispatchrun": (STAFF, NOBODY, NOBODY, NOBODY),
    "dispatch.assignment": (STAFF, NOBODY, NOBODY, NOBODY),
    "perf.measurement": (NOBODY, NOBODY, NOBODY, NOBODY),
    "auth.user": (NOBODY, NOBODY, NOBODY, NOBODY),
    "auth.group": (NOBODY, NOBODY, NOBODY, NOBODY),
}
# Pages of our own, by the name of their URL: who may open them.
OWN_PAGES = {
    "bookings_booking_upload": PLANNERS,
    "bookings_booking_import": PLANNERS,
    "bookings_booking_import_errors": PLANNERS,
    "bookings_series_upload": PLANNERS,
    "bookings_series_import": PLANNERS,
    **{
        f"{model}_export_{kind}": STAFF
        for kind in ("csv", "xlsx")
        for model in (
            "bookings_booking",
            "bookings_client",
            "drivers_driver",
            "drivers_vehicle",
            "drivers_shift",
            "drivers_absence",
            "drivers_vehicleabsence",
        )
    },
    "bookings_companyplace_moved": PLANNERS,
    "bookings_client_doubles": PLANNERS,
    "bookings_client_merge": PLANNERS,
    "bookings_client_forget": OWNER,
    "bookings_client_export_person": OWNER,
    "bookings_booking_telephone": PLANNERS,
    "bookings_booking_telephone_clients": PLANNERS,
    "bookings_booking_telephone_client": PLANNERS,
    "bookings_booking_telephone_map": PLANNERS,
    "bookings_booking_telephone_places": PLANNERS,
    "bookings_booking_telephone_times": PLANNERS,
    "bookings_booking_ready": PLANNERS,
    "bookings_booking_cancel": PLANNERS,
    "bookings_booking_duplicate": PLANNERS,
    "drivers_driver_weeks": PLANNERS,
    "drivers_driver_phones": PLANNERS,
    "drivers_customer_wards": PLANNERS,
    "drivers_shift_roster": STAFF,
    "dispatch_dispatchrun_revert": PLANNERS,
    "dispatch_dispatchrun_compare": PLANNERS,
    "dispatch_assignment_manifest_csv": STAFF,
    "dispatch_assignment_manifest_xlsx": STAFF,
}
# Django's and the theme's own, which show no company's rows; lists of rows below them do.
FRAME = {
    "index", "login", "logout", "password_change", "password_change_done", "jsi18n", "app_list",
    "view_on_site", "autocomplete", "search", "account", "second_factor", "set_up_factor",
    "invitation", "invited", "companies_to_choose",
    "admin_password_reset", "forgot_password_sent", "new_password", None,
}  # fmt: skip
# The pages of board and reports show it to the staff; these act, and belong to who may plan.
BOARD_ACTS = {
    "look", "assign", "swap", "change", "edit", "new_time", "sick", "plan", "apply", "discard",
    "revert", "undo", "suggestion",
}  # fmt: skip


def pages():
    """Yield (path template, the URL's name, its namespace) of everything below /admin/."""

    def walk(patterns, prefix, spaces):
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if hasattr(pattern, "url_patterns"):
                space = [pattern.namespace] if pattern.namespace else []
                yield from walk(pattern.url_patterns, path, [*spaces, *space])
            elif path.startswith("admin/"):
                yield path, pattern.name, ":".join(spaces)

    return sorted(
        set(walk(get_resolver().url_patterns, "", [])), key=lambda page: (page[0], str(page[1]))
    )


METRICS = {
    "bookings": 1, "assigned": 1, "statements": 1, "changes": {}, "passenger_km": 1,
    "deadhead_km": 1, "drivers_used": 1, "drivers_on_duty": 1, "emergency_drivers": 0,
}  # fmt: skip
PAGES = pages()
MODEL_PAGE = re.compile(r"(\w+)_(\w+)_(changelist|add|change|delete|history)")


def allowed(name, namespace):
    """Return the roles that may open a page, or None for a page of the frame."""
    if namespace in ("admin:board", "admin:reports"):
        return PLANNERS if name in BOARD_ACTS else STAFF
    if name == "auth_user_password_change":
        return NOBODY
    if name in OWN_PAGES:
        return OWN_PAGES[name]
    if found := MODEL_PAGE.fullmatch(name or ""):
        app, model, page = found.groups()
        sees, adds, _changes, deletes = MODELS[f"{app}.{model}"]
        return {"add": adds, "delete": deletes}.get(page, sees)
    assert name in FRAME, f"who may open “{name}”?"
    return None


def world(company):
    """Return the rows of a company that pages are about; texts of it carry its name."""
    name = company.slug
    driver = make.driver(company, f"{name} driver")
    booking = make.booking(
        company, reference=f"{name}-1", client=make.client(company, f"{name} client")
    )
    run = make.run(company, metrics=METRICS)
    owner = make.member(company, Role.OWNER, username=f"{name}-owner")
    assignment = make.assignment(booking, driver, run=run)
    membership = owner.memberships.get()
    token, _key = issue_token(membership, name=f"{name} key", now=make.NOW)
    event = Event.objects.create(
        company=company, booking=booking, kind="booking.created", at=make.NOW, door="command"
    )
    rows = [company, driver, driver.vehicle, make.shift(driver), booking, booking.client, run]
    rows += [assignment, event, membership, token, owner]
    delivery = make.delivery(company, event=event)
    booking.client.places.create(
        label=f"{name} home", address=f"{name} 1", lat=46.2, lon=6.1, is_usual=True
    )
    rows += [make.invitation(company), delivery, delivery.webhook, company.default_customer]
    rows += [make.series(company, client=booking.client)]
    rows += [make.message_policy(company, test_address=f"{name}@example.org")]
    rows += [make.message(booking, address=f"{name}@example.org", text=name)]
    rows += [make.place(company, address=f"{name} 2")]
    rows += [driver.absences.create(start_at=make.at("20:00"), end_at=make.at("21:00"))]
    rows += [driver.vehicle.absences.create(start_at=make.at("20:00"), end_at=make.at("21:00"))]
    actor = Actor(Door.COMMAND, name=f"{name} clerk")
    rows += [set_traffic(company, [], "edited", now=make.NOW, actor=actor)]
    gone = make.client(company, f"{name} double")
    return SimpleNamespace(
        gone=gone, company=company, rows={type(row): row for row in rows}, run=run, driver=driver
    )


def address(path, company_world, user):
    """Return the page's address with values of a company, or None where it has no values."""
    values = {
        "company": company_world.company.slug,
        "day": make.DAY.isoformat(),
        "run": company_world.run.pk,
        "booking": company_world.rows[make.Booking].pk,
        "ids": company_world.rows[make.Booking].pk,
        "driver": company_world.driver.pk,
        "place": company_world.rows[make.CompanyPlace].pk,
        "kept": company_world.rows[make.Client].pk,
        "gone": company_world.gone.pk,
        "person": company_world.rows[make.Client].pk,
    }
    if file := re.search(r"<int:(import_file|orders_file)>", path):
        values[file[1]] = ImportFile.objects.create(
            company=company_world.company,
            user=user,
            name="x.csv",
            data=b"a,b",
            uploaded_at=make.NOW,
        ).pk
    if "object_id" in path:
        app, model = path.split("/")[1:3]
        values["object_id"] = company_world.rows[model_of(app, model)].pk
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), path)


def model_of(app, model):
    return ContentType.objects.get_by_natural_key(app, model).model_class()


def login(client, who, company):
    if who == "superuser":
        user = get_user_model().objects.create_superuser("superuser")
    elif who == "outsider":
        user = get_user_model().objects.create_user("outsider", is_staff=True)
    else:
        user = make.member(company, who, is_staff=who in STAFF)
    client.force_login(user)
    return user


def refused(response):
    """Say whether the answer shows nothing: not allowed, not there, or the way to the login."""
    if response.status_code in (403, 404):
        return True
    home = ("/admin/", "/admin/login/")
    return response.status_code == 302 and response.url.split("?")[0] in home


def listed(response):
    """Return the model of a list, and the keys of its rows."""
    if "cl" in response.context:
        rows = response.context["cl"].queryset
        return rows.model, set(rows.values_list("pk", flat=True))
    return TrafficVersion, {version.pk for version, _text in response.context["versions"]}


def body(response):
    content = response.streaming_content if response.streaming else [response.content]
    return b"".join(content).decode("utf-8", "replace")


def test_every_page_is_in_a_table():
    assert len(PAGES) > 80
    for _path, name, namespace in PAGES:
        allowed(name, namespace)
    registered = {f"{m._meta.app_label}.{m._meta.model_name}" for m in admin.site._registry}
    assert registered == set(MODELS)


GUARDED = [
    page
    for page in PAGES
    if allowed(page[1], page[2]) is not None
    and page[0].split("/")[1] not in ("auth", "perf")
    and page[0] != "admin/board/"  # opens the board of the company one works for
]


@pytest.mark.django_db
@pytest.mark.parametrize("who", WHO)
@pytest.mark.slow
def test_every_role_opens_what_it_may_and_nothing_of_others(client, who):
    """One test per role: the rows are made once, every page is opened."""
    own, other = world(make.company("geneva")), world(make.company("elsewhere"))
    user = login(client, who, own.company)
    for path, name, namespace in GUARDED:
        where = address(path, own, user)
        response = client.get(
            where, {"day": "all"} if name == "bookings_booking_changelist" else {}
        )
        if response.status_code == 405:  # only to be posted to: whoever may not, is told so
            if who in allowed(name, namespace) or who == "superuser":
                continue
            response = client.post(where)
        roles = allowed(name, namespace)
        may = who in roles or who == "superuser" and "_add" not in (name or "")
        if who != "superuser":
            assert refused(response) != may, (who, where, response.status_code)
        assert response.status_code < 500, where
        if who == "superuser":
            continue
        if may and (name or "").endswith("_changelist"):
            model, shown = listed(response)
            assert own.rows[model].pk in shown, where
            assert other.rows[model].pk not in shown, where
        text = body(response).lower()
        assert "elsewhere" not in text, (who, where)
        if "<" not in path:
            continue
        for send in (client.get, client.post):
            strange = send(address(path, other, user))
            assert refused(strange) or strange.status_code == 405, (who, path, strange.status_code)
            assert "elsewhere" not in body(strange).lower(), (who, path)


@pytest.mark.django_db
@pytest.mark.parametrize("who", WHO)
def test_the_pages_of_users_and_figures_are_for_superusers(client, who):
    own = world(make.company("geneva"))
    login(client, who, own.company)
    for path, _name, _namespace in PAGES:
        if path.split("/")[1] in ("auth", "perf") and "<" not in path:
            response = client.get(f"/{path}")
            known = {"superuser": (200, 403)}.get(who)  # what nobody adds is 403 even for them
            assert response.status_code in known if known else refused(response), path


@pytest.mark.django_db
def test_autocompletes_searches_and_choices_stay_in_the_company(client):
    own, other = world(make.company("geneva")), world(make.company("elsewhere"))
    login(client, Role.OWNER, own.company)
    tried = 0
    for model, model_admin in admin.site._registry.items():
        label = model._meta
        for field_name in getattr(model_admin, "autocomplete_fields", ()):
            query = {"app_label": label.app_label, "model_name": label.model_name}
            response = client.get("/admin/autocomplete/", query | {"field_name": field_name})
            assert "elsewhere" not in body(response).lower()
            tried += 1
        if label.app_label in ("drivers", "bookings", "dispatch"):
            found = client.get(f"/admin/{label.app_label}/{label.model_name}/", {"q": "elsewhere"})
            rows = listed(found)[1] if found.context else ()
            theirs = other.rows.get(model)
            assert theirs is None or theirs.pk not in rows, model
    assert tried
    found = client.get("/admin/search/", {"s": "client", "extended": 1})
    assert "elsewhere" not in body(found).lower()


@pytest.mark.django_db
def test_actions_reach_no_row_of_others(client):
    own, other = world(make.company("geneva")), world(make.company("elsewhere"))
    login(client, Role.OWNER, own.company)

    def stored(row):
        return type(row).objects.filter(pk=row.pk).values().get()

    before = {row: stored(row) for row in other.rows.values()}
    for model, model_admin in admin.site._registry.items():
        theirs = other.rows.get(model)
        if theirs is None:
            continue
        page = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        request = client.get(page).wsgi_request
        for name in model_admin.get_actions(request):
            client.post(page, {"action": name, "_selected_action": [theirs.pk], "post": "yes"})
    for row, values in before.items():
        assert stored(row) == values
    assert ApiToken.objects.filter(revoked_at=None).count() == 2
