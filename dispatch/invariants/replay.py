"""Replay the log: what each booking and its open assignment must be, by their events alone.

A booking whose creation the log does not tell of (a seeded history) is left out. Nothing here
sends a statement.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import DateTimeField
from django.utils.translation import gettext_noop

from bookings.models import Booking, Event, Status
from bookings.models.seals import ERASED
from dispatch.models import Assignment

# The log tells of every other field of a booking, so that a new one is checked too.
# An event has its customer in a column of its own.
BOOKKEEPING = {
    "id", "company", "customer", "is_open", "created_at", "updated_at", "version", "series",
    "series_day", "series_leg",
}  # fmt: skip
BOOKKEEPING |= {"pickup_place", "dropoff_place"}  # these follow from the addresses
BOOKING_FIELDS = {
    field.name: field.attname
    for field in Booking._meta.concrete_fields
    if field.name not in BOOKKEEPING
}
# What the log tells of an open assignment: the name in an event, and the field.
PROMISE = {"driver": "driver_id", "pickup": "planned_pickup_at", "dropoff": "planned_dropoff_at"}
LATER = {name: name for name in ("locked", "confirmed", "arrived_at", "actual_pickup_at")}
MOMENTS = {"pickup", "dropoff"} | {
    field.name
    for model in (Booking, Assignment)
    for field in model._meta.concrete_fields
    if isinstance(field, DateTimeField)
}
# Of these the log tells the booking's status, and nothing else of the booking.
OF_ASSIGNMENT = {Event.Kind.ASSIGNED, Event.Kind.MOVED, Event.Kind.RELEASED}
OVER = {Status.COMPLETED, Status.CANCELED, Status.NO_SHOW}

USUAL = {"may_share": True}

OLD_VALUE = gettext_noop("an event's old value is the one before it")
ASSIGNED_ONCE = gettext_noop("only a booking without a driver is assigned")
LEAVES_WHAT_IT_HAD = gettext_noop("a trip leaves the driver and the time that it had")

Values = dict[str, Any]
# A rule, and what breaks it.
Fault = tuple[str, tuple[Any, ...]]


@dataclass(slots=True)
class Replayed:
    """A booking as its events tell it; `trip` is its open assignment, None without one."""

    booking: Values
    version: int = 1
    trip: Values | None = None


def replay(events: Iterable[Event]) -> tuple[dict[int, Replayed], list[Fault]]:
    """Return what is replayed, by booking, and (rule, example) where the log contradicts itself.

    The events are in order of id.
    """
    replayed: dict[int, Replayed] = {}
    faults: list[Fault] = []
    for event in events:
        if event.booking_id is None:
            continue
        if event.kind == Event.Kind.BOOKING_CREATED:
            replayed[event.booking_id] = Replayed(_told(BOOKING_FIELDS, event.new))
        elif event.booking_id in replayed:
            faults += _advance(replayed[event.booking_id], event)
    return replayed, faults


def is_erased(state: Replayed) -> bool:
    """Return whether its client was forgotten: the log cannot tell what the booking must be."""
    return ERASED in state.booking.values()


def booking_values(booking: Booking) -> Values:
    """Return the stored values of all that the log tells of a booking."""
    return _stored(BOOKING_FIELDS, booking)


def trip_values(assignment: Assignment) -> Values:
    """Return the stored values of all that the log tells of an open assignment."""
    return {"id": assignment.id} | _stored(PROMISE | LATER, assignment)


def _advance(state: Replayed, event: Event) -> list[Fault]:
    """Apply one event of the booking; return what it contradicts."""
    faults: list[Fault] = []
    old, new = _of_booking(event, event.old), _of_booking(event, event.new)
    for name in new.keys() & old.keys():
        if old[name] != state.booking.get(name) and not (is_erased(state) or old[name] == ERASED):
            example = (event.id, event.kind, name, old[name], state.booking.get(name))
            faults.append((OLD_VALUE, example))
    state.booking |= new
    state.version += bool(new)
    if event.kind == Event.Kind.ASSIGNED and state.trip:
        faults.append((ASSIGNED_ONCE, (event.id, state.trip)))
    if event.kind in (Event.Kind.MOVED, Event.Kind.RELEASED):
        left = _told(PROMISE, event.old)
        if state.trip is None or left != {name: state.trip.get(name) for name in PROMISE}:
            faults.append((LEAVES_WHAT_IT_HAD, (event.id, event.kind, left, state.trip)))
    state.trip = _trip_after(state, event)
    return faults


def _trip_after(state: Replayed, event: Event) -> Values | None:
    if event.kind in (Event.Kind.ASSIGNED, Event.Kind.MOVED):
        nothing_yet = dict.fromkeys(LATER)
        return {"id": event.assignment_id} | nothing_yet | _told(PROMISE | LATER, event.new)
    if event.kind == Event.Kind.UNDONE and "driver" in event.old and "driver" not in event.new:
        return None
    if event.kind in (Event.Kind.BOOKING_CORRECTED, Event.Kind.UNDONE) and "driver" in event.new:
        nothing_yet = dict.fromkeys(LATER)
        return {"id": event.assignment_id} | nothing_yet | _told(PROMISE | LATER, event.new)
    if event.kind == Event.Kind.RELEASED or state.booking["status"] in OVER:
        return None
    return state.trip and state.trip | _told(LATER, event.new)


def _of_booking(event: Event, values: Values) -> Values:
    if event.kind == Event.Kind.ASSIGNMENT_CHANGED:
        return {}
    names = {"status"} if event.kind in OF_ASSIGNMENT else BOOKING_FIELDS
    return _told(names, values)


def _told(names: Iterable[str], values: Values) -> Values:
    return {name: _comparable(name, values[name]) for name in names if name in values}


def _stored(fields: dict[str, str], row: Booking | Assignment) -> Values:
    return {name: _comparable(name, getattr(row, field)) for name, field in fields.items()}


def _comparable(name: str, value: Any) -> Any:
    """Return a moment for its text, and None for what creations do not tell: empty or usual."""
    if name in MOMENTS and isinstance(value, str):
        return datetime.fromisoformat(value)
    if name in USUAL:
        return None if value is None or value == USUAL[name] else value
    return value or None
