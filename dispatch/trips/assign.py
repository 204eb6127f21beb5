"""Give trips to drivers by hand, and say beforehand what would follow.

A broken rule refuses, unless the caller overrides it with a reason: then the trip is written
as shown, and locked, so that no run undoes it. What the database forbids, two trips of one
driver at the same time, no reason makes possible. Where a trip goes: `placing.py`.
"""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from bookings.models import Booking, Status
from bookings.save import StatusRefusedError
from dispatch.day.load import load_problem
from dispatch.day.queries import BookingRow
from dispatch.day.reasons import Unassigned
from dispatch.models import Assignment
from dispatch.trips.insertion import Place, places_for, propose, why_nowhere
from dispatch.trips.locking import NoSuchDriver, Trip, driver_of, lock_drivers, no_such_trip, stale
from dispatch.trips.violations import Fault
from dispatch.trips.write_assignment import write_proposals
from drivers.models import Driver

GIVEABLE = (Status.ACCEPTED, Status.ASSIGNED, Status.EN_ROUTE)


class RuleBroken(Exception):
    """The trip cannot go to this driver without breaking a rule; `faults` say which."""

    def __init__(self, faults):
        self.faults = tuple(faults)
        super().__init__(" ".join(fault.text for fault in self.faults))


class DoubleBooked(Exception):
    """The driver has another trip at this very time: no override can change that."""


class NotSwappable(Exception):
    """The two trips have no two drivers to be exchanged, or are of different days."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Another trip of the driver, whose pickup would move inside its window."""

    reference: str
    before_at: datetime
    after_at: datetime


@dataclass(frozen=True, slots=True)
class Consequences:
    """What giving a trip to a driver would mean; nothing is written.

    `faults` are the broken rules, none where it fits; `impossible` where no reason helps.
    `assignment_id` (0 for none) is what was seen, to be sent back with the order.
    """

    row: BookingRow
    driver: Driver
    pickup_at: datetime
    dropoff_at: datetime
    faults: tuple[Fault, ...]
    impossible: bool
    moved: tuple[Moved, ...]

    @property
    def fits(self):
        return not self.faults

    @property
    def shifted_min(self):
        """Return by how many minutes the pickup is after the wanted time, or before it."""
        return round((self.pickup_at - self.row.scheduled_time).total_seconds() / 60)

    @property
    def assignment_id(self):
        return standing_id(self.row)


@dataclass(frozen=True, slots=True)
class Advice:
    """Who could take a trip, best first; where nobody can, why, who comes closest, what helps."""

    row: BookingRow
    places: tuple[Place, ...]
    why: Unassigned | None


def hand_over(
    company,
    booking_id,
    driver_id,
    *,
    actor,
    now,
    pickup_at=None,
    override="",
    version=None,
    assignment_id=None,
) -> Trip:
    """Assign an accepted trip, or move an assigned one, to a driver: at most 15 statements.

    Without `pickup_at` as close to the wanted time as the driver's day allows. `override` is
    the reason for breaking rules. A trip that stands with the driver at that time stays.
    Raises NoSuchTrip, NoSuchDriver, StaleBookingError, StatusRefusedError, RuleBroken or
    DoubleBooked.
    """
    with _one_trip_at_a_time():
        seen = driver_of(company, booking_id)
        drivers = lock_drivers(company, {driver_id, seen} - {None})
        if driver_id not in drivers:
            raise NoSuchDriver(_("There is no such driver."))
        day, row = _load(company, booking_id, now)
        _compare(row, seen, version, assignment_id)
        _giveable(row)
        if driver_id == seen and pickup_at in (None, row.planned_pickup_at):
            return _read(company, booking_id)
        proposal = propose(day, row, drivers[driver_id], pickup_at=pickup_at)
        if proposal.faults and not (override and drivers[driver_id].is_active):
            raise RuleBroken(proposal.faults)
        write_proposals(day, [proposal], actor=actor, now=now, reason=override)
        return replace(_read(company, booking_id), changed=True)


def swap(
    company, booking_id, other_id, *, actor, now, override="", seen=None
) -> tuple[BookingRow, BookingRow]:
    """Exchange the drivers of two trips of a day, both or neither: at most 15 statements.

    `seen` has the assignment ids of the two as the caller saw them. Raises NotSwappable, and
    what `hand_over` raises.
    """
    with _one_trip_at_a_time():
        ids = (booking_id, other_id)
        holders = dict(
            Assignment.objects.open()
            .filter(company=company, booking_id__in=ids)
            .values_list("booking_id", "driver_id")
        )
        drivers = lock_drivers(company, set(holders.values()))
        day, row = _load(company, booking_id, now)
        other = day.bookings.get(other_id)
        if other is None:
            raise NotSwappable(_("Only two trips of the same day can be exchanged."))
        rows = (row, other)
        for trip, assignment_id in zip(rows, seen or (None, None), strict=True):
            _compare(trip, holders.get(trip.id), None, assignment_id)
            _giveable(trip)
        if len(drivers) < 2:
            raise NotSwappable(_("Only trips of two different drivers can be exchanged."))
        proposals = _exchanged(day, rows, drivers, holders)
        faults = [fault for proposal in proposals for fault in proposal.faults]
        if faults and not override:
            raise RuleBroken(faults)
        write_proposals(day, proposals, actor=actor, now=now, reason=override)
        return rows


