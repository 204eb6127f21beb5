"""Every way to put one more trip into a plan, tried one after the other.

The slow truth against which explanations are tested: each duty, each place in its order, the
break in each gap, everything as early as possible, and the checker as the only judge.
"""

import dataclasses

from dispatch.planner.check.plan import check
from dispatch.planner.problem import Plan, PlannedBreak, PlannedTrip


def insertions(problem, plan, trip_id, duty_ids=None):
    """Yield (duty, plan with the trip in it) for every insertion that breaks no rule."""
    trips = {trip.id: trip for trip in problem.trips}
    for duty in problem.duties:
        if duty_ids is not None and duty.id not in duty_ids:
            continue
        stops = [
            (row.pickup_s, row.dropoff_s + trips[row.trip_id].alighting_s, trips[row.trip_id])
            for row in plan.trips
            if row.duty_id == duty.id
        ]
        stops += [(c.pickup_s, c.free_s, c) for c in duty.commitments]
        route = [stop for _, _, stop in sorted(stops, key=lambda stop: stop[:2])]
        for place in range(len(route) + 1):
            longer = [*route[:place], trips[trip_id], *route[place:]]
            for gap in range(len(longer) + 1) if duty.break_ else [None]:
                rows, rest = _as_early_as_possible(problem, duty, longer, gap)
                altered = Plan(
                    tuple(
                        sorted(
                            [*(row for row in plan.trips if row.duty_id != duty.id), *rows],
                            key=lambda row: (row.duty_id, row.pickup_s),
                        )
                    ),
                    (*(other for other in plan.breaks if other.duty_id != duty.id), *rest),
                    tuple(id for id in plan.unserved if id != trip_id),
                )
                if not check(problem, altered):
                    yield duty, altered


def without(plan, trip_id):
    """Return the plan with one trip unserved; its duty keeps its break if it has other stops."""
    rows = tuple(row for row in plan.trips if row.trip_id != trip_id)
    return dataclasses.replace(plan, trips=rows, unserved=tuple(sorted([*plan.unserved, trip_id])))


def empty_drive_s(problem, plan):
    """Return the empty driving of a plan, leg by leg."""
    trips = {trip.id: trip for trip in problem.trips}
    total_s = 0
    for duty in problem.duties:
        stops = [
            (row.pickup_s, row.dropoff_s + trips[row.trip_id].alighting_s, trips[row.trip_id])
            for row in plan.trips
            if row.duty_id == duty.id
        ]
        stops += [(c.pickup_s, c.free_s, c) for c in duty.commitments]
        here, factor = duty.start, duty.onward_factor
        for _, _, stop in sorted(stops, key=lambda stop: stop[:2]):
            total_s += _drive_s(problem, here, factor, stop.pickup)
            here, factor = stop.dropoff, stop.onward_factor
        total_s += _drive_s(problem, here, factor, duty.end) if stops else 0
    return total_s


def _drive_s(problem, here, factor, goal):
    return round(problem.travel.leg(here, goal)[0] * factor)


def _as_early_as_possible(problem, duty, route, gap):
    rows, rest = [], []
    now_s, here, factor = duty.start_s, duty.start, duty.onward_factor
    for g, stop in enumerate([*route, None]):
        goal = stop.pickup if stop else duty.end
        arrive_s = now_s + _drive_s(problem, here, factor, goal)
        if g == gap:
            start_s = max(now_s, duty.break_.earliest_s)
            rest.append(PlannedBreak(duty.id, start_s, start_s + duty.break_.length_s))
            arrive_s = max(arrive_s, duty.break_.earliest_s) + duty.break_.length_s
        if stop is None:
            break
        factor = stop.onward_factor
        if hasattr(stop, "free_s"):  # a commitment
            now_s, here = max(now_s, stop.free_s), stop.dropoff
            continue
        pickup_s = max(arrive_s, stop.earliest_s)
        dropoff_s = pickup_s + stop.boarding_s + stop.ride_s
        rows.append(PlannedTrip(stop.id, duty.id, duty.driver_id, pickup_s, dropoff_s))
        now_s, here = dropoff_s + stop.alighting_s, stop.dropoff
    return rows, rest
