"""What must hold in the database, whoever wrote it through whatever door.

`broken` compares rows with one another, as `manage.py check_invariants` does.
`violations_of_plan` holds a day's standing trips against the planner's own checker. Both only
read; no query repeats with the number of rows.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date, datetime
from operator import attrgetter
from typing import Any

from bookings.models import Event
from dispatch.day.day import Day
from dispatch.day.duties import DayFrame, driver_day
from dispatch.day.keeping import BY_HAND
from dispatch.day.load import load_problem
from dispatch.day.rows import DONE, UNDER_WAY, BookingRow
from dispatch.day.stretches import RIDES, Ride, number, stretches
from dispatch.day.traffic import drive_of_row
from dispatch.day.trips import by_client, make_trip, pickup_window
from dispatch.invariants.find import find_broken
from dispatch.models import Assignment
from dispatch.planner.check.plan import Violation, check
from dispatch.planner.problem import Driver, Duty, Plan, PlannedBreak, PlannedTrip, Problem, Trip
from dispatch.planner.rules.codes import Block
from drivers.models import Company

NO_DUTY = -1


def broken(company: Company | None = None) -> dict[str, list[Any]]:
    """Return {rule: examples of what breaks it} of a company, or of all; empty if all is well.

    No run may be under way.
    """
    return find_broken(company, at_rest=True)


def violations_of_plan(company: Company, day: date, now: datetime) -> tuple[Violation, ...]:
    """Return every rule that the trips which stand on the day break: 5 queries.

    Locked trips are judged like all others, so that a lock hides nothing; trips under way, driven
    ones and those of the days around are fixed, as to the planner. A driver's delay shows as a
    violation of the trips after it: with a `now` before the day begins, trips under way are as
    planned and driven ones are gone. `excepted_trips` are taken out first; that adds no violation:
    without a stop, the rest of a route only gets easier. A driver who was given a trip against the
    break is not judged for the break.
    """
    loaded = load_problem(company, day, now=now, leeway=BY_HAND)
    excepted = excepted_trips(loaded)
    rows = {row.id: row for row in loaded.bookings.values() if _is_promised(row)}
    trips = tuple(_trip(loaded, row) for _id, row in sorted(rows.items()) if row.id not in excepted)
    drivers, duties, shift_of = _duties(loaded, excepted)
    problem = Problem(trips, drivers, duties, loaded.problem.travel)
    planned = sorted(
        (_planned(loaded, duties, rows[trip.id]) for trip in trips),
        key=attrgetter("duty_id", "pickup_s", "trip_id"),
    )
    return check(problem, Plan(tuple(planned), _breaks(loaded, duties, shift_of, planned), ()))


def wrong_stretches(company: Company) -> list[tuple[int, int | None, int | None]]:
    """Return (booking, number, right number) of trips whose stretch contradicts their times.

    Stretches beside which somebody was driven already are left out: their trips may have been of
    one. 1 query.
    """
    rows = list(Assignment.objects.filter(RIDES, company=company).order_by("id"))
    found = []
    for one in stretches(_ride(row) for row in rows if row.is_open):
        until_at = max(ride.dropoff for ride in one)
        driven = any(
            row.driver_id == one[0].driver_id
            and row.planned_pickup_at < until_at
            and row.planned_dropoff_at > one[0].pickup
            for row in rows
            if not row.is_open
        )
        right = number(one)
        if not driven:
            found += [(r.booking_id, r.number, right[r.booking_id]) for r in one]
    return [row for row in found if row[1] != row[2]]


def _ride(row: Assignment) -> Ride:
    period = row.planned_pickup_at, row.planned_dropoff_at
    return Ride(row.driver_id, *period, row.booking_id, row.stretch)


def excepted_trips(day: Day) -> dict[int, str]:
    """Return the trips that the day's plan is not to blame for, {booking: reason}: 1 query.

    A dispatcher wrote them against a rule and said why, or their driver should have begun them.
    """
    excepted = {
        row.id: f"should have begun at {row.planned()[0].isoformat()}"
        for row in _standing(day)
        if _is_promised(row) and row.planned()[0] < day.now
    }
    overridden = {
        event.booking_id: f"overrides {', '.join(event.new['overrides'])}: {event.reason}"
        for event in _overrides(day)
    }
    return excepted | overridden


def _standing(day: Day) -> list[BookingRow]:
    return [row for row in (day.bookings | day.neighbours).values() if row.standing()]


def _overrides(day: Day) -> list[Event]:
    """Return the events that wrote the standing trips against a rule: 1 query."""
    written = {row.assignment_id for row in _standing(day)}
    return list(
        Event.objects.filter(
            company=day.company,
            booking__in=[row.id for row in _standing(day)],
            assignment_id__in=written,
            kind__in=[Event.Kind.ASSIGNED, Event.Kind.MOVED],
            new__has_key="overrides",
        ).order_by("id")
    )


def _is_promised(row: BookingRow) -> bool:
    """Return whether the trip stands and has not begun."""
    return row.standing() is not None and row.assignment_status not in UNDER_WAY


def _trip(day: Day, row: BookingRow) -> Trip:
    """Return the planner's trip, with its whole window whatever the time is."""
    preferred, forbidden = by_client(day.preferences)
    return make_trip(
        day.company,
        row,
        start_at=day.start_at,
        now=pickup_window(day.company, row)[0],
        drive=drive_of_row(day.company, day.problem.travel, row),
        preferred=preferred.get(row.client_id, frozenset()),
        forbidden=forbidden.get(row.client_id, frozenset()),
        stands=False,
    )


