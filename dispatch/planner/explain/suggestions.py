"""Suggest the smallest change that makes one more trip fit into a finished plan.

Units: seconds since the start of the company's day; changes in whole minutes, rounded up.
Tried in this order:

1. insert the trip where it fits; give a driver one trip more than the cap;
2. the change of fewest minutes, up to `FEW_MINUTES`: a pickup later or earlier than the time
   window, an arrival after the appointment, a driver who starts earlier or ends later. Of
   equally many minutes the first of these, and the driver with the lowest id;
3. leave out another trip of no higher priority: the cheapest swap;
4. add a vehicle with what the trip needs;
5. the changes of 2 that take longer.

Every suggestion has been applied and checked; a change that breaks a rule is not suggested.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dispatch.planner.check.plan import check
from dispatch.planner.explain import slack
from dispatch.planner.explain.findings import Finding
from dispatch.planner.explain.sentences import Change
from dispatch.planner.problem import (
    Commitment,
    Driver,
    Duty,
    Plan,
    PlannedBreak,
    PlannedTrip,
    Problem,
    Trip,
)
from dispatch.planner.rules.rule import minutes
from dispatch.planner.search.arrays import NEVER, Flags, Longs
from dispatch.planner.search.schedule import times
from dispatch.planner.travel import TravelTimes

FEW_MINUTES = 60
ATTEMPTS = 3  # drivers tried per kind of change, before the next kind

BY_MINUTES = {
    Change.LATER: slack.LATER,
    Change.EARLIER: slack.EARLIER,
    Change.ARRIVE_LATE: slack.ARRIVE_LATE,
    Change.START_EARLIER: slack.START_EARLIER,
    Change.END_LATER: slack.END_LATER,
}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change, and the insertion it allows: before stop `position` of the duty.

    Driver and duty are those of a new vehicle when the change is an extra one. Positions count
    the stops of the duty, commitments included, without the trip that `instead_of` names.
    """

    code: Change
    trip_id: int
    driver_id: int
    duty_id: int
    position: int
    pickup_s: int
    change_min: int
    instead_of: int | None
    detail: dict[str, object]


def smallest_change(finding: Finding, plan: Plan) -> Suggestion | None:
    """Return the first suggestion that keeps every rule, or None."""
    for suggestion in _candidates(finding):
        problem, standing = _narrowed(finding, plan, suggestion)
        altered = applied(problem, standing, suggestion)
        if altered and not check(*altered):
            return suggestion
    return None


def applied(problem: Problem, plan: Plan, suggestion: Suggestion) -> tuple[Problem, Plan] | None:
    """Return the problem and the plan with the change made, or None if the times do not fit.

    Only the tour of the suggested duty gets new times.
    """
    code, change_s = suggestion.code, suggestion.change_min * 60
    trip = next(trip for trip in problem.trips if trip.id == suggestion.trip_id)
    if code in (Change.EXTRA_VEHICLE, Change.EXTRA_SKILLED):
        driver, duty = _extra(trip, suggestion)
        drivers, duties = (*problem.drivers, driver), (*problem.duties, duty)
        problem = dataclasses.replace(problem, drivers=drivers, duties=duties)
    duty = next(duty for duty in problem.duties if duty.id == suggestion.duty_id)
    if code == Change.OVER_CAP:
        driver = next(d for d in problem.drivers if d.id == suggestion.driver_id)
        raised = _raised(driver, plan)
        drivers = tuple(raised if d.id == raised.id else d for d in problem.drivers)
        problem = dataclasses.replace(problem, drivers=drivers)
    elif code == Change.LATER:
        trip = dataclasses.replace(trip, latest_s=trip.latest_s + change_s)
    elif code == Change.EARLIER:
        trip = dataclasses.replace(trip, earliest_s=trip.earliest_s - change_s)
    elif code == Change.ARRIVE_LATE:
        latest_s = max(trip.latest_s, suggestion.pickup_s)
        arrive_by_s = None if trip.arrive_by_s is None else trip.arrive_by_s + change_s
        trip = dataclasses.replace(trip, arrive_by_s=arrive_by_s, latest_s=latest_s)
    elif code == Change.START_EARLIER:
        duty = dataclasses.replace(duty, start_s=duty.start_s - change_s)
    elif code == Change.END_LATER:
        duty = dataclasses.replace(duty, end_s=duty.end_s + change_s)
    if not _apart(problem, duty):
        return None
    problem = dataclasses.replace(
        problem,
        trips=tuple(trip if t.id == trip.id else t for t in problem.trips),
        duties=tuple(duty if d.id == duty.id else d for d in problem.duties),
    )
    changed = _inserted(problem, plan, trip, duty, suggestion)
    return None if changed is None else (problem, changed)


