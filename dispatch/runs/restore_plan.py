"""Make a plan again of assignments that were planned before: to undo a run, to apply a preview."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dispatch.day.day import Day
from dispatch.planner.check.plan import check
from dispatch.planner.problem import Break, Duty, Plan, PlannedBreak, PlannedTrip, Trip


@dataclass(frozen=True, slots=True)
class Was:
    """An assignment as it was: the driver, and when boarding starts and the ride ends."""

    driver_id: int
    pickup_at: datetime
    dropoff_at: datetime


def plan_of_assignments(
    day: Day,
    assignments: Mapping[int, Was | None],
    *,
    breaks: Mapping[str, str | None],
    search: dict[str, Any],
) -> Plan:
    """Return the plan of these assignments, {trip id: Was or None}, one for each trip of the day.

    `breaks` are {shift id: start}, as JSON has them: a break stays there if possible, else where
    it is, else in a gap. A trip whose driver has no duty then is unserved.
    """
    trips = {trip.id: trip for trip in day.problem.trips}
    planned = planned_trips(day, assignments)
    of_duty: dict[int, list[PlannedTrip]] = {duty.id: [] for duty in day.problem.duties}
    for trip in planned:
        of_duty[trip.duty_id].append(trip)
    starts: dict[int, list[datetime | None]] = {
        row.shift_id: [row.break_at]
        for rows in day.drivers.values()
        for row in rows
        if row.shift_id
    }
    for shift_id, start in breaks.items():
        before = datetime.fromisoformat(start) if start else None
        starts.setdefault(int(shift_id), []).insert(0, before)
    planned_breaks = [
        _break(day, duty, duty.break_, [trips[row.trip_id] for row in rows], rows, starts)
        for duty, rows in zip(day.problem.duties, of_duty.values(), strict=True)
        if duty.break_ and (rows or duty.commitments)
    ]
    unserved = sorted(assignments.keys() - {row.trip_id for row in planned})
    return Plan(planned, tuple(filter(None, planned_breaks)), tuple(unserved), search)


def planned_trips(day: Day, assignments: Mapping[int, Was | None]) -> tuple[PlannedTrip, ...]:
    """Return these assignments in the duties of the day, as a plan has them.

    Left out is a trip whose driver has no duty then.
    """
    trips = {trip.id: trip for trip in day.problem.trips}
    planned = []
    for trip_id, was in assignments.items():
        duty = _duty(day, was) if was else None
        if was and duty:
            pickup_s = day.seconds(was.pickup_at)
            dropoff_s = pickup_s + trips[trip_id].boarding_s + trips[trip_id].ride_s
            if day.problem.sharing is not None and trips[trip_id].may_share:
                dropoff_s = max(dropoff_s, day.seconds(was.dropoff_at))
            planned.append(PlannedTrip(trip_id, duty.id, was.driver_id, pickup_s, dropoff_s))
    return tuple(sorted(planned, key=lambda trip: (trip.duty_id, trip.pickup_s, trip.trip_id)))


def _break(
    day: Day,
    duty: Duty,
    rest: Break,
    trips: Sequence[Trip],
    rows: Sequence[PlannedTrip],
    starts: Mapping[int, Sequence[datetime | None]],
) -> PlannedBreak | None:
    """Return the duty's break where it was, else where it is, else in a gap; None without room."""
    frees = [row.dropoff_s + trip.alighting_s for row, trip in zip(rows, trips, strict=True)]
    frees += [duty.start_s, *(commitment.free_s for commitment in duty.commitments)]
    drivers = tuple(d for d in day.problem.drivers if d.id == duty.driver_id)
    trips = tuple(sorted(trips, key=lambda trip: trip.id))
    alone = replace(day.problem, trips=trips, drivers=drivers, duties=(duty,))
    known = [day.seconds(start) for start in starts[day.shift_of[duty.id]] if start]
    for start_s in [*known, *sorted(max(rest.earliest_s, free_s) for free_s in frees)]:
        planned = PlannedBreak(duty.id, start_s, start_s + rest.length_s)
        faults = check(alone, Plan(tuple(rows), (planned,), ()))
        if not any(fault.code.startswith("break") for fault in faults):
            return planned
    return None


def _duty(day: Day, was: Was) -> Duty | None:
    pickup_s = day.seconds(was.pickup_at)
    for duty in day.problem.duties:
        if duty.driver_id == was.driver_id and duty.start_s <= pickup_s < duty.end_s:
            return duty
    return None
