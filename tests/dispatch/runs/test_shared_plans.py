"""A plan in which clients ride together is written, changed, undone and repaired as stretches.

The plans are made by hand: all from home to the hospital, each boarded 3 minutes, and the vehicle
waits for the last one who gets on before it drives.
"""

from dataclasses import replace

import pytest
from django.db import connection, transaction

from bookings.models import Actor, Booking, Door, Event
from dispatch.board.day import read_board
from dispatch.day.keeping import BY_HAND
from dispatch.day.load import load_problem
from dispatch.models import Assignment, DispatchRun
from dispatch.planner.problem import Plan, PlannedTrip
from dispatch.runs import options as planning
from dispatch.runs import previews, revert, run
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.trips.insertion import Proposal
from dispatch.trips.write_assignment import DoubleBooked, write_days
from tests.support import builders as make

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.COMMAND, name="test")
BY = {"now": make.NOW, "actor": ACTOR}


@pytest.fixture
def anna():
    driver = make.driver(make.company(shares_rides=True), name="Anna")
    make.shift(driver)
    return driver


def together(problem, rides):
    """Return the plan of the rides {trip: (pickup, dropoff)} in the first duty."""
    duty = problem.duties[0]
    trips = [
        PlannedTrip(trip_id, duty.id, duty.driver_id, *map(seconds, period))
        for trip_id, period in rides.items()
    ]
    left = sorted({trip.id for trip in problem.trips} - set(rides))
    return Plan(tuple(sorted(trips, key=lambda trip: trip.pickup_s)), (), tuple(left))


def seconds(clock):
    hours, minutes = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60


@pytest.fixture
def dispatch(anna, monkeypatch):
    """Return a dispatch of the day with rides, {booking: (pickup, dropoff)}, given by hand."""

    def planned(rides, **options):
        asked = {booking.id: period for booking, period in rides.items()}
        monkeypatch.setattr(
            planning, "solve", lambda problem, **how: together(problem, asked_of(problem, asked))
        )
        return run_dispatch(anna.company, make.DAY, options=FIRST_PLAN, **BY | options)

    def asked_of(problem, asked):
        ours = {trip.id for trip in problem.trips}
        return {i: period for i, period in asked.items() if i in ours}

    return planned


def standing():
    """Return {booking: (pickup, dropoff, number of the stretch)} as clocks."""
    clock = make.Company.objects.get().clock
    return {
        row.booking_id: (clock(row.planned_pickup_at), clock(row.planned_dropoff_at), row.stretch)
        for row in Assignment.objects.open().order_by("booking_id")
    }


def test_who_rides_together_is_one_stretch_in_constant_statements(dispatch):
    first, second, third = (make.booking(clock=clock) for clock in ("09:00", "09:00", "11:00"))
    rides = {first: ("09:00", "09:30"), second: ("09:05", "09:30"), third: ("11:00", "11:20")}
    report = dispatch(rides)
    assert standing() == {
        first.id: ("09:00", "09:30", first.id),
        second.id: ("09:05", "09:30", first.id),
        third.id: ("11:00", "11:20", None),
    }
    assert report.statements <= 13
    fourth = make.booking(clock="09:10")
    report = dispatch(rides | {fourth: ("09:10", "09:30")})
    assert standing()[fourth.id] == ("09:10", "09:30", first.id)
    assert report.changes["kept"] == 3
    assert report.statements <= 13


def test_kilometres_with_passengers_are_those_of_the_vehicle(dispatch, anna):
    away = {"pickup_lat": make.HOSPITAL[0], "pickup_lon": make.HOSPITAL[1],
            "dropoff_lat": make.HOME[0], "dropoff_lon": make.HOME[1]}  # fmt: skip
    one = make.booking(clock="09:00")
    alone_km = dispatch({one: ("09:00", "09:22")}).metrics["passenger_km"]
    two = make.booking(clock="09:00")
    both = {one: ("09:00", "09:22"), two: ("09:00", "09:22")}
    assert dispatch(both).metrics["passenger_km"] == alone_km
    assert read_board(anna.company, make.DAY, now=make.NOW).figures.passenger_km == alone_km
    back = make.booking(clock="12:00", **away)
    kept = dispatch(both | {back: ("12:00", "12:22")})
    assert kept.metrics["passenger_km"] == pytest.approx(2 * alone_km, abs=0.11)
    Assignment.objects.update(locked=True)
    stays = dispatch({})
    assert stays.changes["left"] == 3
    assert stays.metrics["passenger_km"] == kept.metrics["passenger_km"]
    make.Company.objects.update(shares_rides=False)
    anna.company.refresh_from_db()
    assert dispatch({}).metrics["passenger_km"] == kept.metrics["passenger_km"]


def test_who_stays_gets_the_number_of_whom_joins(dispatch):
    early, late = make.booking(clock="09:00"), make.booking(clock="09:30")
    apart = {early: ("09:00", "09:20"), late: ("09:30", "09:50")}
    dispatch(apart)
    assert [number for *_period, number in standing().values()] == [None, None]
    kept = set(Assignment.objects.open().values_list("id", flat=True))
    between = make.booking(clock="09:10")
    report = dispatch(apart | {between: ("09:10", "09:40")})
    assert {number for *_period, number in standing().values()} == {early.id}
    assert kept < set(Assignment.objects.open().values_list("id", flat=True))
    assert report.statements <= 14 + (connection.vendor == "sqlite")


