"""Daily figures are what a slow recount of the rows gives, and add up in every kind of row."""

import random
from collections import Counter
from datetime import date, timedelta

import pytest

from bookings.models import Actor, Booking, Client, Door, Event, Status
from bookings.privacy.forget import forget
from dispatch.day.travel_times import travel_times
from dispatch.models import MEASURES, MINUTES, Assignment, DayFigures
from dispatch.planner.travel import GreatCircle
from dispatch.reports.count import Key, columns_of, count_days
from dispatch.reports.refresh import refresh
from dispatch.reports.trips import OnTime, bucket, punctuality
from drivers.models import Absence, Customer
from tests.support import builders as make

pytestmark = pytest.mark.django_db
Kind = DayFigures.Kind
MINUTE = timedelta(minutes=1)
LATER = make.at("12:00", make.DAY + timedelta(days=2))
TRIP_MEASURES = MEASURES[: MEASURES.index("loaded_m")]


@pytest.fixture
def geneva():
    return make.company(on_time_early_min=5, on_time_late_min=10)


def figures(company, kind=Kind.DAY, day=make.DAY, **of):
    row = DayFigures.objects.filter(company=company, kind=kind, day=day, **of).first()
    return {name: getattr(row, name) for name in MEASURES} if row else None


def driven(
    company, driver, clock="09:00", *, late=0, ride=20, arrived=True, day=make.DAY, **fields
):
    """Return a booking driven as it was wanted, `late` minutes late."""
    booking = make.booking(company, clock, day=day, **fields)
    door_at = booking.scheduled_time + late * MINUTE
    make.assignment(
        booking,
        driver,
        status=Assignment.Status.COMPLETED,
        arrived_at=door_at if arrived else None,
        actual_pickup_at=door_at + 3 * MINUTE,
        actual_dropoff_at=door_at + (3 + ride) * MINUTE,
    )
    return booking


def metres(*places):
    """Return the length of a way past these places by the company's straight line."""
    travel = GreatCircle(30, 1.35)
    return sum(travel.leg(a, b)[1] for a, b in zip(places, places[1:], strict=False))


def counted(company, *days):
    on_time = OnTime(company.on_time_early_min, company.on_time_late_min)
    customers = Customer.objects.filter(company=company).values_list("id", flat=True)
    return count_days(company, days, dict.fromkeys(customers, on_time), travel_times(company))


def test_a_day_is_counted_by_hand(geneva):
    driver = make.driver(geneva, home_lat=None, home_lon=None)
    make.shift(driver, "08:00", "12:00", break_min=30)
    driven(geneva, driver, "09:00", late=7, appointment_at=make.at("09:30"), passengers=2)
    noshow = make.booking(geneva, "10:00")
    make.assignment(noshow, driver, status="no_show", arrived_at=make.at("10:02"))
    make.booking(geneva, "11:00")
    refresh(geneva, now=LATER)
    found = figures(geneva)
    way = metres(make.HOME, make.HOSPITAL)
    empty = metres(make.DEPOT, make.HOME) + metres(make.HOSPITAL, make.HOME, make.DEPOT)
    expected = {
        "booked": 3,
        "done": 1,
        "no_shows": 1,
        "unfinished": 1,
        "on_time": 1,  # 7 minutes late, 10 are allowed
        "late_to_10": 1,
        "appointments": 1,
        "appointments_missed": 0,  # 09:07 + 3 + 20 = 09:30
        "passengers": 2,
        "trip_m": way,
        "ride_s": 20 * 60,
        "wait_s": 3 * 60,  # on board 3 minutes after the arrival
        "loaded_m": way,
        "loaded_s": 20 * 60,
        "empty_m": empty,
        "paid_s": 4 * 3600,
        "break_s": 30 * 60,
    }
    assert {name: value for name, value in found.items() if value} == {
        name: value for name, value in expected.items() if value
    }


def test_shared_rides_count_each_kilometre_of_the_vehicle_once(geneva):
    driver = make.driver(geneva, home_lat=make.HOME[0], home_lon=make.HOME[1])
    make.shift(driver, "08:00", "12:00")
    for number in (0, 1):  # both get in at home, at the same time, and out at the hospital
        booking = make.booking(geneva, "09:00")
        make.assignment(
            booking,
            driver,
            status="completed",
            stretch=7,
            actual_pickup_at=make.at("09:00"),
            actual_dropoff_at=make.at(f"09:2{number}"),
        )
    refresh(geneva, now=LATER)
    found, way = figures(geneva), metres(make.HOME, make.HOSPITAL)
    assert (found["loaded_m"], found["trip_m"]) == (way, 2 * way)
    assert (found["loaded_s"], found["ride_s"]) == (21 * 60, 41 * 60)
    assert found["empty_m"] == way  # the way home


