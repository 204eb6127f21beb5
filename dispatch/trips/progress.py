"""What people and drivers do to one trip: each use-case one call and one transaction.

The statuses of a booking and of its open assignment change together. `version` (of the
booking) and `assignment_id` are what the caller saw: where they are given and no longer true,
nothing is written. What is already as wanted is left as it is, whatever the caller saw: to ask
twice is fine.

Giving a trip to a driver by hand: `assign.py`.
"""

from datetime import datetime, timedelta

from django.db.models import F
from django.utils.translation import gettext as _

from bookings.accept import why_not_accepted
from bookings.events import booking_changed
from bookings.models import TRANSITIONS, Actor, Booking, Event, Status
from bookings.save import StatusRefusedError
from dispatch.models import Assignment
from dispatch.trips.locking import LockedTrip, locked_trip, stale
from drivers.models import Company

# How far a driver's clock may be ahead, and how late a report may reach us.
CLOCK_AHEAD = timedelta(minutes=5)
REPORTED_WITHIN = timedelta(hours=48)

READY_WITHIN_MIN = 600  # how far ahead a client says that they will be ready

# What a driver or a dispatcher reports of a trip, and what becomes of its assignment.
ASSIGNMENT_STATUS = {
    Status.ASSIGNED: Assignment.Status.PLANNED,
    Status.EN_ROUTE: Assignment.Status.EN_ROUTE,
    Status.IN_PROGRESS: Assignment.Status.IN_PROGRESS,
    Status.COMPLETED: Assignment.Status.COMPLETED,
    Status.NO_SHOW: Assignment.Status.NO_SHOW,
}


class NotAssigned(Exception):
    """The booking has no driver, so there is nothing to confirm, lock or drive."""


class ImplausibleTime(Exception):
    """An actual time lies in the future, too far back, or before the pickup."""


class AppointmentMissed(Exception):
    """The client is ready only after the booking's appointment."""


def accept(
    company: Company,
    booking_id: int,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    version: int | None = None,
) -> LockedTrip:
    """Take a pending booking on: 5 statements. Accepted ones stay accepted.

    Raises NoSuchTrip, StaleBookingError or StatusRefusedError.
    """
    with locked_trip(company, booking_id) as trip:
        if trip.booking.status == Status.ACCEPTED:
            return trip
        _compare(trip, version)
        if why := why_not_accepted(trip.booking):
            raise StatusRefusedError(why)
        return _write(
            trip, booking={"status": Status.ACCEPTED}, actor=actor, now=now, reason=reason
        )


def ready(
    company: Company,
    booking_id: int,
    *,
    actor: Actor,
    now: datetime,
    minutes: int = 0,
    reason: str = "",
    version: int | None = None,
) -> LockedTrip:
    """Accept a will-call whose client is ready now, or in some minutes: 5 statements.

    What has a time and is accepted already keeps it. Raises NoSuchTrip, StaleBookingError,
    StatusRefusedError, or AppointmentMissed.
    """
    with locked_trip(company, booking_id) as trip:
        booking = trip.booking
        if not booking.will_call and booking.status in (Status.ACCEPTED, Status.ASSIGNED):
            return trip
        _compare(trip, version)
        if not booking.will_call:
            raise StatusRefusedError(
                _("Trip %(trip)s is no will-call: it has a time.") % {"trip": booking}
            )
        _turn(trip, Status.ACCEPTED)
        wanted_at = now.replace(second=0, microsecond=0) + timedelta(minutes=minutes)
        if booking.appointment_at and booking.appointment_at <= wanted_at:
            raise AppointmentMissed(
                _("Trip %(trip)s has an appointment at %(at)s: change or remove it first.")
                % {"trip": booking, "at": f"{company.local(booking.appointment_at):%H:%M}"}
            )
        fields = {"status": Status.ACCEPTED, "will_call": False, "scheduled_time": wanted_at}
        return _write(trip, booking=fields, actor=actor, now=now, reason=reason)


