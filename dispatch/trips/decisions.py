"""Decide on one trip that has not begun: accept, confirm, lock, unlock, release.

Each use-case is one call and one transaction. A trip that already is as requested stays as it is,
whatever the caller saw, so that a request may be repeated.

To assign a trip to a driver by hand: `assign.py`; to release many: `release.py`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bookings.accept import why_not_accepted
from bookings.models import Actor, Status
from bookings.save import StatusRefusedError
from dispatch import ledger
from dispatch.models import Assignment
from dispatch.trips.locking import LockedTrip, locked_trip
from dispatch.trips.write_trip import after, compare, open_assignment, require_transition, write
from drivers.models import Company


def accept(
    company: Company,
    booking_id: int,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    version: int | None = None,
) -> LockedTrip:
    """Accept a pending booking: 5 statements. An accepted one stays accepted.

    Raises NoSuchTrip, StaleBookingError or StatusRefusedError.
    """
    with locked_trip(company, booking_id) as trip:
        if trip.booking.status == Status.ACCEPTED:
            return trip
        compare(trip, version)
        if why := why_not_accepted(trip.booking):
            raise StatusRefusedError(why)
        return write(trip, booking={"status": Status.ACCEPTED}, actor=actor, now=now, reason=reason)


def confirm(
    company: Company,
    booking_id: int,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    assignment_id: int | None = None,
    driver_id: int | None = None,
) -> LockedTrip:
    """Record that the driver, or the client, has confirmed the trip. See `_flag`."""
    flags = {"confirmed": True}
    return _flag(company, booking_id, flags, actor, now, reason, assignment_id, driver_id)


def lock(
    company: Company,
    booking_id: int,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    assignment_id: int | None = None,
) -> LockedTrip:
    """Lock the trip to its driver and its time, so that no run moves it. See `_flag`."""
    return _flag(company, booking_id, {"locked": True}, actor, now, reason, assignment_id)


def unlock(
    company: Company,
    booking_id: int,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    assignment_id: int | None = None,
) -> LockedTrip:
    """Unlock the trip, so that runs may move it again. See `_flag`."""
    return _flag(company, booking_id, {"locked": False}, actor, now, reason, assignment_id)


def release(
    company: Company,
    booking_id: int,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    assignment_id: int | None = None,
    driver_id: int | None = None,
) -> LockedTrip:
    """Release a trip that has not begun from its driver: at most 7 statements.

    With `driver_id`, only trips of this driver exist. Raises NoSuchTrip, StaleBookingError,
    NotAssigned or StatusRefusedError.
    """
    with locked_trip(company, booking_id, driver_id=driver_id) as trip:
        if trip.booking.status == Status.ACCEPTED and trip.assignment is None:
            return trip
        compare(trip, assignment_id=assignment_id)
        assignment = open_assignment(trip)
        require_transition(trip, Status.ACCEPTED)
        promise = ledger.promise_of(assignment)
        entry = ledger.released(booking_id, assignment.id, promise, trip.booking.status, reason)
        ledger.end([assignment], now=now)
        ledger.set_status({Status.ACCEPTED: [booking_id]}, now=now)
        ledger.log(company.id, [entry], actor=actor, now=now)
        superseded = {"status": Assignment.Status.SUPERSEDED}
        return after(trip, {"status": Status.ACCEPTED}, superseded, now)


def _flag(
    company: Company,
    booking_id: int,
    fields: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    reason: str,
    assignment_id: int | None,
    driver_id: int | None = None,
) -> LockedTrip:
    """Set flags of the open assignment: at most 6 statements.

    Raises NoSuchTrip, StaleBookingError or NotAssigned.
    """
    with locked_trip(company, booking_id, driver_id=driver_id) as trip:
        compare(trip, assignment_id=assignment_id)
        assignment = open_assignment(trip)
        if all(getattr(assignment, name) == value for name, value in fields.items()):
            return trip
        return write(trip, assignment=fields, actor=actor, now=now, reason=reason)
