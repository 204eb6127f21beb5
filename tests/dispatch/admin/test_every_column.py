"""Whatever is changed, through whichever door: every page that shows it can still be opened."""

import pytest
from django.apps import apps
from django.db import connection
from django.urls import reverse

from bookings.api.serializers import BookingSerializer
from bookings.history import history_of
from bookings.models import Booking, Client, Event
from drivers.models import Driver, Role, Shift, Vehicle
from perf.measuring.taken_back import taken_back
from tests.support import builders as make
from tests.support.callers import API, caller
from tests.support.every_door.admin import rows_of
from tests.support.every_door.columns import changes_of
from tests.support.every_door.company import clock, make_company
from tests.support.every_door.walk import Walk, admin_url, broken_trips, status_of
from tests.support.pages import save, shown_fields

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.any_database]

# A new value of every editable column: in the API, and as the form's fields.
CHANGES = {
    "client": (None, {"client": ""}),
    "reference": ("NEW", {"reference": "NEW"}),
    "pickup_address": ("Quai 1", {"pickup_address": "Quai 1"}),
    "pickup_lat": (46.25, {"pickup_lat": "46.25"}),
    "pickup_lon": (6.25, {"pickup_lon": "6.25"}),
    "dropoff_address": ("Quai 2", {"dropoff_address": "Quai 2"}),
    "dropoff_lat": (46.26, {"dropoff_lat": "46.26"}),
    "dropoff_lon": (6.26, {"dropoff_lon": "6.26"}),
    "scheduled_time": (make.at("09:30").isoformat(), {"scheduled_time_1": "09:30"}),
    "appointment_at": (
        make.at("10:30").isoformat(),
        {"appointment_at_0": make.DAY.isoformat(), "appointment_at_1": "10:30"},
    ),
    "overlap_meant": (True, {"overlap_meant": "on"}),
    "passengers": (2, {"passengers": "2"}),
    "wheelchairs": (1, {"wheelchairs": "1"}),
    "may_share": (False, {"may_share": ""}),
    "max_ride_min": (45, {"max_ride_min": "45"}),
    "needs": (["oxygen", "stretcher"], {"needs": "oxygen, stretcher"}),
    "priority": (2, {"priority": "2"}),
    "notes": ("Rings twice", {"notes": "Rings twice"}),
}
# Fixed after a booking is made, changed by a use-case of its own, or by a change of others.
FIXED = {
    "customer", "return_of", "will_call", "pickup_computed", "status", "cancel_reason", "series",
    "series_day",
}  # fmt: skip


def test_every_editable_column_has_a_change():
    logged = set(BookingSerializer.Meta.fields) - {"id", "created_at", "updated_at", "version"}
    assert logged - FIXED == set(CHANGES)


@pytest.mark.parametrize("column", CHANGES)
@pytest.mark.parametrize("door", ["admin", "api"])
def test_a_changed_booking_is_shown_on_every_page(client, column, door):
    company = make.company()
    client.force_login(make.member(company))
    driver = make.driver(company)
    make.shift(driver)
    booking = make.booking(company, client=make.client(company))
    make.assignment(booking, driver)
    person = booking.client_id
    value, sent = CHANGES[column]
    page = reverse("admin:bookings_booking_change", args=[booking.pk])
    if door == "admin":
        assert save(client, page, **sent).status_code == 302
    else:
        address = f"{API}bookings/{booking.pk}/"
        office = caller(Role.DISPATCHER, company)
        etag = office.get(address)["ETag"]
        answer = office.patch(address, {column: value}, format="json", headers={"If-Match": etag})
        assert answer.status_code == 200, answer.content
    booking = Booking.objects.get(pk=booking.pk)
    newest, *_ = history_of(company, booking.pk)
    label = str(Booking._meta.get_field(column).verbose_name)
    assert [change.field for change in newest.changes] == [label]
    place = {"company": company.slug}
    for address in (
        page,
        reverse("admin:bookings_booking_changelist"),
        reverse("admin:bookings_booking_history", args=[booking.pk]),
        reverse("admin:bookings_event_changelist"),
        reverse("admin:bookings_client_change", args=[person]),
        reverse("admin:board:booking", kwargs=place | {"booking": booking.pk}),
        reverse("admin:board:day", kwargs=place | {"day": make.DAY}),
        reverse("admin:board:manifests", kwargs=place | {"day": make.DAY}),
    ):
        assert client.get(address).status_code == 200, address
    assert shown_fields(client.get(page))["seen_version"] == ["2"]


ROOMS = {Client: "clients", Driver: "drivers", Shift: "shifts", Vehicle: "vehicles"}
# Whom the telephone of the driver does not know any more: 404.
LET_GO = {"is_active", "user"}


