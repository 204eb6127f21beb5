"""Vehicles that clients share: what the checker finds, and what the search makes of a day.

The road of `tests.support.problems`: a kilometre is a minute.
"""

import random
from dataclasses import replace

import pytest

from dispatch.planner.check.plan import Rule, check, standing_conflicts
from dispatch.planner.measures import measure
from dispatch.planner.problem import PlannedTrip, Sharing
from dispatch.planner.solve import solve
from dispatch.planner.stretches import stretches
from tests.support.problems import (
    clock,
    make_break,
    make_commitment,
    make_driver,
    make_duty,
    make_plan,
    make_problem,
    make_trip,
)
from tests.support.shared_problems import draw_shared

POLICY = Sharing(added_s=600)


def codes(problem, plan):
    return [violation.code for violation in check(problem, plan)]


def day(first=None, second=None, *, drivers=None, sharing=POLICY, **duty):
    """1 rides from 0 to 20; 2 gets on at 5 and off at 10, for a minute each."""
    trips = [
        make_trip(1, "08:00", 0, 20, person=101, **(first or {})),
        make_trip(2, "08:05", 5, 10, person=102, boarding_s=60, alighting_s=60, **(second or {})),
    ]
    problem = make_problem(trips, drivers, [make_duty(1, **duty)])
    return replace(problem, sharing=sharing)


def together(problem, arrives="08:22"):
    """Both in one vehicle: 2 boards at 08:05, is out at 08:12, and 1 arrives at 08:22."""
    plan = make_plan(problem, [(1, 1, "08:00"), (2, 1, "08:05")])
    first, second = plan.trips
    return replace(plan, trips=(replace(first, dropoff_s=clock(arrives)), second))


def test_a_shared_ride_breaks_nothing():
    problem = day(break_=make_break("08:22", "08:52"))
    plan = together(problem)
    rest = make_plan(problem, breaks=[(1, "08:22")]).breaks
    assert check(problem, replace(plan, breaks=rest)) == ()


def test_without_sharing_the_same_plan_overlaps():
    problem = day(sharing=None)
    assert codes(problem, together(problem)) == [Rule.RIDE_TIME, Rule.OVERLAP]


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"sharing": Sharing(added_s=119)}, Rule.RIDE_LIMIT),
        ({"sharing": Sharing(added_s=120)}, None),
        ({"first": {"max_ride_s": 1319}}, Rule.RIDE_LIMIT),
        ({"first": {"max_ride_s": 1320}, "sharing": Sharing(added_s=0)}, None),
        ({"first": {"arrive_by_s": "08:21"}}, Rule.APPOINTMENT),
        ({"second": {"may_share": False}}, Rule.NOT_SHARED),
        ({"first": {"may_share": False}}, Rule.NOT_SHARED),
        ({"second": {"apart_from": frozenset({101})}}, Rule.APART),
        ({"first": {"apart_from": frozenset({102})}}, Rule.APART),
        ({"first": {"seats": 2}, "second": {"seats": 3}}, Rule.FULL),
        ({"first": {"wheelchairs": 1}, "second": {"wheelchairs": 1}}, Rule.FULL),
        ({"break_": make_break("08:12", "08:44")}, Rule.BREAK_MISSING),
        ({"end": "08:41"}, Rule.DUTY_END),
        ({"start": "07:59", "home": 2}, Rule.DUTY_START),
    ],
)
def test_each_rule_is_found_when_it_is_broken(changes, broken):
    problem = day(**changes)
    assert codes(problem, together(problem)) == ([broken] if broken else [])


def test_the_places_of_a_layout_hold_at_the_same_time():
    bus = make_driver(1, seats=4, wheelchair_places=1, layouts=((4, 0), (1, 1)))
    beside = {"first": {"seats": 1}, "second": {"seats": 0, "wheelchairs": 1}}
    assert codes(day(**beside, drivers=[bus]), together(day())) == []
    beside["first"]["seats"] = 2
    assert codes(day(**beside, drivers=[bus]), together(day())) == [Rule.FULL]


