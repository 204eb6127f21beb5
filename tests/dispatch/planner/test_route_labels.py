import random

import numpy as np
import pytest
from django.test import SimpleTestCase

from dispatch.planner.prices import prices_of
from dispatch.planner.problem import Costs, Standing
from dispatch.planner.search.arrays import FORBIDDEN, NEVER, collapse
from dispatch.planner.search.route_labels import (
    empty_routes,
    fits,
    fits_everywhere,
    label,
    leave_before_break,
    put,
    ready_after_break,
)
from dispatch.planner.search.schedule import times
from perf.project.scenarios.generate import geneva_day
from perf.project.scenarios.problem import as_problem
from tests.support.problems import make_break, make_commitment, make_driver, make_duty, make_problem
from tests.support.problems import make_trip as trip

NOON = 12 * 3600
REST = (1800, NOON, NOON + 7200)  # thirty minutes between 12:00 and 14:00


class BreakTests(SimpleTestCase):
    def test_a_break_before_its_window_waits_on_arrival(self):
        # Leaving at 11:00, there at 11:10, resting from 12:00 to 12:30.
        self.assertEqual(ready_after_break(NOON - 3600, 600, *REST), NOON + 1800)

    def test_a_break_interrupts_a_drive_into_its_window(self):
        # Leaving at 11:55 for 10 minutes: 5 of them, 30 of rest, 5 more.
        self.assertEqual(ready_after_break(NOON - 300, 600, *REST), NOON - 300 + 600 + 1800)

    def test_a_break_that_would_end_too_late_never_comes(self):
        # 14:00 - 30 minutes is the last start.
        self.assertEqual(ready_after_break(NOON + 5400, 0, *REST), NOON + 7200)
        self.assertEqual(ready_after_break(NOON + 5401, 0, *REST), NEVER)

    def test_leaving_is_the_inverse_of_being_ready(self):
        chance = random.Random(3)
        for _ in range(500):
            drive, ready = chance.randrange(0, 3000), NOON + chance.randrange(-3000, 12000)
            leave = leave_before_break(ready, drive, *REST)
            if leave == -NEVER:
                self.assertGreater(ready_after_break(NOON - 9999, drive, *REST), ready)
            else:
                self.assertLessEqual(ready_after_break(leave, drive, *REST), ready)
                self.assertGreater(ready_after_break(leave + 1, drive, *REST), ready)


class LabelTests(SimpleTestCase):
    def test_labels_of_one_trip_show_their_arithmetic(self):
        # Home is km 0. The trip is wanted at 09:00 at km 5 and ends at km 15: leave at
        # 09:00 + 10 min; the end at km 0 is 15 min away, by 17:00.
        problem = make_problem([trip(1, "09:00", start=5, end=15, late=900)])
        day = collapse(problem)
        routes = empty_routes(day)
        put(day, routes, 0, 0, 0)
        self.assertEqual(routes.leg[0, :2].tolist(), [300, 900])
        self.assertEqual(routes.deadhead[0], 300 + 900)
        self.assertEqual(routes.leave_pending[0, 1], 9 * 3600 + 600)
        self.assertEqual(routes.leave_done[0, 1], 9 * 3600 + 600)
        # Without a break the latest start is the window's end: home by 17:00 is easy.
        self.assertEqual(routes.start_done[0, 1], 9 * 3600 + 900)

    def test_a_route_that_is_too_late_says_so(self):
        problem = make_problem([trip(1, "09:00", late=0), trip(2, "09:00", late=0)])
        day = collapse(problem)
        routes = empty_routes(day)
        put(day, routes, 0, 0, 0)
        self.assertTrue(label(day, routes, 0))
        put(day, routes, 0, 1, 1)
        self.assertFalse(label(day, routes, 0))

    @pytest.mark.slow
    def test_the_quick_test_agrees_with_building_the_route(self):
        """Every insertion on random half-full days: by labels, by NumPy, and by scheduling."""
        problem = as_problem(geneva_day(60, drivers=4, seed=9))
        day = collapse(problem)
        chance = random.Random(1)
        agreed = {True: 0, False: 0}
        for _ in range(3):
            routes = empty_routes(day)
            for i in chance.sample(range(60), 60):
                everywhere, detour = fits_everywhere(day, routes, i)
                possible = []
                for r in range(4):
                    for k in range(routes.size[r] + 1):
                        to_pickup = int(day.travel[routes.from_at[r, k], day.pickup_at[i]])
                        onward = int(day.travel[day.dropoff_at[i], routes.to_at[r, k + 1]])
                        quick = fits(day, routes, r, k, i, to_pickup, onward)
                        row = routes.trip[r, 1 : routes.size[r] + 1].tolist()
                        self.assertEqual(quick, self.can_be_built(problem, r, row, k, i))
                        if day.extra[i, r] != FORBIDDEN:
                            self.assertEqual(quick, everywhere[r, k])
                            self.assertEqual(detour[r, k], to_pickup + onward - routes.leg[r, k])
                        else:
                            self.assertFalse(everywhere[r, k])
                        agreed[quick] += 1
                        if everywhere[r, k]:
                            possible.append((r, k))
                if possible and chance.random() < 0.7:
                    put(day, routes, *chance.choice(possible), i)
        self.assertGreater(min(agreed.values()), 100)

    def can_be_built(self, problem, r, row, k, i):
        """Return whether the schedule, which knows no labels, can keep the longer route."""
        stops = [problem.trips[j] for j in [*row[:k], i, *row[k:]]]
        duty, travel = problem.duties[r], problem.travel
        left = [duty.start, *(stop.dropoff for stop in stops)]
        reached = [*(stop.pickup for stop in stops), duty.end]
        legs = [travel.leg(a, b)[0] for a, b in zip(left, reached, strict=True)]
        try:
            times(stops, legs, duty.start_s, duty.end_s, duty.break_)
        except ValueError:
            return False
        return True


