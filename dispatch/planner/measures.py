"""Measure a plan: the objective of `Costs`, and the figures dispatchers compare.

Computed from the problem and the plan alone, not from the arrays of the search.
"""

from dataclasses import dataclass
from statistics import pstdev

from dispatch.planner.prices import prices_of
from dispatch.planner.problem import TOLD_S, Plan, Problem
from dispatch.planner.travel import Place

Stop = tuple[int, int, Place, Place]  # pickup_s, free_s, pickup, dropoff


@dataclass(frozen=True, slots=True)
class Measures:
    """Figures of one plan: counts, `_s` in seconds, `_m` in metres; `objective` in seconds.

    `retimed` trips board more than TOLD_S from what was told; `load_sd` is the standard deviation
    of the trips per driver in use.
    """

    trips: int
    placed: int
    objective: int
    deadhead_s: int
    deadhead_m: int
    drivers: int
    emergency_drivers: int
    missed_preferences: int
    moved: int
    retimed: int
    load_sd: float


def measure(problem: Problem, plan: Plan) -> Measures:
    """Return the `Measures` of a plan; raises KeyError for trips the problem does not know."""
    trips = {trip.id: trip for trip in problem.trips}
    costs = problem.costs
    stops: dict[int, list[Stop]] = {duty.id: [] for duty in problem.duties}
    count = {driver.id: 0 for driver in problem.drivers}
    prices = prices_of(problem)
    missed = moved = retimed = 0
    for planned in plan.trips:
        trip = trips[planned.trip_id]
        free_s = planned.dropoff_s + trip.alighting_s
        stops[planned.duty_id].append((planned.pickup_s, free_s, trip.pickup, trip.dropoff))
        count[planned.driver_id] += 1
        missed += bool(trip.preferred) and planned.driver_id not in trip.preferred
        if trip.standing is not None:
            moved += trip.standing.driver_id != planned.driver_id
            retimed += abs(trip.standing.pickup_s - planned.pickup_s) > TOLD_S
    unserved = [trips[i] for i in plan.unserved]
    moved += sum(trip.standing is not None for trip in unserved)

    deadhead_s = deadhead_m = 0
    for duty in problem.duties:
        day = stops[duty.id]
        day += [(c.pickup_s, c.free_s, c.pickup, c.dropoff) for c in duty.commitments]
        at = duty.start
        for _, _, pickup, dropoff in sorted(day):
            deadhead_s, deadhead_m = _add((deadhead_s, deadhead_m), problem, at, pickup)
            at = dropoff
        if day:
            deadhead_s, deadhead_m = _add((deadhead_s, deadhead_m), problem, at, duty.end)

    used = [d for d in problem.drivers if d.load + count[d.id] > 0]
    new = [d for d in problem.drivers if count[d.id] > 0 and not d.used]
    loads = [d.load + count[d.id] for d in problem.drivers]
    objective = deadhead_s + sum(prices.unserved[trip.priority] for trip in unserved)
    objective += sum(costs.emergency_s if d.emergency else costs.driver_s for d in new)
    objective += missed * costs.missed_preference_s + moved * prices.move_s
    objective += costs.fairness * sum(load**2 for load in loads)
    return Measures(
        trips=len(problem.trips),
        placed=len(plan.trips),
        objective=objective,
        deadhead_s=deadhead_s,
        deadhead_m=deadhead_m,
        drivers=len(used),
        emergency_drivers=sum(d.emergency for d in used),
        missed_preferences=missed,
        moved=moved,
        retimed=retimed,
        load_sd=round(pstdev([load for load in loads if load] or [0]), 2),
    )


def _add(
    driven: tuple[int, int], problem: Problem, origin: Place, destination: Place
) -> tuple[int, int]:
    seconds, metres = problem.travel.leg(origin, destination)
    return driven[0] + seconds, driven[1] + metres
