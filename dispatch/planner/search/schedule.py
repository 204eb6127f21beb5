"""Give finished routes their times: the start of each trip and of the break.

Every pickup is as close to the wanted time as the route allows, and the break is taken
standing still rather than in the middle of a drive, if possible. The times of a route depend
on that route alone.

Units: seconds since the start of the company's day.
"""

from collections.abc import Sequence

from dispatch.planner.problem import Break, Plan, PlannedBreak, PlannedTrip, Problem, Trip
from dispatch.planner.search.arrays import Day
from dispatch.planner.search.route_labels import Routes


def schedule(problem: Problem, day: Day, routes: Routes, search: dict[str, object]) -> Plan:
    """Return the plan of these routes, `search` being what `Plan.search` holds.

    Raises ValueError if a route cannot be kept.
    """
    trips: list[PlannedTrip] = []
    breaks: list[PlannedBreak] = []
    served = set()
    for r in range(len(day.driver)):
        count = int(routes.size[r])
        duty = problem.duties[day.duty[r]]
        stops = [problem.trips[i] for i in routes.trip[r, 1 : count + 1].tolist()]
        opens, closes = int(day.opens[r]), int(day.closes[r])
        legs = routes.leg[r, : count + 1].tolist()
        rest = duty.break_ if day.break_length[r] else None
        if not stops and (rest is None or not duty.commitments):
            continue  # the drive between two commitments may not even fit
        starts, resting = times(stops, legs, opens, closes, rest)
        if rest is not None and resting is not None:
            breaks.append(PlannedBreak(duty.id, resting, resting + rest.length_s))
        for trip, start in zip(stops, starts, strict=True):
            served.add(trip.id)
            dropoff_s = start + trip.boarding_s + trip.ride_s
            trips.append(PlannedTrip(trip.id, duty.id, duty.driver_id, start, dropoff_s))
    trips.sort(key=lambda t: (t.duty_id, t.pickup_s, t.dropoff_s, t.trip_id))
    breaks.sort(key=lambda b: (b.duty_id, b.start_s))
    unserved = tuple(trip.id for trip in problem.trips if trip.id not in served)
    return Plan(tuple(trips), tuple(breaks), unserved, search)


def times(
    stops: Sequence[Trip], legs: Sequence[int], opens: int, closes: int, rest: Break | None
) -> tuple[list[int], int | None]:
    """Return (start of each trip, start of the break or None) of one route.

    `legs[k]` is the empty drive to stop k, the last one the drive to the end. The break is
    tried on every leg; the leg that keeps the pickups closest to the wanted times wins, and
    of equal ones the first that does not interrupt a drive. Raises ValueError if the route
    cannot be kept.
    """
    if rest is None:
        starts = _starts(stops, legs, opens, closes, None, None)
        if starts is None:
            raise ValueError("This route is not in time.")
        return starts, None
    best: tuple[tuple[int, bool], list[int], int] | None = None
    for leg in range(len(legs)):
        starts = _starts(stops, legs, opens, closes, rest, leg)
        if starts is None:
            continue
        left = opens if leg == 0 else starts[leg - 1] + stops[leg - 1].service_s
        due = closes if leg == len(stops) else starts[leg]
        begins, standing = _rest_on(left, due, legs[leg], rest)
        away = sum(abs(s - trip.wanted_s) for s, trip in zip(starts, stops, strict=True))
        if best is None or (away, not standing) < best[0]:
            best = (away, not standing), starts, begins
    if best is None:
        if not stops:
            return [], None
        raise ValueError("This route has no room for its break.")
    return best[1], best[2]


def _starts(
    stops: Sequence[Trip],
    legs: Sequence[int],
    opens: int,
    closes: int,
    rest: Break | None,
    resting_leg: int | None,
) -> list[int] | None:
    """Return the start of every trip with the break on this leg, None if it does not fit."""
    latest = [0] * len(stops)
    due = closes
    for k in range(len(stops), -1, -1):
        leave = due - legs[k]
        if rest is not None and k == resting_leg:
            if rest.earliest_s + rest.length_s > due:
                return None
            leave = min(leave - rest.length_s, rest.latest_s - rest.length_s)
        if k == 0:
            break
        due = latest[k - 1] = min(leave - stops[k - 1].service_s, stops[k - 1].last_start_s)
    if leave < opens:
        return None
    starts, left = [], opens
    for k, trip in enumerate(stops):
        ready = left + legs[k]
        if rest is not None and k == resting_leg:
            ready = max(ready, rest.earliest_s) + rest.length_s
        earliest = max(ready, trip.earliest_s)
        if earliest > latest[k]:
            return None
        start = min(max(trip.wanted_s, earliest), latest[k])
        starts.append(start)
        left = start + trip.service_s
    return starts


def _rest_on(left: int, due: int, drive: int, rest: Break) -> tuple[int, bool]:
    """Return (start of the break, whether it interrupts no drive) on a leg left at `left`.

    The driver is due at the end of the leg at `due`.
    """
    before = max(left, rest.earliest_s)
    if before + rest.length_s <= rest.latest_s and before + rest.length_s + drive <= due:
        return before, True
    after = max(left + drive, rest.earliest_s)
    if after + rest.length_s <= min(rest.latest_s, due):
        return after, True
    return before, False
