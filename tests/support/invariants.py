"""What must hold in the database, whoever wrote it through whatever door.

`broken` compares bookings, assignments, runs, previews, events and deliveries with one another.
`violations_of_plan` holds a day's standing trips against the planner's own checker. Both only
read; no query repeats with the number of rows.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise
from operator import attrgetter
from typing import Any

from bookings.models import Booking, Delivery, Event, Status
from dispatch.day.duties import DayFrame, driver_day
from dispatch.day.keeping import BY_HAND
from dispatch.day.load import Day, load_problem
from dispatch.day.queries import DONE, UNDER_WAY, BookingRow
from dispatch.day.trips import by_client, make_trip, pickup_window
from dispatch.models import Assignment, DispatchRun, StoredPlan
from dispatch.planner.check.plan import Violation, check
from dispatch.planner.problem import Driver, Duty, Plan, PlannedBreak, PlannedTrip, Problem, Trip
from dispatch.planner.rules.codes import Block
from drivers.models import Company
from tests.support.replay import Fault, booking_values, replay, trip_values

# The status of the open assignment for each status of a booking that has one.
OPEN_STATUS = {
    Status.ASSIGNED: Assignment.Status.PLANNED,
    Status.EN_ROUTE: Assignment.Status.EN_ROUTE,
    Status.IN_PROGRESS: Assignment.Status.IN_PROGRESS,
}
DRIVEN = (Status.COMPLETED, Status.NO_SHOW)
NO_DUTY = -1


def broken(company: Company | None = None) -> dict[str, list[Any]]:
    """Return {rule: examples of what breaks it} of a company, or of all; empty if all is well."""
    rows = _read(company)
    found = defaultdict(list)
    for rule, example in (
        *_statuses(rows),
        *_assignments(rows),
        *_runs(rows),
        *_log(rows),
        *_deliveries(rows),
    ):
        found[rule].append(example)
    return dict(found)


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows to compare; `latest` is the last assignment of each booking."""

    bookings: dict[int, Booking]
    assignments: list[Assignment]
    standing: dict[int, list[Assignment]]
    latest: dict[int, Assignment]
    runs: list[DispatchRun]
    previews: set[int]
    events: list[Event]
    deliveries: list[Delivery]


def _read(company: Company | None) -> _Rows:
    mine = {"company": company} if company else {}
    assignments = list(
        Assignment.objects.filter(**mine)
        .select_related("driver", "run", "superseded_by")
        .order_by("id")
    )
    standing = defaultdict(list)
    for assignment in assignments:
        if assignment.is_open:
            standing[assignment.booking_id].append(assignment)
    of_company = {"webhook__company": company} if company else {}
    return _Rows(
        bookings=Booking.objects.filter(**mine).in_bulk(),
        assignments=assignments,
        standing=standing,
        latest={assignment.booking_id: assignment for assignment in assignments},
        runs=list(DispatchRun.objects.filter(**mine).order_by("id")),
        previews=set(StoredPlan.objects.values_list("run_id", flat=True)),
        events=list(Event.objects.filter(**mine).order_by("id")),
        deliveries=list(
            Delivery.objects.filter(**of_company).select_related("webhook", "event").order_by("id")
        ),
    )


def _statuses(rows: _Rows) -> Iterator[Fault]:
    """Yield the bookings whose status disagrees with their assignments."""
    for booking in rows.bookings.values():
        found = [assignment.status for assignment in rows.standing.get(booking.id, ())]
        expected = [OPEN_STATUS[booking.status]] if booking.status in OPEN_STATUS else []
        if found != expected:
            yield (
                "a booking's status is that of its open assignment",
                (
                    booking.id,
                    booking.status,
                    found,
                ),
            )
        latest = rows.latest.get(booking.id)
        if booking.status in DRIVEN and latest and latest.status != booking.status:
            yield (
                "a booking ends as its last assignment does",
                (
                    booking.id,
                    booking.status,
                    latest.status,
                ),
            )


def _assignments(rows: _Rows) -> Iterator[Fault]:
    """Yield the assignments that contradict their booking, driver, run, or one another."""
    routes = defaultdict(list)
    for assignment in rows.assignments:
        booking = rows.bookings.get(assignment.booking_id)
        if not booking or not (
            assignment.company_id == booking.company_id == assignment.driver.company_id
        ):
            yield "assignment, booking and driver are of one company", assignment.id
        for run in (assignment.run, assignment.superseded_by):
            if run and run.status != DispatchRun.Status.COMPLETED:
                yield "only completed runs write assignments", (assignment.id, run.id, run.status)
        if assignment.is_open:
            routes[assignment.driver_id].append(assignment)
    for route in routes.values():
        for before, after in pairwise(sorted(route, key=attrgetter("planned_pickup_at", "id"))):
            if after.planned_pickup_at < before.planned_dropoff_at:
                yield "a driver has one trip at a time", (before.id, after.id)


def _runs(rows: _Rows) -> Iterator[Fault]:
    """Yield the runs that did not end, and the previews without a plan."""
    for run in rows.runs:
        if run.is_under_way:
            yield "no run is left under way", (run.id, run.status, run.progress)
        elif run.finished_at is None:
            yield "a run that ended has an end", (run.id, run.status)
        if (run.id in rows.previews) != (run.status == DispatchRun.Status.PREVIEW):
            yield "a preview, and nothing else, has a stored plan", (run.id, run.status)


def _log(rows: _Rows) -> Iterator[Fault]:
    """Yield what differs between the rows and the replay of their events."""
    replayed, faults = replay(rows.events)
    yield from faults
    for booking_id, state in replayed.items():
        booking = rows.bookings[booking_id]
        for name, value in booking_values(booking).items():
            if value != state.booking.get(name):
                yield (
                    "a booking is what its events tell",
                    (
                        booking_id,
                        name,
                        value,
                        state.booking.get(name),
                    ),
                )
        if booking.version != state.version:
            yield (
                "a booking's version counts its changes",
                (
                    booking_id,
                    booking.version,
                    state.version,
                ),
            )
        standing = [trip_values(assignment) for assignment in rows.standing.get(booking_id, ())]
        told = [state.trip] if state.trip else []
        if standing != told:
            yield "an open assignment is what its events tell", (booking_id, standing, told)


def _deliveries(rows: _Rows) -> Iterator[Fault]:
    """Yield the deliveries that their webhook should not have."""
    seen = set()
    for delivery in rows.deliveries:
        webhook, event = delivery.webhook, delivery.event
        if (webhook.id, event.id) in seen:
            yield "an event is delivered to a webhook once", (webhook.id, event.id)
        seen.add((webhook.id, event.id))
        if event.id > webhook.seen_event_id:
            yield "a webhook has seen what is delivered to it", (webhook.id, event.id)
        if event.company_id != webhook.company_id:
            yield "a webhook gets the events of its company", (webhook.id, event.id)


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
        now=pickup_window(day.company, row.scheduled_time, row.return_of_id)[0],
        ride_s=day.problem.travel.leg(row.pickup, row.dropoff)[0],
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
    ride_s = {row.id: travel.leg(row.pickup, row.dropoff)[0] for row in rows}
    frame = DayFrame(day.company, day.start_at, day.end_at, day.now, day.now, travel, ride_s)
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