class CollapseTests(SimpleTestCase):
    def test_a_duty_with_commitments_is_cut_into_routes_around_them(self):
        duty = make_duty(1, commitments=(make_commitment(),))
        day = collapse(make_problem(duties=[duty]))
        self.assertEqual(day.opens.tolist(), [7 * 3600, 9 * 3600 + 600])
        self.assertEqual(day.closes.tolist(), [9 * 3600, 17 * 3600])
        # Home is km 0: to the commitment's pickup 0 km, from its dropoff back 10 km.
        self.assertEqual(day.empty_leg.tolist(), [0, 600])

    def test_the_break_goes_to_the_route_with_most_room(self):
        duty = make_duty(1, break_=make_break(), commitments=(make_commitment(),))
        day = collapse(make_problem(duties=[duty]))
        self.assertEqual(day.break_length.tolist(), [0, 1800])

    def test_equal_places_share_a_row_and_a_column(self):
        trips = [trip(1, "08:00", start=0, end=3), trip(2, "09:00", start=0, end=3)]
        day = collapse(make_problem(trips))
        # Rows: the dropoff at km 3 and the start at km 0; columns: the pickup and the end.
        self.assertEqual(day.travel.shape, (2, 1))
        self.assertTrue((day.travel_to == day.travel.T).all())

    def test_drives_of_more_than_eighteen_hours_do_not_overflow(self):
        # 2,000 km are 120,000 s, more than 65,535. A duty of ten hours holds neither.
        far = [trip(1, start=0, end=2000)]
        self.assertEqual(collapse(make_problem(far)).travel.max(), 65_535)
        long = [make_duty(start="00:00", end="23:00")]
        self.assertEqual(collapse(make_problem(far, duties=long)).travel.max(), 120_000)

    def test_extra_costs_are_preference_and_move(self):
        asked = trip(1, preferred=frozenset({2}), standing=Standing(1, 8 * 3600))
        drivers = [make_driver(1), make_driver(2), make_driver(3)]
        problem = make_problem([asked], drivers, costs=Costs(move_s=50))
        day = collapse(problem)
        # Driver 1: preference missed, not moved; 2: moved; 3: both.
        self.assertEqual(day.extra[0].tolist(), [600, 50, 650])
        # Leaving it out is leaving its driver, too.
        self.assertEqual(day.unserved.tolist(), [prices_of(problem).unserved[asked.priority] + 50])
        self.assertEqual(day.extra.dtype, np.int32)
