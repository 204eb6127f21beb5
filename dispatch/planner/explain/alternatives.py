"""Find the detour of each planned trip, and the other drivers who could take it.

Units and labels as in `tours.py`. The other trips of the plan keep their drivers and their
order.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from dispatch.planner.explain.findings import find
from dispatch.planner.explain.slack import FITS
from dispatch.planner.explain.tours import (
    Tours,
    drives,
    free_before,
    need_after,
    read_tours,
    replaced_leg,
    room,
)
from dispatch.planner.problem import Plan, Problem, Trip
from dispatch.planner.rules import cap
from dispatch.planner.rules.registry import may_drive
from dispatch.planner.search.arrays import NEVER, Day, Flags, Index, Longs, collapse
from dispatch.planner.search.compiled import kernel


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another driver, with `detour_s` more deadhead than without the trip."""

    driver_id: int
    duty_id: int
    detour_s: int


@dataclass(frozen=True, slots=True)
class TripCost:
    """The deadhead a planned trip causes, and the other drivers for it, best first."""

    trip_id: int
    driver_id: int
    detour_s: int
    others: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An insertion of one trip: before stop `position` of the duty, boarding at `pickup_s`.

    `price_s` is what it adds to the objective, `detour_s` the deadhead in it.
    """

    driver_id: int
    duty_id: int
    position: int
    pickup_s: int
    detour_s: int
    price_s: int


def alternatives(
    problem: Problem, plan: Plan, top: int = 3, day: Day | None = None
) -> tuple[TripCost, ...]:
    """Return the cost of every planned trip, in the order of the plan.

    The others are the `top` drivers with the smallest detour, of equal ones the first duty.
    `day` is the collapsed problem, if the caller has it.
    """
    if not plan.trips:
        return ()
    day = day or collapse(problem)
    tours = read_tours(problem, plan, day)
    able = may_drive(problem.trips, problem.drivers)
    able &= cap.fits(tours.planned + 1, day.capacity)
    stops = np.flatnonzero(tours.trip >= 0)
    cost = np.zeros(len(stops), np.int64)
    best = np.full((len(stops), top, 2), NEVER)
    duty_of = np.searchsorted(tours.first, stops, "right") - 1
    compare(tours, day, able, stops, duty_of, cost, best)
    drivers, duties, trips = problem.drivers, problem.duties, problem.trips
    driver_of = tours.driver.tolist()
    rows = zip(
        tours.trip[stops].tolist(), duty_of.tolist(), cost.tolist(), best.tolist(), strict=True
    )
    costs = {
        trips[i].id: TripCost(
            trips[i].id,
            drivers[driver_of[k]].id,
            detour_s,
            tuple(
                Alternative(drivers[driver_of[other]].id, duties[other].id, other_detour_s)
                for other_detour_s, other in others
                if other_detour_s < NEVER
            ),
        )
        for i, k, detour_s, others in rows
    }
    return tuple(costs[row.trip_id] for row in plan.trips)


def candidates(problem: Problem, plan: Plan, trip: Trip, top: int = 3) -> tuple[Candidate, ...]:
    """Return the cheapest drivers who can take one trip, best first, one row per driver.

    A planned trip is removed from the plan first, so its own driver is among them; a trip
    the problem does not know is added to it.
    """
    others = [known for known in problem.trips if known.id != trip.id]
    trips = tuple(sorted([*others, trip], key=lambda known: known.id))
    problem = dataclasses.replace(problem, trips=trips)
    rows = tuple(row for row in plan.trips if row.trip_id != trip.id)
    plan = dataclasses.replace(plan, trips=rows)
    (finding,) = find(problem, plan, (trip.id,))
    prices = finding.prices()
    found: list[Candidate] = []
    chosen = set()
    for k in np.argsort(prices, kind="stable").tolist():
        duty = problem.duties[k]
        if prices[k] < NEVER and len(found) < top and duty.driver_id not in chosen:
            chosen.add(duty.driver_id)
            detour_s, stop, pickup_s = (int(value) for value in finding.slack.found[k, FITS])
            position = stop - int(finding.tours.first[k])
            price_s = int(prices[k])
            found.append(Candidate(duty.driver_id, duty.id, position, pickup_s, detour_s, price_s))
    return tuple(found)


@kernel
def compare(
    tours: Tours, day: Day, able: Flags, stops: Index, duty_of: Index, cost: Longs, best: Longs
) -> None:
    """Fill cost (stops,) and best (stops, top, 2: detour, duty), NEVER where there is none.

    `able` (trips, drivers) says who may take a trip; `duty_of` is the duty of each stop.
    """
    for n in range(len(stops)):
        s, own = stops[n], duty_of[n]
        onward = replaced_leg(tours, own, s + 1)
        direct = 0
        if tours.first[own + 1] - tours.first[own] > 1:
            row = tours.dropoff_at[s - 1] if s > tours.first[own] else tours.start_at[own]
            last = s + 1 == tours.first[own + 1]
            column = tours.end_at[own] if last else tours.pickup_at[s + 1]
            direct = int(np.int64(tours.travel[row, column]))
        cost[n] = tours.leg[s] + onward - direct
        i = tours.trip[s]
        earliest = int(np.int64(day.earliest[i]))
        last_start = int(np.int64(day.last_start[i]))
        for k in range(len(tours.opens)):
            driver = tours.driver[k]
            if (
                driver != tours.driver[own]
                and able[i, driver]
                and tours.opens[k] <= last_start
                and tours.closes[k] >= earliest + day.service[i]
            ):
                detour = cheapest(tours, day, i, k, earliest, last_start, best[n, -1, 0])
                if detour < best[n, -1, 0]:
                    rank_in(best[n], detour, k, tours.driver)


@kernel
def cheapest(
    tours: Tours, day: Day, i: int, k: int, earliest: int, last_start: int, below: int
) -> int:
    """Return the smallest detour, below a bound, at which trip i fits into duty k, or NEVER."""
    service = int(np.int64(day.service[i]))
    smallest = NEVER
    for s in range(tours.first[k], tours.first[k + 1] + 1):
        free, need = free_before(tours, k, s), need_after(tours, k, s)
        if min(free[0], free[1]) > last_start:
            break
        if max(need[0], need[1]) < earliest + service:
            continue
        there, on = drives(tours, k, s, day.pickup_at[i], day.dropoff_at[i])
        detour = there + on - replaced_leg(tours, k, s)
        if detour >= below or detour >= smallest:
            continue
        for way in range(4):
            low, high = room(way, free, need, there, on, service, tours.rest[k])
            if max(low, earliest) <= min(high, last_start):
                smallest = detour
                break
    return smallest


@kernel
def rank_in(best: Longs, detour: int, k: int, driver: Longs) -> None:
    """Insert duty k into the sorted list `best` (top, 2), at most one duty of each driver."""
    place = len(best) - 1
    for b in range(len(best)):
        if best[b, 0] < NEVER and driver[best[b, 1]] == driver[k]:
            if best[b, 0] <= detour:
                return
            place = b
            break
    while place > 0 and best[place - 1, 0] > detour:
        best[place, 0], best[place, 1] = best[place - 1, 0], best[place - 1, 1]
        place -= 1
    best[place, 0], best[place, 1] = detour, k