def test_a_ride_of_no_length_is_followed_forwards(geneva):
    driver = make.driver(geneva, home_lat=make.HOME[0], home_lon=make.HOME[1])
    make.shift(driver, "08:00", "12:00")
    at = make.at("09:00")
    make.assignment(
        make.booking(geneva),
        driver,
        status="completed",
        actual_pickup_at=at,
        actual_dropoff_at=at,
    )
    refresh(geneva, now=LATER)
    found, way = figures(geneva), metres(make.HOME, make.HOSPITAL)
    # From home with the client to the hospital, and empty home.
    assert (found["loaded_m"], found["empty_m"]) == (way, way)


def test_absences_are_not_paid_and_overlapping_ones_count_once(geneva):
    driver = make.driver(geneva)
    make.shift(driver, "08:00", "16:00", break_min=60)
    for start, end in (("07:00", "10:00"), ("09:00", "11:00"), ("15:30", "20:00")):
        Absence.objects.create(driver=driver, start_at=make.at(start), end_at=make.at(end))
    refresh(geneva, now=LATER)
    make.booking(geneva)
    # 8 hours without 08:00-11:00 and 15:30-16:00
    assert counted(geneva, make.DAY).rows[Key(Kind.DAY, make.DAY)]["paid_s"] == 4.5 * 3600


@pytest.mark.parametrize(
    ("notice_hours", "which"),
    [
        (1.9, "canceled_late"),
        (2, "canceled_short"),
        (23.9, "canceled_short"),
        (24, "canceled_ahead"),
    ],
)
def test_a_cancellation_counts_by_its_notice(geneva, notice_hours, which):
    booking = make.booking(geneva, status=Status.CANCELED)
    make.event(
        geneva,
        booking=booking,
        kind=Event.Kind.BOOKING_STATUS,
        at=booking.scheduled_time - timedelta(hours=notice_hours),
        new={"status": "canceled"},
    )
    refresh(geneva, now=LATER)
    found = figures(geneva)
    assert {name for name, value in found.items() if value} == {"booked", which}


@pytest.mark.parametrize(
    ("minutes", "which"),
    [
        (-15.1, "early_over_15"),
        (-15, "early_to_15"),
        (-5.1, "early_to_15"),
        (-5, "within_5"),
        (0, "within_5"),
        (5, "within_5"),
        (5.1, "late_to_10"),
        (10, "late_to_10"),
        (15, "late_to_15"),
        (30, "late_to_30"),
        (60, "late_to_60"),
        (60.1, "late_over_60"),
    ],
)
def test_the_bounds_of_the_minutes_belong_to_the_punctual_side(minutes, which):
    assert bucket(minutes * MINUTE) == which


def test_on_time_includes_its_bounds():
    bounds = OnTime(5, 10)
    said = [punctuality(minutes * MINUTE, bounds) for minutes in (-5.1, -5, 10, 10.1)]
    assert said == ["early", "on_time", "on_time", "late"]


def test_each_customer_has_its_own_definition_of_on_time(geneva):
    strict = make.customer(geneva, "Strict", on_time_late_min=0)
    driver = make.driver(geneva)
    driven(geneva, driver, "09:00", late=7)
    driven(geneva, driver, "11:00", late=7, customer=strict)
    refresh(geneva, now=LATER)
    of_strict = figures(geneva, Kind.CUSTOMER, customer_id=strict.pk)
    assert (of_strict["on_time"], of_strict["late"]) == (0, 1)
    assert (figures(geneva)["on_time"], figures(geneva)["late"]) == (1, 1)


def test_a_night_shift_counts_on_the_day_on_which_it_begins(geneva):
    driver = make.driver(geneva, home_lat=make.HOME[0], home_lon=make.HOME[1])
    make.shift(driver, "20:00", "28:00")
    night = make.DAY + timedelta(days=1)
    driven(geneva, driver, "01:00", day=night)
    rows = counted(geneva, night)
    assert rows.days == {make.DAY, night}  # the shift that reaches into the night as well
    before, after = (rows.rows[Key(Kind.DAY, day)] for day in (make.DAY, night))
    way = metres(make.HOME, make.HOSPITAL)
    assert (before["done"], before["loaded_m"], before["empty_m"]) == (0, way, way)
    assert (after["done"], after["trip_m"], after["loaded_m"]) == (1, way, 0)
    assert before["paid_s"] == 8 * 3600


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_of_another_length_has_all_its_trips_and_hours(geneva, day, hours):
    driver = make.driver(geneva)
    start_at, end_at = geneva.day_bounds(day)
    make.shift(driver, day=day, start_at=start_at, end_at=start_at + timedelta(hours=24))
    at = start_at + timedelta(minutes=30)
    while at < end_at:
        make.booking(geneva, scheduled_time=at)
        at += timedelta(hours=1)
    rows = counted(geneva, day).rows
    assert rows[Key(Kind.DAY, day)]["booked"] == hours
    by_hour = {key.hour: row["booked"] for key, row in rows.items() if key.kind == Kind.HOUR}
    assert by_hour[2 if hours == 25 else 1] == hours - 23 if hours == 25 else 1
    assert (2 in by_hour) == (hours == 25)
    assert rows[Key(Kind.DAY, day)]["paid_s"] == 24 * 3600


