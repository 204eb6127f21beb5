import numpy as np
import pytest
from django.test import SimpleTestCase

from dispatch.planner.check.plan import check
from dispatch.planner.measures import measure
from dispatch.planner.prices import prices_of
from dispatch.planner.problem import Priority
from dispatch.planner.search.arrays import collapse
from dispatch.planner.search.ejection_chains import new_chain_workspace, serve_more
from dispatch.planner.search.moves import State, put
from dispatch.planner.search.parallel import first_plan
from dispatch.planner.search.route_labels import empty_routes
from dispatch.planner.search.schedule import schedule
from dispatch.planner.solve import solve
from perf.project.scenarios.generate import geneva_day
from perf.project.scenarios.problem import as_problem
from tests.support.problems import make_driver, make_duty, make_problem, make_trip


def eight_o_clock(id, *drivers, of=3, **changes):
    """Return a trip from kilometre 0 to 10 at eight sharp that only these drivers may take."""
    others = frozenset(range(1, of + 1)) - set(drivers)
    return make_trip(id, "08:00", late=0, forbidden=others, **changes)


def state_of(day, driven):
    """Return the state in which route r drives only trip driven[r] (indexes; None: none)."""
    routes = empty_routes(day)
    state = State(
        routes=routes,
        route_of=np.full(len(day.earliest), -1, dtype=np.int32),
        trips_of=np.zeros(len(day.capacity), dtype=np.int32),
        part_of=np.zeros(len(day.driver), dtype=np.int32),
        best_size=np.zeros(len(day.driver), dtype=np.int32),
        best_trip=np.full(routes.trip.shape, -1, dtype=np.int32),
    )
    for r, i in enumerate(driven):
        if i is not None:
            put(day, state, r, 0, i)
    return state


def price(problem, priority=Priority.NORMAL):
    return prices_of(problem).unserved[priority]


def served(problem, driven):
    """Return (change of the objective, route of each trip) after serving more."""
    day = collapse(problem)
    state = state_of(day, driven)
    change = serve_more(day, state, new_chain_workspace(day, state.routes.trip.shape[1]))
    plan = schedule(problem, day, state.routes, {})
    assert check(problem, plan) == ()
    return change, state.route_of.tolist()


class ChainTests(SimpleTestCase):
    """All trips are at eight sharp, so a driver can take only one of them.

    Trip 1 needs driver 1, who drives trip 2; trip 2 may go to driver 2, who drives trip 3; that
    one may go to driver 3.
    """

    trips = (eight_o_clock(1, 1), eight_o_clock(2, 1, 2), eight_o_clock(3, 2, 3))

    def test_two_trips_move_for_a_third_to_be_served(self):
        problem = make_problem(self.trips, [make_driver(i) for i in (1, 2, 3)])
        change, route_of = served(problem, [1, 2, None])
        self.assertEqual(route_of, [0, 1, 2])
        # Driver 3 costs 300 s and drives 10 km home, 600 s; a trip less is unserved.
        self.assertEqual(change, 300 + 600 - price(problem))

    def test_the_last_driver_of_a_chain_needs_room_under_his_cap(self):
        drivers = [make_driver(1), make_driver(2), make_driver(3, capacity=0)]
        problem = make_problem(self.trips, drivers)
        self.assertEqual(served(problem, [1, 2, None]), (0, [-1, 0, 1]))

    def test_of_two_chains_to_the_same_place_the_better_one_is_driven(self):
        # Trips 1 and 4 both want driver 1; leaving out the urgent one is dearer.
        urgent = eight_o_clock(4, 1, priority=Priority.URGENT)
        problem = make_problem((*self.trips, urgent), [make_driver(i) for i in (1, 2, 3)])
        change, route_of = served(problem, [1, 2, None])
        self.assertEqual(route_of, [-1, 1, 2, 0])
        self.assertEqual(change, 300 + 600 - price(problem, Priority.URGENT))

    @pytest.mark.slow
    def test_a_chain_does_not_come_back_to_a_route_it_has_changed(self):
        # Trip 2 could only go back to driver 1, whose place trip 1 has taken.
        trips = (eight_o_clock(1, 1, of=1), eight_o_clock(2, 1, of=1))
        self.assertEqual(served(make_problem(trips), [1]), (0, [-1, 0]))

    def test_a_trip_moves_in_time_too(self):
        # Ten minutes from km 0 to 10 and ten back: driver 1 has no time for both 08:00 and
        # 08:10. Trip 2 may as well start at 08:40 with driver 2, whose duty begins then.
        trips = (
            make_trip(1, "08:00", late=0, forbidden=frozenset({2})),
            make_trip(2, "08:10", late=1800),
        )
        duties = [make_duty(1, end="08:30"), make_duty(2, start="08:40")]
        problem = make_problem(trips, duties=duties)
        change, route_of = served(problem, [1, None])
        self.assertEqual(route_of, [0, 1])
        self.assertEqual(change, 300 + 600 - price(problem))


class WholeDayTests(SimpleTestCase):
    def test_serves_more_and_keeps_the_books(self):
        for seed in (1, 2, 3):
            problem = as_problem(geneva_day(400, seed=seed))
            day = collapse(problem)
            state = first_plan(day).state
            before = schedule(problem, day, state.routes, {})
            change = serve_more(day, state, new_chain_workspace(day, state.routes.trip.shape[1]))
            after = schedule(problem, day, state.routes, {})
            self.assertEqual(check(problem, after), ())
            self.assertGreater(len(after.trips), len(before.trips))
            objectives = [measure(problem, plan).objective for plan in (before, after)]
            self.assertEqual(objectives[1] - objectives[0], change)
            placed = {row.trip_id - 1: row.driver_id - 1 for row in after.trips}
            self.assertEqual(
                state.route_of.tolist(), [placed.get(i, -1) for i in range(len(day.earliest))]
            )
            self.assertEqual(
                state.trips_of.tolist(),
                np.bincount(list(placed.values()), minlength=len(day.capacity)).tolist(),
            )

    def test_the_search_serves_by_chains_what_it_cannot_place(self):
        trips = ChainTests.trips
        drivers = [make_driver(i) for i in (1, 2, 3)]
        plan = solve(make_problem(trips, drivers), iterations=1, threads=1)
        self.assertEqual(plan.unserved, ())

    def test_same_day_gives_the_same_chains(self):
        problem = as_problem(geneva_day(400, seed=5))
        plans = [solve(problem, iterations=100, seed=3) for _ in range(2)]
        self.assertEqual(*plans)
