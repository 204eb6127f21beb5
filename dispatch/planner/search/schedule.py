"""Give finished routes their times: the start of each trip and of the break.

What was told stays: of the trips that stand as many as possible keep their window
(`problem.Trip.kept_window`), then as many as possible their exact pickup, then the break its start.
Every other pickup is as close to the wanted time as the route allows, and the break is taken
standing still rather than in the middle of a drive, if possible. The times of a route depend
on that route alone.

Units: seconds since the start of the company's day.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dispatch.planner.problem import Break, Plan, PlannedBreak, PlannedTrip, Problem, Trip
from dispatch.planner.search.arrays import Day
from dispatch.planner.search.route_labels import Routes

Window = tuple[int, int]  # earliest and latest start of boarding


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
    of equal ones the first where the break stays, or does not interrupt a drive. Raises ValueError
    if the route cannot be kept.
    """
    route = _Route(legs, opens, closes, rest, [trip.service_s for trip in stops])
    windows = _windows(stops, route)
    wanted = [wanted_pickup(trip) for trip in stops]
    if rest is None:
        starts = route.starts(windows, wanted, None)
        if starts is None:
            raise ValueError("This route is not in time.")
        return starts, None
    best: tuple[tuple[int, bool, bool], list[int], int] | None = None
    for leg in range(len(legs)):
        starts = route.starts(windows, wanted, leg)
        if starts is None:
            continue
        left = opens if leg == 0 else starts[leg - 1] + stops[leg - 1].service_s
        due = closes if leg == len(stops) else starts[leg]
        begins, standing = rest_on(left, due, legs[leg], rest)
        away = sum(abs(s - want) for s, want in zip(starts, wanted, strict=True))
        moved = rest.told_s is not None and begins != rest.told_s
        if best is None or (away, moved, not standing) < best[0]:
            best = (away, moved, not standing), starts, begins
    if best is None:
        if not stops:
            return [], None
        raise ValueError("This route has no room for its break.")
    return best[1], best[2]


def wanted_pickup(trip: Trip) -> int:
    """Return the pickup the trip should have: the one that was told, else the wanted one."""
    if trip.standing and trip.earliest_s <= trip.standing.pickup_s <= trip.last_start_s:
        return trip.standing.pickup_s
    return trip.wanted_s


def _windows(stops: Sequence[Trip], route: "_Route") -> list[Window]:
    """Return the window of each trip: as many as possible keep what was told, in this order.

    First the windows that keep it (and the margin before appointments), then the exact pickups.
    """
    allowed = [(trip.earliest_s, trip.last_start_s) for trip in stops]
    kept = [trip.kept_window for trip in stops]
    exact = [
        (told, told) if trip.standing and low <= (told := trip.standing.pickup_s) <= high else kept_
        for trip, (low, high), kept_ in zip(stops, allowed, kept, strict=True)
    ]
    return route.narrowed(route.narrowed(allowed, kept), exact)


@dataclass(frozen=True, slots=True)
class _Route:
    """What is given in a route: its empty drives, hours and break, the service of each trip."""

    legs: Sequence[int]
    opens: int
    closes: int
    rest: Break | None
    service: Sequence[int]

    def narrowed(self, windows: list[Window], wished: list[Window]) -> list[Window]:
        """Return the wished windows where the route allows all, else as many as it does."""
        if windows == wished or self.can_keep(wished):
            return wished
        windows = list(windows)
        for k, window in enumerate(wished):
            before, windows[k] = windows[k], window
            if before != window and not self.can_keep(windows):
                windows[k] = before
        return windows

    def can_keep(self, windows: Sequence[Window]) -> bool:
        """Return whether all trips can start in these windows, and the break be taken."""
        resting = [None] if self.rest is None else range(len(self.legs))
        earliest = [window[0] for window in windows]
        return any(self.starts(windows, earliest, leg) is not None for leg in resting)

    def starts(
        self, windows: Sequence[Window], wanted: Sequence[int], resting_leg: int | None
    ) -> list[int] | None:
        """Return the start of every trip with the break on this leg, None if it does not fit."""
        rest, legs = self.rest, self.legs
        latest = [0] * len(windows)
        due = self.closes
        for k in range(len(windows), -1, -1):
            leave = due - legs[k]
            if rest is not None and k == resting_leg:
                if rest.earliest_s + rest.length_s > due:
                    return None
                leave = min(leave - rest.length_s, rest.latest_s - rest.length_s)
            if k == 0:
                break
            due = latest[k - 1] = min(leave - self.service[k - 1], windows[k - 1][1])
        if leave < self.opens:
            return None
        starts, left = [], self.opens
        for k, window in enumerate(windows):
            ready = left + legs[k]
            if rest is not None and k == resting_leg:
                ready = max(ready, rest.earliest_s) + rest.length_s
            earliest = max(ready, window[0])
            if earliest > latest[k]:
                return None
            start = min(max(wanted[k], earliest), latest[k])
            starts.append(start)
            left = start + self.service[k]
        return starts


def rest_on(left: int, due: int, drive: int, rest: Break) -> tuple[int, bool]:
    """Return (start of the break, whether it interrupts no drive) on a leg left at `left`.

    The driver is due at the end of the leg at `due`.
    """
    if (told := rest.told_s) is not None:
        ends = told + rest.length_s
        in_time = max(left, rest.earliest_s) <= told and ends <= min(rest.latest_s, due)
        if in_time and due - left >= drive + rest.length_s:
            return told, told >= left + drive or ends + drive <= due
    before = max(left, rest.earliest_s)
    if before + rest.length_s <= rest.latest_s and before + rest.length_s + drive <= due:
        return before, True
    after = max(left + drive, rest.earliest_s)
    if after + rest.length_s <= min(rest.latest_s, due):
        return after, True
    return before, False
