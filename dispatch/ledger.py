"""Write trips: assignments, the status and version of their bookings, and the log of it.

A use-case decides what becomes of trips; it writes that with these functions, inside its own
transaction and nowhere else. The order of locks is the same for everybody: drivers, then
bookings, each in order of id. What an event says of an assignment is spelled here once.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Case, F, Value, When

from bookings.events import Changes, plain_values
from bookings.models import Actor, Booking, Event, Status
from dispatch.models import Assignment, DispatchRun
from drivers.models import Company, Driver
from drivers.times import moment

# What else an event says of an assignment that is open again.
KEPT = ("locked", "confirmed", "arrived_at", "actual_pickup_at")
# What an event says of a change that came with it and is not in the log: it cannot be undone alone.
BESIDE = {"beside": True}
REASON_AT_MOST = Event._meta.get_field("reason").max_length


class Promise(NamedTuple):
    """Who drives a trip, from when to when: what an event says of an assignment."""

    driver_id: int
    pickup_at: datetime
    dropoff_at: datetime

    def as_values(self) -> dict[str, Any]:
        return {
            "driver": self.driver_id,
            "pickup": moment(self.pickup_at),
            "dropoff": moment(self.dropoff_at),
        }


def promise_of(assignment: Assignment) -> Promise:
    return Promise(
        assignment.driver_id, assignment.planned_pickup_at, assignment.planned_dropoff_at
    )


class Entry(NamedTuple):
    """One line of the log, still to be written; the columns are those of `Event`."""

    booking_id: int
    assignment_id: int | None
    kind: Event.Kind
    old: dict[str, Any]
    new: dict[str, Any]
    reason: str = ""


def assigned(
    booking_id: int, assignment_id: int, promise: Promise, status: str, reason: str = ""
) -> Entry:
    """Say that a booking of this `status` has a driver now."""
    old, new = {"status": status}, promise.as_values() | {"status": Status.ASSIGNED}
    return Entry(booking_id, assignment_id, Event.Kind.ASSIGNED, old, new, reason)


def moved(
    booking_id: int,
    assignment_id: int,
    before: Promise,
    after: Promise,
    status: str = Status.ASSIGNED,
    reason: str = "",
) -> Entry:
    """Say that a trip has another driver or another time; its booking is assigned (again)."""
    old, new = before.as_values(), after.as_values()
    if status != Status.ASSIGNED:
        old["status"], new["status"] = status, Status.ASSIGNED
    return Entry(booking_id, assignment_id, Event.Kind.MOVED, old, new, reason)


def released(
    booking_id: int, assignment_id: int, before: Promise, status: str, reason: str = ""
) -> Entry:
    """Say that a trip lost its driver; an assigned booking waits again."""
    after = Status.ACCEPTED if status == Status.ASSIGNED else status
    old = before.as_values() | {"status": status}
    return Entry(booking_id, assignment_id, Event.Kind.RELEASED, old, {"status": after}, reason)


def changed(
    booking_id: int, assignment_id: int | None, changes: Changes, reason: str = ""
) -> Entry:
    """Say what changed in a booking or its assignment; `changes` are {name: (old, new)}.

    Names are of the booking or of the assignment; a change of the booking's status has a kind of
    its own.
    """
    kind = Event.Kind.BOOKING_STATUS if "status" in changes else Event.Kind.ASSIGNMENT_CHANGED
    old = plain_values({name: old for name, (old, _new) in changes.items()})
    new = plain_values({name: new for name, (_old, new) in changes.items()})
    return Entry(booking_id, assignment_id, kind, old, new, reason)


def lock_drivers(company: Company, driver_ids: Collection[int]) -> dict[int, Driver]:
    """Lock these drivers of the company in order of id; return {id: Driver}: 1 statement.

    A run locks all available drivers instead: `day.queries.lock_available_drivers`.
    """
    if not driver_ids:
        return {}
    rows = Driver.objects.select_for_update(no_key=True).filter(company=company)
    return {row.id: row for row in rows.filter(id__any_of=sorted(driver_ids)).order_by("id")}


def lock_bookings(company_id: int, booking_ids: Collection[int]) -> dict[int, Booking]:
    """Lock these bookings of the company in order of id; return {id: Booking}: 1 statement."""
    rows = Booking.objects.select_for_update(no_key=True).filter(company_id=company_id)
    return {row.id: row for row in rows.filter(id__any_of=sorted(booking_ids)).order_by("id")}


def end(
    assignment_ids: Collection[int],
    *,
    now: datetime,
    status: Assignment.Status = Assignment.Status.SUPERSEDED,
    run: DispatchRun | None = None,
) -> bool:
    """End open assignments; return whether all of them were open: 1 statement, or none."""
    if not assignment_ids:
        return True
    by_run = {} if run is None else {"superseded_by": run}
    rows = Assignment.objects.open().filter(id__any_of=sorted(assignment_ids))
    return rows.update(status=status, updated_at=now, **by_run) == len(assignment_ids)


def assign(
    company_id: int,
    columns: Mapping[str, list[Any]],
    *,
    now: datetime,
    run_id: int | None = None,
) -> list[int]:
    """Insert planned assignments, given as columns; return their ids in order: 1 statement."""
    shared = {
        "company_id": company_id,
        "run_id": run_id,
        "status": Assignment.Status.PLANNED,
        "created_at": now,
        "updated_at": now,
    }
    return Assignment.objects.bulk_create_columns(shared, dict(columns))


def change_assignment(assignment: Assignment, fields: Mapping[str, Any], *, now: datetime) -> None:
    """Write fields of an assignment that is locked by its driver: 1 statement."""
    Assignment.objects.filter(id=assignment.id).update(**fields, updated_at=now)


def change_assignments(
    assignment_ids: Collection[int], fields: Mapping[str, Any], *, now: datetime
) -> None:
    """Write the same fields of assignments that are locked by their drivers: 1 statement."""
    rows = Assignment.objects.filter(id__any_of=sorted(assignment_ids))
    rows.update(**fields, updated_at=now)


def set_status(
    booking_ids: Mapping[Status, Collection[int]],
    *,
    now: datetime,
    only: Collection[str] | None = None,
    **fields: Any,
) -> bool:
    """Give bookings their new status and next version: 1 statement, or none.

    `booking_ids` are those of each status. With `only`, bookings of other statuses stay. Returns
    whether all were written. `fields` are further columns, the same for all.
    """
    groups = [(status, sorted(ids)) for status, ids in booking_ids.items() if ids]
    if not groups:
        return True
    wanted = sorted(booking_id for _status, ids in groups for booking_id in ids)
    rows = Booking.objects.filter(id__any_of=wanted)
    if only is not None:
        rows = rows.filter(status__in=sorted(only))
    (last, _ids), *others = groups[::-1]
    status: Any = Value(last)
    if others:
        status = Case(
            *(When(id__any_of=ids, then=Value(other)) for other, ids in others), default=status
        )
    written = rows.update(status=status, version=F("version") + 1, updated_at=now, **fields)
    return written == len(wanted)


def log(
    company_id: int,
    entries: Iterable[Entry],
    *,
    actor: Actor,
    now: datetime,
    run_id: int | None = None,
) -> None:
    """Write the entries in order: 1 statement, or none."""
    rows = list(entries)
    if not rows:
        return
    columns: dict[str, list[Any]] = {
        name: [entry[i] for entry in rows] for i, name in enumerate(Entry._fields)
    }
    columns["reason"] = [reason[:REASON_AT_MOST] for reason in columns["reason"]]
    shared = {
        "company_id": company_id,
        "run_id": run_id,
        "at": now,
        "user_id": actor.user_id,
        "actor": actor.name,
        "door": actor.door,
    }
    Event.objects.bulk_create_columns(shared, columns)
