"""Hold bookings, their assignments and their events against one another.

Bookings are read in pages by id, with all their assignments and events: 4 statements a page, and
no more in memory than a page, whatever the size of the table.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from bookings.models import Booking, Event, Status
from bookings.models.seals import PERSONAL
from dispatch.invariants.replay import Fault, booking_values, is_erased, replay, trip_values
from dispatch.models import Assignment, DispatchRun

PAGE = 2_000
# The status of the open assignment for each status of a booking that has one.
OPEN_STATUS = {
    Status.ASSIGNED: Assignment.Status.PLANNED,
    Status.EN_ROUTE: Assignment.Status.EN_ROUTE,
    Status.IN_PROGRESS: Assignment.Status.IN_PROGRESS,
}
DRIVEN = (Status.COMPLETED, Status.NO_SHOW)

STATUS = gettext_noop("a booking's status is that of its open assignment")
END = gettext_noop("a booking ends as its last assignment does")
ONE_COMPANY = gettext_noop("assignment, booking and driver are of one company")
COMPLETED_RUNS = gettext_noop("only completed runs write assignments")
AS_TOLD = gettext_noop("a booking is what its events tell")
VERSION = gettext_noop("a booking's version counts its changes")
TRIP_AS_TOLD = gettext_noop("an open assignment is what its events tell")
EVENT_OF = gettext_noop("an event is of its booking's company and customer")


def faults_of_bookings(bookings: QuerySet[Booking]) -> Iterator[Fault]:
    """Yield what is wrong with the bookings and all that hangs on them."""
    after = 0
    while page := list(bookings.filter(id__gt=after).order_by("id")[:PAGE]):
        rows = _read(page)
        yield from _statuses(rows)
        yield from _assignments(rows)
        yield from _log(rows)
        after = page[-1].id


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a page; `latest` is the last assignment of each booking."""

    bookings: dict[int, Booking]
    assignments: list[Assignment]
    standing: dict[int, list[Assignment]]
    latest: dict[int, Assignment]
    events: list[Event]


def _read(page: list[Booking]) -> _Rows:
    ids, using = [booking.id for booking in page], page[0]._state.db
    of_page = {"booking__any_of": ids}
    assignments = list(
        Assignment.objects.using(using)
        .filter(**of_page)
        .select_related("driver", "run", "superseded_by")
        .order_by("id")
    )
    standing = defaultdict(list)
    for assignment in assignments:
        if assignment.is_open:
            standing[assignment.booking_id].append(assignment)
    return _Rows(
        bookings={booking.id: booking for booking in page},
        assignments=assignments,
        standing=standing,
        latest={assignment.booking_id: assignment for assignment in assignments},
        events=list(Event.objects.using(using).filter(**of_page).order_by("id")),
    )


def _statuses(rows: _Rows) -> Iterator[Fault]:
    """Yield the bookings whose status disagrees with their assignments."""
    for booking in rows.bookings.values():
        found = [assignment.status for assignment in rows.standing.get(booking.id, ())]
        status = Status(booking.status)
        expected = [OPEN_STATUS[status]] if status in OPEN_STATUS else []
        if found != expected:
            yield STATUS, (booking.id, booking.status, found)
        latest = rows.latest.get(booking.id)
        if booking.status in DRIVEN and latest and latest.status != booking.status:
            yield END, (booking.id, booking.status, latest.status)


def _assignments(rows: _Rows) -> Iterator[Fault]:
    """Yield the assignments that contradict their booking, driver or run."""
    for assignment in rows.assignments:
        companies = {
            assignment.company_id,
            rows.bookings[assignment.booking_id].company_id,
            assignment.driver.company_id,
        }
        if len(companies) > 1:
            yield ONE_COMPANY, (assignment.id, sorted(companies))
        for run in (assignment.run, assignment.superseded_by):
            if run and run.status != DispatchRun.Status.COMPLETED:
                yield COMPLETED_RUNS, (assignment.id, run.id, run.status)


def _log(rows: _Rows) -> Iterator[Fault]:
    """Yield what differs between the rows and the replay of their events."""
    for event in rows.events:
        booking = rows.bookings[event.booking_id or 0]
        whose: tuple[Any, Any] = (event.company_id, event.customer_id)
        if whose != (booking.company_id, booking.customer_id):
            yield EVENT_OF, (event.id, booking.id, whose)
    replayed, faults = replay(rows.events)
    yield from faults
    for booking_id, state in replayed.items():
        booking = rows.bookings[booking_id]
        forgotten = is_erased(state)
        for name, value in booking_values(booking).items():
            if value != state.booking.get(name) and not (forgotten and name in PERSONAL):
                yield AS_TOLD, (booking_id, name, value, state.booking.get(name))
        if booking.version != state.version + forgotten:
            yield VERSION, (booking_id, booking.version, state.version)
        standing = [trip_values(assignment) for assignment in rows.standing.get(booking_id, ())]
        told = [state.trip] if state.trip else []
        if standing != told:
            yield TRIP_AS_TOLD, (booking_id, standing, told)
