"""Find the detour of each planned trip, and the drivers who could take one trip.

Units and labels as in `tours.py`. The other trips of the plan keep their drivers and their
order.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from dispatch.planner.explain.findings import find
from dispatch.planner.explain.slack import FITS
from dispatch.planner.explain.tours import read_tours
from dispatch.planner.problem import Plan, Problem, Trip
from dispatch.planner.search.arrays import NEVER, Day, collapse
from dispatch.planner.stretches import in_blocks


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


def detours(problem: Problem, plan: Plan, day: Day | None = None) -> dict[int, int]:
    """Return the seconds of deadhead that each planned trip causes, by trip.

    Who rides with others causes none of their own: of them nothing is said. `day` is the collapsed
    problem, if the caller has it.
    """
    if problem.sharing is not None:
        problem, plan = in_blocks(problem, plan)
        day = None
    tours = read_tours(problem, plan, day or collapse(problem))
    stops = np.flatnonzero(tours.trip >= 0)
    duty = np.searchsorted(tours.first, stops, "right") - 1
    first, last = stops == tours.first[duty], stops + 1 == tours.first[duty + 1]
    behind = np.minimum(stops + 1, max(len(tours.trip) - 1, 0))
    onward = np.where(last, tours.back[duty], tours.leg[behind])
    starts = np.where(first, tours.start_at[duty], tours.dropoff_at[stops - 1])
    ends = np.where(last, tours.end_at[duty], tours.pickup_at[behind])
    direct = np.where(first & last, 0, tours.travel[starts, ends].astype(np.int64))
    detour = tours.leg[stops] + onward - direct
    ids = (problem.trips[i].id for i in tours.trip[stops].tolist())
    return dict(zip(ids, detour.tolist(), strict=True))


def candidates(problem: Problem, plan: Plan, trip: Trip, top: int = 3) -> tuple[Candidate, ...]:
    """Return the cheapest drivers who can take one trip alone, best first, one row per driver.

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