@pytest.mark.parametrize("model", ROOMS)
def test_every_page_that_shows_a_row_opens_after_each_change_of_it(model):
    """The row belongs to a planned day; what breaks trips is agreed to."""
    busy = make_company()
    row = rows_of(model, busy)[0]
    opened = set()
    for door in ("admin", "api"):
        with clock():
            send = sender(Walk(busy), model, row, door)
            for column, changes in changes_of(row, busy).items():
                sent = [getattr(change, "form" if door == "admin" else "api") for change in changes]
                sent = [values for values in sent if values is not None]
                done = [
                    open_after(busy, model, row, column, send, values, opened) for values in sent
                ]
                assert any(done) or not sent, f"{column} was never changed by {door}"


def sender(walk, model, row, door):
    """Return what changes the row through the door."""
    if door == "api":
        address = f"{ROOMS[model]}/{row.pk}/"
        return lambda values, **agreed: walk.api("patch", address, values, **agreed)
    page = admin_url(model, "change", row.pk)
    shown = shown_fields(walk.busy.browser.get(page))
    return lambda values, **agreed: walk.post(page, shown | values, **agreed)


def open_after(busy, model, row, column, send, values, opened):
    """Change the row, open every page that shows it, take it back; return whether it was done.

    Where both doors leave the same rows, `opened`, only the pages of their log are opened twice.
    """
    with taken_back():
        answer = send(values)
        if trips := broken_trips(answer):
            answer = send(values, release=trips)
        if status_of(answer) >= 400:
            return False
        now = stored()
        for get, address, gone in pages_that_show(busy, model, row, of_log=now in opened):
            status = get(address).status_code
            assert status == 200 or (gone and column in LET_GO and status == 404), (
                f"{address} answers {status} after {values}"
            )
        opened.add(now)
        return True


def stored():
    """Return all rows but those of the log, which names the door."""
    tables = [
        model._meta.db_table
        for app in ("drivers", "bookings", "dispatch")
        for model in apps.get_app_config(app).get_models()
        if model is not Event
    ]
    with connection.cursor() as cursor:
        return tuple(
            tuple(cursor.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall())
            for table in tables
        )


def pages_that_show(busy, model, row, *, of_log):
    """Yield (how it is got, address, whether it is the driver's own) of each page with the row."""
    place, day = {"company": busy.company.slug}, {"day": make.DAY}
    trip = busy.bookings["ASSIGNED"].pk
    for page in ("change", "history"):
        yield busy.browser.get, admin_url(model, page, row.pk), False
    if of_log:
        return
    for page in ("changelist", "export_csv", "export_xlsx"):
        yield busy.browser.get, admin_url(model, page), False
    yield busy.browser.get, reverse("admin:bookings_booking_change", args=[trip]), False
    for page in ("booking", "candidates"):
        yield (
            busy.browser.get,
            reverse(f"admin:board:{page}", kwargs=place | {"booking": trip}),
            False,
        )
    for page in ("day", "map", "manifests"):
        yield busy.browser.get, reverse(f"admin:board:{page}", kwargs=place | day), False
    for kind in ("csv", "xlsx"):
        name = f"admin:dispatch_assignment_manifest_{kind}"
        yield busy.browser.get, reverse(name, args=[busy.company.slug, make.DAY]), False
    for address in (f"{ROOMS[model]}/{row.pk}/", f"bookings/{trip}/?expand=client,driver"):
        yield busy.owner.get, API + address, False
    for address in ("me/", f"me/day/?day={make.DAY}"):
        yield busy.callers[busy.anna.pk].get, API + address, True


ODD = [
    None,
    True,
    0,
    -1.5,
    "",
    "x",
    "2026-02-30T00:00",
    "2026-06-17T09:00",
    [],
    {},
    [[1]],
    {"a": 1},
]


@pytest.mark.parametrize("value", ODD)
def test_the_history_shows_any_value_that_the_log_may_hold(value):
    company = make.company()
    booking = make.booking(company)
    names = [
        "needs", "locked", "confirmed", "driver", "client", "return_of", "priority", "pickup",
        "cancel_reason", "arrived_at", "overrides", "a column that is no more",
    ]  # fmt: skip
    for kind in ("booking.changed", "assignment.moved", "assignment.released", "booking.status"):
        values = dict.fromkeys(names, value)
        if kind == "booking.status":
            values["status"] = value
        make.event(company, booking=booking, kind=kind, old=values, new=values)
    assert len(history_of(company, booking.pk)) == 4
    assert len(history_of(company, booking.pk, changes=False)) == 4
