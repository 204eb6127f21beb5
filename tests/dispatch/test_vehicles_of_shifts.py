"""What a driver can drive follows from the vehicle of the shift; no vehicle is in two places."""

from datetime import timedelta
from itertools import combinations

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookings.models import Actor, Door
from dispatch.board.detail import read_detail
from dispatch.day.keeping import Leeway
from dispatch.day.load import load_problem
from dispatch.forecast.rows import read_shifts
from dispatch.manifest import read_manifest
from dispatch.models import Assignment
from dispatch.planner.check.plan import check
from dispatch.planner.problem import Plan, PlannedTrip
from dispatch.planner.solve import solve
from dispatch.trips.fleet_changes import TripsBroken
from drivers.fleet.changes import changing
from drivers.models import Shift
from tests.support import builders as make

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.COMMAND, name="test")


def load(company):
    return load_problem(company, make.DAY, now=make.NOW, leeway=Leeway())


@pytest.fixture
def two_cars(db):
    """Anna drives a small car in the morning, and in the afternoon a van for a wheelchair."""
    anna = make.driver(name="Anna", vehicle=make.vehicle(plate="SMALL", wheelchair_places=0))
    van = make.vehicle(plate="VAN", wheelchair_places=1, skills=["ramp"])
    make.shift(anna, "06:00", "12:00")
    make.shift(anna, "12:00", "18:00", vehicle=van)
    return anna


def test_a_trip_goes_where_the_vehicle_of_the_shift_can_carry_it(two_cars):
    morning = make.booking(clock="09:00", wheelchairs=1)
    afternoon = make.booking(clock="14:00", wheelchairs=1, needs=["ramp"])
    walking = make.booking(clock="10:00")
    day = load(two_cars.company)
    plan = solve(day.problem, engine="greedy", threads=1)
    assert {row.trip_id for row in plan.trips} == {afternoon.pk, walking.pk}
    assert plan.unserved == (morning.pk,)
    assert not check(day.problem, plan)


def test_the_checker_sees_the_vehicle_of_the_shift(two_cars):
    booking = make.booking(clock="09:00", wheelchairs=1, needs=["ramp"])
    problem = load(two_cars.company).problem
    (trip,) = problem.trips
    arrival_s = trip.wanted_s + trip.boarding_s + trip.ride_s
    row = PlannedTrip(booking.pk, problem.duties[0].id, two_cars.pk, trip.wanted_s, arrival_s)
    codes = {fault.code for fault in check(problem, Plan((row,), (), ()))}
    assert codes == {"wheelchairs", "needs"}


def test_one_vehicle_all_day_makes_the_problem_of_before(two_cars):
    Shift.objects.update(vehicle=two_cars.vehicle)
    problem = load(two_cars.company).problem
    assert [duty.car for duty in problem.duties] == [None, None]
    assert problem.drivers[0].seats == two_cars.vehicle.seats


def test_a_shift_without_a_vehicle_carries_nobody(two_cars):
    Shift.objects.update(vehicle=None)
    make.booking(clock="09:00")
    assert not solve(load(two_cars.company).problem, engine="greedy", threads=1).trips


def test_without_a_shift_the_drivers_vehicle_counts(two_cars):
    Shift.objects.all().delete()
    (driver,) = load(two_cars.company).problem.drivers
    assert (driver.seats, driver.wheelchair_places) == (4, 0)


def test_board_manifest_and_detail_name_the_vehicle_of_the_shift(two_cars):
    company = two_cars.company
    make.assignment(make.booking(clock="09:00"), two_cars)
    later = make.booking(clock="14:00")
    make.assignment(later, two_cars)
    assert [row.plate for row in read_shifts(company, *company.day_bounds(make.DAY))] == [
        "SMALL",
        "VAN",
    ]
    manifest = read_manifest(company, make.DAY)
    (driver,) = manifest.drivers
    assert [duty.vehicle for duty in driver.shifts] == ["SMALL", "VAN"]
    assert [row[2] for row in manifest.rows()] == ["SMALL", "SMALL", "VAN", "VAN"]
    assert read_detail(company, later.pk).assignment.plate == "VAN"


def change(row, **values):
    wanted = type(row).objects.get(pk=row.pk)
    for name, value in values.items():
        setattr(wanted, name, value)
    with changing([row], wanted, actor=ACTOR, now=make.NOW):
        wanted.save()


