"""What was promised is given back where as many are served without breaking it."""

import numpy as np
import pytest

from dispatch.planner.measures import measure
from dispatch.planner.problem import Standing
from dispatch.planner.search import parallel
from dispatch.planner.search.arrays import collapse, int32
from dispatch.planner.search.clock import ENDLESS, Clock
from dispatch.planner.search.first_plan import Stands
from dispatch.planner.search.moves import put
from dispatch.planner.search.schedule import schedule
from dispatch.planner.standing_day import IN_VAIN, TRY, StandingDay
from tests.dispatch.planner.test_ejection_chains import state_of
from tests.dispatch.planner.test_standing import KEEP
from tests.support.problems import clock, make_duty, make_problem, make_trip


def day_of(trips, driven):
    """Return the day of two drivers, and the state in which route r drives the trips driven[r]."""
    problem = make_problem(trips, duties=[make_duty(1), make_duty(2)], costs=KEEP)
    day = collapse(problem)
    state = state_of(day, [None, None])
    for r, row in enumerate(driven):
        for position, i in enumerate(row):
            put(day, state, r, position, i)
    told = [trip.standing for trip in trips]
    stands = Stands(
        driver=int32([stood.driver_id - 1 if stood else -1 for stood in told]),
        pickup=int32([stood.pickup_s if stood else -1 for stood in told]),
    )
    around = parallel.surroundings(problem, day, 1)
    return StandingDay(problem, day, stands, state, around, seed=0, threads=1)


def given_back(day, limit=ENDLESS, iterations=100 * TRY):
    routes = parallel.copied(day.state.routes)
    moving = day._moving_moderately()
    return day._give_back(routes, day.worth(routes), moving, limit, iterations)


def exchanged():
    """Two trips at one time, each with the driver that the other stands with."""
    trips = [
        make_trip(1, "08:00", late=0, standing=Standing(1, clock("08:00"))),
        make_trip(2, "08:00", 10, 20, late=0, standing=Standing(2, clock("08:00"))),
    ]
    return day_of(trips, [[1], [0]])


def planned(day, routes):
    return schedule(day.problem, day.day, routes, {})


def test_drivers_that_were_exchanged_are_given_back():
    day = exchanged()
    assert measure(day.problem, planned(day, day.state.routes)).moved == 2
    routes, done = given_back(day)
    found = measure(day.problem, planned(day, routes))
    assert (found.placed, found.moved, found.retimed) == (2, 0, 0)
    assert done > 0


def test_a_time_that_was_changed_for_a_trip_of_somebody_else_is_given_back():
    trips = [
        make_trip(1, "08:00", late=1_800, standing=Standing(1, clock("08:00"))),
        make_trip(2, "07:50", 0, 20, late=0),  # until 08:10, and 20 minutes back
    ]
    day = day_of(trips, [[1, 0], []])
    assert measure(day.problem, planned(day, day.state.routes)).retimed == 1
    routes, _done = given_back(day)
    found = measure(day.problem, planned(day, routes))
    assert (found.placed, found.moved, found.retimed) == (2, 0, 0)


def test_what_has_changed_in_vain_stays_and_the_search_ends():
    """Driver 1 cannot drive what stands with him at the same time as the other trip."""
    trips = [make_trip(n, "08:00", late=0, standing=Standing(1, clock("08:00"))) for n in (1, 2)]
    day = day_of(trips, [[0], [1]])
    routes, done = given_back(day)
    assert measure(day.problem, planned(day, routes)).placed == 2
    assert done == IN_VAIN * TRY  # of the one that has changed


@pytest.mark.parametrize(("limit", "iterations"), [(Clock.start(0), None), (ENDLESS, TRY - 1)])
def test_where_nothing_is_left_of_the_search_nothing_is_tried(limit, iterations):
    day = exchanged()
    routes, done = given_back(day, limit, iterations)
    assert done == 0
    assert np.array_equal(routes.trip, day.state.routes.trip)
