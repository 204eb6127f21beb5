"""Give finished shared routes their times: the start of every stop and of the break.

What was told stays, as in `search/schedule.py`: as many of the trips that stand as possible keep
their window, then their exact pickup. Then every pickup is as close to the wanted time as the route
allows, and every dropoff as early as it can be; at last whoever would wait on board boards later.
The times of a route depend on that route alone.

Units: seconds since the start of the company's day.
"""

from typing import NamedTuple

import numpy as np

from dispatch.planner.problem import Break, Plan, PlannedBreak, PlannedTrip, Problem, Trip
from dispatch.planner.search.arrays import NEVER, Day, Flags, Ints
from dispatch.planner.search.compiled import kernel
from dispatch.planner.search.schedule import rest_on, times, wanted_pickup
from dispatch.planner.shared.arrays import (
    ALLOWED_FROM,
    ALLOWED_UNTIL,
    BREAK_LENGTH,
    CLOSES,
    EARLIEST,
    KEPT_FROM,
    KEPT_UNTIL,
    LATEST,
    OPENS,
    Pinned,
    SharedDay,
)
from dispatch.planner.shared.labels import (
    BOARD,
    HIGH,
    LEAVE,
    LEG,
    LOW,
    READY,
    STOP,
    Trial,
    bound_above,
    settle,
)
from dispatch.planner.shared.ruin_recreate import new_trial
from dispatch.planner.shared.search import PlanInWork

CHOSEN = 8  # row of a trial: the latest start of each stop before it was chosen


class Times(NamedTuple):
    """The start of every stop of a route, when it is left, and the start of the break or None."""

    starts: list[int]
    resting: int | None


def schedule(
    problem: Problem, base: Day, plan: PlanInWork, pinned: Pinned, search: dict[str, object]
) -> Plan:
    """Return the plan of these routes, `search` being what `Plan.search` holds.

    Raises ValueError if a route cannot be kept.
    """
    day, state = plan
    day = day._replace(stops=day.stops.copy())
    n, half = len(problem.trips), len(day.trips)
    trial = new_trial(day, state.best_stop.shape[1])
    trips: list[PlannedTrip] = []
    delayed: list[PlannedTrip] = []
    breaks: list[PlannedBreak] = []
    served = set()
    for r in range(len(base.driver)):
        count = int(state.routes.size[r])
        duty = problem.duties[base.duty[r]]
        rest = duty.break_ if day.routes[r, BREAK_LENGTH] else None
        stops = state.routes.rows[r, STOP, 1 : count + 1].tolist()
        if not stops and (rest is None or not duty.commitments):
            continue
        route = _Route(problem.trips, day, trial, r, state.routes.rows[r].copy(), count)
        starts, resting = route.times(rest) if route.is_shared else route.times_alone(rest)
        at = dict(zip(stops, starts, strict=True))
        if rest is not None and resting is not None:
            breaks.append(PlannedBreak(duty.id, resting, resting + rest.length_s))
        for stop in stops:
            if stop >= half:
                continue
            pickup_s, dropoff_s = at[stop], at[half + stop]
            if stop < n:
                served.add(problem.trips[stop].id)
                trip_id = problem.trips[stop].id
                trips.append(PlannedTrip(trip_id, duty.id, duty.driver_id, pickup_s, dropoff_s))
                continue
            fixed = pinned.commitments[stop - n][1]
            if dropoff_s != fixed.dropoff_s:
                delayed.append(
                    PlannedTrip(fixed.trip_id, duty.id, duty.driver_id, pickup_s, dropoff_s)
                )
    trips.sort(key=lambda t: (t.duty_id, t.pickup_s, t.dropoff_s, t.trip_id))
    delayed.sort(key=lambda t: (t.duty_id, t.pickup_s, t.trip_id))
    breaks.sort(key=lambda b: (b.duty_id, b.start_s))
    unserved = tuple(trip.id for trip in problem.trips if trip.id not in served)
    return Plan(tuple(trips), tuple(breaks), unserved, search, tuple(delayed))