def consequences(company, booking_id, driver_id, *, now, pickup_at=None) -> Consequences:
    """Say what giving the trip to the driver would mean: 5 statements, nothing written.

    Raises NoSuchTrip, NoSuchDriver or StatusRefusedError.
    """
    driver = _driver(company, driver_id)
    day, row = _load(company, booking_id, now)
    _giveable(row)
    return _told(day, row, driver, propose(day, row, driver, pickup_at=pickup_at))


def swap_consequences(company, booking_id, other_id, *, now) -> tuple[Consequences, Consequences]:
    """Say what exchanging the drivers of two trips would mean: 5 statements."""
    day, row = _load(company, booking_id, now)
    other = day.bookings.get(other_id)
    if other is None:
        raise NotSwappable(_("Only two trips of the same day can be exchanged."))
    rows = (row, other)
    for trip in rows:
        _giveable(trip)
    holders = {trip.id: trip.driver_id for trip in rows if trip.standing()}
    drivers = Driver.objects.filter(company=company).in_bulk(set(holders.values()))
    if len(drivers) < 2:
        raise NotSwappable(_("Only trips of two different drivers can be exchanged."))
    proposals = _exchanged(day, rows, drivers, holders)
    return tuple(
        _told(day, trip, drivers[proposal.driver_id], proposal)
        for trip, proposal in zip(rows, proposals, strict=True)
    )


def advise(company, booking_id, *, now, top=3) -> Advice:
    """Say who could take the trip now, best first, or why nobody can: 4 statements.

    Raises NoSuchTrip, or StatusRefusedError for a trip that is over or on board.
    """
    day, row = _load(company, booking_id, now)
    _placeable(row)
    found = places_for(day, row, top=top)
    return Advice(row, found, None if found else why_nowhere(day, row))


def places(company, booking_id, *, now, top=3) -> tuple[Place, ...]:
    """Return the drivers who could take the trip now, best first: 4 statements.

    Raises NoSuchTrip, or StatusRefusedError for a trip that is over or on board.
    """
    return advise(company, booking_id, now=now, top=top).places


def quote(company, booking, *, now, top=3) -> tuple[Place, ...]:
    """Return who could drive a booking that is not stored: 3 statements, nothing written."""
    day = load_problem(company, _day_of(company, booking.scheduled_time), now=now, freeze=False)
    values = {name: getattr(booking, name, None) for name in BookingRow._fields}
    highest = max((trip.id for trip in day.problem.trips), default=0)
    return places_for(day, BookingRow(**values | {"id": highest + 1, "version": 1}), top=top)


def standing_id(row):
    """Return the id of the row's open assignment, 0 for none."""
    return row.assignment_id if row.standing() else 0


@contextmanager
def _one_trip_at_a_time():
    """Open the transaction; two trips of a driver at one time are DoubleBooked."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise DoubleBooked(_("The driver has another trip at this time.")) from error


def _exchanged(day, rows, drivers, holders):
    """Return the proposals of two trips that change places."""
    gone = frozenset(trip.id for trip in rows)
    return [
        propose(day, trip, drivers[holders[other.id]], gone=gone)
        for trip, other in (rows, rows[::-1])
    ]


def _told(day, row, driver, proposal):
    moved = tuple(
        Moved(day.bookings[trip.trip_id].label, before_at, day.moment(trip.pickup_s))
        for trip in proposal.trips
        if trip.trip_id != row.id
        and (before_at := day.bookings[trip.trip_id].planned_pickup_at) != day.moment(trip.pickup_s)
    )
    return Consequences(
        row=row,
        driver=driver,
        pickup_at=day.moment(proposal.trip.pickup_s),
        dropoff_at=day.moment(proposal.trip.dropoff_s),
        faults=proposal.faults,
        impossible=proposal.impossible,
        moved=moved,
    )


def _driver(company, driver_id):
    driver = Driver.objects.filter(company=company, id=driver_id).first()
    if driver is None:
        raise NoSuchDriver(_("There is no such driver."))
    return driver


def _giveable(row):
    if row.status not in GIVEABLE:
        raise StatusRefusedError(
            _("Trip %(trip)s is %(status)s; only an accepted trip is given to a driver.")
            % {"trip": row.label, "status": Status(row.status).label}
        )


def _placeable(row):
    if row.will_call:
        raise StatusRefusedError(
            _("Trip %(trip)s has no time yet: the client calls when they are ready.")
            % {"trip": row.label}
        )
    if row.status not in (Status.PENDING, *GIVEABLE):
        raise StatusRefusedError(
            _("Trip %(trip)s is %(status)s.")
            % {"trip": row.label, "status": Status(row.status).label}
        )


def _compare(row, holder, version, assignment_id):
    """Refuse where the row is not with the driver who was locked, or not as the caller saw it."""
    if (
        (row.driver_id if row.standing() else None) != holder
        or version not in (None, row.version)
        or assignment_id not in (None, standing_id(row))
    ):
        raise stale(row.label)


def _load(company, booking_id, now):
    """Return the booking's day and its row in it: 4 statements."""
    wanted_at = (
        Booking.objects.filter(company=company, id=booking_id)
        .values_list("scheduled_time", flat=True)
        .first()
    )
    if wanted_at is None:
        raise no_such_trip()
    day = load_problem(company, _day_of(company, wanted_at), now=now, freeze=False)
    if booking_id not in day.bookings:
        raise stale(f"#{booking_id}")
    return day, day.bookings[booking_id]


def _day_of(company, moment):
    return company.local(moment).date()


def _read(company, booking_id):
    booking = Booking.objects.get(company=company, id=booking_id)
    return Trip(booking, Assignment.objects.open().get(booking=booking))
