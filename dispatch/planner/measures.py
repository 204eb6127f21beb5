"""Measure a plan: the objective of `Costs`, and the figures dispatchers compare.

Computed from the problem and the plan alone, not from the arrays of the search.
"""

from dataclasses import dataclass
from itertools import pairwise
from statistics import pstdev

from dispatch.planner.prices import prices_of
from dispatch.planner.problem import TOLD_S, Plan, Problem
from dispatch.planner.stretches import Stretch, stops, stretches
from dispatch.planner.travel import Place, in_traffic

# pickup_s, free_s, pickup, dropoff, factor of the drive from there
Stop = tuple[int, int, Place, Place, float]


@dataclass(frozen=True, slots=True)
class Measures:
    """Figures of one plan: counts, `_s` in seconds, `_m` in metres; `objective` in seconds.

    `retimed` trips board more than TOLD_S from what was told; `load_sd` is the standard deviation
    of the trips per driver in use. `driving_s` is all driving, of which the deadhead is that with
    nobody on board; `longer_s` are the seconds by which clients ride longer than direct, together.
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
    driving_s: int = 0
    longer_s: int = 0


def measure(problem: Problem, plan: Plan) -> Measures:
    """Return the `Measures` of a plan; raises KeyError for trips the problem does not know."""
    trips = {trip.id: trip for trip in problem.trips}
    costs = problem.costs
    driven_to: dict[int, list[Stop]] = {duty.id: [] for duty in problem.duties}
    count = {driver.id: 0 for driver in problem.drivers}
    prices = prices_of(problem)
    missed = moved = retimed = 0
    for planned in plan.trips:
        trip = trips[planned.trip_id]
        free_s = planned.dropoff_s + trip.alighting_s
        ends = trip.pickup, trip.dropoff, trip.onward_factor
        driven_to[planned.duty_id].append((planned.pickup_s, free_s, *ends))
        count[planned.driver_id] += 1
        missed += bool(trip.preferred) and planned.driver_id not in trip.preferred
        if trip.standing is not None:
            moved += trip.standing.driver_id != planned.driver_id
            retimed += abs(trip.standing.pickup_s - planned.pickup_s) > TOLD_S
    unserved = [trips[i] for i in plan.unserved]
    moved += sum(trip.standing is not None for trip in unserved)

    driving_s = longer_s = 0
    deadhead_s = deadhead_m = 0
    if problem.sharing is None:
        driving_s = sum(trips[row.trip_id].ride_s for row in plan.trips)
    for duty in problem.duties if problem.sharing is None else ():
        day = driven_to[duty.id]
        day += [
            (c.pickup_s, c.free_s, c.pickup, c.dropoff, c.onward_factor) for c in duty.commitments
        ]
        at = duty.start, duty.onward_factor
        for _, _, pickup, dropoff, factor in sorted(day):
            deadhead_s, deadhead_m = _add((deadhead_s, deadhead_m), problem, at, pickup)
            at = dropoff, factor
        if day:
            deadhead_s, deadhead_m = _add((deadhead_s, deadhead_m), problem, at, duty.end)
    driving_s += deadhead_s
    saved_s = 0  # driving that clients who ride together have in common
    if problem.sharing is not None:
        driven = _driven(problem, plan)
        driving_s, deadhead_s, deadhead_m, longer_s = driven
        direct_s = sum(trips[row.trip_id].ride_s for row in plan.trips)
        saved_s = direct_s - (driving_s - deadhead_s)

    used = [d for d in problem.drivers if d.load + count[d.id] > 0]
    new = [d for d in problem.drivers if count[d.id] > 0 and not d.used]
    loads = [d.load + count[d.id] for d in problem.drivers]
    objective = deadhead_s - saved_s + sum(prices.unserved[trip.priority] for trip in unserved)
    objective += sum(costs.emergency_s if d.emergency else costs.driver_s for d in new)
    objective += missed * costs.missed_preference_s + moved * prices.move_s
    if problem.sharing is not None:
        objective += problem.sharing.percent * longer_s // 100
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
        driving_s=driving_s,
        longer_s=longer_s,
    )


def _driven(problem: Problem, plan: Plan) -> tuple[int, int, int, int]:
    """Return (driving_s, deadhead_s, deadhead_m, longer_s) of a plan with shared rides.

    A drive with commitments on board is no deadhead; their rides are not measured.
    """
    trips = {trip.id: trip for trip in problem.trips}
    factors = {
        c.trip_id: (c.ride_factor, c.onward_factor) for d in problem.duties for c in d.commitments
    }
    factors |= {trip.id: (trip.ride_factor, trip.onward_factor) for trip in problem.trips}
    of_duty: dict[int, list[Stretch]] = {duty.id: [] for duty in problem.duties}
    longer_s = driving_s = 0
    for stretch in stretches(problem, plan):
        of_duty[stretch.rides[0].duty_id].append(stretch)
        for ride in stretch.rides:
            if ride.trip_id in trips:
                direct_s = trips[ride.trip_id].ride_s
                longer_s += max(0, ride.dropoff_s - ride.boarded_s - direct_s)
    empty = (0, 0)
    for duty in problem.duties:
        at = duty.start, duty.onward_factor
        for stretch in of_duty[duty.id]:
            seen = stops(stretch)
            empty = _add(empty, problem, at, seen[0].place)
            for stop, following in pairwise(seen):
                at = stop.place, factors[(stop.on or stop.off)[-1]][0 if stop.on else 1]
                driving_s += _add((0, 0), problem, at, following.place)[0]
            at = seen[-1].place, factors[seen[-1].off[-1]][1]
        if of_duty[duty.id]:
            empty = _add(empty, problem, at, duty.end)
    return driving_s + empty[0], *empty, longer_s


def _add(
    driven: tuple[int, int], problem: Problem, origin: tuple[Place, float], destination: Place
) -> tuple[int, int]:
    place, factor = origin
    seconds, metres = problem.travel.leg(place, destination)
    return driven[0] + in_traffic(seconds, factor), driven[1] + metres