def _raised(driver: Driver, plan: Plan) -> Driver:
    """Return the driver with a cap one above the trips of the plan."""
    planned = sum(row.driver_id == driver.id for row in plan.trips)
    return dataclasses.replace(driver, capacity=max(driver.capacity, planned) + 1)


def _extra(trip: Trip, suggestion: Suggestion) -> tuple[Driver, Duty]:
    """Return a new driver and duty for this trip alone."""
    driver = Driver(
        suggestion.driver_id, "", trip.seats, trip.wheelchairs, capacity=1, skills=trip.needs
    )
    leave_s = suggestion.pickup_s + trip.service_s
    return driver, Duty(
        suggestion.duty_id, driver.id, suggestion.pickup_s, leave_s, trip.pickup, trip.dropoff
    )


def _apart(problem: Problem, duty: Duty) -> bool:
    """Return whether the duty overlaps no other duty of its driver."""
    return not any(
        other.driver_id == duty.driver_id
        and other.id != duty.id
        and other.start_s < duty.end_s
        and duty.start_s < other.end_s
        for other in problem.duties
    )


class TourStop(NamedTuple):
    """A stop of a tour; a commitment is a trip that is `fixed` at its one time."""

    trip: Trip
    fixed: bool


def _inserted(
    problem: Problem, plan: Plan, trip: Trip, duty: Duty, suggestion: Suggestion
) -> Plan | None:
    """Return the plan with the trip boarding at `pickup_s` in this duty, None if it cannot."""
    trips = {t.id: t for t in problem.trips}
    kept = [row for row in plan.trips if row.trip_id != suggestion.instead_of]
    stops = []
    for row in kept:
        if row.duty_id == duty.id:
            stop = trips[row.trip_id]
            stops.append(
                (row.pickup_s, row.dropoff_s + stop.alighting_s, TourStop(stop, fixed=False))
            )
    stops += [(c.pickup_s, c.free_s, TourStop(_fixed(c), fixed=True)) for c in duty.commitments]
    route = [stop[-1] for stop in sorted(stops, key=lambda stop: stop[:2])]
    pinned = dataclasses.replace(trip, earliest_s=suggestion.pickup_s, latest_s=suggestion.pickup_s)
    route.insert(suggestion.position, TourStop(pinned, fixed=False))
    try:
        starts, rest_s = timetable(problem.travel, duty, route)
    except ValueError:
        return None
    rows = [row for row in kept if row.duty_id != duty.id]
    for (stop, fixed), pickup_s in zip(route, starts, strict=True):
        if not fixed:
            dropoff_s = pickup_s + stop.boarding_s + stop.ride_s
            rows.append(PlannedTrip(stop.id, duty.id, duty.driver_id, pickup_s, dropoff_s))
    rows.sort(key=lambda row: (row.duty_id, row.pickup_s, row.dropoff_s))
    breaks = [rest for rest in plan.breaks if rest.duty_id != duty.id]
    if duty.break_ is not None and rest_s is not None:
        breaks.append(PlannedBreak(duty.id, rest_s, rest_s + duty.break_.length_s))
    breaks.sort(key=lambda rest: rest.duty_id)
    unserved = {*plan.unserved} - {trip.id}
    if suggestion.instead_of is not None:
        unserved.add(suggestion.instead_of)
    return Plan(tuple(rows), tuple(breaks), tuple(sorted(unserved)), plan.search)


def _fixed(commitment: Commitment) -> Trip:
    """Return a commitment as a trip that can start at its one time only."""
    return Trip(
        id=commitment.trip_id,
        reference=commitment.reference,
        pickup=commitment.pickup,
        dropoff=commitment.dropoff,
        wanted_s=commitment.pickup_s,
        earliest_s=commitment.pickup_s,
        latest_s=commitment.pickup_s,
        ride_s=commitment.free_s - commitment.pickup_s,
    )


def timetable(
    travel: TravelTimes, duty: Duty, route: Sequence[TourStop]
) -> tuple[list[int], int | None]:
    """Return (starts of boarding, start of the break) of a tour in this order.

    Raises ValueError if the tour cannot be kept; a drive between two commitments may be late.
    """
    trips = [stop.trip for stop in route]
    origins = np.array([duty.start, *(trip.dropoff for trip in trips)])
    goals = np.array([*(trip.pickup for trip in trips), duty.end])
    legs = travel.seconds(origins, goals).diagonal().tolist()
    free_s = [duty.start_s, *(trip.earliest_s + trip.service_s for trip in trips)]
    ready_s = [*(trip.earliest_s for trip in trips), duty.end_s]
    fixed = [True, *(stop.fixed for stop in route), True]
    for g, leg in enumerate(legs):
        if fixed[g] and fixed[g + 1]:
            legs[g] = min(leg, ready_s[g] - free_s[g])
    return times(trips, legs, duty.start_s, duty.end_s, duty.break_)


