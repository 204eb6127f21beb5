"""Who is on board when. The road of `tests.support.problems`: a kilometre is a minute."""

import dataclasses

import pytest

from dispatch.planner.problem import Sharing
from dispatch.planner.stretches import stops, stretches
from tests.support.problems import (
    at,
    clock,
    make_commitment,
    make_duty,
    make_plan,
    make_problem,
    make_trip,
)


def shared_plan():
    """1 rides from 0 to 20; 2 and 3 get on at 5, and off at 10; 4 follows, alone."""
    trips = [
        make_trip(1, "08:00", 0, 20, boarding_s=60),
        make_trip(2, "08:06", 5, 10, seats=2),
        make_trip(3, "08:06", 5, 10, seats=0, wheelchairs=1, boarding_s=120, alighting_s=60),
        make_trip(4, "09:00", 20, 0),
    ]
    problem = make_problem(trips, duties=[make_duty(1)])
    pickups = [(1, 1, "08:00"), (2, 1, "08:06"), (3, 1, "08:06"), (4, 1, "09:00")]
    plan = make_plan(problem, pickups)
    longer = [
        dataclasses.replace(row, dropoff_s=clock("08:24") if row.trip_id == 1 else clock("08:13"))
        for row in plan.trips[:3]
    ]
    return problem, dataclasses.replace(plan, trips=(*longer, plan.trips[3]))


def test_a_stretch_lasts_from_empty_to_empty():
    found = stretches(*shared_plan())
    assert [stretch.trip_ids for stretch in found] == [(1, 2, 3), (4,)]
    assert [stretch.is_shared for stretch in found] == [True, False]
    assert (found[0].start_s, found[0].end_s) == (clock("08:00"), clock("08:24"))


def test_trips_that_only_touch_are_two_stretches():
    problem = make_problem([make_trip(1, "08:00", 0, 10), make_trip(2, "08:10", 10, 20)])
    plan = make_plan(problem, [(1, 1, "08:00"), (2, 1, "08:10")])
    assert [stretch.trip_ids for stretch in stretches(problem, plan)] == [(1,), (2,)]


def test_one_stop_serves_all_who_get_on_or_off_there():
    problem, plan = shared_plan()
    found = [
        (stop.place, stop.arrive_s, stop.leave_s, stop.on, stop.off, stop.seats, stop.wheelchairs)
        for stop in stops(stretches(problem, plan)[0])
    ]
    assert found == [
        (at(0), clock("08:00"), clock("08:01"), (1,), (), 1, 0),
        (at(5), clock("08:06"), clock("08:08"), (2, 3), (), 3, 1),
        (at(10), clock("08:13"), clock("08:14"), (), (2, 3), 1, 0),
        (at(20), clock("08:24"), clock("08:24"), (), (1,), 0, 0),
    ]


def test_a_commitment_is_of_the_stretch_that_it_overlaps():
    duty = make_duty(1, commitments=(make_commitment(900, "08:00", "08:30", 0, 20),))
    problem = make_problem([make_trip(1, "08:05", 5, 10)], duties=[duty])
    plan = make_plan(problem, [(1, 1, "08:05")])
    assert [stretch.trip_ids for stretch in stretches(problem, plan)] == [(900, 1)]
    delayed = dataclasses.replace(
        plan, delayed=(dataclasses.replace(plan.trips[0], trip_id=900, dropoff_s=clock("08:40")),)
    )
    assert stretches(problem, delayed)[0].end_s == clock("08:40")


@pytest.mark.parametrize(
    ("sharing", "limit_min"),
    [
        (Sharing(), None),
        (Sharing(factor=1.5), 30),
        (Sharing(factor=1.5, added_s=300), 25),
        (Sharing(factor=1.5, added_s=300, longest_s=1440), 24),
        (Sharing(longest_s=600), 20),
    ],
)
def test_the_smallest_limit_holds_but_a_direct_ride_is_always_allowed(sharing, limit_min):
    trip = make_trip(1, start=0, end=20)
    assert sharing.limit_s(trip) == (limit_min and limit_min * 60)
    own = dataclasses.replace(trip, max_ride_s=27 * 60)
    assert sharing.limit_s(own) == 27 * 60
