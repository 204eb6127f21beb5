"""What undoes an event of the log: the trip as it was before, written again.

For `undo`, which takes back whole actions in order, and for `take_back`, which corrects a trip that
has ended.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from bookings.events import plain_values
from bookings.models import Actor, Booking, Event, Status
from dispatch import ledger
from dispatch.day.day import Day
from dispatch.day.keeping import BY_HAND, OVER
from dispatch.day.load import load_problem
from dispatch.day.rows import BookingRow
from dispatch.models import Assignment
from dispatch.planner.rules.codes import Block
from dispatch.trips.insertion import propose, stay
from dispatch.trips.progress import ASSIGNMENT_STATUS
from drivers.models import Company, Driver
from drivers.refused import Refused

Kind = Event.Kind
MOMENTS = {"scheduled_time", "arrived_at", "actual_pickup_at", "actual_dropoff_at"}
OF_BOOKING = ("cancel_reason", "will_call", "scheduled_time")
OF_ASSIGNMENT = ("locked", "confirmed", "arrived_at", "actual_pickup_at", "actual_dropoff_at")
# What a trip that had been late may break: nothing but the time, its own or between trips.
OF_TIME = {
    Block.PICKUP_WINDOW,
    Block.APPOINTMENT,
    Block.OVERLAP,
    Block.BUSY_UNTIL,
    Block.DUE_AT,
}


class NotUndoable(Refused):
    """The action is not the last one of the day by hand, or something was built on it."""

    code = "not_undoable"
    status = 409


@dataclass(slots=True)
class Inverse:
    """What is written in place of one event."""

    event: Event
    status: Status | None  # of the booking
    booking: dict[str, Any]
    ended: Assignment | None = None  # the assignment that ends
    again: Assignment | None = None  # the assignment that is written again
    changed: Assignment | None = None  # the assignment that is changed, to `fields`
    fields: dict[str, Any] | None = None


def not_undoable(why: str) -> NotUndoable:
    return NotUndoable(_("This cannot be undone. %(why)s") % {"why": why})


def inverse_of(event: Event, booking: Booking, rows: Sequence[Assignment]) -> Inverse:
    """Return what undoes the event of a booking, of which `rows` are the assignments.

    The newest is the one that the event left: an earlier undo may have written it again, with
    another id than the event's.
    """
    status = Status(event.old["status"]) if "status" in event.old else None
    old = {
        name: parse_datetime(value) if name in MOMENTS and value else value
        for name, value in event.old.items()
    }
    inverse = Inverse(event, status, {name: old[name] for name in OF_BOOKING if name in old})
    if event.assignment_id is None:
        return inverse
    own = rows[-1]
    if event.kind == Kind.ASSIGNED:
        inverse.ended = own
    elif event.kind in (Kind.MOVED, Kind.RELEASED):
        if status not in (None, Status.ASSIGNED):
            raise not_undoable(_("The driver was on the way already."))
        promise = {name: event.old[name] for name in ("driver", "pickup", "dropoff")}
        inverse.again = next(
            row for row in reversed(rows) if ledger.promise_of(row).as_values() == promise
        )
        inverse.ended = own if event.kind == Kind.MOVED else None
    else:
        inverse.changed = own
        inverse.fields = {name: old[name] for name in OF_ASSIGNMENT if name in old}
        if status:
            inverse.fields["status"] = ASSIGNMENT_STATUS[status]
        if booking.status in OVER:
            inverse.again = own  # the event tells of its driver
    return inverse


def write_inverses(
    company: Company,
    inverses: Sequence[Inverse],
    bookings: dict[int, Booking],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Write assignments, bookings and events: at most 8 statements. Raises NotUndoable.

    Where clients ride together: at most 9 more.
    """
    ledger.end([one.ended for one in inverses if one.ended], now=now)
    again = {one.event.id: one.again for one in inverses if one.again and not one.changed}
    made: dict[int, int] = {}
    try:
        if again:
            ids = ledger.assign_again(company.id, list(again.values()), now=now)
            made = dict(zip(again, ids, strict=True))
        for fields, rows in _grouped((one.fields, one.changed) for one in inverses if one.changed):
            ledger.change_assignments(rows, fields, now=now)
    except IntegrityError:  # assignment_no_double_booking
        raise not_undoable(_("The driver has another trip at this time.")) from None
    told = [
        ({**one.booking, "status": one.status}, one.event.booking_id)
        for one in inverses
        if one.status and one.status != bookings[one.event.booking_id or 0].status
    ]
    for fields, ids in _grouped(told):
        status = fields.pop("status")
        ledger.set_status({status: ids}, now=now, **fields)
    entries = []
    for one in inverses:
        own = one.changed or one.ended
        entries.append(_entry(one, made.get(one.event.id, own.id if own else None)))
    ledger.log(company.id, entries, actor=actor, now=now)


def _grouped(pairs: Iterable[tuple[Any, Any]]) -> list[tuple[dict[str, Any], list[Any]]]:
    """Return (fields, rows) of equal fields: those of one action are of a few kinds."""
    groups: list[tuple[dict[str, Any], list[Any]]] = []
    for fields, row in pairs:
        same = next((rows for known, rows in groups if known == fields), None)
        if same is None:
            groups.append((dict(fields), [row]))
        else:
            same.append(row)
    return groups


def _entry(one: Inverse, assignment_id: int | None) -> ledger.Entry:
    """Return the log's line: the event the other way round, and what it undoes."""
    event = one.event
    old = {name: value for name, value in event.new.items() if name != "overrides"}
    new: dict[str, Any] = {"undoes": event.id} | event.old
    if one.again:
        new |= ledger.promise_of(one.again).as_values()
        kept = {name: getattr(one.again, name) for name in ledger.KEPT} | (one.fields or {})
        new |= plain_values({n: v for n, v in kept.items() if v and n in ledger.KEPT})
    return ledger.Entry(event.booking_id or 0, assignment_id, Kind.UNDONE, old, new)


def require_rules(
    company: Company,
    day: date,
    inverses: Iterable[Inverse],
    drivers: dict[int, Driver],
    now: datetime,
) -> None:
    """Hold the trips that have their driver back against the day: 4 statements, if any has."""
    back: dict[int, Collection[int]] = defaultdict(set)
    late = set()
    for one in inverses:
        if one.again and (one.status or Status.ASSIGNED) == Status.ASSIGNED:
            back[one.again.driver_id] = {*back[one.again.driver_id], one.again.booking_id}
            if ledger.LATE.items() <= one.event.old.items():
                late.add(one.again.booking_id)
    if not back:
        return
    loaded = load_problem(company, day, now=now, leeway=BY_HAND)
    for driver_id, ids in back.items():
        driver = drivers[driver_id]
        rows = [loaded.bookings[i] for i in sorted(ids) if i in loaded.bookings]
        in_time = [row for row in rows if row.id not in late]
        if (
            len(rows) != len(ids)
            or (in_time and stay(loaded, in_time, driver) is None)
            or not all(_may_be_late(loaded, row, driver) for row in rows if row.id in late)
        ):
            raise not_undoable(
                _("%(driver)s can no longer drive it as it was.") % {"driver": driver}
            )


def _may_be_late(day: Day, row: BookingRow, driver: Driver) -> bool:
    """Return whether nothing but the time keeps the driver from the trip."""
    return {fault.code for fault in propose(day, row, driver).faults} <= OF_TIME