def test_two_stretches_that_one_joins_and_leaves_are_two_again(dispatch):
    four = [make.booking(clock=clock) for clock in ("09:00", "09:05", "09:30", "09:35")]
    apart = dict(zip(four, [(c, "09:25") for c in ("09:00", "09:05")]
                     + [(c, "09:50") for c in ("09:30", "09:35")], strict=True))  # fmt: skip
    dispatch(apart)
    assert [number for *_p, number in standing().values()] == [four[0].id] * 2 + [four[2].id] * 2
    between = make.booking(clock="09:10")
    dispatch(apart | {between: ("09:10", "09:40")})
    assert {number for *_p, number in standing().values()} == {four[0].id}
    dispatch(apart)  # it is left out again
    numbers = [number for *_p, number in standing().values()]
    assert numbers == [four[0].id] * 2 + [four[2].id] * 2
    assert Event.objects.filter(booking=between, kind="assignment.released").exists()


def test_a_preview_is_applied_and_undone_as_it_was(anna, dispatch, monkeypatch):
    first, second = make.booking(clock="09:00"), make.booking(clock="09:00")
    alone = {first: ("09:00", "09:25")}
    dispatch(alone)
    before = standing()
    both = {first.id: ("09:00", "09:25"), second.id: ("09:05", "09:30")}
    monkeypatch.setattr(planning, "solve", lambda problem, **how: together(problem, both))
    company = make.Company.objects.get()
    made = previews.plan_preview(company, make.DAY, options=FIRST_PLAN, **BY)
    report = previews.apply_preview(DispatchRun.objects.get(id=made.run), **BY)
    assert standing() == {
        first.id: ("09:00", "09:25", first.id),
        second.id: ("09:05", "09:30", first.id),
    }
    undone = revert.revert_run(DispatchRun.objects.get(id=report.run), **BY)
    assert standing() == before
    again = revert.revert_run(DispatchRun.objects.get(id=undone.run), **BY)
    assert standing()[second.id] == ("09:05", "09:30", first.id)
    assert again.notices == ()


def test_the_policy_and_the_clients_wishes_are_in_the_problem(anna, dispatch, monkeypatch):
    anna.company.ride_factor, anna.company.ride_longest_min = 1.5, 60
    anna.company.save()
    alone = make.client(anna.company, name="Ana", may_share=False)
    patient = make.client(anna.company, name="Bea", max_ride_min=40)
    make.booking(clock="09:00", client=alone)
    make.booking(clock="10:00", client=patient)
    make.booking(clock="11:00", client=patient, max_ride_min=20)
    make.booking(clock="12:00", may_share=False)
    make.booking(clock="13:00")
    seen = []
    solve = planning.solve
    monkeypatch.setattr(planning, "solve", lambda p, **how: seen.append(p) or solve(p, **how))
    run_dispatch(anna.company, make.DAY, options=FIRST_PLAN, preview=True, **BY)
    (problem,) = seen
    sharing = problem.sharing
    limits = (sharing.factor, sharing.added_s, sharing.longest_s, sharing.percent)
    assert limits == (1.5, 15 * 60, 3600, 10)
    assert [(trip.may_share, trip.max_ride_s) for trip in problem.trips] == [
        (False, None), (True, 2400), (True, 1200), (False, None), (True, None),
    ]  # fmt: skip
    make.Company.objects.update(shares_rides=False)
    company = make.Company.objects.get()
    run_dispatch(company, make.DAY, options=FIRST_PLAN, preview=True, **BY)
    assert seen[1].sharing is None
    assert {(trip.may_share, trip.max_ride_s) for trip in seen[1].trips} == {(True, None)}


@pytest.fixture(autouse=True)
def unchecked(monkeypatch):
    for module in (run, previews, revert):
        monkeypatch.setattr(module, "check", lambda problem, plan: ())


def test_who_is_canceled_meanwhile_leaves_the_other_alone(anna, dispatch, monkeypatch):
    first, second = make.booking(clock="09:00"), make.booking(clock="09:00")
    both = {first: ("09:00", "09:30"), second: ("09:05", "09:30")}
    check = run.check

    def canceled(problem, plan):
        Booking.objects.filter(id=second.id).update(status="canceled", version=2)
        return check(problem, plan)

    monkeypatch.setattr(run, "check", canceled)
    assert dispatch(both).changes["placed"] == 1
    assert standing() == {first.id: ("09:00", "09:30", None)}


def test_by_hand_nobody_is_written_beside_a_stretch_but_into_it(anna, dispatch):
    first, second = make.booking(clock="09:00"), make.booking(clock="09:00")
    dispatch({first: ("09:00", "09:30"), second: ("09:05", "09:30")})
    third = make.booking(clock="09:10")
    trip = PlannedTrip(third.id, 0, anna.id, seconds("09:10"), seconds("09:20"))
    proposals = [Proposal(anna.id, trip, (trip,), {})]
    day = load_problem(anna.company, make.DAY, now=make.NOW, leeway=BY_HAND)
    # As if the others were with nobody when the day was read.
    rows = {i: row._replace(driver_id=None) for i, row in day.bookings.items()}
    with pytest.raises(DoubleBooked), transaction.atomic():
        write_days([(replace(day, bookings=rows), proposals)], **BY)
    assert third.id not in standing()
    write_days([(day, proposals)], **BY)
    assert standing()[third.id] == ("09:10", "09:20", first.id)