def _candidates(finding: Finding) -> Iterator[Suggestion]:
    """Yield suggestions in the order of the module's docstring, not yet verified."""
    tours, found, problem = finding.tours, finding.slack.found, finding.problem
    capped = finding.capped[tours.driver]
    prices = finding.prices()
    for k in _least(prices, prices < NEVER):
        yield _suggestion(finding, Change.INSERT, k, slack.FITS)
    detour = found[:, slack.FITS, 0]
    for k in _least(detour, finding.allowed & capped & (detour < NEVER)):
        yield _suggestion(finding, Change.OVER_CAP, k, slack.FITS)
    timed = []
    for order, (code, kind) in enumerate(BY_MINUTES.items()):
        measure = found[:, kind, 0]
        for k in _least(measure, finding.allowed & ~capped & (measure < NEVER)):
            timed.append((minutes(measure[k]), order, k, code, kind))
    timed.sort()
    for change_min, _, k, code, kind in timed:
        if change_min <= FEW_MINUTES:
            yield _suggestion(finding, code, k, kind, change_min)
    price = found[:, slack.INSTEAD, 0]
    for k in _least(price, finding.allowed & (price < NEVER)):
        yield _suggestion(finding, Change.INSTEAD_OF, k, slack.INSTEAD)
    yield _extra_vehicle(finding, problem)
    for change_min, _, k, code, kind in timed:
        if change_min > FEW_MINUTES:
            yield _suggestion(finding, code, k, kind, change_min)


def _least(values: Longs, among: Flags) -> list[int]:
    """Return the indices of the smallest values among these, of equal ones the first."""
    indices = np.flatnonzero(among)
    return [int(k) for k in indices[np.argsort(values[indices], kind="stable")[:ATTEMPTS]]]


def _suggestion(
    finding: Finding, code: Change, k: int, kind: int, change_min: int = 0
) -> Suggestion:
    """Return the insertion into duty k that this kind of change allows."""
    tours, trip, problem = finding.tours, finding.trip, finding.problem
    duty, driver = problem.duties[k], problem.drivers[tours.driver[k]]
    stop, pickup_s = (int(value) for value in finding.slack.found[k, kind, 1:])
    instead_of: int | None = None
    detail: dict[str, object] = {}
    if code == Change.INSTEAD_OF:
        other = problem.trips[tours.trip[stop]]
        instead_of, detail = other.id, {"trip": other.reference, "trip_id": other.id}
    elif code == Change.ARRIVE_LATE:
        detail = {"arrival_s": pickup_s + trip.boarding_s + trip.ride_s}
    elif code == Change.START_EARLIER:
        detail = {"from_s": duty.start_s - change_min * 60}
    elif code == Change.END_LATER:
        detail = {"until_s": duty.end_s + change_min * 60}
    return Suggestion(
        code,
        trip.id,
        driver.id,
        duty.id,
        stop - int(tours.first[k]),
        pickup_s,
        change_min,
        instead_of,
        {"driver": driver.name, "pickup_s": pickup_s, "change_min": change_min, **detail},
    )


def _extra_vehicle(finding: Finding, problem: Problem) -> Suggestion:
    """Return the suggestion of one more vehicle for the trip alone."""
    trip = finding.trip
    pickup_s = min(max(trip.wanted_s, trip.earliest_s), trip.last_start_s)
    detail: dict[str, object] = {
        "seats": trip.seats,
        "wheelchairs": trip.wheelchairs,
        "needs": ", ".join(sorted(trip.needs)),
        "from_s": pickup_s,
        "until_s": pickup_s + trip.service_s,
    }
    return Suggestion(
        Change.EXTRA_SKILLED if trip.needs else Change.EXTRA_VEHICLE,
        trip.id,
        max([0, *trip.forbidden, *(driver.id for driver in problem.drivers)]) + 1,
        max((duty.id for duty in problem.duties), default=0) + 1,
        0,
        pickup_s,
        0,
        None,
        detail,
    )


def _narrowed(finding: Finding, plan: Plan, suggestion: Suggestion) -> tuple[Problem, Plan]:
    """Return problem and plan with the suggested driver and the trip alone.

    No rule spans two drivers, so a change that is sound here is sound for the whole day, and
    one driver is checked fast.
    """
    problem, driver_id = finding.problem, suggestion.driver_id
    rows = tuple(row for row in plan.trips if row.driver_id == driver_id)
    mine = {row.trip_id for row in rows} | {suggestion.trip_id}
    duties = tuple(duty for duty in problem.duties if duty.driver_id == driver_id)
    ids = {duty.id for duty in duties}
    return (
        dataclasses.replace(
            problem,
            trips=tuple(trip for trip in problem.trips if trip.id in mine),
            drivers=tuple(driver for driver in problem.drivers if driver.id == driver_id),
            duties=duties,
        ),
        Plan(
            rows,
            tuple(rest for rest in plan.breaks if rest.duty_id in ids),
            (suggestion.trip_id,),
        ),
    )
