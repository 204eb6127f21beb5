"""Change the progress of one trip: each use-case is one call and one transaction.

The statuses of a booking and of its open assignment change together. `version` (of the booking)
and `assignment_id` are what the caller saw: if they are given and no longer match, nothing is
written. A trip that already is as requested stays as it is, whatever the caller saw, so that a
request may be repeated.

To assign a trip to a driver by hand: `assign.py`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, FilteredRelation, Q
from django.utils.translation import gettext as _

from bookings.accept import why_not_accepted
from bookings.models import TRANSITIONS, Actor, Booking, Status
from bookings.save import StatusRefusedError
from dispatch import ledger
from dispatch.models import Assignment
from dispatch.trips.locking import LockedTrip, locked_trip, stale
from drivers.models import Company
from drivers.refused import Refused
from drivers.times import moment

# How far a driver's clock may be ahead, and how long after the event a report is accepted.
CLOCK_AHEAD = timedelta(minutes=5)
REPORTED_WITHIN = timedelta(hours=48)
# How long before its planned pickup a trip may begin. A driver sets off an hour ahead at most, and
# a trip driven in another order than planned begins a few hours before its time; what is reported
# of a trip that begins even later is a click on the wrong trip, or on the wrong day.
BEGINS_WITHIN = timedelta(hours=4)

READY_WITHIN_MIN = 600  # how far ahead a client may announce that they will be ready

# The status of the assignment for each status that is reported of a booking.
ASSIGNMENT_STATUS = {
    Status.ASSIGNED: Assignment.Status.PLANNED,
    Status.EN_ROUTE: Assignment.Status.EN_ROUTE,
    Status.IN_PROGRESS: Assignment.Status.IN_PROGRESS,
    Status.COMPLETED: Assignment.Status.COMPLETED,
    Status.NO_SHOW: Assignment.Status.NO_SHOW,
}


class NotAssigned(Refused):
    """The trip has no driver."""

    code = "not_assigned"
    status = 409


class ImplausibleTime(Refused):
    """An actual time lies in the future, too far back, or before the pickup."""

    code = "invalid"
    status = 400
    field = "at"


class TooEarly(Refused):
    """The trip is planned for much later; `possible_from` says when it may begin."""

    code = "too_early"
    status = 409

    def __init__(self, sentence: str, possible_from: datetime) -> None:
        self.possible_from = possible_from
        super().__init__(sentence)

    def members(self) -> dict[str, Any]:
        return {"possible_from": moment(self.possible_from)}


class NotThereYet(Refused):
    """The outbound trip has not arrived yet; `anyway` accepts its return trip all the same."""

    code = "not_there_yet"
    status = 409


class AppointmentMissed(Refused):
    """The client would be ready after the appointment."""

    code = "appointment_missed"
    status = 409


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
    anyway: bool = False,
    reason: str = "",
    version: int | None = None,
) -> LockedTrip:
    """Accept a will-call whose client is ready now, or in some minutes: at most 6 statements.

    An accepted booking with a time keeps it. `anyway` accepts it although the outbound trip has
    not arrived by then. Raises NoSuchTrip, StaleBookingError, StatusRefusedError, AppointmentMissed
    or NotThereYet.
    """
    with locked_trip(company, booking_id) as trip:
        booking = trip.booking
        if not booking.will_call and booking.status in (Status.ACCEPTED, Status.ASSIGNED):
            return trip
        _compare(trip, version)
        if not booking.will_call:
            raise StatusRefusedError(
                _("Trip %(trip)s is not a will-call: it has a pickup time.") % {"trip": booking}
            )
        _require_transition(trip, Status.ACCEPTED)
        wanted_at = now.replace(second=0, microsecond=0) + timedelta(minutes=minutes)
        if booking.appointment_at and booking.appointment_at <= wanted_at:
            raise AppointmentMissed(
                _("Trip %(trip)s has an appointment at %(at)s; change or remove it first.")
                % {"trip": booking, "at": company.clock(booking.appointment_at)}
            )
        if not anyway:
            _require_arrived(company, booking, wanted_at, now)
        fields = {"status": Status.ACCEPTED, "will_call": False, "scheduled_time": wanted_at}
        return _write(trip, booking=fields, actor=actor, now=now, reason=reason)


def _require_arrived(company: Company, back: Booking, wanted_at: datetime, now: datetime) -> None:
    """Raise NotThereYet if the outbound trip arrives after `wanted_at`: at most 1 statement.

    A trip that is over hinders nothing. One under way arrives as planned, but not before now.
    """
    if back.return_of_id is None:
        return
    standing = Q(assignments__is_open=True)
    there = (
        Booking.objects.open()
        .annotate(standing=FilteredRelation("assignments", condition=standing))
        .annotate(dropoff_at=F("standing__planned_dropoff_at"))
        .filter(id=back.return_of_id)
        .first()
    )
    if there is None:
        return
    arrives_at = there.dropoff_at or there.appointment_at or there.scheduled_time
    if there.status in (Status.EN_ROUTE, Status.IN_PROGRESS):
        arrives_at = max(arrives_at, now)
    if wanted_at < arrives_at:
        raise NotThereYet(
            _("Outbound trip %(trip)s is %(status)s: it arrives at %(at)s at the earliest.")
            % {
                "trip": there,
                "status": there.get_status_display(),
                "at": company.clock(arrives_at, company.local(now).date()),
            }
        )


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
) -> LockedTrip:
    """Release a trip that has not begun from its driver: at most 7 statements.

    Raises NoSuchTrip, StaleBookingError, NotAssigned or StatusRefusedError.
    """
    with locked_trip(company, booking_id) as trip:
        if trip.booking.status == Status.ACCEPTED and trip.assignment is None:
            return trip
        _compare(trip, assignment_id=assignment_id)
        assignment = _assignment(trip)
        _require_transition(trip, Status.ACCEPTED)
        promise = ledger.promise_of(assignment)
        entry = ledger.released(booking_id, assignment.id, promise, trip.booking.status, reason)
        ledger.end([assignment.id], now=now)
        ledger.set_status({Status.ACCEPTED: [booking_id]}, now=now)
        ledger.log(company.id, [entry], actor=actor, now=now)
        superseded = {"status": Assignment.Status.SUPERSEDED}
        return _after(trip, {"status": Status.ACCEPTED}, superseded, now)


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
    """Report an assigned trip en route, on board, completed, no-show, or back to assigned.

    `at` is when it happened, now by default; a driver without reception reports late. With
    `driver_id`, only trips of this driver exist. At most 7 statements. Raises NoSuchTrip,
    StaleBookingError, NotAssigned, StatusRefusedError, ImplausibleTime or TooEarly.
    """
    at = at or now
    with locked_trip(company, booking_id, driver_id=driver_id) as trip:
        if trip.booking.status == status:
            return trip
        _compare(trip, assignment_id=assignment_id)
        if status not in ASSIGNMENT_STATUS:
            raise refusal(trip.booking, status)
        _require_transition(trip, status)
        open_assignment = _assignment(trip)
        fields: dict[str, Any] = {"status": ASSIGNMENT_STATUS[status]}
        if status == Status.ASSIGNED:
            fields["arrived_at"] = None
        elif status == Status.IN_PROGRESS:
            fields["actual_pickup_at"] = at
        elif status in (Status.COMPLETED, Status.NO_SHOW):
            fields["actual_dropoff_at"] = at
        _require_plausible(open_assignment, at, now)
        if status != Status.ASSIGNED:
            _require_begun(company, trip, str(Status(status).label), at)
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
    """Record when the driver, en route, arrived at the pickup: at most 6 statements.

    The status stays. Raises what `report_progress` raises.
    """
    at = at or now
    with locked_trip(company, booking_id, driver_id=driver_id) as trip:
        if trip.assignment and trip.assignment.arrived_at:
            return trip
        _compare(trip, assignment_id=assignment_id)
        open_assignment = _assignment(trip)
        if trip.booking.status != Status.EN_ROUTE:
            raise StatusRefusedError(
                _("Trip %(trip)s is %(status)s; only a driver en route can arrive.")
                % {"trip": trip.booking, "status": trip.booking.get_status_display()}
            )
        _require_plausible(open_assignment, at, now)
        _require_begun(company, trip, _("arrived at the pickup"), at)
        return _write(trip, assignment={"arrived_at": at}, actor=actor, now=now, reason=reason)


def _compare(
    trip: LockedTrip, version: int | None = None, assignment_id: int | None = None
) -> None:
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


def _require_transition(trip: LockedTrip, status: Status) -> None:
    if status not in TRANSITIONS[Status(trip.booking.status)]:
        raise refusal(trip.booking, status)


def _assignment(trip: LockedTrip) -> Assignment:
    """Return the trip's open assignment. Raises NotAssigned."""
    if trip.assignment is None:
        raise NotAssigned(_("Trip %(trip)s has no driver.") % {"trip": trip.booking})
    return trip.assignment


