"""Compare, refuse and write one locked trip: what the use-cases of a trip share.

`version` (of the booking) and `assignment_id` are what the caller saw: if they are given and no
longer match, nothing is written.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from bookings.models import TRANSITIONS, Actor, Booking, Status
from bookings.save import StatusRefusedError
from dispatch import ledger
from dispatch.models import OPEN_ASSIGNMENT_STATUSES, Assignment
from dispatch.trips.locking import LockedTrip, stale
from drivers.refused import Refused


class NotAssigned(Refused):
    """The trip has no driver."""

    code = "not_assigned"
    status = 409


def compare(trip: LockedTrip, version: int | None = None, assignment_id: int | None = None) -> None:
    """Raise StaleBookingError if the caller saw another state. 0 is the id of no assignment."""
    if version is not None and trip.booking.version != version:
        raise stale(trip.booking)
    standing = trip.assignment.id if trip.assignment else 0
    if assignment_id is not None and standing != assignment_id:
        raise stale(trip.booking)


def refusal(booking: Booking, status: Status) -> StatusRefusedError:
    """Return the refusal of a change of status that the booking does not allow."""
    return StatusRefusedError(
        _("Trip %(trip)s cannot change from “%(old)s” to “%(new)s”.")
        % {
            "trip": booking,
            "old": booking.get_status_display(),
            "new": Status(status).label,
        }
    )


def require_transition(trip: LockedTrip, status: Status) -> None:
    if status not in TRANSITIONS[Status(trip.booking.status)]:
        raise refusal(trip.booking, status)


def open_assignment(trip: LockedTrip) -> Assignment:
    """Return the trip's open assignment. Raises NotAssigned."""
    if trip.assignment is None:
        raise NotAssigned(_("Trip %(trip)s has no driver.") % {"trip": trip.booking})
    return trip.assignment


def write(
    trip: LockedTrip,
    *,
    booking: Mapping[str, Any] | None = None,
    assignment: Mapping[str, Any] | None = None,
    actor: Actor,
    now: datetime,
    reason: str,
) -> LockedTrip:
    """Write the changed fields and their event: at most 3 statements."""
    changes: dict[str, tuple[Any, Any]] = {}
    if assignment:
        stored = open_assignment(trip)
        changes |= {name: (getattr(stored, name), new) for name, new in assignment.items()}
        ledger.change_assignment(stored, assignment, now=now)
    if booking:
        changes |= {name: (getattr(trip.booking, name), new) for name, new in booking.items()}
        fields = {name: value for name, value in booking.items() if name != "status"}
        ledger.set_status({booking["status"]: [trip.booking.id]}, now=now, **fields)
    changes = {name: (old, new) for name, (old, new) in changes.items() if old != new}
    assignment_id = trip.assignment.id if trip.assignment else None
    entry = ledger.changed(trip.booking.id, assignment_id, changes, reason)
    ledger.log(trip.booking.company_id, [entry], actor=actor, now=now)
    return after(trip, booking or {}, assignment or {}, now)


def after(
    trip: LockedTrip, booking: Mapping[str, Any], assignment: Mapping[str, Any], now: datetime
) -> LockedTrip:
    """Return the trip as it is after the write, without reading it again."""
    if booking:
        for name, value in {**booking, "version": trip.booking.version + 1}.items():
            setattr(trip.booking, name, value)
        trip.booking.updated_at = now
    if assignment:
        for name, value in {**assignment, "updated_at": now}.items():
            setattr(trip.assignment, name, value)
    is_open = trip.assignment and trip.assignment.status in OPEN_ASSIGNMENT_STATUSES
    return LockedTrip(trip.booking, trip.assignment if is_open else None, changed=True)
