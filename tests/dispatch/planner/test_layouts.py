"""Vehicles whose places fold: whoever is on board at a time fits one layout, alone or together."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch.planner.check.plan import Rule, check
from dispatch.planner.explain.reasons import insertable, reasons
from dispatch.planner.explain.sentences import Why
from dispatch.planner.problem import Car
from dispatch.planner.rules import registry
from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.wheelchairs import WHEELCHAIRS, fits
from dispatch.planner.solve import solve
from tests.support.problems import (
    make_driver,
    make_duty,
    make_plan,
    make_problem,
    make_trip,
    problems,
)

FOLDS = ((4, 0), (2, 1), (0, 2))
CAR = {"seats": 4, "wheelchair_places": 2, "layouts": FOLDS}
drawn = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@pytest.mark.parametrize(
    ("wanted", "layouts", "fit"),
    [
        ((4, 0), FOLDS, True),
        ((3, 1), FOLDS, False),
        ((2, 1), FOLDS, True),
        ((0, 2), FOLDS, True),
        ((1, 2), FOLDS, False),
        ((0, 3), FOLDS, False),
        ((5, 2), FOLDS, True),  # the seats are too few, which is another rule's
        ((4, 1), ((4, 1),), True),
        ((4, 2), ((4, 1),), False),
        ((0, 1), ((0, 0),), False),
    ],
)
def test_one_layout_has_the_wheelchair_places_beside_the_seats(wanted, layouts, fit):
    assert fits(wanted, layouts) is fit


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"seats": 2, "wheelchairs": 1}, []),
        ({"seats": 3, "wheelchairs": 1}, [Rule.WHEELCHAIRS]),
        ({"seats": 1, "wheelchairs": 2}, [Rule.WHEELCHAIRS]),
        ({"seats": 5, "wheelchairs": 0}, [Rule.SEATS]),
        ({"seats": 0, "wheelchairs": 3}, [Rule.WHEELCHAIRS]),
    ],
)
@pytest.mark.parametrize("of_duty", [False, True])
def test_the_checker_judges_the_layouts_of_the_vehicle(changes, broken, of_duty):
    driver = make_driver(1, **CAR)
    duty = make_duty(1)
    if of_duty:  # who changes the vehicle has the places of each duty
        driver = make_driver(1, seats=0, wheelchair_places=0)
        duty = make_duty(1, car=Car(4, 2, layouts=FOLDS))
    problem = make_problem([make_trip(1, **changes)], [driver], [duty])
    plan = make_plan(problem, [(1, 1, "08:00")])
    assert [violation.code for violation in check(problem, plan)] == broken
    assert len(solve(problem, engine="greedy").trips) == (not broken)


def test_a_reason_says_what_is_there_beside_the_seats_in_use():
    trips = [make_trip(1, seats=3, wheelchairs=1), make_trip(2, seats=0, wheelchairs=3)]
    problem = make_problem(trips, [make_driver(1, **CAR)])
    plan = solve(problem, engine="greedy")
    assert [reason.code for reason in reasons(problem, plan)] == [Why.NO_VEHICLE, Why.NO_VEHICLE]
    (beside,), (alone,) = (
        list(registry.misfits(trip, problem.drivers[0])) for trip in problem.trips
    )
    assert beside.code == alone.code == Block.NO_WHEELCHAIR_PLACE
    said = beside.sentence.text % beside.values
    assert said == "Driver 1 has 0 wheelchair places beside 3 seats in use."
    assert alone.sentence.text % alone.values == "Driver 1 has 2 wheelchair places."


@pytest.mark.slow
@drawn
@given(problems(folding=True), st.integers(0, 3))
def test_no_plan_puts_more_into_a_vehicle_than_a_layout_has(problem, seed):
    """Judged by the checker, and by the layouts themselves."""
    for options in ({"engine": "greedy"}, {"iterations": 60, "seed": seed, "threads": 1}):
        plan = solve(problem, **options)
        assert check(problem, plan) == ()
        layouts = {driver.id: driver.layouts or FOUR_AND_ONE for driver in problem.drivers}
        trips = {trip.id: trip for trip in problem.trips}
        for row in plan.trips:
            trip = trips[row.trip_id]
            assert any(
                trip.seats <= seats and trip.wheelchairs <= places
                for seats, places in layouts[row.driver_id]
            )
    assert insertable(problem, solve(problem, iterations=300, threads=1)) == ()


FOUR_AND_ONE = ((4, 1),)  # of the builder's vehicle


@pytest.mark.slow
@drawn
@given(problems(), st.integers(0, 3))
def test_a_vehicle_of_one_layout_is_planned_as_before(problem, seed):
    said = tuple(
        replace(driver, layouts=((driver.seats, driver.wheelchair_places),))
        for driver in problem.drivers
    )
    options = {"iterations": 60, "seed": seed, "threads": 1}
    assert solve(replace(problem, drivers=said), **options) == solve(problem, **options)


def test_without_the_rule_the_checker_finds_it(monkeypatch):
    most_of_each = replace(WHEELCHAIRS, have=lambda driver: driver.wheelchair_places)
    most_of_each = replace(most_of_each, fits=lambda wanted, have: wanted[1] <= have)
    rules = tuple(most_of_each if rule is WHEELCHAIRS else rule for rule in registry.PAIR_RULES)
    monkeypatch.setattr(registry, "PAIR_RULES", rules)
    problem = make_problem([make_trip(1, seats=3, wheelchairs=1)], [make_driver(1, **CAR)])
    plan = solve(problem, engine="greedy")
    assert [violation.code for violation in check(problem, plan)] == [Rule.WHEELCHAIRS]
