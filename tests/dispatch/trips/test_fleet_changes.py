"""What a change of the fleet does to assigned trips."""

from datetime import timedelta

import pytest

from bookings.models import Actor, Booking, Door, Event
from bookings.save import StaleBookingError
from dispatch.models import Assignment
from dispatch.trips.fleet_changes import TripsBroken, change_of_fleet
from dispatch.trips.release import release_trips
from drivers.models import Absence, Driver
from tests.support import builders as make

ACTOR = Actor(Door.ADMIN, name="anna")
pytestmark = pytest.mark.django_db


def on_duty(**fields):
    driver = make.driver(name="Anna", **fields)
    make.shift(driver)
    return driver


def trip(driver, clock="09:00", **fields):
    return make.assignment(make.booking(driver.company, clock, **fields), driver)


def changing(driver, **options):
    return change_of_fleet([driver.id], actor=ACTOR, now=make.NOW, **options)


def broken_by(change, driver):
    """Return [(booking, why)] of the trips that the change would break."""
    with pytest.raises(TripsBroken) as caught, changing(driver):
        change()
    return [(row.booking_id, row.why) for row in caught.value.trips]


def update(row, **fields):
    return lambda: type(row).objects.filter(id=row.id).update(**fields)


def test_a_change_that_breaks_nothing_is_saved():
    driver = on_duty()
    trip(driver)
    with changing(driver) as released:
        update(driver, phone="1")()
    assert released == []
    assert Driver.objects.get().phone == "1"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"is_active": False}, "Anna is not active."),
        ({"is_available": False}, "Anna is not available."),
    ],
)
def test_a_driver_who_cannot_be_planned_any_more_loses_the_trips(fields, why):
    driver = on_duty()
    booking = trip(driver).booking
    assert broken_by(update(driver, **fields), driver) == [(booking.id, why)]
    assert Driver.objects.get().is_available  # taken back


def test_a_shift_without_a_vehicle_loses_the_trips():
    driver = on_duty()
    booking = trip(driver).booking
    why = "Anna has no vehicle for passengers."
    assert broken_by(update(driver.shifts.get(), vehicle=None), driver) == [(booking.id, why)]
    assert driver.shifts.get().vehicle_id is not None  # taken back


def test_fewer_places_break_the_trips_that_need_them():
    driver = on_duty()
    trip(driver, "08:00")
    chair = trip(driver, "09:00", wheelchairs=1).booking
    party = trip(driver, "10:00", passengers=4).booking
    lowered = update(driver.vehicle, wheelchair_places=0, seats=3)
    assert broken_by(lowered, driver) == [
        (chair.id, "Anna has 0 wheelchair places."),
        (party.id, "Anna has 3 seats."),
    ]


def test_equipment_taken_out_breaks_the_trips_that_need_it():
    driver = on_duty(skills=["oxygen"])
    booking = trip(driver, needs=["oxygen"]).booking
    assert broken_by(update(driver, skills=[]), driver) == [
        (booking.id, "Anna cannot do this: oxygen.")
    ]


def on_duty_until(clock):
    ways = "22 min from the pickup and 9 min back from the dropoff"
    return f"Anna is on duty from 06:00 to {clock}, {ways}."


def test_an_absence_breaks_the_trips_inside_it():
    driver = on_duty()
    trip(driver, "08:00")
    inside = trip(driver, "09:00").booking

    def absent():
        Absence.objects.create(driver=driver, start_at=make.at("09:10"), end_at=make.at("12:00"))

    assert broken_by(absent, driver) == [(inside.id, on_duty_until("09:10"))]
    assert not Absence.objects.exists()


def test_a_shift_must_hold_the_trip_until_the_client_is_out():
    driver = on_duty()
    shift = driver.shifts.get()
    booking = trip(driver, "09:00").booking  # until 09:20, and 2 minutes to alight
    assert broken_by(update(shift, end_at=make.at("09:21")), driver) == [
        (booking.id, on_duty_until("09:21"))
    ]
    with changing(driver):
        update(shift, end_at=make.at("09:22"))()


def test_trips_that_have_begun_or_are_over_or_were_broken_before_do_not_count():
    driver = on_duty()
    trip(driver, "07:00", day=make.DAY - timedelta(days=3))
    trip(driver, "20:00")  # after the shift already
    begun = trip(driver, "09:00")
    Assignment.objects.filter(id=begun.id).update(status="en_route")
    with changing(driver):
        driver.shifts.all().delete()


def test_agreeing_releases_exactly_these_trips():
    driver = on_duty()
    early, late = trip(driver, "08:00"), trip(driver, "09:00", wheelchairs=1)
    with changing(driver, agreed=[late.id], reason="lift broken") as released:
        update(driver.vehicle, wheelchair_places=0)()
    assert [row.assignment_id for row in released] == [late.id]
    late.refresh_from_db()
    assert late.status == "superseded"
    booking = Booking.objects.get(id=late.booking_id)
    assert (booking.status, booking.version) == ("accepted", 2)
    event = Event.objects.get()
    assert (event.kind, event.booking_id, event.actor, event.reason) == (
        "assignment.released", late.booking_id, "anna", "lift broken",
    )  # fmt: skip
    assert event.old["driver"] == driver.id
    assert Assignment.objects.get(id=early.id).status == "planned"


def test_agreeing_to_fewer_trips_is_refused():
    driver = on_duty()
    seen, new = trip(driver, "08:00"), trip(driver, "09:00")
    with pytest.raises(TripsBroken) as caught, changing(driver, agreed=[seen.id]):
        update(driver, is_available=False)()
    assert {row.assignment_id for row in caught.value.trips} == {seen.id, new.id}
    assert str(caught.value) == "This change would break 2 assigned trips."


def test_all_or_none_is_released():
    driver = on_duty()
    planned, begun = trip(driver, "08:00"), trip(driver, "09:00")
    Assignment.objects.filter(id=begun.id).update(status="en_route")
    with pytest.raises(StaleBookingError):
        release_trips([planned.id, begun.id], actor=ACTOR, now=make.NOW)
    planned.refresh_from_db()
    assert planned.status == "planned"


@pytest.mark.parametrize("trips", [1, 8])
def test_statements_do_not_grow_with_the_trips(trips, django_assert_max_num_queries):
    driver = on_duty()
    ids = [trip(driver, f"{7 + number}:00").id for number in range(trips)]
    with django_assert_max_num_queries(16 + 1 + 4), changing(driver, agreed=ids):
        update(driver, is_available=False)()
    assert Event.objects.count() == trips