class _Route:
    """One route: its rows with stops and legs, and the windows that are narrowed on the way."""

    def __init__(
        self, trips: tuple[Trip, ...], day: SharedDay, trial: Trial, r: int, rows: Ints, count: int
    ) -> None:
        self.day, self.trial, self.r, self.rows, self.count = day, trial, r, rows, count
        self.half = len(day.trips)
        self.stops = rows[STOP, 1 : count + 1]
        self.trips = trips
        self.legs = [k for k in range(count + 1) if rows[BOARD, k] == 0]
        self.wanted = {
            stop: wanted_pickup(trips[stop]) for stop in self.stops.tolist() if stop < len(trips)
        }

    @property
    def is_shared(self) -> bool:
        """Return whether somebody rides with others, or is pinned."""
        pinned = any(len(self.trips) <= stop % self.half for stop in self.stops.tolist())
        return pinned or bool((self.rows[BOARD, : self.count + 1] > 1).any())

    def times_alone(self, rest: Break | None) -> Times:
        """Return the times of a route on which everybody rides alone: as without sharing."""
        route = self.day.routes[self.r]
        riders = [self.trips[stop] for stop in self.stops.tolist() if stop < self.half]
        legs = self.rows[LEG, : self.count + 1 : 2].tolist()
        starts, resting = times(riders, legs, int(route[OPENS]), int(route[CLOSES]), rest)
        both = [
            at
            for trip, start in zip(riders, starts, strict=True)
            for at in (start, start + trip.boarding_s + trip.ride_s)
        ]
        return Times(both, resting)

    def times(self, rest: Break | None) -> Times:
        """Return the times of this route. Raises ValueError if it cannot be kept."""
        self._narrow(rest)
        if rest is None:
            starts = self._starts(-1)
            if starts is None:
                raise ValueError("This route is not in time.")
            return Times(starts, None)
        best: tuple[tuple[int, bool, bool], list[int], int] | None = None
        windows = self.day.stops[self.stops, EARLIEST : LATEST + 1].copy()
        for leg in self.legs:
            self.day.stops[self.stops, EARLIEST : LATEST + 1] = windows
            starts = self._starts(leg)
            if starts is None:
                continue
            left = int(self.day.routes[self.r, OPENS]) if leg == 0 else int(self.rows[READY, leg])
            due = int(self.day.routes[self.r, CLOSES]) if leg == self.count else starts[leg]
            begins, standing = rest_on(left, due, int(self.rows[LEG, leg]), rest)
            away = sum(
                abs(start - self.wanted[stop])
                for stop, start in zip(self.stops.tolist(), starts, strict=True)
                if stop in self.wanted
            )
            moved = rest.told_s is not None and begins != rest.told_s
            if best is None or (away, moved, not standing) < best[0]:
                best = (away, moved, not standing), starts, begins
        if best is None:
            if not self.count:
                return Times([], None)
            raise ValueError("This route has no room for its break.")
        return Times(best[1], best[2])

    def _narrow(self, rest: Break | None) -> None:
        """Narrow the windows to what was told as far as the route allows: as `_windows` there."""
        stops, chosen = self.day.stops, self.stops
        stops[chosen, EARLIEST : LATEST + 1] = stops[chosen, ALLOWED_FROM : ALLOWED_UNTIL + 1]
        kept = stops[chosen, KEPT_FROM : KEPT_UNTIL + 1]
        self._narrowed(kept, rest)
        exact = stops[chosen, EARLIEST : LATEST + 1].copy()
        for k, stop in enumerate(chosen.tolist()):
            if stop in self.wanted and self.trips[stop].standing is not None:
                told = self.wanted[stop]
                if kept[k, 0] <= told <= kept[k, 1]:
                    exact[k] = told
        self._narrowed(exact, rest)

    def _narrowed(self, wished: Ints, rest: Break | None) -> None:
        stops, chosen = self.day.stops, self.stops
        before = stops[chosen, EARLIEST : LATEST + 1].copy()
        if (before == wished).all():
            return
        stops[chosen, EARLIEST : LATEST + 1] = wished
        if self._can_keep(rest):
            return
        stops[chosen, EARLIEST : LATEST + 1] = before
        for k, stop in enumerate(chosen.tolist()):
            if (before[k] == wished[k]).all():
                continue
            stops[stop, EARLIEST : LATEST + 1] = wished[k]
            if not self._can_keep(rest):
                stops[stop, EARLIEST : LATEST + 1] = before[k]

    def _can_keep(self, rest: Break | None) -> bool:
        return any(self._settle(leg) for leg in ([-1] if rest is None else self.legs))

    def _settle(self, resting: int) -> bool:
        self.rows[LOW, 1 : self.count + 1] = self.day.stops[self.stops, EARLIEST]
        return settle(self.day, self.r, self.rows, self.trial.place, self.count, resting)

    def _starts(self, resting: int) -> list[int] | None:
        """Return the start of every stop with the break on this leg, None if it does not fit."""
        if not self._settle(resting):
            return None
        wanted = np.full(self.count + 2, -NEVER, dtype=np.int32)
        told = np.zeros(self.count + 2, dtype=np.bool_)
        for k, stop in enumerate(self.stops.tolist(), start=1):
            if stop in self.wanted:
                wanted[k] = self.wanted[stop]
                told[k] = self.trips[stop].standing is not None
        choose(self.day, self.r, self.rows, self.trial, self.count, resting, wanted, told)
        return [int(start) for start in self.rows[LOW, 1 : self.count + 1]]


