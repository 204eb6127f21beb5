"""What becomes a trip, what stays where it is, what is left out, and in how many queries."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.models import DriverPreference
from dispatch.day.keeping import BY_HAND, Leeway
from dispatch.day.load import load_problem
from tests.support import builders as make
from tests.support.builders import at

pytestmark = pytest.mark.django_db


def load(company=None, *, now=make.NOW, day=make.DAY, **options):
    return load_problem(
        company or make.Company.objects.get(slug="geneva"),
        day,
        now=now,
        **{"leeway": Leeway()} | options,
    )


def trip_of(day, booking):
    return next(trip for trip in day.problem.trips if trip.id == booking.id)


def seconds(clock):
    hours, minutes = map(int, clock.split(":"))
    return hours * 3600 + minutes * 60


def populate(bookings):
    for _ in range(bookings // 5):
        driver = make.driver()
        make.shift(driver, break_min=30)
        for hour in range(8, 12):
            client = make.client()
            DriverPreference.objects.create(client=client, driver=driver, kind="preferred")
            make.booking(clock=f"{hour:02}:00", client=client)
        make.assignment(make.booking(clock="13:00"), driver)


@pytest.mark.parametrize("bookings", [10, 40])
def test_a_day_is_read_with_three_queries_whatever_its_size(bookings):
    # Drivers with shifts and absences; bookings with assignments, those of the days around
    # included; the clients' preferences.
    populate(bookings)
    company = make.Company.objects.get()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        day = load(company)
    assert len(day.problem.trips) == bookings
    assert len(queries) == 3


def test_a_day_without_anything_is_a_problem_without_anything():
    make.company()
    day = load()
    assert (day.problem.trips, day.problem.drivers, day.problem.duties) == ((), (), ())
    assert (day.kept, day.left_out) == ({}, {})


def test_accepted_and_assigned_bookings_become_trips():
    driver = make.driver()
    make.shift(driver)
    accepted = make.booking(clock="09:00", passengers=3, wheelchairs=1, priority=2)
    assigned = make.booking(clock="10:00", needs=["oxygen"])
    make.assignment(assigned, driver)
    for status in ("pending", "canceled", "completed", "no_show"):
        make.booking(status=status)
    day = load()
    assert [trip.id for trip in day.problem.trips] == [accepted.id, assigned.id]
    trip = trip_of(day, accepted)
    assert (trip.seats, trip.wheelchairs, trip.priority) == (2, 1, 2)  # 3 - 1 seats
    assert (trip.boarding_s, trip.alighting_s) == (180, 120)
    assert trip.standing is None
    trip = trip_of(day, assigned)
    assert trip.needs == {"oxygen"}
    assert (trip.standing.driver_id, trip.standing.pickup_s) == (driver.id, seconds("10:00"))


def test_the_ride_is_the_great_circle_times_circuity_over_speed():
    booking = make.booking()
    day = load()
    # 6.92 km straight from home to hospital: x 1.35 = 9.34 km, at 30 km/h 1,121 s.
    trip = trip_of(day, booking)
    assert trip.ride_s == pytest.approx(day.ride_m[booking.id] / 30_000 * 3600, abs=1)
    assert day.ride_m[booking.id] == pytest.approx(1.35 * 6_918, rel=0.01)


def test_an_outbound_client_may_be_fetched_ten_minutes_early_and_fifteen_late():
    booking = make.booking(clock="09:00", appointment_at=at("09:45"))
    trip = trip_of(load(), booking)
    assert (trip.wanted_s, trip.earliest_s, trip.latest_s) == (
        seconds("09:00"),
        seconds("08:50"),
        seconds("09:15"),
    )
    assert trip.arrive_by_s == seconds("09:45")


def test_a_client_going_home_is_never_early_and_waits_at_most_thirty_minutes():
    outbound = make.booking(clock="09:00")
    back = make.booking(clock="11:00", return_of=outbound)
    trip = trip_of(load(), back)
    assert (trip.earliest_s, trip.latest_s) == (seconds("11:00"), seconds("11:30"))


def test_the_windows_follow_the_company():
    company = make.company(pickup_early_min=5, pickup_late_min=7)
    booking = make.booking(company, "09:00")
    trip = trip_of(load(), booking)
    assert (trip.earliest_s, trip.latest_s) == (seconds("08:55"), seconds("09:07"))


def test_a_window_that_has_begun_starts_now():
    booking = make.booking(clock="09:00")
    assert trip_of(load(now=at("09:05")), booking).earliest_s == seconds("09:05")


def test_a_window_that_ends_this_moment_is_still_a_trip_and_one_second_later_is_not():
    booking = make.booking(clock="09:00")
    trip = trip_of(load(now=at("09:15")), booking)
    assert (trip.earliest_s, trip.latest_s) == (seconds("09:15"), seconds("09:15"))
    day = load(now=at("09:15") + timedelta(seconds=1))
    assert day.problem.trips == ()
    assert day.left_out == {booking.id: "window_passed"}


def test_fractions_of_a_second_do_not_break_a_window():
    make.booking(clock="09:00")
    day = load(now=at("09:15") - timedelta(microseconds=1))
    (trip,) = day.problem.trips
    assert trip.earliest_s <= trip.latest_s


def test_a_pending_booking_is_excluded_as_not_accepted():
    pending = make.booking(status="pending")
    make.booking(status="canceled")
    assert load().left_out == {pending.id: "not_accepted"}


def test_bookings_of_other_days_and_companies_are_not_of_this_day():
    make.booking(clock="23:59", day=make.DAY - timedelta(days=1))
    make.booking(clock="00:00", day=make.DAY + timedelta(days=1))
    make.booking(make.company("bern"))
    first, last = make.booking(clock="00:00"), make.booking(clock="23:59")
    assert [trip.id for trip in load().problem.trips] == [first.id, last.id]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"status": "en_route"}, "under way"),
        ({"status": "in_progress"}, "under way"),
        ({"locked": True}, "locked"),
    ],
)
def test_started_and_locked_trips_are_kept(fields, why):
    driver = make.driver()
    make.shift(driver)
    booking = make.booking(clock="12:00")
    make.assignment(booking, driver, **fields)
    day = load()
    assert day.problem.trips == ()
    assert day.kept == {booking.id: why}
    assert [c.trip_id for c in day.problem.duties[0].commitments] == (
        [booking.id] if why == "locked" else []
    )


def test_a_trip_is_frozen_when_its_pickup_is_nearer_than_thirty_minutes():
    driver = make.driver()
    make.shift(driver)
    near, far = make.booking(clock="09:29"), make.booking(clock="10:00")
    make.assignment(near, driver, planned_pickup_at=at("09:29"))
    make.assignment(far, driver, planned_pickup_at=at("10:00"))
    now = at("09:00")
    assert load(now=now).kept == {near.id: "frozen"}
    assert load(now=now, leeway=BY_HAND).kept == {}
    # 09:30 + 30 min: at the very minute a trip may move.
    assert load(now=at("09:30")).kept == {near.id: "frozen"}


def test_a_booking_under_way_is_kept_though_its_assignment_does_not_say_so():
    driver = make.driver()
    make.shift(driver)
    booking = make.booking(clock="12:00")
    make.assignment(booking, driver)
    booking.status = "in_progress"
    booking.save()
    assert load().kept == {booking.id: "under way"}


def test_the_assignment_of_a_canceled_booking_holds_nobody():
    driver = make.driver()
    make.shift(driver)
    booking = make.booking()
    make.assignment(booking, driver, locked=True)
    booking.status = "canceled"
    booking.save()
    day = load()
    assert day.kept == {}
    assert day.problem.duties[0].commitments == ()


def test_a_trip_of_the_day_before_is_kept_when_a_night_shift_holds_it():
    driver = make.driver()
    yesterday = make.DAY - timedelta(days=1)
    make.shift(driver, "20:00", "28:00", day=yesterday)
    booking = make.booking(clock="23:55", day=yesterday)
    make.assignment(booking, driver)
    day = load(now=at("12:00", yesterday))
    assert day.kept == {booking.id: "other day"}
    (duty,) = day.problem.duties
    assert (duty.start_s, duty.end_s) == (-4 * 3600, 4 * 3600)  # 20:00 is 4 h before midnight
    assert [c.trip_id for c in duty.commitments] == [booking.id]
    assert duty.commitments[0].pickup_s == -300


def test_trips_of_other_days_outside_every_shift_of_this_day_are_not_read():
    driver = make.driver()
    yesterday = make.DAY - timedelta(days=1)
    make.shift(driver, day=yesterday)
    make.shift(driver)
    make.assignment(make.booking(clock="10:00", day=yesterday), driver)
    assert load(now=at("01:00", yesterday)).neighbours == {}


def test_preferences_reach_the_trips_of_their_client():
    liked, feared = make.driver(), make.driver()
    client = make.client()
    DriverPreference.objects.create(client=client, driver=liked, kind="preferred")
    DriverPreference.objects.create(client=client, driver=feared, kind="forbidden")
    booking, other = make.booking(client=client), make.booking(client=make.client())
    nobody = make.booking()
    day = load()
    trip = trip_of(day, booking)
    assert (trip.preferred, trip.forbidden) == ({liked.id}, {feared.id})
    for stranger in (other, nobody):
        trip = trip_of(day, stranger)
        assert (trip.preferred, trip.forbidden) == (frozenset(), frozenset())


def test_drivers_bring_their_vehicle_skills_kind_and_cap():
    van = make.vehicle(seats=7, wheelchair_places=2, skills=["lift"])
    company = make.Company.objects.get()
    make.driver(vehicle=van, skills=["oxygen"], kind="emergency", max_bookings=3)
    make.driver()
    first, second = load().problem.drivers
    assert (first.seats, first.wheelchair_places) == (7, 2)
    assert first.skills == {"lift", "oxygen"}
    assert (first.emergency, second.emergency) == (True, False)
    assert (first.capacity, second.capacity) == (3, company.max_bookings_per_driver)


def test_trips_that_stay_or_were_driven_count_for_the_cap():
    driver = make.driver(max_bookings=3)
    make.shift(driver)
    make.assignment(make.booking(clock="07:00"), driver, status="completed")
    make.assignment(make.booking(clock="15:00"), driver, locked=True)
    make.assignment(make.booking(clock="16:00"), driver)  # may move: it does not count
    day = load(now=at("08:00"))
    assert (day.problem.drivers[0].load, day.problem.drivers[0].capacity) == (2, 1)  # 3 - 2


def test_more_trips_than_the_cap_leave_no_room_rather_than_less():
    driver = make.driver(max_bookings=1)
    make.shift(driver)
    for clock in ("14:00", "15:00"):
        make.assignment(make.booking(clock=clock), driver, locked=True)
    assert load().problem.drivers[0].capacity == 0


def test_a_trip_of_another_day_does_not_count_for_the_cap():
    driver = make.driver(max_bookings=1)
    make.shift(driver, "20:00", "28:00")
    make.assignment(make.booking(clock="25:00"), driver)
    assert load().problem.drivers[0].capacity == 1


@pytest.mark.parametrize("fields", [{"is_active": False}, {"is_available": False}])
def test_drivers_who_cannot_work_are_not_planned_and_their_trips_may_move(fields):
    driver = make.driver(**fields)
    make.shift(driver)
    booking, locked = make.booking(clock="10:00"), make.booking(clock="12:00")
    make.assignment(booking, driver)
    make.assignment(locked, driver, locked=True)
    day = load()
    assert day.problem.drivers == ()
    assert trip_of(day, booking).standing is None
    assert day.kept == {locked.id: "locked"}


def test_a_driver_without_a_vehicle_takes_nobody():
    make.shift(make.driver(vehicle=None))
    (driver,) = load().problem.drivers
    assert (driver.seats, driver.wheelchair_places) == (0, 0)


def test_drivers_of_other_companies_are_not_of_this_day():
    make.shift(make.driver())
    make.shift(make.driver(make.company("bern")))
    assert len(load().problem.drivers) == 1


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-06-17", 24), ("2026-10-25", 25)]
)
def test_a_day_is_as_long_as_its_clock_says(day, hours):
    day = make.date.fromisoformat(day)
    make.company()
    loaded = load(day=day, now=at("00:00", day) - timedelta(days=1))
    assert loaded.end_at - loaded.start_at == timedelta(hours=hours)


def test_the_trips_of_a_person_and_the_way_back_are_found_without_a_look_at_all():
    ana, ben = make.client(), make.client()
    there = make.booking(clock="09:00", client=ana)
    back = make.booking(clock="11:00", client=ana, return_of=there)
    other = make.booking(clock="10:00", client=ben)
    make.booking(clock="12:00", client=None)  # of nobody in particular
    day = load()
    assert {who: {row.id for row in rows} for who, rows in day.of_person.items()} == {
        ana.pk: {there.pk, back.pk},
        ben.pk: {other.pk},
    }
    assert {of: [row.id for row in rows] for of, rows in day.returns.items()} == {
        there.pk: [back.pk]
    }
