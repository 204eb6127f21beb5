"""Write trips that a person assigned, in one change; the old assignments stay as history."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.db import IntegrityError
from django.utils.translation import gettext as _

from bookings.models import Actor, Booking, Status
from dispatch import ledger
from dispatch.day.day import Day
from dispatch.day.rows import BookingRow
from dispatch.day.stretches import of_plan
from dispatch.planner.problem import PlannedTrip
from dispatch.trips.insertion import Proposal, others_moved
from dispatch.trips.locking import stale
from drivers.fleet.breaks import plan_breaks
from drivers.models import Company
from drivers.refused import Refused
from drivers.times import moment

# What an event says of another change beside its own, before and after.
Beside = tuple[Mapping[str, Any], Mapping[str, Any]]
NOTHING: Mapping[int, Beside] = MappingProxyType({})


class DoubleBooked(Refused):
    """The driver has another trip at this time."""

    code = "double_booked"
    status = 409


@dataclass(frozen=True, slots=True)
class _Writing:
    """What is written of one day: `given` are its proposals by booking, `planned` all its trips."""

    day: Day
    given: Mapping[int, Proposal]
    planned: Sequence[PlannedTrip]

    @property
    def before(self) -> dict[int, BookingRow]:
        return {trip.trip_id: self.day.bookings[trip.trip_id] for trip in self.planned}

    def stretches(self) -> tuple[dict[str, list[int | None]], dict[int, int | None]]:
        """Return what `of_plan` says of the day."""
        before = self.before
        drivers = {trip.driver_id for trip in self.planned}
        drivers |= {was.driver_id for was in before.values() if was.driver_id is not None}
        everybody = (self.day.bookings | self.day.neighbours).values()
        stay = [row for row in everybody if row.driver_id in drivers and row.id not in before]
        shared = self.day.problem.sharing is not None
        return of_plan(self.planned, stay, self.day.moment, shared=shared)

    def breaks(self) -> tuple[dict[int, datetime | None], dict[int, datetime | None]]:
        """Return the breaks of shifts that move: (before, after)."""
        rows = [row for rows in self.day.drivers.values() for row in rows if row.shift_id]
        known = {row.shift_id: row.break_at for row in rows if row.shift_id}
        wanted = {shift: at for one in self.given.values() for shift, at in one.breaks.items()}
        moved: dict[int, datetime | None] = {
            shift: at for shift, at in wanted.items() if known[shift] != at
        }
        return {shift: known[shift] for shift in moved}, moved


def write_days(
    days: Sequence[tuple[Day, Sequence[Proposal]]],
    *,
    locked: Collection[int] = (),
    unlocked: Collection[int] = (),
    actor: Actor,
    now: datetime,
    reason: str = "",
    beside: Mapping[int, Beside] = NOTHING,
) -> None:
    """Write the proposals of days of a company, each of another booking: at most 6 statements.

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
    writing = [_of_day(day, proposals) for day, proposals in days if proposals]
    if not writing:
        return
    company = writing[0].day.company
    given = {i: proposal for one in writing for i, proposal in one.given.items()}
    trips = [(one.day, trip) for one in writing for trip in one.planned]
    before = {i: was for one in writing for i, was in one.before.items()}
    overrides = {trip.trip_id: _overrides(given.get(trip.trip_id)) for _day, trip in trips}
    to_lock = {trip_id for trip_id, codes in overrides.items() if codes} | set(locked)
    kept = {
        trip.trip_id for _day, trip in trips if before[trip.trip_id].driver_id == trip.driver_id
    }
    to_lock |= {i for i in kept if before[i].standing() and before[i].locked} - set(unlocked)
    confirmed = {
        trip.trip_id for day, trip in trips if _is_confirmed(day, before[trip.trip_id], trip)
    }
    _lock(company, before)
    ended = [standing[0] for was in before.values() if (standing := was.standing())]
    if not ledger.end_replaced(ended, now=now):
        raise stale(next(iter(before.values())).label)
    stretches = [one.stretches() for one in writing]
    columns: dict[str, list[Any]] = {
        "booking_id": [trip.trip_id for _day, trip in trips],
        "driver_id": [trip.driver_id for _day, trip in trips],
        "sequence": [trip.pickup_s for _day, trip in trips],
        "planned_pickup_at": [day.moment(trip.pickup_s) for day, trip in trips],
        "planned_dropoff_at": [day.moment(trip.dropoff_s) for day, trip in trips],
        "locked": [trip.trip_id in to_lock for _day, trip in trips],
        "confirmed": [trip.trip_id in confirmed for _day, trip in trips],
        "explanation": [_explanation(overrides[trip.trip_id]) for _day, trip in trips],
    }
    if any(column for column, _renumbered in stretches):
        columns["stretch"] = [
            number
            for one, (column, _renumbered) in zip(writing, stretches, strict=True)
            for number in column.get("stretch", [None] * len(one.planned))
        ]
    try:
        ledger.renumber({i: number for _column, found in stretches for i, number in found.items()})
        created = ledger.assign(company.id, columns, now=now)
    except IntegrityError as error:
        raise DoubleBooked(_("The driver has another trip at this time.")) from error
    turned = [i for i in given if before[i].status != Status.ASSIGNED]
    ledger.set_status({Status.ASSIGNED: turned}, now=now)
    moved = [one.breaks() for one in writing]
    known = {shift: at for was, _wanted in moved for shift, at in was.items()}
    breaks = {shift: at for _was, wanted in moved for shift, at in wanted.items()}
    plan_breaks(breaks)
    entries = [
        _entry(day, before[trip.trip_id], trip, made, given.get(trip.trip_id), reason)
        for (day, trip), made in zip(trips, created, strict=True)
    ]
    for entry in entries:
        if own := {i: breaks[i] for i in _breaks_of(given, entry) if i in breaks}:
            entry.old["breaks"] = {str(i): moment(known[i]) for i in own}
            entry.new["breaks"] = {str(i): moment(at) for i, at in own.items()}
        old, new = beside.get(entry.booking_id, ({}, {}))
        entry.old.update(old)
        entry.new.update(new)
        if entry.booking_id in to_lock:
            entry.new["locked"] = True
        if entry.booking_id in confirmed:
            entry.new["confirmed"] = True
    ledger.log(company.id, entries, actor=actor, now=now)


def _of_day(day: Day, proposals: Sequence[Proposal]) -> _Writing:
    planned = [
        trip for proposal in proposals for trip in (proposal.trip, *others_moved(day, proposal))
    ]
    return _Writing(day, {proposal.trip.trip_id: proposal for proposal in proposals}, planned)


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


def _lock(company: Company, before: Mapping[int, BookingRow]) -> None:
    """Lock the bookings. Raises StaleBookingError if one has another version."""
    stored = dict(
        Booking.objects.select_for_update(no_key=True)
        .filter(company=company, id__any_of=sorted(before))
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
