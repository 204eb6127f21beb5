"""Assign trips to drivers by hand, and preview what an assignment would mean.

A broken rule refuses the assignment, unless the caller overrides it with a reason: then the trip
is written as previewed, and locked, so that no run undoes it. No reason overrides the database's
own rule: one driver never has two trips at the same time. Where a trip goes: `insertion.py`; who
could drive it, and what would help: `advice/`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from bookings.models import Actor, Booking, Status
from bookings.save import StatusRefusedError
from dispatch import ledger
from dispatch.day.day import Day
from dispatch.day.keeping import BY_HAND
from dispatch.day.load import load_problem
from dispatch.day.off_road import NOT_CONNECTED, OFF_ROAD
from dispatch.day.rows import BookingRow
from dispatch.models import Assignment
from dispatch.planner.problem import PlannedTrip
from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import minutes
from dispatch.trips.insertion import (
    Proposal,
    beside,
    keep_each_other,
    longer_s,
    others_moved,
    propose,
)
from dispatch.trips.locking import (
    LockedTrip,
    driver_of,
    no_such_driver,
    no_such_trip,
    stale,
)
from dispatch.trips.problems import with_names
from dispatch.trips.violations import Fault
from dispatch.trips.write_assignment import write_days
from drivers.models import Company, Driver
from drivers.refused import Refused

ASSIGNABLE = (Status.ACCEPTED, Status.ASSIGNED, Status.EN_ROUTE)


class RuleBroken(Refused):
    """The trip would break a rule; `errors` names each, `override` allows it."""

    code = "rule_broken"
    status = 400
    error_codes = dict.fromkeys(Block, "The trip would break this rule of a plan.") | {
        OFF_ROAD: "A place of the trip is more than a kilometre from any road.",
        NOT_CONNECTED: "No road leads to or from a place of the trip.",
    }

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(" ".join(fault.text for fault in self.faults))

    def members(self) -> dict[str, Any]:
        errors = [{"field": "driver", "code": f.code, "detail": f.text} for f in self.faults]
        return {"errors": errors}


class Lock(StrEnum):
    """What becomes of a lock when its trip is moved by hand."""

    KEEP = "keep"
    DROP = "drop"


class TripLocked(Refused):
    """The trip is locked; `lock` says whether it is moved and stays locked, or is unlocked."""

    code = "locked"
    status = 409


class NotSwappable(Refused):
    """The two trips do not have two different drivers, or are on different days."""

    code = "conflict"
    status = 409


@dataclass(frozen=True, slots=True)
class Moved:
    """Another trip of the driver, whose pickup would move inside its window.

    Where vehicles are shared, its client may ride `longer_min` longer than before, or less.
    """

    trip: str
    before_at: datetime
    after_at: datetime
    longer_min: int = 0


@dataclass(frozen=True, slots=True)
class AssignmentPreview:
    """What assigning a trip to a driver would mean; nothing is written.

    `faults` are the broken rules, empty if the trip fits; `impossible` if no reason can override
    them. `assignment_id` (0 for none) is what the preview was made from: send it back with the
    assignment. The client rides `together` with these trips, `longer_min` longer than straight.
    """

    row: BookingRow
    driver: Driver
    pickup_at: datetime
    dropoff_at: datetime
    faults: tuple[Fault, ...]
    impossible: bool
    moved: tuple[Moved, ...]
    together: tuple[str, ...] = ()
    longer_min: int = 0

    @property
    def fits(self) -> bool:
        return not self.faults

    @property
    def shifted_min(self) -> int:
        """Return how many minutes the pickup is after the wanted time; negative if before."""
        return round((self.pickup_at - self.row.scheduled_time).total_seconds() / 60)

    @property
    def assignment_id(self) -> int:
        return standing_id(self.row)

    @property
    def locked(self) -> bool:
        return is_locked(self.row)


def assign(
    company: Company,
    booking_id: int,
    driver_id: int,
    *,
    actor: Actor,
    now: datetime,
    pickup_at: datetime | None = None,
    override: str = "",
    lock: Lock | None = None,
    version: int | None = None,
    assignment_id: int | None = None,
) -> LockedTrip:
    """Assign an accepted trip to a driver, or move an assigned one: at most 15 statements.

    Without `pickup_at` the pickup is as close to the wanted time as the driver's day allows.
    `override` is the reason for breaking rules; such a trip is locked whatever `lock` says. A
    locked trip is moved only with `lock`. A trip that already has this driver and time stays.
    Raises NoSuchTrip, NoSuchDriver, StaleBookingError, StatusRefusedError, TripLocked, RuleBroken
    or DoubleBooked.
    """
    with transaction.atomic():
        seen = driver_of(company, booking_id)
        drivers = ledger.lock_drivers(company, {driver_id, seen or driver_id})
        if driver_id not in drivers:
            raise no_such_driver()
        day, row = load_trip(company, booking_id, now)
        _compare(row, seen, version, assignment_id)
        _require_assignable(row)
        if driver_id == seen and pickup_at in (None, row.planned_pickup_at):
            return _read(company, booking_id)
        kept, dropped = _locks([row], lock)
        proposal = propose(day, row, drivers[driver_id], pickup_at=pickup_at)
        if proposal.faults and not (override and drivers[driver_id].is_active):
            raise RuleBroken(proposal.faults)
        how: dict[str, Any] = {"actor": actor, "now": now, "reason": override}
        write_days([(day, [proposal])], locked=kept, unlocked=dropped, **how)
        return replace(_read(company, booking_id), changed=True)


def swap(
    company: Company,
    booking_id: int,
    other_id: int,
    *,
    actor: Actor,
    now: datetime,
    override: str = "",
    lock: Lock | None = None,
    seen: tuple[int | None, int | None] | None = None,
) -> tuple[BookingRow, BookingRow]:
    """Swap the drivers of two trips on a day, both or neither: at most 15 statements.

    With `lock` also if one is locked. `seen` has the assignment ids of the two as the caller saw
    them. Raises NotSwappable, and what `assign` raises.
    """
    with transaction.atomic():
        ids = (booking_id, other_id)
        holders = dict(
            Assignment.objects.open()
            .filter(company=company, booking_id__in=ids)
            .values_list("booking_id", "driver_id")
        )
        drivers = ledger.lock_drivers(company, set(holders.values()))
        day, row = load_trip(company, booking_id, now)
        rows = (row, _on_same_day(day, other_id))
        for trip, assignment_id in zip(rows, seen or (None, None), strict=True):
            _compare(trip, holders.get(trip.id), None, assignment_id)
            _require_assignable(trip)
        _require_two_drivers(drivers)
        kept, dropped = _locks(rows, lock)
        proposals = _swapped(day, rows, drivers, holders)
        faults = [fault for proposal in proposals for fault in proposal.faults]
        if faults and not override:
            raise RuleBroken(faults)
        how: dict[str, Any] = {"actor": actor, "now": now, "reason": override}
        write_days([(day, proposals)], locked=kept, unlocked=dropped, **how)
        return rows


def preview_assignment(
    company: Company,
    booking_id: int,
    driver_id: int,
    *,
    now: datetime,
    pickup_at: datetime | None = None,
) -> AssignmentPreview:
    """Preview assigning the trip to the driver: 5 statements, nothing written.

    Raises NoSuchTrip, NoSuchDriver or StatusRefusedError.
    """
    driver = _driver(company, driver_id)
    day, row = load_trip(company, booking_id, now, named=True)
    _require_assignable(row)
    return _preview(day, row, driver, propose(day, row, driver, pickup_at=pickup_at))


def preview_swap(
    company: Company, booking_id: int, other_id: int, *, now: datetime
) -> tuple[AssignmentPreview, ...]:
    """Preview swapping the drivers of two trips, one preview for each: 5 statements.

    Raises NoSuchTrip, NotSwappable or StatusRefusedError.
    """
    day, row = load_trip(company, booking_id, now, named=True)
    rows = (row, _on_same_day(day, other_id))
    for trip in rows:
        _require_assignable(trip)
    holders = {trip.id: trip.driver_id for trip in rows if trip.standing()}
    drivers = Driver.objects.filter(company=company).in_bulk(set(holders.values()))
    _require_two_drivers(drivers)
    proposals = _swapped(day, rows, drivers, holders)
    return tuple(
        _preview(day, trip, drivers[proposal.driver_id], proposal)
        for trip, proposal in zip(rows, proposals, strict=True)
    )


def standing_id(row: BookingRow) -> int:
    """Return the id of the row's open assignment, 0 for none."""
    return (row.assignment_id or 0) if row.standing() else 0