def _duties(
    day: Day, excepted: Collection[int]
) -> tuple[tuple[Driver, ...], tuple[Duty, ...], dict[int, int]]:
    """Return the drivers, their duties with the fixed trips alone, and {duty id: shift id}."""
    fixed = defaultdict(list)
    for row in (day.bookings | day.neighbours).values():
        begun = row.assignment_status in UNDER_WAY | DONE
        if row.driver_id and row.id not in excepted and (begun or row.id in day.neighbours):
            fixed[row.driver_id].append(row)
    rows = [row for route in fixed.values() for row in route]
    travel = day.problem.travel
    drives = {row.id: drive_of_row(day.company, travel, row) for row in rows}
    frame = DayFrame(day.company, day.start_at, day.end_at, day.now, day.now, travel, drives)
    breakless = {e.new["driver"] for e in _overrides(day) if Block.BREAK in e.new["overrides"]}
    drivers, duties, shift_of = [], [], {}
    for driver_id, shifts in day.drivers.items():
        driver, found = driver_day(frame, shifts, fixed[driver_id], first_id=len(duties))
        drivers.append(driver)
        for duty, _shift_id in found:
            duties.append(replace(duty, break_=None) if driver_id in breakless else duty)
        shift_of |= {duty.id: shift_id for duty, shift_id in found}
    return tuple(drivers), tuple(duties), shift_of


def _planned(day: Day, duties: Iterable[Duty], row: BookingRow) -> PlannedTrip:
    """Return the trip where it stands; in `NO_DUTY`, which the checker refuses, if in none."""
    pickup_s, dropoff_s = map(day.seconds, row.planned())
    duty_id = next(
        (
            duty.id
            for duty in duties
            if duty.driver_id == row.driver_id and duty.start_s <= pickup_s < duty.end_s
        ),
        NO_DUTY,
    )
    return PlannedTrip(row.id, duty_id, row.driver_id or 0, pickup_s, dropoff_s)


def _breaks(
    day: Day, duties: Iterable[Duty], shift_of: dict[int, int], planned: Iterable[PlannedTrip]
) -> tuple[PlannedBreak, ...]:
    """Return the breaks where they stand, of the duties that have a trip and owe one."""
    starts = {row.shift_id: row.break_at for rows in day.drivers.values() for row in rows}
    working = {trip.duty_id for trip in planned}
    found = []
    for duty in duties:
        start_at = starts[shift_of[duty.id]]
        if duty.break_ and start_at and (duty.id in working or duty.commitments):
            start_s = day.seconds(start_at)
            found.append(PlannedBreak(duty.id, start_s, start_s + duty.break_.length_s))
    return tuple(found)
