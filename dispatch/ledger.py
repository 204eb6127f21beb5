"""Write trips: assignments, the status and version of their bookings, and the log of it.

A use-case decides what becomes of trips; it writes that with these functions, inside its own
transaction and nowhere else. The order of locks is the same for everybody: drivers, then
bookings, each in order of id. What an event says of an assignment is spelled here once.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connections, router
from django.db.models import Case, F, Value, When

from bookings.events import Changes, plain_values
from bookings.models import Actor, Booking, Event, Status
from dispatch.day.stretches import RIDES, Ride, number, stretches, until
from dispatch.models import OPEN_ASSIGNMENT_STATUSES, Assignment, DispatchRun
from drivers.db.arrays import array_literal
from drivers.models import SHIFT_AT_MOST, Company, Driver
from drivers.times import moment

# What else an event says of an assignment that is open again.
KEPT = ("locked", "confirmed", "arrived_at", "actual_pickup_at")
# What an event says of a change that came with it and is not in the log: it cannot be undone alone.
BESIDE = {"beside": True}
# What an event says, before, of a trip that was moved because it would be late: undone, it may be
# late again.
LATE = {"late": True}
# What becomes of an assignment whose client does not ride, or not with this driver.
NOT_DRIVEN = (
    Assignment.Status.SUPERSEDED,
    Assignment.Status.CANCELED,
    Assignment.Status.NO_SHOW,
)
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
    trips: Collection[Assignment],
    *,
    now: datetime,
    status: Assignment.Status = Assignment.Status.SUPERSEDED,
) -> None:
    """End open assignments that are locked by their drivers: 1 statement, or none.

    Those who rode with them get the number of their stretch again: at most 3 statements more.
    """
    if trips:
        rows = Assignment.objects.open().filter(id__any_of=sorted(trip.id for trip in trips))
        rows.update(status=status, updated_at=now)
        _number(trips)


def end_replaced(
    assignment_ids: Collection[int], *, now: datetime, run: DispatchRun | None = None
) -> bool:
    """End open assignments; return whether all of them were open: 1 statement, or none.

    The caller numbers the stretches, with the assignments that replace them: `stretches.of_plan`.
    """
    if not assignment_ids:
        return True
    by_run = {} if run is None else {"superseded_by": run}
    rows = Assignment.objects.open().filter(id__any_of=sorted(assignment_ids))
    superseded = {"status": Assignment.Status.SUPERSEDED, "updated_at": now}
    return rows.update(**superseded, **by_run) == len(assignment_ids)


def assign(
    company_id: int,
    columns: Mapping[str, list[Any]],
    *,
    now: datetime,
    run_id: int | None = None,
) -> list[int]:
    """Insert planned assignments, given as columns; return their ids in order: 1 statement.

    The columns have the numbers of their stretches, if somebody rides with others.
    """
    shared = {
        "company_id": company_id,
        "run_id": run_id,
        "status": Assignment.Status.PLANNED,
        "created_at": now,
        "updated_at": now,
    }
    return Assignment.objects.bulk_create_columns(shared, dict(columns))


def assign_again(company_id: int, trips: Sequence[Assignment], *, now: datetime) -> list[int]:
    """Insert assignments as these ended ones were; return their ids in order: 1 statement.

    Who rode with others rides with whom the driver has then: at most 3 statements more.
    """
    names = (
        "booking_id", "driver_id", "sequence", "planned_pickup_at", "planned_dropoff_at", "locked",
        "confirmed", "explanation",
    )  # fmt: skip
    columns = {name: [getattr(trip, name) for trip in trips] for name in names}
    if numbers := _number(trips, opened=trips):
        columns["stretch"] = [numbers.get(trip.booking_id) for trip in trips]
    return assign(company_id, columns, now=now)


def change_assignment(assignment: Assignment, fields: Mapping[str, Any], *, now: datetime) -> None:
    """Write fields of an assignment that is locked by its driver: see `change_assignments`."""
    change_assignments([assignment], fields, now=now)


def change_assignments(
    trips: Collection[Assignment], fields: Mapping[str, Any], *, now: datetime
) -> None:
    """Write the same fields of assignments that are locked by their drivers: 1 statement.

    `trips` are as they stand in the database. Where somebody who rides with others is open again,
    or does not ride after all, the stretches are numbered again: at most 3 statements more.
    """
    status = fields.get("status")
    if status in OPEN_ASSIGNMENT_STATUSES:
        opened = [trip for trip in trips if trip.status not in OPEN_ASSIGNMENT_STATUSES]
        numbers = _number(opened, opened=opened)
        renumber({trip.id: numbers[trip.booking_id] for trip in opened if numbers})
    rows = Assignment.objects.filter(id__any_of=sorted(trip.id for trip in trips))
    rows.update(**fields, updated_at=now)
    if status in NOT_DRIVEN:
        _number(trips)


def _number(
    around: Collection[Assignment], *, opened: Collection[Assignment] = ()
) -> dict[int, int | None]:
    """Number the stretches around these trips as they are, and as if the `opened` were open.

    Returns {booking id: number} of the opened ones, empty where none of the trips rides or rode
    with others: then nothing is sent. Else 1 query, and what `renumber` sends. The trips are locked
    by their drivers.
    """
    together = [trip for trip in around if trip.stretch is not None]
    if not together:
        return {}
    from_at = min(trip.planned_pickup_at for trip in together)
    until_at = max(trip.planned_dropoff_at for trip in together)
    of_drivers = {
        "driver__any_of": sorted({trip.driver_id for trip in together}),
        "planned_pickup_at__gt": from_at - SHIFT_AT_MOST,
        "planned_pickup_at__lt": until_at + SHIFT_AT_MOST,
    }
    there = {
        row.booking_id: row for row in Assignment.objects.filter(RIDES, **of_drivers).order_by("id")
    }
    ours = {trip.booking_id: trip for trip in opened}
    there |= ours
    rides = [_ride(row, opened=i in ours) for i, row in there.items()]
    # Stretches of which not all was read lie farther away.
    near = [
        ride
        for one in stretches(rides)
        if one[0].pickup < until_at and max(ride.dropoff for ride in one) > from_at
        for ride in one
    ]
    numbers = number(near)
    changed = {
        row.id: numbers[i]
        for i, row in there.items()
        if i in numbers and i not in ours and numbers[i] != row.stretch
    }
    renumber(changed)
    return {i: numbers.get(i) for i in ours}


def _ride(trip: Assignment, *, opened: bool) -> Ride:
    """Return when the trip is on board: as planned if it is `opened`, whatever its row still says.

    A driven one may have been over before.
    """
    driven = trip.status == Assignment.Status.COMPLETED and not opened
    off_at = until(trip.planned_dropoff_at, trip.actual_dropoff_at if driven else None)
    period = trip.planned_pickup_at, max(trip.planned_pickup_at, off_at)
    return Ride(trip.driver_id, *period, trip.booking_id, trip.stretch, driven)


# On SQLite rows are checked one by one, so they change their number while they are nobody's.
RENUMBER = {
    "postgresql": [
        "UPDATE {table} SET stretch = plan.stretch FROM "
        "(SELECT unnest(%s::bigint[]) AS id, unnest(%s::bigint[]) AS stretch) AS plan "
        "WHERE {table}.id = plan.id"
    ],
    "sqlite": [
        "UPDATE {table} SET driver_id = -driver_id, stretch = plan.stretch FROM "
        "(SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS stretch "
        "FROM json_each(%s)) AS plan WHERE {table}.id = plan.id",
        "UPDATE {table} SET driver_id = -driver_id WHERE driver_id < 0",
    ],
}


def renumber(stretches: Mapping[int, int | None]) -> None:
    """Give assignments, locked by their drivers, the number of their stretch: {id: number or None}.

    1 statement (2 on SQLite), or none. The database checks when all of them have theirs.
    """
    if not stretches:
        return
    connection = connections[router.db_for_write(Assignment)]
    ids = sorted(stretches)
    numbers = [stretches[i] for i in ids]
    first: list[Any] = [array_literal(ids), array_literal(numbers)]
    if connection.vendor == "sqlite":
        first = [json.dumps(list(zip(ids, numbers, strict=True)))]
    table = connection.ops.quote_name(Assignment._meta.db_table)
    with connection.cursor() as cursor:
        for sql, params in zip(RENUMBER[connection.vendor], (first, []), strict=False):
            cursor.execute(sql.format(table=table), params)


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


def log_report(
    company_id: int,
    driver_id: int,
    report: str,
    text: str,
    *,
    booking_id: int | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Write what a driver reported to the desk: 1 statement.

    It is no event of the booking, whose events its customer sees.
    """
    new: dict[str, Any] = {"driver": driver_id, "report": report}
    if booking_id:
        new["booking"] = booking_id
    Event.objects.create(
        company_id=company_id,
        kind=Event.Kind.DRIVER_REPORTED,
        at=now,
        user_id=actor.user_id,
        actor=actor.name,
        door=actor.door,
        new=new,
        reason=text[:REASON_AT_MOST],
    )