def random_days(company, seed, count=60):
    """Make bookings and shifts of three days as they come: nothing of it is plausible."""
    chance = random.Random(seed)
    customers = [company.default_customer, make.customer(company), make.customer(company)]
    drivers = [make.driver(company) for _number in range(4)]
    days = [make.DAY + timedelta(days=number) for number in range(3)]
    for driver in drivers:
        for day in days:
            if chance.random() < 0.8:
                begins = chance.randrange(4, 16)
                make.shift(driver, f"{begins}:00", f"{begins + 8}:30", day=day, break_min=30)
    for _number in range(count):
        clock = f"{chance.randrange(24)}:{chance.randrange(60)}"
        booking = make.booking(
            company,
            clock,
            day=chance.choice(days),
            customer=chance.choice(customers),
            passengers=chance.randrange(1, 4),
            pickup_lat=46 + chance.random() / 5,
            dropoff_lon=6 + chance.random() / 5,
            status=chance.choice([Status.ACCEPTED, Status.CANCELED]),
        )
        if chance.random() < 0.7:
            at = booking.scheduled_time + chance.randrange(-40, 90) * MINUTE
            make.assignment(
                booking,
                chance.choice(drivers),
                status=chance.choice(["completed", "completed", "no_show"]),
                planned_pickup_at=booking.scheduled_time,
                arrived_at=chance.choice([None, at]),
                actual_pickup_at=chance.choice([None, at + 4 * MINUTE]),
                actual_dropoff_at=at + chance.randrange(5, 60) * MINUTE,
            )
    return days


def recount(company, day):
    """Count the trips of a day once more, one after the other, each with its own queries."""
    found = Counter()
    for booking in Booking.objects.filter(company=company):
        if company.local(booking.scheduled_time).date() != day:
            continue
        found["booked"] += 1
        found["done"] += booking.status == "completed"
        found["no_shows"] += booking.status == "no_show"
        found["canceled"] += booking.status == "canceled"
        found["unfinished"] += booking.is_open
        if booking.status != "completed":
            continue
        trip = booking.assignments.get(status="completed")
        found["passengers"] += booking.passengers
        here = (booking.pickup_lat, booking.pickup_lon)
        found["trip_m"] += metres(here, (booking.dropoff_lat, booking.dropoff_lon))
        door_at = trip.arrived_at or trip.actual_pickup_at
        if door_at is None:
            found["untimed"] += 1
            continue
        late_min = (door_at - booking.scheduled_time).total_seconds() / 60
        found["early"] += late_min < -5
        found["late"] += late_min > 10
        found["on_time"] += -5 <= late_min <= 10
    return found


@pytest.mark.parametrize("seed", range(3))
def test_random_days_are_what_a_slow_recount_gives_and_add_up(geneva, seed):
    days = random_days(geneva, seed)
    refresh(geneva, now=LATER)
    for day in days:
        found = figures(geneva, day=day)
        slow = recount(geneva, day)
        canceled = slow.pop("canceled")
        assert {name: found[name] for name in slow} == dict(slow)
        names = ("canceled_late", "canceled_short", "canceled_ahead")
        assert sum(found[name] for name in names) == canceled
        assert sum(found[name] for name in MINUTES) == found["done"] - found["untimed"]
        for kind in (Kind.HOUR, Kind.CUSTOMER, Kind.CUSTOMER_HOUR, Kind.DRIVER):
            rows = DayFigures.objects.filter(company=geneva, day=day, kind=kind)
            names = MEASURES if kind == Kind.DRIVER else TRIP_MEASURES
            for name in names:
                assert sum(rows.values_list(name, flat=True)) == found[name], (kind, name)


def test_days_counted_apart_are_those_counted_together(geneva):
    days = random_days(geneva, 7)
    together = counted(geneva, *days).rows
    for day in days:
        apart = counted(geneva, day)
        assert day in apart.days
        for key, row in apart.rows.items():
            assert row == together.get(key, row) or key.day not in days, key


def test_figures_hold_nothing_personal_and_outlive_who_is_forgotten(geneva):
    client = make.client(geneva, "Jeanne Dubois")
    driven(geneva, make.driver(geneva), client=client)
    refresh(geneva, now=LATER)
    before = figures(geneva)
    forget(client, reason="asked", actor=Actor(Door.ADMIN, name="Ada"), now=LATER)
    assert Client.objects.get().is_forgotten
    assert refresh(geneva, now=LATER).counted == 0  # its trips are not counted again
    assert figures(geneva) == before
    relations = [field.name for field in DayFigures._meta.fields if field.is_relation]
    assert relations == ["company"]


def test_columns_are_in_order_whatever_the_order_of_the_rows():
    rows = {Key(Kind.DAY, make.DAY): Counter(done=2), Key(Kind.CUSTOMER, make.DAY, 3): Counter()}
    columns = columns_of(rows)
    assert (columns["kind"], columns["done"]) == (["customer", "day"], [0, 2])
