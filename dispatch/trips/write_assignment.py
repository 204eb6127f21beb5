"""Write trips that a person assigned, in one change; the old assignments stay as history."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.db import IntegrityError
from django.utils.translation import gettext as _

from bookings.models import Actor, Booking, Status
from dispatch import ledger
from dispatch.day.load import Day
from dispatch.day.queries import BookingRow
from dispatch.day.stretches import of_plan
from dispatch.planner.problem import PlannedTrip
from dispatch.trips.insertion import Proposal, others_moved
from dispatch.trips.locking import stale
from drivers.fleet.breaks import plan_breaks
from drivers.refused import Refused
from drivers.times import moment

# What an event says of another change beside its own, before and after.
Beside = tuple[Mapping[str, Any], Mapping[str, Any]]
NOTHING: Mapping[int, Beside] = MappingProxyType({})


class DoubleBooked(Refused):
    """The driver has another trip at this time."""

    code = "double_booked"
    status = 409


def write_proposals(
    day: Day,
    proposals: Sequence[Proposal],
    *,
    locked: Collection[int] = (),
    unlocked: Collection[int] = (),
    actor: Actor,
    now: datetime,
    reason: str = "",
    beside: Mapping[int, Beside] = NOTHING,
) -> None:
    """Write the proposals, each of another booking: at most 6 statements.

    Where clients ride together, others may get another number of their stretch: 1 more, 2 on
    SQLite.

    The caller has locked the drivers. Their other trips are written if they have to move. A trip
    that breaks a rule is locked, so that no run takes it away, and its event has the rules and the
    reason. A trip that keeps its driver keeps its lock, but for the bookings `unlocked`, and is
    confirmed as long as its pickup stays; the bookings `locked` are locked with any driver.
    `beside` is what else the change did, for the log, by booking. Raises DoubleBooked, or
    StaleBookingError if the database no longer agrees with the day: either ends the caller's
    transaction.
    """
    given = {proposal.trip.trip_id: proposal for proposal in proposals}
    planned = [
        trip for proposal in proposals for trip in (proposal.trip, *others_moved(day, proposal))
    ]
    before = {trip.trip_id: day.bookings[trip.trip_id] for trip in planned}
    overrides = {trip.trip_id: _overrides(given.get(trip.trip_id)) for trip in planned}
    to_lock = {trip_id for trip_id, codes in overrides.items() if codes} | set(locked)
    kept = [trip.trip_id for trip in planned if before[trip.trip_id].driver_id == trip.driver_id]
    to_lock |= {i for i in kept if before[i].standing() and before[i].locked} - set(unlocked)
    confirmed = {trip.trip_id for trip in planned if _is_confirmed(day, before[trip.trip_id], trip)}
    _lock(day, before)
    ended = [standing[0] for was in before.values() if (standing := was.standing())]
    if not ledger.end_replaced(ended, now=now):
        raise stale(next(iter(before.values())).label)
    drivers = {trip.driver_id for trip in planned} | {was.driver_id for was in before.values()}
    everybody = (day.bookings | day.neighbours).values()
    stay = [row for row in everybody if row.driver_id in drivers and row.id not in before]
    shared = day.problem.sharing is not None
    numbers, renumbered = of_plan(planned, stay, day.moment, shared=shared)
    columns: dict[str, list[Any]] = {
        "booking_id": [trip.trip_id for trip in planned],
        "driver_id": [trip.driver_id for trip in planned],
        "sequence": [trip.pickup_s for trip in planned],
        "planned_pickup_at": [day.moment(trip.pickup_s) for trip in planned],
        "planned_dropoff_at": [day.moment(trip.dropoff_s) for trip in planned],
        "locked": [trip.trip_id in to_lock for trip in planned],
        "confirmed": [trip.trip_id in confirmed for trip in planned],
        "explanation": [_explanation(overrides[trip.trip_id]) for trip in planned],
        **numbers,
    }
    try:
        ledger.renumber(renumbered)
        created = ledger.assign(day.company.id, columns, now=now)
    except IntegrityError as error:
        raise DoubleBooked(_("The driver has another trip at this time.")) from error
    turned = [i for i in given if before[i].status != Status.ASSIGNED]
    ledger.set_status({Status.ASSIGNED: turned}, now=now)
    known = {r.shift_id: r.break_at for rows in day.drivers.values() for r in rows if r.shift_id}
    breaks = {shift: at for proposal in proposals for shift, at in proposal.breaks.items()}
    breaks = {shift: at for shift, at in breaks.items() if known[shift] != at}
    plan_breaks({**breaks})
    entries = [
        _entry(day, before[trip.trip_id], trip, made, given.get(trip.trip_id), reason)
        for trip, made in zip(planned, created, strict=True)
    ]
    for entry in entries:
        if moved := {i: breaks[i] for i in _breaks_of(given, entry) if i in breaks}:
            entry.old["breaks"] = {str(i): moment(known[i]) for i in moved}
            entry.new["breaks"] = {str(i): moment(at) for i, at in moved.items()}
        old, new = beside.get(entry.booking_id, ({}, {}))
        entry.old.update(old)
        entry.new.update(new)
        if entry.booking_id in to_lock:
            entry.new["locked"] = True
        if entry.booking_id in confirmed:
            entry.new["confirmed"] = True
    ledger.log(day.company.id, entries, actor=actor, now=now)


def _breaks_of(given: Mapping[int, Proposal], entry: ledger.Entry) -> Collection[int]:
    """Return the shifts whose breaks the proposal of this booking has planned, if it has one."""
    return given[entry.booking_id].breaks if entry.booking_id in given else ()


def _overrides(proposal: Proposal | None) -> list[str]:
    """Return the codes of the rules that the trip is written against, each once."""
    return list(dict.fromkeys(fault.code for fault in proposal.faults)) if proposal else []


def _is_confirmed(day: Day, was: BookingRow, trip: PlannedTrip) -> bool:
    """Return whether what was confirmed, a driver and a time of pickup, still holds."""
    promise = (was.driver_id, was.planned_pickup_at)
    same = promise == (trip.driver_id, day.moment(trip.pickup_s))
    return bool(was.standing() and was.confirmed and same)


def _explanation(overrides: list[str]) -> dict[str, Any]:
    return {"overrides": overrides} if overrides else {}


def _lock(day: Day, before: Mapping[int, BookingRow]) -> None:
    """Lock the bookings. Raises StaleBookingError if one has another version."""
    stored = dict(
        Booking.objects.select_for_update(no_key=True)
        .filter(company=day.company, id__any_of=sorted(before))
        .order_by("id")
        .values_list("id", "version")
    )
    for booking_id, was in before.items():
        if stored.get(booking_id) != was.version:
            raise stale(was.label)


def _entry(
    day: Day,
    was: BookingRow,
    trip: PlannedTrip,
    assignment_id: int,
    proposal: Proposal | None,
    reason: str,
) -> ledger.Entry:
    """Return the log's line of a trip; of a proposed one with the rules that it overrides."""
    after = ledger.Promise(trip.driver_id, day.moment(trip.pickup_s), day.moment(trip.dropoff_s))
    standing = was.standing()
    if standing:
        before = ledger.Promise(*standing[1:])
        status = was.status if proposal else Status.ASSIGNED
        entry = ledger.moved(was.id, assignment_id, before, after, status)
    else:
        entry = ledger.assigned(was.id, assignment_id, after, was.status)
    if proposal is None:
        return entry
    if codes := _overrides(proposal):
        entry.new["overrides"] = codes
    return entry._replace(reason=reason)
