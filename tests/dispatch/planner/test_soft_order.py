"""The soft order is an order: urgent trips, then as many as possible, then driving."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch.planner.check.plan import check
from dispatch.planner.prices import MOST, prices_of
from dispatch.planner.problem import Costs, Priority, Standing
from dispatch.planner.solve import solve
from tests.support.problems import (
    make_driver,
    make_duty,
    make_problem,
    make_trip,
    problems,
)

URGENT, NORMAL = Priority.URGENT, Priority.NORMAL
WAYS = ({"engine": "greedy"}, {"iterations": 0}, {"iterations": 300, "threads": 1})


def one_against_four(**of_the_four):
    """An urgent hour at eight against four short trips within it, and one driver for them."""
    urgent = make_trip(1, "08:00", 0, 60, late=0, priority=URGENT)
    short = [
        make_trip(2 + k, f"08:{5 + 12 * k:02d}", 0, 1, late=0, **of_the_four) for k in range(4)
    ]
    return make_problem([urgent, *short])


@pytest.mark.parametrize("way", WAYS)
def test_an_urgent_trip_is_not_left_out_for_four_others(way):
    assert solve(one_against_four(), **way).unserved == (2, 3, 4, 5)


@pytest.mark.parametrize("way", WAYS)
def test_a_new_urgent_trip_takes_the_place_of_trips_that_stand(way):
    problem = one_against_four()
    trips = tuple(
        trip if trip.id == 1 else dataclasses.replace(trip, standing=Standing(1, trip.wanted_s))
        for trip in problem.trips
    )
    standing = dataclasses.replace(problem, trips=trips, costs=Costs(move_s=None))
    assert solve(standing, **way).unserved == (2, 3, 4, 5)


def test_a_search_serves_four_trips_rather_than_one_of_the_same_priority():
    assert solve(one_against_four(priority=URGENT), iterations=300).unserved == (1,)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fairness", [500, 3600])
def test_fairness_leaves_no_easy_trip_out(way, fairness):
    # 14 trips of a minute, half an hour apart. The last costs 27 x fairness: 97,200 s.
    trips = [make_trip(i, 7 * 3600 + 1800 * i, 0, 1) for i in range(1, 15)]
    plan = solve(make_problem(trips, costs=Costs(fairness=fairness)), **way)
    assert plan.unserved == ()


@pytest.mark.parametrize("way", WAYS)
def test_a_driver_in_reserve_drives_where_nobody_else_can(way):
    costs = Costs(emergency_s=1440 * 60)
    problem = make_problem([make_trip()], [make_driver(1, emergency=True)], costs=costs)
    assert solve(problem, **way).unserved == ()


@pytest.mark.parametrize("way", WAYS)
def test_a_long_way_without_passengers_is_driven(way):
    # 4 hours there and 4 hours back for a kilometre: 28,800 s.
    far = make_trip(1, "12:00", 240, 241)
    problem = make_problem([far], duties=[make_duty(start="07:00", end="17:00")])
    assert solve(problem, **way).unserved == ()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(problems(most_trips=7), st.sampled_from([0, 10, 3600]), st.sampled_from([0, 86_400]))
def test_other_trips_never_displace_urgent_ones(problem, fairness, emergency_s):
    costs = Costs(fairness=fairness, emergency_s=emergency_s)
    trips = tuple(dataclasses.replace(trip, standing=None) for trip in problem.trips)
    problem = dataclasses.replace(problem, trips=trips, costs=costs)
    urgent = {trip.id for trip in trips if trip.priority == URGENT}
    only = tuple(trip for trip in trips if trip.id in urgent)
    alone = solve(dataclasses.replace(problem, trips=only), engine="greedy")
    for way in WAYS:
        plan = solve(problem, **way)
        assert check(problem, plan) == ()
        assert len(urgent - {*plan.unserved}) >= len(alone.trips)


@pytest.mark.parametrize("move_s", [0, 600, None])
@pytest.mark.parametrize("fairness", [0, 10, 3600])
def test_prices_keep_the_order_and_fit_into_64_bits(fairness, move_s):
    costs = Costs(fairness=fairness, emergency_s=1440 * 60, move_s=move_s)
    drivers = [make_driver(i, capacity=200) for i in range(1, 801)]
    trips = [
        make_trip(i, priority=Priority(i % 3), standing=Standing(1, 28_800))
        for i in range(1, 10_001)
    ]
    problem = make_problem(trips, drivers, costs=costs)
    prices = prices_of(problem)
    normal, high, urgent = (prices.unserved[priority] for priority in Priority)
    # Ten hours there, the dearest driver, the wish, and the 200th trip: 2 x 200 + 1 times.
    of_one = 36_000 + 86_400 + 600 + fairness * 401
    assert normal > of_one + prices.move_s
    assert high > 3333 * normal
    assert urgent > 3333 * high + 3333 * normal
    assert sum(prices.of(trip) for trip in trips) <= 2 * MOST
    assert prices.opened_s > of_one
    assert prices.move_s == (of_one + 1 if move_s is None else move_s)


def test_a_trip_left_out_costs_more_than_all_driving_of_a_usual_day():
    trips = [make_trip(i) for i in range(1, 101)]
    problem = make_problem(trips, [make_driver(i) for i in range(1, 12)])
    assert prices_of(problem).unserved[NORMAL] > 11 * 36_000 + 11 * 3600 + 100 * 600


def test_too_many_trips_for_64_bits_are_refused():
    costs = Costs(fairness=3600)
    trips = [make_trip(i, priority=Priority(i % 3)) for i in range(1, 120_001)]
    with pytest.raises(ValueError, match="120000 trips"):
        prices_of(make_problem(trips, [make_driver(1, capacity=200)], costs=costs))
