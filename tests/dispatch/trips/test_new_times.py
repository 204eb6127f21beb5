"""Agree on a new time: what is offered can be driven, and is booked as offered."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction

from bookings.models import Booking, Event
from bookings.save import StaleBookingError, StatusRefusedError
from dispatch.models import Assignment
from dispatch.trips.assign import RuleBroken, preview_assignment
from dispatch.trips.new_times import Appointment, agree_on_time, new_times
from tests.dispatch.trips.test_write_assignment import ACTOR
from tests.support import builders as make
from tests.support.builders import DAY, NOW, at

# From home to the hospital it is 18:44; boarding takes 3 minutes, alighting 2: 23:44 of a driver
# who starts at home, and 18:44 back.


@pytest.fixture
def company(db):
    return make.company()


@pytest.fixture
def ana(company):
    ana = make.driver(company, "Ana", home_lat=make.HOME[0], home_lon=make.HOME[1])
    make.shift(ana, "08:00", "12:00")
    return ana


def offered(company, booking, now=NOW, **asked):
    found = new_times(company, booking.id, now=now, **asked)
    return [(company.clock(time.pickup_at), time.driver) for time in found.times]


def agree(company, booking, driver, clock, **options):
    booking.refresh_from_db()
    options = {"version": booking.version, "actor": ACTOR, "now": NOW} | options
    return agree_on_time(company, booking.id, driver.id, at(clock), **options)


def test_the_nearest_times_are_offered_with_who_could_drive(company, ana):
    booking = make.booking(company, "09:00")
    assert offered(company, booking) == [("08:50", "Ana"), ("09:00", "Ana"), ("09:10", "Ana")]
    assert offered(company, booking, around=at("06:00")) == [
        ("08:00", "Ana"), ("08:10", "Ana"), ("08:20", "Ana"),
    ]  # fmt: skip


def test_a_time_at_which_the_driver_is_busy_is_not_offered(company, ana):
    make.assignment(make.booking(company, "09:00"), ana, minutes=22)
    booking = make.booking(company, "09:05")
    # After it Ana is back at home at 09:00 + 23:44 + 18:44 = 09:42:28. Before it she must be back
    # by 09:00: 09:00 - 42:28 = 08:17:32.
    assert offered(company, booking) == [("08:15", "Ana"), ("09:45", "Ana"), ("09:55", "Ana")]


def test_nothing_is_offered_in_the_past_or_where_nobody_is_free(company, ana):
    booking = make.booking(company, "09:00")
    assert offered(company, booking, now=at("11:12"))[0] == ("11:15", "Ana")
    assert offered(company, booking, now=at("11:45")) == []


def test_a_trip_missed_long_ago_is_offered_times_from_now_on(company, ana):
    make.shift(ana, "12:00", "18:00")
    booking = make.booking(company, "09:00")
    assert offered(company, booking, now=at("13:30"))[0] == ("13:30", "Ana")
    found = new_times(company, booking.id, now=at("13:30"), around=at("08:00"))
    assert (found.around, found.times[0].pickup_at) == (at("13:30"), at("13:30"))


def test_an_appointment_stays_or_moves_or_is_off(company, ana):
    booking = make.booking(company, "09:00", appointment_at=at("09:30"))
    # 09:30 - 21:44 = 09:08:16 at the latest.
    assert offered(company, booking, around=at("11:00")) == [
        ("08:45", "Ana"), ("08:55", "Ana"), ("09:05", "Ana"),
    ]  # fmt: skip
    for appointment, expected in ((Appointment.MOVES, at("11:30")), (Appointment.NONE, None)):
        asked = {"around": at("11:00"), "appointment": appointment}
        assert ("11:00", "Ana") in offered(company, booking, **asked)
        trip = agree(company, booking, ana, "11:00", appointment=appointment)
        assert trip.booking.appointment_at == expected
        agree(company, booking, ana, "09:00", appointment=Appointment.STAYS)
        Booking.objects.update(appointment_at=at("09:30"))


def test_an_appointment_that_nobody_can_keep_moves_with_the_pickup(company, ana):
    booking = make.booking(company, "09:00", appointment_at=at("09:30"))
    found = new_times(company, booking.id, now=at("09:20"))
    assert (found.appointment, company.clock(found.times[0].pickup_at)) == ("moves", "09:20")
    kept = new_times(company, booking.id, now=at("09:20"), appointment=Appointment.STAYS)
    assert (kept.appointment, kept.times) == ("stays", ())


def test_what_is_offered_fits_when_it_is_looked_at(company, ana):
    ben = make.driver(company, "Ben", home_lat=make.HOSPITAL[0], home_lon=make.HOSPITAL[1])
    make.shift(ben, break_min=30, break_at=at("09:00"))
    for clock, driver in (("08:30", ana), ("10:00", ana), ("09:45", ben)):
        make.assignment(make.booking(company, clock), driver, minutes=22)
    booking = make.booking(company, "09:30")
    for time in new_times(company, booking.id, now=NOW).times:
        Booking.objects.filter(id=booking.id).update(scheduled_time=time.pickup_at)
        seen = preview_assignment(
            company, booking.id, time.driver_id, now=NOW, pickup_at=time.pickup_at
        )
        assert (seen.fits, seen.moved, seen.dropoff_at) == (True, (), time.dropoff_at)


def test_the_new_time_is_booked_and_assigned_with_its_events(company, ana):
    booking = make.booking(company, "06:00")
    trip = agree(company, booking, ana, "09:00")
    assert trip.booking.scheduled_time == at("09:00")
    assert (trip.assignment.driver, trip.assignment.planned_pickup_at) == (ana, at("09:00"))
    changed, assigned = Event.objects.order_by("id")
    assert (changed.kind, assigned.kind) == ("booking.changed", Event.Kind.ASSIGNED)
    assert set(changed.new) == {"scheduled_time"}
    assert changed.reason == "agreed on a new time"


def test_a_trip_keeps_its_driver_or_changes_to_the_one_agreed_on(company, ana):
    ben = make.driver(company, "Ben")
    make.shift(ben)
    booking = make.booking(company, "09:00")
    make.assignment(booking, ana)
    agree(company, booking, ana, "10:00")
    assert Event.objects.filter(kind=Event.Kind.RELEASED).count() == 0
    standing = Assignment.objects.open().get()
    assert (standing.driver, standing.planned_pickup_at) == (ana, at("10:00"))
    agree(company, booking, ben, "11:00")
    standing = Assignment.objects.open().get()
    assert (standing.driver, standing.planned_pickup_at) == (ben, at("11:00"))


def test_all_or_nothing_where_the_day_has_changed(company, ana):
    booking = make.booking(company, "06:00")
    make.assignment(make.booking(company, "09:00"), ana, minutes=22)
    with pytest.raises(RuleBroken):
        agree(company, booking, ana, "09:10")
    booking.refresh_from_db()
    assert (booking.scheduled_time, booking.status) == (at("06:00"), "accepted")
    assert not Event.objects.exists()


def test_what_somebody_else_changed_or_has_begun_is_refused(company, ana):
    booking = make.booking(company, "09:00")
    with pytest.raises(StaleBookingError):
        agree(company, booking, ana, "10:00", version=7)
    make.assignment(booking, ana, status="en_route")
    with pytest.raises(StatusRefusedError):
        agree(company, booking, ana, "10:00")
    with pytest.raises(StatusRefusedError):
        new_times(company, booking.id, now=NOW)


def test_a_return_trip_stays_after_its_outbound_trip(company, ana):
    there = make.booking(company, "09:00", appointment_at=at("09:40"))
    back = make.booking(company, "10:30", return_of=there)
    with pytest.raises(ValidationError, match="after the outbound trip"):
        agree(company, back, ana, "09:20")
    assert not Event.objects.exists()


@pytest.mark.parametrize("will_call", [False, True])
@pytest.mark.parametrize("appointment", list(Appointment))
def test_of_a_pair_nothing_is_offered_that_is_refused(company, ana, will_call, appointment):
    there = make.booking(company, "09:00", appointment_at=at("09:30"))
    back = make.booking(
        company, "10:00", return_of=there, appointment_at=at("11:00"),
        will_call=will_call, status="pending" if will_call else "accepted",
    )  # fmt: skip
    for booking, around in ((there, "10:30"), (there, "09:00"), (back, "08:30"), (back, "10:30")):
        if booking.will_call:
            continue
        found = new_times(company, booking.id, now=NOW, around=at(around), appointment=appointment)
        assert found.times
        for time in found.times:
            with transaction.atomic():
                clock = company.clock(time.pickup_at)
                agree(company, booking, ana, clock, appointment=appointment)
                transaction.set_rollback(True)


def test_a_return_trip_of_tomorrow_counts(company, ana):
    make.shift(ana, "20:00", "27:00")
    there = make.booking(company, "22:00", appointment_at=at("23:00"))
    make.booking(company, "24:10", return_of=there)
    asked = {"around": at("23:50"), "appointment": Appointment.MOVES}
    # An hour later the client is wanted back at 00:10.
    assert [clock for clock, _driver in offered(company, there, **asked)][-1] == "23:05"


def test_the_statements_do_not_grow(company, ana, django_assert_num_queries):
    booking = make.booking(company, "09:00")
    with django_assert_num_queries(5):
        new_times(company, booking.id, now=NOW)
    for minutes in range(0, 180, 30):
        make.assignment(
            make.booking(company, scheduled_time=at("12:00") + timedelta(minutes=minutes)), ana
        )
    with django_assert_num_queries(5):
        new_times(company, booking.id, now=NOW)
    assert company.local(booking.scheduled_time).date() == DAY
