"""After a search no move of a single trip lowers the objective.

The judge is what "who could drive" asks: `explain.alternatives.candidates`.
"""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch.planner.check.plan import check
from dispatch.planner.explain.alternatives import candidates
from dispatch.planner.measures import measure
from dispatch.planner.prices import prices_of
from dispatch.planner.problem import Costs, Sharing, Standing
from dispatch.planner.search.arrays import collapse
from dispatch.planner.search.clock import ENDLESS, Clock
from dispatch.planner.search.descent import descend
from dispatch.planner.search.schedule import schedule
from dispatch.planner.solve import solve
from perf.project.scenarios.generate import geneva_day
from perf.project.scenarios.problem import as_problem
from tests.dispatch.planner.test_ejection_chains import state_of
from tests.dispatch.planner.test_standing import standing
from tests.support.insertions import without
from tests.support.problems import clock, make_duty, make_problem, make_trip, problems

IMPROVE = Costs(fairness=10, move_s=600)


def better_driven(problem, plan, rounded_s=0):
    """Return {trip id: seconds} by which another driver, or place in the day, would be cheaper.

    Every trip keeps what it was told: its window is the one in which it does. Where vehicles are
    shared the price of riding longer is rounded, of each route in the search.
    """
    narrow = dataclasses.replace(problem, trips=tuple(map(in_its_kept_window, problem.trips)))
    if check(narrow, plan):
        return {}  # somebody's told time was given up: the windows of that route are open
    objective = measure(narrow, plan).objective
    found = {}
    for row in plan.trips:
        trip = next(trip for trip in narrow.trips if trip.id == row.trip_id)
        left_out = measure(narrow, without(plan, trip.id)).objective
        own_s = objective - left_out + prices_of(narrow).of(trip)
        for one in candidates(narrow, plan, trip, top=1):  # nobody, if only along with others
            if one.price_s < own_s - rounded_s:
                found[trip.id] = own_s - one.price_s
    return found


def in_its_kept_window(trip):
    earliest_s, latest_s = trip.kept_window
    if earliest_s > latest_s:
        return trip
    return dataclasses.replace(trip, earliest_s=earliest_s, latest_s=latest_s, margin_s=0)


def with_breaks_apart(problem):
    """Return the problem in which no duty has commitments and a break.

    The engine chooses beforehand between which of them the break is, "who could drive" does not.
    """
    duties = tuple(
        dataclasses.replace(duty, break_=None if duty.commitments else duty.break_)
        for duty in problem.duties
    )
    return dataclasses.replace(problem, duties=duties)


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(problems(), st.sampled_from([1, 30]), st.integers(1, 2))
def test_no_move_of_a_trip_lowers_the_objective_of_a_day(problem, iterations, threads):
    problem = with_breaks_apart(problem)
    plan = solve(problem, iterations=iterations, threads=threads)
    assert check(problem, plan) == ()
    assert better_driven(problem, plan) == {}


@pytest.mark.parametrize("iterations", [1, 400])
@pytest.mark.parametrize(("bookings", "seed"), [(60, 1), (60, 2), (250, 3)])  # the last in parts
def test_a_day_that_was_improved_offers_nothing_better(bookings, seed, iterations):
    problem = as_problem(geneva_day(bookings, seed=seed))
    told = solve(problem, engine="greedy", seed=seed)
    problem = standing(problem, told, costs=IMPROVE)
    assert better_driven(problem, told)
    plan = solve(problem, iterations=iterations, seed=seed)
    assert check(problem, plan) == ()
    assert measure(problem, plan).objective < measure(problem, told).objective
    assert better_driven(problem, plan) == {}


def two_homes(*trips, move_s=600):
    """Driver 1 lives at kilometre 0, driver 2 at kilometre 30."""
    duties = [make_duty(1), make_duty(2, home=30)]
    return make_problem(trips, duties=duties, costs=Costs(driver_s=0, move_s=move_s))


def descended(problem, driven, clock=ENDLESS):
    """Return (change of the objective, {trip id: driver id}) after a descent."""
    day = collapse(problem)
    state = state_of(day, driven)
    before = measure(problem, schedule(problem, day, state.routes, {})).objective
    change = descend(day, state, clock)
    plan = schedule(problem, day, state.routes, {})
    assert check(problem, plan) == ()
    assert measure(problem, plan).objective == before + change
    return change, {row.trip_id: row.driver_id for row in plan.trips}


def test_a_trip_moves_to_the_driver_beside_it_if_that_saves_what_a_move_costs():
    # From kilometre 30 and back there: 60 km less than from kilometre 0, for 600 s.
    stands = Standing(1, clock("12:00"))
    trip = make_trip(1, "12:00", 30, 31, standing=stands)
    change, driven = descended(two_homes(trip), [0, None])
    assert (change, driven) == (600 - 3600 + 60 - 60, {1: 2})
    change, driven = descended(two_homes(trip, move_s=3601), [0, None])
    assert (change, driven) == (0, {1: 1})


def test_a_descent_without_time_changes_nothing():
    trip = make_trip(1, "12:00", 30, 31)
    assert descended(two_homes(trip), [0, None], Clock.start(0.0)) == (0, {1: 1})


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_who_rides_with_others_rides_alone_where_that_is_better(seed):
    problem = as_problem(geneva_day(40, seed=seed))
    problem = dataclasses.replace(problem, sharing=Sharing(factor=1.5))
    plan = solve(problem, iterations=1, seed=seed)
    assert check(problem, plan) == ()
    assert better_driven(problem, plan, rounded_s=2) == {}
