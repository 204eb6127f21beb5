"""When a drive begins, and what that means for plans, checks and the board."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bookings.models import Actor, Door
from dispatch.board.day import read_board
from dispatch.day.keeping import BY_HAND
from dispatch.day.load import load_problem
from dispatch.day.traffic import drive_of, factor_at
from dispatch.models import Assignment, DispatchRun
from dispatch.planner.check.plan import Rule, check
from dispatch.planner.solve import solve
from dispatch.planner.travel import UNREACHABLE_S, in_traffic
from dispatch.runs.apply import StalePlan
from dispatch.runs.options import RunOptions
from dispatch.runs.previews import apply_preview, plan_preview
from dispatch.runs.run import run_dispatch
from dispatch.trips.assign import assign
from drivers.fleet.traffic import set_traffic
from drivers.models import Company, TrafficVersion
from tests.support import builders as make
from tests.support.problems import make_duty, make_plan, make_problem, make_trip

ACTOR = Actor(Door.COMMAND, name="test")
FREE = [[1.0] * 24 for _day in range(7)]
NOW = make.NOW


def week(**factors):
    """Return free roads but for these hours of every day: week(h8=1.5)."""
    hours = [factors.get(f"h{hour}", 1.0) for hour in range(24)]
    return [hours[:] for _day in range(7)]


def dispatch(company, **options):
    return run_dispatch(
        company, make.DAY, now=NOW, actor=ACTOR, options=RunOptions(time_limit_s=0), **options
    )


def slow(company, factors):
    return set_traffic(company, factors, TrafficVersion.Source.EDITED, now=NOW, actor=ACTOR)


def test_the_hour_is_that_of_the_company_in_summer_and_winter():
    company = Company(timezone="Europe/Zurich", traffic=week(h8=1.5))
    assert factor_at(company, datetime(2026, 6, 17, 6, 30, tzinfo=UTC)) == 1.5
    assert factor_at(company, datetime(2026, 1, 14, 6, 30, tzinfo=UTC)) == 1.0
    assert factor_at(company, datetime(2026, 1, 14, 7, 59, 59, tzinfo=UTC)) == 1.5


def test_the_day_is_that_of_the_company():
    friday = FREE[:4] + [[2.0] * 24] + FREE[5:]
    company = Company(timezone="Europe/Zurich", traffic=friday)
    assert factor_at(company, datetime(2026, 6, 18, 22, 30, tzinfo=UTC)) == 2.0  # Friday, 0:30
    assert factor_at(company, datetime(2026, 6, 18, 21, 30, tzinfo=UTC)) == 1.0


def test_a_ride_counts_when_it_is_wanted_and_the_drive_after_it_when_it_ends():
    """Wanted at 7:50: 600 s x 1.5 of riding, 5 min of service: it ends at 8:10."""
    company = Company(timezone="UTC", traffic=week(h7=1.5, h8=2.0))
    assert drive_of(company, datetime(2026, 6, 17, 7, 50, tzinfo=UTC), 600, 3) == (900, 1.5, 2.0)


def test_what_is_no_drive_stays_none():
    assert in_traffic(UNREACHABLE_S, 0.5) == UNREACHABLE_S
    assert in_traffic(601, 0.5) == 300  # half to even, as the matrix does


def road(onward=1.0):
    """Two trips, the second 10 min from the end of the first and boarding 12 min after it."""
    first = make_trip(1, "08:00", 0, 10, late=0, onward_factor=onward)
    return make_problem([first, make_trip(2, "08:22", 20, 10, late=0)], duties=[make_duty(1)])


@pytest.mark.parametrize(("onward", "served"), [(1.0, 2), (1.2, 2), (1.21, 1)])
def test_a_driver_takes_the_next_trip_only_if_the_traffic_lets_him(onward, served):
    problem = road(onward)
    plan = solve(problem, engine="greedy", threads=1)
    assert len(plan.trips) == served
    assert not check(problem, plan)


def test_the_checker_counts_the_traffic_itself():
    plan = make_plan(road(), [(1, 1, "08:00"), (2, 1, "08:22")])
    assert not check(road(1.2), plan)
    assert [found.code for found in check(road(1.3), plan)] == [Rule.DRIVE]


def test_the_checker_counts_the_way_from_the_start_and_the_ride():
    problem = make_problem(
        [make_trip(1, "07:12", 10, 20, late=0)], duties=[make_duty(1, onward_factor=1.25)]
    )
    plan = make_plan(problem, [(1, 1, "07:12")])
    assert [found.code for found in check(problem, plan)] == [Rule.DUTY_START]
    (trip,) = problem.trips
    longer = replace(problem, trips=(replace(trip, ride_factor=1.1),), duties=(make_duty(1),))
    assert [found.code for found in check(longer, plan)] == [Rule.RIDE_PLACES]


@pytest.fixture
def geneva(db):
    company = make.company()
    for name in ("Anna", "Ben"):
        make.shift(make.driver(company, name))
    for clock in ("07:40", "08:10", "08:30", "11:00"):
        make.booking(company, clock)
    return company


def _figures(report):
    return {name: value for name, value in report.metrics.items() if name != "search"}


def planned():
    rows = Assignment.objects.order_by("planned_pickup_at", "id")
    return [
        (row.booking_id, row.planned_pickup_at, row.planned_dropoff_at, row.driver_id)
        for row in rows
    ]


def test_without_factors_and_with_factors_of_one_plans_are_the_same(geneva):
    before = run_dispatch(
        geneva, make.DAY, now=NOW, actor=ACTOR, options=RunOptions(time_limit_s=0), preview=True
    )
    slow(geneva, FREE)
    after = dispatch(Company.objects.get(), preview=True)
    assert before.statements == after.statements
    assert _figures(before) == _figures(after)


def test_a_ride_in_traffic_is_planned_longer_and_read_so_by_the_board(geneva):
    slow(geneva, week(h8=1.5))
    company = Company.objects.get()
    report = dispatch(company)
    assert report.assigned == 4
    lasting = {
        row.booking.scheduled_time: row.planned_dropoff_at - row.planned_pickup_at
        for row in Assignment.objects.select_related("booking")
    }
    boarding = timedelta(minutes=company.boarding_min)
    free = lasting[make.at("11:00")] - boarding
    assert lasting[make.at("08:10")] - boarding == pytest.approx(
        free * 1.5, abs=timedelta(seconds=1)
    )
    board = read_board(company, make.DAY, now=NOW)
    assert all(not trip.expected.late for day in board.drivers for trip in day.trips)
    for day in board.drivers:
        for trip in day.trips:
            assert trip.expected.dropoff_at == trip.row.planned_dropoff_at


def test_a_kept_trip_drives_on_as_it_was_planned(geneva):
    """What a run plans is free of conflicts as commitments: they have the same factors."""
    slow(geneva, week(h7=1.3, h8=1.5, h9=0.8))
    company = Company.objects.get()
    dispatch(company)
    Assignment.objects.update(locked=True)
    day = load_problem(company, make.DAY, now=NOW, leeway=BY_HAND)
    assert not day.too_late
    commitments = [c for duty in day.problem.duties for c in duty.commitments]
    told = {row[0]: row[1] for row in planned()}
    assert {c.trip_id: day.moment(c.pickup_s) for c in commitments} == told
    assert {c.onward_factor for c in commitments} == {1.5, 0.8, 1.0}  # ends at 8, 9 and 11


def test_by_hand_the_same_traffic_counts(geneva):
    slow(geneva, week(h8=1.5))
    company = Company.objects.get()
    booking = make.Booking.objects.get(scheduled_time=make.at("08:10"))
    anna = make.Driver.objects.get(name="Anna")
    assign(company, booking.pk, anna.pk, now=NOW, actor=ACTOR, assignment_id=None)
    row = Assignment.objects.get()
    by_hand = row.planned_dropoff_at - row.planned_pickup_at
    Assignment.objects.all().delete()
    make.Booking.objects.update(status="accepted")
    dispatch(company)
    row = Assignment.objects.get(booking=booking)
    assert row.planned_dropoff_at - row.planned_pickup_at == by_hand


def test_a_preview_of_other_traffic_is_stale(geneva):
    run = plan_preview(geneva, make.DAY, now=NOW, actor=ACTOR, options=RunOptions(time_limit_s=0))
    slow(geneva, week(h8=1.5))
    kept = DispatchRun.objects.select_related("company").get(pk=run.run)
    with pytest.raises(StalePlan, match="rules changed"):
        apply_preview(kept, now=NOW, actor=ACTOR)
