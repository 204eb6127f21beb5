"""Check a plan against the hard rules, independently of the engine that made it.

Units: seconds since the start of the company's day. No code is shared with the engines: every
time is derived again from the places. Great-circle legs are computed here in floating point
and may be `ROUNDING_S` shorter than planned, because the planner rounds to whole seconds;
other travel times are read leg by leg and hold exactly. Traffic is multiplied in here again.

Commitments are fixed, whatever the plan does. If they contradict each other (a dispatcher's
override, a delay), the plan breaks no rule: `standing_conflicts` reports them. A planned trip
that contradicts a commitment is a violation.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from operator import attrgetter

from dispatch.planner.check.duty import (
    Drive,
    Rule,
    Stop,
    Violation,
    break_faults,
    break_fits,
    clashes,
    commitments,
    doubles,
    gaps,
    slack,
    slowed,
)
from dispatch.planner.check.shared import (
    Rider,
    company,
    delays,
    drives,
    layouts_of,
    loads,
    ride_faults,
    riders,
    stretches,
)
from dispatch.planner.problem import (
    Driver,
    Duty,
    Plan,
    PlannedBreak,
    PlannedTrip,
    Problem,
    Sharing,
    Trip,
)
from dispatch.planner.travel import GreatCircle, Place, TravelTimes

__all__ = ["Rule", "Violation", "check", "standing_conflicts"]

EARTH_RADIUS_M = 6_371_008.8
ROUNDING_S = 1


def check(problem: Problem, plan: Plan) -> tuple[Violation, ...]:
    """Return every violation of a hard rule; an empty tuple for a sound plan.

    The stops of a duty are in order of pickup, and the deadhead between neighbours fits. No
    two trips of one driver overlap, within a duty or across duties, and no two of one person. A
    duty with stops and a break due has the break, unless it holds commitments only and they leave
    no room for it.
    """
    found = list(_booked_once(problem, plan))
    drive_s, rounding_s = _clock(problem.travel)
    duties = {duty.id: duty for duty in problem.duties}
    stops = {duty.id: commitments(duty) for duty in problem.duties}
    trips = {trip.id: trip for trip in problem.trips}
    drivers = {driver.id: driver for driver in problem.drivers}
    for row in plan.trips:
        duty, trip = duties.get(row.duty_id), trips.get(row.trip_id)
        if duty is None:
            detail = f"Trip {row.trip_id} is planned in duty {row.duty_id}, which does not exist."
            found.append(Violation(Rule.UNKNOWN_DUTY, detail, row.trip_id, row.driver_id))
            continue
        if duty.driver_id != row.driver_id:
            detail = f"Duty {duty.id} belongs to driver {duty.driver_id}, not {row.driver_id}."
            found.append(Violation(Rule.WRONG_DRIVER, detail, row.trip_id, row.driver_id, duty.id))
        if trip is None:
            continue
        found += [
            Violation(code, f"Trip {trip.reference}: {detail}", trip.id, duty.driver_id, duty.id)
            for code, detail in _trip_rules(
                trip, row, duty, drivers[duty.driver_id], problem.sharing, drive_s, rounding_s
            )
        ]
        free_s = row.dropoff_s + trip.alighting_s
        ends = trip.pickup, trip.dropoff, trip.id, duty.id
        stops[duty.id].append(
            Stop(row.pickup_s, free_s, *ends, True, trip.person, trip.onward_factor)
        )
    found += _capacity(problem, plan, duties)
    found += _order(trips, stops)
    found += delays(problem, plan)
    sharing = None if problem.sharing is None else riders(problem, plan)
    clashing = clashes(problem, stops) if sharing is None else company(sharing)
    for both in (clashing, doubles(problem, stops)):
        found += (violation for violation, standing in both if not standing)
    breaks: defaultdict[int, list[PlannedBreak]] = defaultdict(list)
    for rest in plan.breaks:
        breaks[rest.duty_id].append(rest)
    for duty_id in sorted(breaks.keys() - duties.keys()):
        detail = f"A break is planned in duty {duty_id}, which does not exist."
        found.append(Violation(Rule.UNKNOWN_DUTY, detail, duty_id=duty_id))
    for duty in problem.duties:
        if sharing is None:
            route = sorted(stops[duty.id], key=attrgetter("pickup_s", "free_s"))
            faults = gaps(duty, route, drive_s, rounding_s)
        else:
            driver, aboard = drivers[duty.driver_id], sharing[duty.id]
            route = stretches(aboard)
            faults = _aboard(duty, driver, aboard, drive_s, rounding_s)
        found += (violation for violation, standing in faults if not standing)
        found += (
            Violation(code, detail, driver_id=duty.driver_id, duty_id=duty.id)
            for code, detail in break_faults(duty, route, breaks[duty.id], drive_s, rounding_s)
        )
    return tuple(found)


def standing_conflicts(problem: Problem) -> tuple[Violation, ...]:
    """Return the violations among commitments alone: only a dispatcher can solve them."""
    drive_s, rounding_s = _clock(problem.travel)
    stops = {duty.id: commitments(duty) for duty in problem.duties}
    if problem.sharing is not None:
        return tuple(_standing_aboard(problem, stops, drive_s, rounding_s))
    found = [violation for violation, _ in clashes(problem, stops)]
    found += (violation for violation, _ in doubles(problem, stops))
    for duty in problem.duties:
        route = sorted(stops[duty.id], key=attrgetter("pickup_s", "free_s"))
        found += (violation for violation, _ in gaps(duty, route, drive_s, rounding_s))
        due = duty.break_
        if due and route and not break_fits(duty, due, route, drive_s, -rounding_s):
            detail = f"The commitments of duty {duty.id} leave no room for its break."
            found.append(Violation(Rule.BREAK_MISSING, detail, None, duty.driver_id, duty.id))
    return tuple(found)


def _aboard(
    duty: Duty, driver: Driver, aboard: Sequence[Rider], drive_s: Drive, rounding_s: float
) -> Iterator[tuple[Violation, bool]]:
    """Yield (violation, standing) of the drives and the loads of a shared vehicle."""
    yield from drives(duty, aboard, drive_s, rounding_s)
    yield from loads(aboard, layouts_of(driver, duty), duty)


def _standing_aboard(
    problem: Problem, stops: Mapping[int, Sequence[Stop]], drive_s: Drive, rounding_s: float
) -> Iterator[Violation]:
    """Yield the violations among commitments alone, where vehicles are shared."""
    aboard = riders(problem, Plan((), (), ()))
    drivers = {driver.id: driver for driver in problem.drivers}
    yield from (violation for violation, _ in company(aboard))
    yield from (violation for violation, _ in doubles(problem, stops))
    for duty in problem.duties:
        driver, route = drivers[duty.driver_id], stretches(aboard[duty.id])
        faults = _aboard(duty, driver, aboard[duty.id], drive_s, rounding_s)
        yield from (violation for violation, _ in faults)
        due = duty.break_
        if due and route and not break_fits(duty, due, route, drive_s, -rounding_s):
            detail = f"The commitments of duty {duty.id} leave no room for its break."
            yield Violation(Rule.BREAK_MISSING, detail, None, duty.driver_id, duty.id)


def _clock(travel: TravelTimes) -> tuple[Drive, float]:
    """Return (driving time of a leg, seconds by which the planner's may differ)."""
    if not isinstance(travel, GreatCircle):
        return lambda origin, destination: travel.leg(origin, destination)[0], 0
    factor = 2 * EARTH_RADIUS_M * travel.circuity / (travel.speed_kmh / 3.6)
    sin, cos, radians = math.sin, math.cos, math.radians

    def drive_s(origin: Place, destination: Place) -> float:
        if origin == destination:
            return 0.0
        lat1, lat2 = radians(origin[0]), radians(destination[0])
        across = sin(radians(destination[1] - origin[1]) / 2)
        up = sin((lat2 - lat1) / 2)
        half_chord = up * up + cos(lat1) * cos(lat2) * across * across
        angle = math.atan2(math.sqrt(half_chord), math.sqrt(max(0.0, 1 - half_chord)))
        return round(factor * angle, 3)

    return drive_s, ROUNDING_S


def _booked_once(problem: Problem, plan: Plan) -> Iterator[Violation]:
    """Yield trips that are not exactly once in the plan, and rows out of order."""
    known = {trip.id for trip in problem.trips}
    seen = Counter(row.trip_id for row in plan.trips)
    seen.update(plan.unserved)
    for trip_id in sorted(seen.keys() - known):
        yield Violation(Rule.UNKNOWN_TRIP, f"Trip {trip_id} is not of this problem.", trip_id)
    for trip_id in sorted(known - seen.keys()):
        detail = f"Trip {trip_id} is neither planned nor unserved."
        yield Violation(Rule.TRIP_MISSING, detail, trip_id)
    for trip_id, times in seen.items():
        if times > 1:
            yield Violation(Rule.TRIP_TWICE, f"Trip {trip_id} appears {times} times.", trip_id)
    rows = [(row.duty_id, row.pickup_s) for row in plan.trips]
    if any(a > b for a, b in pairwise(rows)) or any(a > b for a, b in pairwise(plan.unserved)):
        yield Violation(Rule.ORDER, "The plan's rows are not in order of (duty, pickup) and of id.")


def _trip_rules(
    trip: Trip,
    row: PlannedTrip,
    duty: Duty,
    driver: Driver,
    sharing: Sharing | None,
    drive_s: Drive,
    rounding_s: float,
) -> Iterator[tuple[Rule, str]]:
    """Yield (code, detail) of every rule this trip violates by itself, in this duty."""
    if sharing is not None:
        yield from ride_faults(trip, row.pickup_s, row.dropoff_s, sharing)
    elif row.dropoff_s - row.pickup_s != trip.boarding_s + trip.ride_s:
        yield (
            Rule.RIDE_TIME,
            (
                f"{row.dropoff_s - row.pickup_s} s from boarding to arrival instead of "
                f"{trip.boarding_s} + {trip.ride_s}."
            ),
        )
    ride_s = slowed(drive_s(trip.pickup, trip.dropoff), trip.ride_factor)
    if abs(ride_s - trip.ride_s) > slack(rounding_s, trip.ride_factor):
        yield Rule.RIDE_PLACES, f"a ride of {trip.ride_s} s between places {ride_s:.0f} s apart."
    if not trip.earliest_s <= row.pickup_s <= trip.latest_s:
        yield (
            Rule.PICKUP_WINDOW,
            (f"boards at {row.pickup_s}, outside [{trip.earliest_s}, {trip.latest_s}]."),
        )
    if trip.arrive_by_s is not None and row.dropoff_s > trip.arrive_by_s:
        yield Rule.APPOINTMENT, f"arrives at {row.dropoff_s}, after {trip.arrive_by_s}."
    seats, places, skills = driver.seats, driver.wheelchair_places, driver.skills
    if duty.car is not None:
        seats, places = duty.car.seats, duty.car.wheelchair_places
        skills = skills.union(duty.car.equipment)
    if trip.seats > seats:
        yield Rule.SEATS, f"needs {trip.seats} seats, driver {driver.id} has {seats}."
    if trip.wheelchairs > places:
        yield (
            Rule.WHEELCHAIRS,
            (f"needs {trip.wheelchairs} wheelchair places, driver {driver.id} has {places}."),
        )
    if (
        trip.seats <= seats
        and trip.wheelchairs <= places
        and not any(
            trip.seats <= have and trip.wheelchairs <= room
            for have, room in layouts_of(driver, duty)
        )
    ):
        yield (
            Rule.WHEELCHAIRS,
            f"no layout of the vehicle of driver {driver.id} has {trip.seats} seats beside "
            f"{trip.wheelchairs} wheelchair places.",
        )
    if not trip.needs <= skills:
        missing = ", ".join(sorted(trip.needs - skills))
        yield Rule.NEEDS, f"driver {driver.id} lacks {missing}."
    if driver.id in trip.forbidden:
        yield Rule.FORBIDDEN, f"driver {driver.id} may not drive this client."
    papers = driver.expired if duty.car is None else driver.expired.union(duty.car.expired)
    if papers:
        yield Rule.EXPIRED, f"driver {driver.id} drives with expired {', '.join(sorted(papers))}."


def _order(trips: Mapping[int, Trip], stops: Mapping[int, list[Stop]]) -> Iterator[Violation]:
    """Yield return trips whose clients board before they are out of the outbound trip."""
    waiting = [trip for trip in trips.values() if trip.after is not None]
    if not waiting:
        return
    of_trip = {stop.trip_id: stop for route in stops.values() for stop in route}
    for trip in waiting:
        stop, before = of_trip.get(trip.id), of_trip.get(trip.after or 0)
        if stop and before and stop.pickup_s < before.free_s:
            detail = (
                f"Trip {trip.reference}: boards at {stop.pickup_s}, before the client is out of "
                f"trip {before.trip_id} at {before.free_s}."
            )
            yield Violation(Rule.BEFORE_ARRIVAL, detail, trip.id, None, stop.duty_id)


def _capacity(problem: Problem, plan: Plan, duties: Mapping[int, Duty]) -> Iterator[Violation]:
    """Yield drivers who are given more trips than their capacity."""
    added = Counter(duties[row.duty_id].driver_id for row in plan.trips if row.duty_id in duties)
    for driver in problem.drivers:
        if added[driver.id] > driver.capacity:
            detail = f"Driver {driver.id} is given {added[driver.id]} trips, {driver.capacity} fit."
            yield Violation(Rule.CAPACITY, detail, driver_id=driver.id)