def confirm(
    company, booking_id, *, actor, now, reason="", assignment_id=None, driver_id=None
) -> LockedTrip:
    """Note that the driver, or the client, knows of the trip. See `_flag`."""
    flags = {"confirmed": True}
    return _flag(company, booking_id, flags, actor, now, reason, assignment_id, driver_id)


def lock(company, booking_id, *, actor, now, reason="", assignment_id=None) -> LockedTrip:
    """Keep the trip with its driver and at its time: no run moves it. See `_flag`."""
    return _flag(company, booking_id, {"locked": True}, actor, now, reason, assignment_id)


def unlock(company, booking_id, *, actor, now, reason="", assignment_id=None) -> LockedTrip:
    """Let runs move the trip again. See `_flag`."""
    return _flag(company, booking_id, {"locked": False}, actor, now, reason, assignment_id)


def release(company, booking_id, *, actor, now, reason="", assignment_id=None) -> LockedTrip:
    """Take a trip that has not begun from its driver: at most 7 statements.

    Raises NoSuchTrip, StaleBookingError, NotAssigned or StatusRefusedError.
    """
    with locked_trip(company, booking_id) as trip:
        if trip.booking.status == Status.ACCEPTED and trip.assignment is None:
            return trip
        _compare(trip, assignment_id=assignment_id)
        _with_driver(trip)
        _turn(trip, Status.ACCEPTED)
        return _write(
            trip,
            booking={"status": Status.ACCEPTED},
            assignment={"status": Assignment.Status.SUPERSEDED},
            kind=Event.Kind.RELEASED,
            actor=actor,
            now=now,
            reason=reason,
        )


def report_progress(
    company: Company,
    booking_id: int,
    status: Status,
    *,
    actor: Actor,
    now: datetime,
    at: datetime | None = None,
    reason: str = "",
    driver_id: int | None = None,
    assignment_id: int | None = None,
) -> LockedTrip:
    """Move an assigned trip on: en route, on board, completed, no-show, or back to assigned.

    `at` is when it really happened, now by default; a driver without reception reports late.
    With `driver_id` only the trips of this driver exist. At most 7 statements. Raises
    NoSuchTrip, StaleBookingError, NotAssigned, StatusRefusedError or ImplausibleTime.
    """
    at = at or now
    with locked_trip(company, booking_id, driver_id=driver_id) as trip:
        if trip.booking.status == status:
            return trip
        _compare(trip, assignment_id=assignment_id)
        if status not in ASSIGNMENT_STATUS:
            raise refusal(trip.booking, status)
        _turn(trip, status)
        _with_driver(trip)
        fields = {"status": ASSIGNMENT_STATUS[status]}
        if status == Status.ASSIGNED:
            fields["arrived_at"] = None
        elif status == Status.IN_PROGRESS:
            fields["actual_pickup_at"] = at
        elif status in (Status.COMPLETED, Status.NO_SHOW):
            fields["actual_dropoff_at"] = at
        _plausible(trip, at, now)
        return _write(
            trip, booking={"status": status}, assignment=fields, actor=actor, now=now, reason=reason
        )


def arrive(
    company: Company,
    booking_id: int,
    *,
    actor: Actor,
    now: datetime,
    at: datetime | None = None,
    reason: str = "",
    driver_id: int | None = None,
    assignment_id: int | None = None,
) -> LockedTrip:
    """Note that the driver, en route, stands at the pickup since `at`: at most 6 statements.

    The status stays. Raises what `report_progress` raises.
    """
    at = at or now
    with locked_trip(company, booking_id, driver_id=driver_id) as trip:
        if trip.assignment and trip.assignment.arrived_at:
            return trip
        _compare(trip, assignment_id=assignment_id)
        _with_driver(trip)
        if trip.booking.status != Status.EN_ROUTE:
            raise StatusRefusedError(
                _("Trip %(trip)s is %(status)s; only a driver en route arrives.")
                % {"trip": trip.booking, "status": trip.booking.get_status_display()}
            )
        _plausible(trip, at, now)
        return _write(trip, assignment={"arrived_at": at}, actor=actor, now=now, reason=reason)


