"""A canceled booking is booked again when its reference is sent again, with the new details."""

import pytest

from bookings.history import history_of
from bookings.intake import IntakeRefused, take_in
from bookings.models import Actor, Booking, Door, Event
from dispatch.trips.cancel import cancel
from drivers.models import Role
from tests.support import builders as make
from tests.support.callers import API, caller
from tests.support.invariants import broken

ACTOR = Actor(Door.API, name="portal")
BY = {"actor": ACTOR, "now": make.NOW}
PLACES = {
    "pickup_lat": make.HOME[0], "pickup_lon": make.HOME[1],
    "dropoff_lat": make.HOSPITAL[0], "dropoff_lon": make.HOSPITAL[1],
}  # fmt: skip
pytestmark = pytest.mark.django_db


@pytest.fixture
def geneva():
    return make.company()


def row(reference="A", clock="09:00", **more):
    return {"reference": reference, "scheduled_time": make.at(clock), **PLACES, **more}


def booked_and_canceled(company, *rows):
    ids = [one.booking_id for one in take_in(company, rows or [row()], **BY)]
    for booking_id in ids:
        cancel(company, booking_id, reason="called_off", **BY)
    return ids


def test_it_is_the_same_booking_with_the_new_details_and_the_log_says_so(geneva):
    (booking_id,) = booked_and_canceled(geneva, row(notes="ring twice", passengers=2))
    (outcome,) = take_in(geneva, [row(clock="10:00", passengers=3)], **BY)
    assert (outcome.booking_id, outcome.name) == (booking_id, "created")
    booking = Booking.objects.get()
    assert (booking.status, booking.cancel_reason, booking.notes) == ("pending", "", "")
    assert (booking.passengers, booking.scheduled_time) == (3, make.at("10:00"))
    assert (booking.version, booking.is_open) == (3, True)
    event = Event.objects.latest("id")
    assert event.kind == "booking.reopened"
    assert (event.old["status"], event.new["status"]) == ("canceled", "pending")
    assert history_of(geneva, booking_id)[0].what == "Booked again"
    assert broken() == {}


def test_sent_once_more_it_is_known(geneva):
    (booking_id,) = booked_and_canceled(geneva)
    assert [take_in(geneva, [row()], **BY)[0].name for _ in range(2)] == ["created", "known"]
    assert Booking.objects.get().version == 3


def test_a_return_trip_is_booked_again_unless_another_has_taken_its_place(geneva):
    (there,) = (one.booking_id for one in take_in(geneva, [row("THERE")], **BY))
    back = row("BACK", "11:00", return_of=there)
    booked_and_canceled(geneva, back)
    assert take_in(geneva, [back], **BY)[0].created
    cancel(geneva, Booking.objects.get(reference="BACK").id, **BY)
    with pytest.raises(IntakeRefused) as refused:  # not wanted after its outbound trip
        take_in(geneva, [back | {"scheduled_time": make.at("08:00")}], **BY)
    assert "scheduled_time" in refused.value.outcomes[0].errors
    with pytest.raises(IntakeRefused) as refused:
        take_in(geneva, [row("OTHER", "11:00", return_of=there)], **BY)
    assert "return_of" in refused.value.outcomes[0].errors


def test_an_outbound_trip_is_not_booked_again_after_its_return_trip(geneva):
    (there,) = (one.booking_id for one in take_in(geneva, [row("THERE")], **BY))
    take_in(geneva, [row("BACK", "11:00", return_of=there)], **BY)
    cancel(geneva, there, **BY)
    with pytest.raises(IntakeRefused) as refused:
        take_in(geneva, [row("THERE", "12:00")], **BY)
    ((code, sentence),) = refused.value.outcomes[0].errors["scheduled_time"]
    assert (code, sentence) == (
        "invalid",
        "Enter a time before the return trip BACK, which is wanted at 2026-06-17 11:00.",
    )


def test_two_are_booked_again_together_only_in_their_order(geneva):
    (there,) = (one.booking_id for one in take_in(geneva, [row("THERE")], **BY))
    back = row("BACK", "11:00", return_of=there)
    take_in(geneva, [back], **BY)
    for name in ("BACK", "THERE"):
        cancel(geneva, Booking.objects.get(reference=name).id, **BY)
    with pytest.raises(IntakeRefused) as refused:
        take_in(geneva, [row("THERE", "12:00"), back], **BY)
    assert refused.value.outcomes[0].errors is None
    assert "12:00" in str(refused.value.outcomes[1].errors["scheduled_time"])
    again = take_in(geneva, [row("THERE", "10:00"), back], **BY)
    assert [one.created for one in again] == [True, True]


def test_none_is_its_own_return_trip(geneva):
    (booking_id,) = booked_and_canceled(geneva)
    with pytest.raises(IntakeRefused) as refused:
        take_in(geneva, [row(clock="10:00", return_of=booking_id)], **BY)
    assert "return_of" in refused.value.outcomes[0].errors


@pytest.mark.parametrize("count", [1, 30])
def test_statements_do_not_grow(geneva, count, django_assert_max_num_queries):
    rows = [row(f"R-{number}") for number in range(count)]
    booked_and_canceled(geneva, *rows)
    assert geneva.default_customer
    with django_assert_max_num_queries(5 + 2):  # and the savepoint inside the test's own
        take_in(geneva, rows, **BY)


def test_the_api_answers_201_and_counts_it_as_created(geneva):
    portal = caller(Role.CLIENT_API, geneva)
    body = row() | {"scheduled_time": "2099-06-17T09:00:00Z"}
    made = portal.post(f"{API}bookings/", body)
    path = f"{API}bookings/{made.json()['id']}/cancel/"
    assert portal.post(path, {}).json()["status"] == "canceled"
    again = portal.post(f"{API}bookings/", body)
    assert (again.status_code, again.json()["status"]) == (201, "pending")
    assert again.json()["id"] == made.json()["id"]
    portal.post(path, {})
    assert portal.post(f"{API}bookings/bulk/", {"bookings": [body]}).json()["created"] == 1