@kernel
def begin_again(day: SharedDay, rows: Ints, count: int) -> None:
    """Set the lower bounds of a route to its windows."""
    for k in range(1, count + 1):
        rows[LOW, k] = day.stops[rows[STOP, k], EARLIEST]


@kernel
def choose(
    day: SharedDay,
    r: int,
    rows: Ints,
    trial: Trial,
    count: int,
    resting: int,
    wanted: Ints,
    told: Flags,
) -> None:
    """Choose the times of a settled route: fill LOW, and narrow the windows of its stops.

    One pickup after the other is fixed at its `wanted` time (by position; -NEVER for none), or as
    near to it as the route can still be kept. Then who would wait on board boards later, but for
    those who were `told`: nobody arrives later for it.
    """
    stops, place = day.stops, trial.place
    half = len(day.trips)
    latest = trial.rows[CHOSEN]
    for k in range(1, count + 1):
        stop = rows[STOP, k]
        latest[k] = stops[stop, LATEST]
        if stop >= half or wanted[k] == -NEVER:
            continue
        lower = int(rows[LOW, k])
        wish = max(lower, min(wanted[k], latest[k]))
        upper = wish + 1
        # What is possible has no gaps: if the wish is too late, halve the way down.
        attempt = wish
        while upper - lower > 1:
            stops[stop, EARLIEST] = attempt
            begin_again(day, rows, count)
            if settle(day, r, rows, place, count, resting):
                lower = attempt
            else:
                upper = attempt
            attempt = (lower + upper) // 2
        stops[stop, EARLIEST] = stops[stop, LATEST] = lower
        begin_again(day, rows, count)
        settle(day, r, rows, place, count, resting)
    for k in range(1, count + 1):
        stop = rows[STOP, k]
        stops[stop, EARLIEST] = rows[LOW, k]
        if stop >= half or told[k] or wanted[k] == -NEVER:
            stops[stop, LATEST] = rows[LOW, k]
        else:
            stops[stop, LATEST] = latest[k]
    bound_above(day, r, rows, place, count, trial.rows[LEAVE], resting)
    for k in range(1, count + 1):
        stop = rows[STOP, k]
        rows[LOW, k] = max(stops[stop, EARLIEST], rows[HIGH, k])
    if not settle(day, r, rows, place, count, resting):
        begin_again(day, rows, count)
        settle(day, r, rows, place, count, resting)