def is_locked(row: BookingRow) -> bool:
    """Return whether the row has an open assignment that is locked."""
    return bool(row.standing() and row.locked)


def _locks(rows: Iterable[BookingRow], lock: Lock | None) -> tuple[set[int], set[int]]:
    """Return the bookings that stay locked, and those that do not.

    Raises TripLocked if nobody agreed to move one.
    """
    locked = {row.id: row.label for row in rows if is_locked(row)}
    if locked and lock is None:
        raise trip_locked(next(iter(locked.values())))
    return (set(locked), set()) if lock == Lock.KEEP else (set(), set(locked))


def trip_locked(trip: object) -> TripLocked:
    """Return the refusal that names a booking, or its label."""
    return TripLocked(
        _("Trip %(trip)s is locked: say whether it stays locked or is unlocked.") % {"trip": trip}
    )


def _on_same_day(day: Day, booking_id: int) -> BookingRow:
    row = day.bookings.get(booking_id)
    if row is None:
        raise NotSwappable(_("Only trips on the same day can be swapped."))
    return row


def _require_two_drivers(drivers: Collection[int]) -> None:
    if len(drivers) < 2:
        raise NotSwappable(_("Only trips with different drivers can be swapped."))


def _swapped(
    day: Day,
    rows: tuple[BookingRow, BookingRow],
    drivers: Mapping[int, Driver],
    holders: Mapping[int, int | None],
) -> list[Proposal]:
    """Return the proposals of two trips, each with the driver of the other."""
    removed = frozenset(trip.id for trip in rows)
    first, second = rows
    found = [
        propose(day, trip, drivers[holder], removed=removed)
        for trip, other in ((first, second), (second, first))
        if (holder := holders[other.id]) is not None
    ]
    return keep_each_other(day, rows, found)