def test_a_drive_between_two_stops_takes_its_time():
    problem = day()
    assert codes(problem, together(problem, "08:21")) == [Rule.DRIVE]


def test_nobody_is_on_board_during_the_break():
    problem = day(break_=make_break("08:06", "08:40"), sharing=Sharing())
    rest = make_plan(problem, breaks=[(1, "08:06")]).breaks
    late = replace(together(problem, "08:52"), breaks=rest)
    assert Rule.BREAK_DURING_TRIP in codes(problem, late)


def test_two_of_one_person_are_not_in_one_vehicle():
    problem = day()
    trips = tuple(replace(trip, person=101) for trip in problem.trips)
    assert codes(replace(problem, trips=trips), together(problem)) == [Rule.TWO_PLACES]


def test_a_family_boards_once():
    """Three board at 0 at 08:00 for a minute, and all are at 10 at 08:11."""
    trips = [make_trip(i, "08:00", 0, 10, boarding_s=60, late=0) for i in (1, 2, 3)]
    problem = replace(make_problem(trips), sharing=Sharing(added_s=0))
    plan = make_plan(problem, [(i, 1, "08:00") for i in (1, 2, 3)])
    assert check(problem, plan) == ()
    assert solve(problem, iterations=50, threads=1) == plan


def test_a_locked_trip_moves_only_as_far_as_it_may():
    fixed = make_commitment(900, "08:00", "08:20", 0, 20, may_share=True, seats=1)
    trip = make_trip(1, "08:05", 5, 10, boarding_s=60, alighting_s=60, late=60)
    for latest, moved in ((None, False), ("08:21", False), ("08:22", True)):
        locked = replace(fixed, latest_dropoff_s=clock(latest) if latest else None)
        problem = make_problem([trip], duties=[make_duty(1, commitments=(locked,))])
        problem = replace(problem, sharing=POLICY)
        plan = solve(problem, iterations=50, threads=1)
        assert check(problem, plan) == () == standing_conflicts(problem)
        assert len(plan.trips) == len(plan.delayed) == moved
        longer = PlannedTrip(900, 1, 1, clock("08:00"), clock("08:22"))
        shifted = replace(make_plan(problem, [(1, 1, "08:05")]), delayed=(longer,))
        assert codes(problem, shifted) == ([] if moved else [Rule.DELAYED])


def test_clients_ride_together_where_that_serves_more_and_only_as_they_may():
    """One driver, two trips at the same time on the same way: both, or one."""
    for changes, served in (
        ({}, 2),
        ({"second": {"may_share": False}}, 1),
        ({"second": {"apart_from": frozenset({101})}}, 1),
        ({"second": {"seats": 4}}, 1),
        ({"sharing": Sharing(added_s=119)}, 1),
        ({"sharing": None}, 1),
    ):
        problem = day(**changes)
        trips = tuple(replace(trip, latest_s=trip.earliest_s) for trip in problem.trips)
        problem = replace(problem, trips=trips)
        plan = solve(problem, iterations=50, threads=1)
        assert check(problem, plan) == ()
        assert len(plan.trips) == served


def test_alone_costs_what_it_costs_without_sharing():
    trips = [make_trip(1, "08:00", 0, 10), make_trip(2, "10:00", 20, 5)]
    off = make_problem(trips)
    on = replace(off, sharing=POLICY)
    plan = solve(on, iterations=50, threads=1)
    assert plan == solve(off, iterations=50, threads=1)
    assert measure(on, plan) == measure(off, plan)


@pytest.mark.parametrize("block", range(5))
def test_no_plan_of_a_drawn_day_breaks_a_rule(block):
    """Loads, layouts, limits, exclusions, breaks, locks, trips under way together, traffic."""
    shared = 0
    for seed in range(block * 25, block * 25 + 25):
        problem = draw_shared(random.Random(seed))
        plan = solve(problem, iterations=seed % 3 * 60, seed=seed, threads=1)
        assert check(problem, plan) == (), seed
        shared += sum(stretch.is_shared for stretch in stretches(problem, plan))
    assert shared > 4
    assert plan == solve(problem, iterations=seed % 3 * 60, seed=seed, threads=1)
