"""Find where a trip could be taken along with others, and what keeps it from that.

The other trips keep their drivers and their order; their times may move within the windows, and
their clients may ride longer, as far as their limits allow. The shared search answers: what fits
where one of its rules is left out is kept out by this rule.

Units: seconds since the start of the company's day.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from dispatch.planner.problem import Plan, PlannedTrip, Problem, Trip
from dispatch.planner.rules import sharing as rules
from dispatch.planner.rules.rule import Breach
from dispatch.planner.search.arrays import NEVER, Day, Flags, Ints
from dispatch.planner.search.greedy import entry_prices
from dispatch.planner.shared.arrays import (
    ALONE,
    LIMIT,
    OPENS,
    SEATS,
    WHEELCHAIRS,
    Pinned,
    SharedDay,
    share,
)
from dispatch.planner.shared.kept_windows import close_all
from dispatch.planner.shared.labels import STOP, Trial
from dispatch.planner.shared.loading import load_kernels
from dispatch.planner.shared.moves import SharedState, cheapest, put
from dispatch.planner.shared.ruin_recreate import new_trial
from dispatch.planner.shared.schedule import schedule
from dispatch.planner.shared.search import PlanInWork, empty_plan
from dispatch.planner.stretches import BESIDE

# How far over its limit a ride is looked at.
OVER_AT_MOST_S = 3600


def standing_plan(problem: Problem) -> Plan:
    """Return the trips of the problem where they stand, each in the duty it begins in."""
    rows = []
    for trip in problem.trips:
        told = trip.standing
        for duty in problem.duties if told else ():
            if (
                told
                and duty.driver_id == told.driver_id
                and (duty.start_s <= told.pickup_s < duty.end_s)
            ):
                straight_s = told.pickup_s + trip.boarding_s + trip.ride_s
                dropoff_s = max(straight_s, told.dropoff_s or straight_s)
                rows.append(PlannedTrip(trip.id, duty.id, duty.driver_id, told.pickup_s, dropoff_s))
                break
    return Plan(tuple(rows), (), ())


def along(
    problem: Problem, plan: Plan, trips: Iterable[Trip], driver_ids: Collection[int]
) -> "Along | None":
    """Return the day of these drivers as the plan has it, and these trips beside it.

    None where nobody shares.
    """
    sharing = problem.sharing
    if sharing is None:
        return None
    duties = tuple(duty for duty in problem.duties if duty.driver_id in driver_ids)
    numbers = {duty.id for duty in duties}
    asked = {trip.id: trip for trip in trips}
    rows = tuple(row for row in plan.trips if row.duty_id in numbers and row.trip_id not in asked)
    planned = {row.trip_id for row in rows}
    there = [known for known in problem.trips if known.id in planned]
    part = replace(
        problem,
        trips=tuple(sorted([*there, *asked.values()], key=lambda known: known.id)),
        drivers=tuple(driver for driver in problem.drivers if driver.id in driver_ids),
        duties=duties,
    )
    base, day, pinned = share(part, sharing, 1)
    load_kernels(day)
    day, state = empty_plan(base, day, pinned)
    whole = np.zeros(len(base.driver), dtype=np.bool_)
    trial = new_trial(day, state.best_stop.shape[1])
    known = _put_in_order(part, rows, base, day, pinned, state)
    close_all(day, state.routes, trial, whole)
    index = {trip.id: i for i, trip in enumerate(part.trips)}
    return Along(part, Plan(rows, (), ()), index, base, day, pinned, state, trial, whole & known)


def _put_in_order(
    problem: Problem,
    rows: Sequence[PlannedTrip],
    base: Day,
    day: SharedDay,
    pinned: Pinned,
    state: SharedState,
) -> Flags:
    """Put the stops of the planned trips where they are planned, beside those that are pinned.

    Return (m,) whether they have room: a driver may have more trips than allowed.
    """
    total, n = len(day.trips), len(problem.trips)
    index = {trip.id: i for i, trip in enumerate(problem.trips)}
    number = {duty.id: k for k, duty in enumerate(problem.duties)}
    events: list[list[tuple[int, int, int]]] = [[] for _ in base.driver]
    for r, stops in enumerate(pinned.stops):
        for stop in stops:
            fixed = pinned.commitments[stop % total - n][1]
            at_s = fixed.pickup_s if stop < total else fixed.dropoff_s
            events[r].append((at_s, int(stop < total), stop))
    for row in rows:
        i = index[row.trip_id]
        routes = np.flatnonzero(base.duty == number[row.duty_id])
        begun = day.routes[routes, OPENS] <= row.pickup_s
        r = int(routes[begun][-1] if begun.any() else routes[0])
        state.route_of[i] = r
        state.trips_of[base.driver[r]] += 1
        events[r] += [(row.pickup_s, 1, i), (row.dropoff_s, 0, total + i)]
    has_room = np.ones(len(base.driver), dtype=np.bool_)
    for r, found in enumerate(events):
        has_room[r] = len(found) + 2 <= state.routes.rows.shape[2]
        if has_room[r]:
            in_order = [stop for _at, _on, stop in sorted(found)]
            state.routes.rows[r, STOP, 1 : len(found) + 1] = in_order
            state.routes.size[r] = len(found)
    return has_room


@dataclass(frozen=True, slots=True)
class Along:
    """The planned day of some drivers as the shared search sees it, and trips that ask to join.

    `whole` are the routes that can be kept as they are planned: of others nothing is known.
    """

    problem: Problem
    plan: Plan
    index: Mapping[int, int]  # of each trip of the problem, by id
    base: Day
    day: SharedDay
    pinned: Pinned
    state: SharedState
    trial: Trial
    whole: Flags

    def prices(self, trip: Trip) -> dict[int, int]:
        """Return what the trip adds to the objective of each driver with room, the least first.

        {driver id: seconds}; of equal ones the order is that of the drivers.
        """
        i = self.index[trip.id]
        entry = entry_prices(self.base, self.state.trips_of).tolist()
        found: dict[int, int] = {}
        for r, driver in enumerate(self.base.driver.tolist()):
            price, _before, _until = self._cheapest(self.day, r, i)
            if price < NEVER:
                price += entry[driver]
                found[driver] = min(price, found.get(driver, price))
        ranked = sorted(found.items(), key=lambda of_driver: (of_driver[1], of_driver[0]))
        return {self.problem.drivers[driver].id: price for driver, price in ranked}

    def place(self, trip: Trip, driver_id: int) -> PlannedTrip | None:
        """Return the trip where it costs least with this driver, None if it fits nowhere."""
        part = along(self.problem, self.plan, [trip], {driver_id})
        return part._put(trip) if part else None

    def _put(self, trip: Trip) -> PlannedTrip | None:
        """Put the trip where it costs least: the day is of no use afterwards."""
        i = self.index[trip.id]
        found = [(self._cheapest(self.day, r, i), r) for r in range(len(self.base.driver))]
        if not found or min(found)[0][0] >= NEVER:
            return None
        (_price, before, until), r = min(found)
        if not put(self.base, self.day, self.state, self.trial, r, i, before, until):
            return None
        work = PlanInWork(self.day, self.state)
        plan = schedule(self.problem, self.base, work, self.pinned, {})
        return next(row for row in plan.trips if row.trip_id == trip.id)

    def why_not(self, trip: Trip, driver_id: int) -> Breach | None:
        """Return the rule of sharing that keeps the trip from a driver, None if it is another."""
        for r in range(len(self.base.driver)):
            if self.problem.drivers[self.base.driver[r]].id == driver_id:
                for breach in self._breaches(r, self.index[trip.id]):
                    return breach
        return None

    def _breaches(self, r: int, i: int) -> Iterator[Breach]:
        trips = self.day.trips
        driver = self.problem.drivers[self.base.driver[r]].name
        light = trips.copy()
        light[i, [SEATS, WHEELCHAIRS]] = 0
        if names := self._together(light, r, i):
            yield rules.full(driver, names)
        patient = trips.copy()
        limit_s = int(trips[i, LIMIT])
        patient[i, LIMIT] = limit_s + OVER_AT_MOST_S
        if limit_s < NEVER and (names := self._together(patient, r, i)):
            yield rules.ride_limit(driver, names, limit_s, self._over(patient, r, i))
        sociable = trips.copy()
        sociable[i, ALONE] = 0
        if trips[i, ALONE] and (names := self._together(sociable, r, i)):
            yield rules.rides_alone(driver, names)
        sociable[:] = 0
        sociable[:, :ALONE] = trips[:, :ALONE]
        sociable[i, ALONE] = trips[i, ALONE]
        if names := self._together(sociable, r, i):
            yield rules.other_rides_alone(driver, names)

    def _over(self, patient: Ints, r: int, i: int) -> int:
        """Return by how many seconds the shortest ride is over the limit, to the minute."""
        limit_s, low, high = int(self.day.trips[i, LIMIT]), 0, OVER_AT_MOST_S // 60
        while high - low > 1:
            half = (low + high) // 2
            patient[i, LIMIT] = limit_s + 60 * half
            if self._cheapest(self.day._replace(trips=patient), r, i)[0] < NEVER:
                high = half
            else:
                low = half
        return 60 * high

    def _together(self, trips: Ints, r: int, i: int) -> str:
        """Return who would be on board too if the trips were these; empty if it would not fit."""
        _price, before, until = self._cheapest(self.day._replace(trips=trips), r, i)
        total, n = len(trips), len(self.problem.trips)
        on_board: list[int] = []
        for k in range(1, until + 1):
            stop = int(self.state.routes.rows[r, STOP, k])
            if stop < total:
                on_board.append(stop)
            elif k <= before:
                on_board.remove(stop - total)
        names = chain(
            (self.problem.trips[at].reference for at in on_board if at < n),
            (self.pinned.commitments[at - n][1].reference for at in on_board if at >= n),
        )
        return BESIDE.join(names)

    def _cheapest(self, day: SharedDay, r: int, i: int) -> tuple[int, int, int]:
        driver = self.base.driver[r]
        if not self.whole[r] or self.state.trips_of[driver] >= self.base.capacity[driver]:
            return int(NEVER), -1, -1
        found = cheapest(day, self.state.routes, self.trial, r, i, int(self.base.extra[i, r]))
        price, before, until = map(int, found)
        return price, before, until
