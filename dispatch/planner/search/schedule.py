"""Times for finished routes: when each trip starts and when the driver rests.

Every pickup as close to the wanted time as the route allows, the break standing still
rather than in the middle of a drive. A route's times depend on that route alone: changing
another moves nothing here.

Units: seconds.
"""

from dispatch.planner.problem import Plan, PlannedBreak, PlannedTrip


def schedule(problem, day, routes, search):
    """Return the Plan of these routes."""
    trips, breaks = [], []
    served = set()
    for r in range(len(day.driver)):
        count = int(routes.count[r])
        duty = problem.duties[day.duty[r]]
        stops = [problem.trips[i] for i in routes.trip[r, 1 : count + 1].tolist()]
        opens, closes = int(day.opens[r]), int(day.closes[r])
        legs = routes.leg[r, : count + 1].tolist()
        rest = duty.break_ if day.break_length[r] else None
        if not stops and (rest is None or not duty.commitments):
            continue  # also between commitments that leave too little time for the drive
        starts, resting = times(stops, legs, opens, closes, rest)
        if resting is not None:
            breaks.append(PlannedBreak(duty.id, resting, resting + rest.length_s))
        for trip, start in zip(stops, starts, strict=True):
            served.add(trip.id)
            dropoff_s = start + trip.boarding_s + trip.ride_s
            trips.append(PlannedTrip(trip.id, duty.id, duty.driver_id, start, dropoff_s))
    trips.sort(key=lambda t: (t.duty_id, t.pickup_s, t.dropoff_s, t.trip_id))
    breaks.sort(key=lambda b: (b.duty_id, b.start_s))
    unserved = tuple(trip.id for trip in problem.trips if trip.id not in served)
    return Plan(tuple(trips), tuple(breaks), unserved, search)


def times(stops, legs, opens, closes, rest):
    """Return (start of each trip, start of the break or None) of one route.

    The break is tried on every leg; the one that keeps the pickups closest to what was
    wanted wins, and of equal ones the first that does not interrupt a drive. Raises
    ValueError when the route cannot be kept.
    """
    if rest is None:
        starts = _starts(stops, legs, opens, closes, None, None)
        if starts is None:
            raise ValueError("This route is not in time.")
        return starts, None
    best = None
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


def _starts(stops, legs, opens, closes, rest, resting_leg):
    """Return the start of every trip with the break on this leg, None if it does not fit."""
    latest = [0] * len(stops)
    due = closes
    for k in range(len(stops), -1, -1):
        leave = due - legs[k]
        if k == resting_leg:
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
        if k == resting_leg:
            ready = max(ready, rest.earliest_s) + rest.length_s
        earliest = max(ready, trip.earliest_s)
        if earliest > latest[k]:
            return None
        start = min(max(trip.wanted_s, earliest), latest[k])
        starts.append(start)
        left = start + trip.service_s
    return starts


def _rest_on(left, due, drive, rest):
    """Return (start of the break, whether it stands still) between leaving and being due."""
    before = max(left, rest.earliest_s)
    if before + rest.length_s <= rest.latest_s and before + rest.length_s + drive <= due:
        return before, True
    after = max(left + drive, rest.earliest_s)
    if after + rest.length_s <= min(rest.latest_s, due):
        return after, True
    return before, False
