"""Whatever is changed, through whichever door: every page that shows it can still be opened."""

import pytest
from django.urls import reverse

from bookings.api.serializers import BookingSerializer
from bookings.history import history_of
from bookings.models import Booking
from drivers.models import Role
from tests.support import builders as make
from tests.support.callers import API, caller
from tests.support.pages import save, shown_fields

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

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
    "passengers": (2, {"passengers": "2"}),
    "wheelchairs": (1, {"wheelchairs": "1"}),
    "needs": (["oxygen", "stretcher"], {"needs": "oxygen, stretcher"}),
    "priority": (2, {"priority": "2"}),
    "notes": ("Rings twice", {"notes": "Rings twice"}),
}
# Fixed after a booking is made, or changed by a use-case of its own.
FIXED = {"return_of", "will_call", "status", "cancel_reason"}


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