def _compare(trip, version=None, assignment_id=None):
    """Refuse when the caller saw something else. 0 is the id of no assignment."""
    if version is not None and trip.booking.version != version:
        raise stale(trip.booking)
    standing = trip.assignment.id if trip.assignment else 0
    if assignment_id is not None and standing != assignment_id:
        raise stale(trip.booking)


def refusal(booking, status):
    return StatusRefusedError(
        _("Trip %(trip)s cannot go from “%(old)s” to “%(new)s”.")
        % {
            "trip": booking,
            "old": booking.get_status_display(),
            "new": Status(status).label,
        }
    )


def _turn(trip, status):
    if status not in TRANSITIONS[Status(trip.booking.status)]:
        raise refusal(trip.booking, status)


def _with_driver(trip):
    if trip.assignment is None:
        raise NotAssigned(_("Trip %(trip)s has no driver.") % {"trip": trip.booking})


def _plausible(trip, at, now):
    if at > now + CLOCK_AHEAD:
        raise ImplausibleTime(_("The time lies in the future."))
    if at < now - REPORTED_WITHIN:
        raise ImplausibleTime(_("The time is more than 48 hours ago."))
    pickup_at = trip.assignment.actual_pickup_at
    if pickup_at and at < pickup_at:
        raise ImplausibleTime(_("The dropoff cannot be before the pickup."))


def _flag(company, booking_id, fields, actor, now, reason, assignment_id, driver_id=None):
    """Set flags of the open assignment: at most 6 statements.

    Raises NoSuchTrip, StaleBookingError or NotAssigned.
    """
    with locked_trip(company, booking_id, driver_id=driver_id) as trip:
        _compare(trip, assignment_id=assignment_id)
        _with_driver(trip)
        if all(getattr(trip.assignment, name) == value for name, value in fields.items()):
            return trip
        return _write(trip, assignment=fields, actor=actor, now=now, reason=reason)


def _write(trip, *, booking=None, assignment=None, kind=None, actor, now, reason):
    """Write the changed fields and their event: at most 3 statements."""
    changes = {}
    if assignment:
        changes |= {name: (getattr(trip.assignment, name), new) for name, new in assignment.items()}
        Assignment.objects.filter(id=trip.assignment.id).update(**assignment, updated_at=now)
    if booking:
        changes |= {name: (getattr(trip.booking, name), new) for name, new in booking.items()}
        Booking.objects.filter(id=trip.booking.id).update(
            **booking, version=F("version") + 1, updated_at=now
        )
    event = booking_changed(
        trip.booking.company_id,
        trip.booking.id,
        {name: (old, new) for name, (old, new) in changes.items() if old != new},
        actor=actor,
        now=now,
        reason=reason,
    )
    event.assignment_id = trip.assignment and trip.assignment.id
    event.kind = kind or (Event.Kind.BOOKING_STATUS if booking else Event.Kind.ASSIGNMENT_CHANGED)
    if event.kind == Event.Kind.RELEASED:
        event.old |= {
            "driver": trip.assignment.driver_id,
            "pickup": trip.assignment.planned_pickup_at.isoformat(),
            "dropoff": trip.assignment.planned_dropoff_at.isoformat(),
        }
    Event.objects.bulk_create([event])
    return _after(trip, booking or {}, assignment or {}, now)


def _after(trip, booking, assignment, now):
    """Return the trip as it now is, without reading it again."""
    if booking:
        for name, value in {**booking, "version": trip.booking.version + 1}.items():
            setattr(trip.booking, name, value)
        trip.booking.updated_at = now
    if assignment:
        for name, value in {**assignment, "updated_at": now}.items():
            setattr(trip.assignment, name, value)
    is_open = trip.assignment and trip.assignment.status in (
        Assignment.Status.PLANNED,
        Assignment.Status.EN_ROUTE,
        Assignment.Status.IN_PROGRESS,
    )
    return LockedTrip(trip.booking, trip.assignment if is_open else None, changed=True)