def test_a_shift_that_loses_its_vehicle_asks_about_its_trips(two_cars):
    booking = make.booking(clock="14:00", wheelchairs=1)
    make.assignment(booking, two_cars)
    _morning, afternoon = Shift.objects.order_by("start_at")
    van = afternoon.vehicle
    with pytest.raises(TripsBroken) as broken, transaction.atomic():
        change(afternoon, vehicle=two_cars.vehicle)
    assert [trip.booking_id for trip in broken.value.trips] == [booking.pk]
    with pytest.raises(TripsBroken), transaction.atomic():
        change(van, wheelchair_places=0)
    change(two_cars, vehicle=make.vehicle(seats=1, wheelchair_places=0))  # only of the morning
    assert Assignment.objects.open().count() == 1


def test_another_vehicle_makes_a_plan_stale(two_cars):
    facts = [row.facts() for row in load(two_cars.company).drivers[two_cars.pk]]
    twin = make.vehicle(plate="TWIN", wheelchair_places=0)
    Shift.objects.filter(start_at=make.at("06:00")).update(vehicle=twin)
    assert [row.facts() for row in load(two_cars.company).drivers[two_cars.pk]] != facts


@st.composite
def rosters(draw):
    """Draw (cars, shifts, bookings): fewer cars than drivers, (driver, car, from, hours)."""
    drivers = draw(st.integers(2, 4))
    cars = draw(st.integers(1, drivers - 1))
    shift = st.tuples(
        st.integers(0, drivers - 1), st.integers(0, cars - 1), st.integers(5, 16), st.integers(2, 8)
    )
    shifts = draw(st.lists(shift, min_size=2, max_size=6))
    clocks = draw(st.lists(st.integers(6, 20), min_size=2, max_size=8))
    return drivers, cars, shifts, clocks


def roll(roster, *, guarded=True):
    """Make the rows of a roster; leave out the shifts that are refused. Return the company."""
    drivers, cars, shifts, clocks = roster
    company = make.company()
    fleet = [make.vehicle(company) for _ in range(cars)]
    people = [make.driver(company, vehicle=fleet[n % cars]) for n in range(drivers)]
    for driver, car, hour, hours in shifts:
        start_at = make.at(f"{hour:02}:00")
        row = Shift(
            driver=people[driver],
            vehicle=fleet[car],
            start_at=start_at,
            end_at=start_at + timedelta(hours=hours),
        )
        try:
            if guarded:
                row.full_clean()
            row.save()
        except ValidationError:
            continue
    for hour in clocks:
        make.booking(company, f"{hour:02}:00")
    return company


def clashes(company):
    """Return the pairs of planned trips in which a vehicle is in two places at once."""
    day = load(company)
    plan = solve(day.problem, engine="greedy", threads=1)
    assert not check(day.problem, plan)
    cars = dict(Shift.objects.values_list("id", "vehicle_id"))
    used = [
        (cars[day.shift_of[row.duty_id]], row.pickup_s, row.dropoff_s, row.driver_id)
        for row in plan.trips
    ]
    return [
        (a, b)
        for a, b in combinations(used, 2)
        if a[0] == b[0] and a[1] < b[2] and b[1] < a[2] and a[3] != b[3]
    ]


@pytest.mark.slow
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(rosters())
def test_with_fewer_cars_than_drivers_no_car_is_in_two_places(roster):
    with transaction.atomic():
        assert not clashes(roll(roster))
        transaction.set_rollback(True)


def test_without_the_guard_one_car_is_in_two_places():
    """The test above sees what it looks for."""
    name = "shift_vehicle_no_overlap"
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"DROP TRIGGER {name}_insert")
        else:
            cursor.execute(f"ALTER TABLE drivers_shift DROP CONSTRAINT {name}")
    roster = (2, 1, [(0, 0, 7, 8), (1, 0, 7, 8)], [9, 9])
    assert len(clashes(roll(roster, guarded=False))) == 1


def test_two_drivers_of_one_car_are_not_planned_at_the_same_minute():
    """One car, two drivers, four bookings at nine: what the product did before."""
    car = make.vehicle()
    company = car.company
    for name in ("A", "B"):
        driver = make.driver(company, name, vehicle=car)
        shift = Shift(
            driver=driver, vehicle=car, start_at=make.at("07:00"), end_at=make.at("17:00")
        )
        try:
            shift.full_clean()
        except ValidationError:
            shift.vehicle = None
        shift.save()
    for _ in range(4):
        make.booking(company, "09:00")
    day = load(company)
    plan = solve(day.problem, engine="greedy", threads=1)
    assert len({row.driver_id for row in plan.trips}) == 1