def _require_plausible(assignment: Assignment, at: datetime, now: datetime) -> None:
    if at > now + CLOCK_AHEAD:
        raise ImplausibleTime(_("The time is in the future."))
    if at < now - REPORTED_WITHIN:
        raise ImplausibleTime(_("The time is more than 48 hours ago."))
    pickup_at = assignment.actual_pickup_at
    if pickup_at and at < pickup_at:
        raise ImplausibleTime(_("The dropoff cannot be before the pickup."))


def _require_begun(company: Company, trip: LockedTrip, what: str, at: datetime) -> None:
    """Raise TooEarly if the trip is planned for much later than `at`."""
    planned_at = _assignment(trip).planned_pickup_at
    possible_from = planned_at - BEGINS_WITHIN
    if at < possible_from:
        sentence = _(
            "Trip %(trip)s is planned for %(pickup)s: “%(what)s” is possible from %(from)s."
        )
        raise TooEarly(
            sentence
            % {
                "trip": trip.booking,
                "pickup": company.day_and_clock(planned_at),
                "what": what,
                "from": company.day_and_clock(possible_from),
            },
            possible_from,
        )


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
        _compare(trip, assignment_id=assignment_id)
        assignment = _assignment(trip)
        if all(getattr(assignment, name) == value for name, value in fields.items()):
            return trip
        return _write(trip, assignment=fields, actor=actor, now=now, reason=reason)


def _write(
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
        stored = _assignment(trip)
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
    return _after(trip, booking or {}, assignment or {}, now)


def _after(
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
    is_open = trip.assignment and trip.assignment.status in (
        Assignment.Status.PLANNED,
        Assignment.Status.EN_ROUTE,
        Assignment.Status.IN_PROGRESS,
    )
    return LockedTrip(trip.booking, trip.assignment if is_open else None, changed=True)