def _preview(day: Day, row: BookingRow, driver: Driver, proposal: Proposal) -> AssignmentPreview:
    moved = tuple(
        Moved(
            other.label,
            other.planned()[0],
            day.moment(trip.pickup_s),
            _longer_min(day, other, trip),
        )
        for trip in others_moved(day, proposal)
        if (other := day.bookings[trip.trip_id])
    )
    return AssignmentPreview(
        row=row,
        driver=driver,
        pickup_at=day.moment(proposal.trip.pickup_s),
        dropoff_at=day.moment(proposal.trip.dropoff_s),
        faults=proposal.faults,
        impossible=proposal.impossible,
        moved=moved,
        together=beside(day, proposal),
        longer_min=minutes(longer_s(day, row, proposal.trip)) if day.problem.sharing else 0,
    )


def _longer_min(day: Day, row: BookingRow, then: PlannedTrip) -> int:
    """Return how many minutes longer a client would be on board than now; negative for less."""
    pickup_at, dropoff_at = row.planned()
    now_s = day.seconds(dropoff_at) - day.seconds(pickup_at)
    return round((then.dropoff_s - then.pickup_s - now_s) / 60)


def _driver(company: Company, driver_id: int) -> Driver:
    driver: Driver | None = Driver.objects.filter(company=company, id=driver_id).first()
    if driver is None:
        raise no_such_driver()
    return driver


def _require_assignable(row: BookingRow) -> None:
    if row.status not in ASSIGNABLE:
        raise StatusRefusedError(
            _("Trip %(trip)s is %(status)s; only an accepted trip can be assigned to a driver.")
            % {"trip": row.label, "status": Status(row.status).label}
        )


def _compare(
    row: BookingRow, holder: int | None, version: int | None, assignment_id: int | None
) -> None:
    """Raise StaleBookingError unless the locked driver has the trip, as the caller saw it."""
    if (
        (row.driver_id if row.standing() else None) != holder
        or version not in (None, row.version)
        or assignment_id not in (None, standing_id(row))
    ):
        raise stale(row.label)


def load_trip(
    company: Company, booking_id: int, now: datetime, *, named: bool = False
) -> tuple[Day, BookingRow]:
    """Return the booking's day and its row on it: 4 statements.

    With `named`, for the company's own people, sentences name trips by time and client.
    """
    wanted_at = (
        Booking.objects.filter(company=company, id=booking_id)
        .values_list("scheduled_time", flat=True)
        .first()
    )
    if wanted_at is None:
        raise no_such_trip()
    day = load_problem(company, _day_of(company, wanted_at), now=now, leeway=BY_HAND)
    if booking_id not in day.bookings:
        raise stale(f"#{booking_id}")
    if named:
        day = with_names(day)
    return day, day.bookings[booking_id]


def _day_of(company: Company, moment: datetime) -> date:
    return company.local(moment).date()


def _read(company: Company, booking_id: int) -> LockedTrip:
    booking = Booking.objects.get(company=company, id=booking_id)
    return LockedTrip(booking, Assignment.objects.open().get(booking=booking))
