"""Search a day on which trips stand: serve more, and change as little as that takes.

Where moving a trip that stands has a prohibitive price, the search hardly sees that a few changes
would make room for one trip more. So it looks with a moderate price in between. If trips are still
left out it looks, from several seeds, for room among told times too, and then with the true prices
for the fewest of these changes. At last it gives back what was taken: trips that have another
driver or time are forced where they stood, the others are searched again, and what serves as many
with fewer changes is kept.

Units: seconds.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from dispatch.planner.measures import measure
from dispatch.planner.prices import prices_of
from dispatch.planner.problem import Plan, Problem
from dispatch.planner.search import parallel
from dispatch.planner.search.arrays import FORBIDDEN, Day, Flags, int32
from dispatch.planner.search.clock import Clock
from dispatch.planner.search.first_plan import Stands
from dispatch.planner.search.kept_windows import placed_trips
from dispatch.planner.search.moves import State
from dispatch.planner.search.route_labels import Routes
from dispatch.planner.search.schedule import schedule

# Seconds of empty driving, to look for room where trips that stand would have to move.
MODERATE_MOVE_S = 600
# Up to so many trips changes are given back; on a larger day searches around single trips cost more
# than they bring.
GIVING_BACK_TRIPS = 2_000
TRY = 1_000  # iterations of each thread, to give back what one trip or route has changed
IN_VAIN = 8  # tries for each change, without giving one back, after which the others stay


class Shares(NamedTuple):
    """How the search is divided. What these shares leave of it is for giving back."""

    price: float  # under each price of moving
    seeds: int
    seed: float  # from each seed, with told times and again without


SMALL = Shares(price=0.1, seeds=4, seed=0.075)
LARGE = Shares(price=0.25, seeds=1, seed=0.25)


@dataclass(frozen=True, slots=True)
class StandingDay:
    """A day on which trips stand that move only to serve more, and how it is searched.

    `state` is any of the day.
    """

    problem: Problem
    day: Day
    stands: Stands
    state: State
    around: parallel.Surroundings
    seed: int
    threads: int

    def search(self, clock: Clock, iterations: int | None) -> tuple[Routes, int]:
        """Improve the routes of the state as `parallel.search` does, and return the same."""
        day, moving = self.day, self._moving_moderately()
        freely = moving._replace(kept_from=day.earliest, kept_until=day.last_start)
        gives_back = len(self.problem.trips) <= GIVING_BACK_TRIPS
        shares = SMALL if gives_back else LARGE
        best = parallel.copied(self.state.routes)
        least, done, spent = self.worth(best), 0, 0.0

        def spend(priced: Day, routes: Routes, share: float, number: int = 0) -> Routes:
            nonlocal done, spent
            spent += share
            count = iterations and max(1, int(iterations * share))
            found, more = self._searched(priced, routes, clock.first(spent), count, number)
            done += more
            return found

        best, least = self._better(best, least, spend(day, best, shares.price))
        if self._could_serve_more(best):  # otherwise what stands moves for no less driving
            start, least = self._better(best, least, spend(moving, best, shares.price))
            best, serves_all = start, not self._could_serve_more(start)
            for number in range(1 if serves_all else shares.seeds):
                routes = start if serves_all else spend(freely, start, shares.seed, number)
                best, least = self._better(best, least, spend(day, routes, shares.seed, number))
        if gives_back:
            left = iterations and iterations - done
            best, more = self._give_back(best, least, moving, clock, left)
            done += more
        return best, done

    def _better(self, best: Routes, least: int, routes: Routes) -> tuple[Routes, int]:
        worth = self.worth(routes)
        return (routes, worth) if worth < least else (best, least)

    def _give_back(
        self, best: Routes, least: int, moving: Day, clock: Clock, iterations: int | None
    ) -> tuple[Routes, int]:
        """Undo changes of one trip, or of all of its route, under either price of moving."""
        rng = np.random.default_rng(self.seed)
        number = done = in_vain = 0
        changed, opened = self._changes(best)
        while not clock.is_over() and (iterations is None or done + TRY <= iterations):
            if in_vain >= IN_VAIN * changed.sum():
                break
            number += 1
            back = np.zeros(len(changed), dtype=np.bool_)
            back[rng.choice(np.flatnonzero(changed))] = True
            if number % 3 == 0:
                back |= changed & _beside(best, back)
            held = self._held(self.day if number % 2 else moving, back, opened)
            routes, more = self._searched(held, _without(best, back), clock, TRY, number)
            done += more
            in_vain += 1
            if (worth := self.worth(routes)) < least:
                best, least, in_vain = routes, worth, 0
                changed, opened = self._changes(best)
        return best, done

    def _searched(
        self, priced: Day, routes: Routes, clock: Clock, iterations: int | None, number: int
    ) -> tuple[Routes, int]:
        plan = parallel.continued(priced, self.state, routes)
        found, done = parallel.search(
            self.problem, priced, plan, self.around, clock, iterations, self.seed + number,
            self.threads,
        )  # fmt: skip
        return parallel.copied(found), done

    def _moving_moderately(self) -> Day:
        """Return the day in which moving a trip that stands has a moderate price."""
        problem, day, stands = self.problem, self.day, self.stands
        prices = prices_of(problem)
        moderate = prices_of(replace(problem, costs=replace(problem.costs, move_s=MODERATE_MOVE_S)))
        moved = (stands.driver >= 0)[:, None] & (stands.driver[:, None] != day.driver)
        moved &= day.extra >= 0
        extra = day.extra - np.int32(prices.move_s - MODERATE_MOVE_S) * moved
        annealed = int32([moderate.annealed[trip.priority] for trip in problem.trips])
        return day._replace(extra=extra.astype(np.int32), annealed=annealed)

    def _held(self, priced: Day, back: Flags, opened: Flags) -> Day:
        """Return the day in which these trips have the driver and the time that they stood with.

        Of the others only those that are opened have the windows of the rules.
        """
        day, stood = self.day, self.stands.driver
        opened = opened & ~back
        elsewhere = (back & (stood >= 0))[:, None] & (day.driver != stood[:, None])
        return priced._replace(
            extra=np.where(elsewhere, np.int32(FORBIDDEN), priced.extra),
            earliest=np.where(back, day.kept_from, day.earliest),
            last_start=np.where(back, day.kept_until, day.last_start),
            kept_from=np.where(opened, day.earliest, day.kept_from),
            kept_until=np.where(opened, day.last_start, day.kept_until),
        )

    def worth(self, routes: Routes) -> int:
        """Return the objective, with the price of what was told and margins that are not kept."""
        problem = self.problem
        plan = schedule(problem, self.day, routes, {})
        _changed, opened = self._changes_of(plan)
        return measure(problem, plan).objective + prices_of(problem).opened_s * int(opened.sum())

    def _changes(self, routes: Routes) -> tuple[Flags, Flags]:
        """Return the same as `_changes_of` the plan of these routes."""
        return self._changes_of(schedule(self.problem, self.day, routes, {}))

    def _changes_of(self, plan: Plan) -> tuple[Flags, Flags]:
        """Return which trips (n,) have another driver or window than told, and which a window."""
        problem = self.problem
        index = {trip.id: i for i, trip in enumerate(problem.trips)}
        driver_id = [driver.id for driver in problem.drivers]
        changed = np.zeros(len(problem.trips), dtype=np.bool_)
        opened = changed.copy()
        for row in plan.trips:
            i = index[row.trip_id]
            stood = self.stands.driver[i]
            earliest_s, latest_s = problem.trips[i].kept_window
            opened[i] = not earliest_s <= row.pickup_s <= latest_s
            changed[i] = opened[i] or (stood >= 0 and driver_id[stood] != row.driver_id)
        return changed, opened

    def _could_serve_more(self, routes: Routes) -> bool:
        """Return whether a trip is left out that some empty route could take."""
        left = np.ones(len(self.day.earliest), dtype=bool)
        left[placed_trips(routes.size, routes.trip)] = False
        return bool((self.day.extra[left] >= 0).any())


def _beside(routes: Routes, trips: Flags) -> Flags:
    """Return which trips (n,) are in the routes of these."""
    found = trips.copy()
    for r, size in enumerate(routes.size.tolist()):
        row = routes.trip[r, 1 : size + 1]
        found[row] |= trips[row].any()
    return found


def _without(routes: Routes, back: Flags) -> Routes:
    """Return a copy of the routes without these trips; their labels are not computed."""
    routes = parallel.copied(routes)
    for r, size in enumerate(routes.size.tolist()):
        row = routes.trip[r, 1 : size + 1]
        rest = row[~back[row]]
        routes.trip[r, 1 : len(rest) + 1] = rest
        routes.size[r] = len(rest)
    return routes
