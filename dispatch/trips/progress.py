"""Report the progress of one trip: each use-case is one call and one transaction.

The statuses of a booking and of its open assignment change together. A trip that already is as
reported stays as it is, whatever the caller saw, so that a report may be repeated.
"""

from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from bookings.models import DRIVEN_STATUSES, Actor, Status
from bookings.save import StatusRefusedError
from dispatch.models import Assignment
from dispatch.trips.locking import LockedTrip, locked_trip
from dispatch.trips.write_trip import (
    compare,
    open_assignment,
    refusal,
    require_transition,
    write,
)
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

# The status of the assignment for each status that is reported of a booking.
ASSIGNMENT_STATUS = {
    Status.ASSIGNED: Assignment.Status.PLANNED,
    Status.EN_ROUTE: Assignment.Status.EN_ROUTE,
    Status.IN_PROGRESS: Assignment.Status.IN_PROGRESS,
    Status.COMPLETED: Assignment.Status.COMPLETED,
    Status.NO_SHOW: Assignment.Status.NO_SHOW,
}


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
        compare(trip, assignment_id=assignment_id)
        if status not in ASSIGNMENT_STATUS:
            raise refusal(trip.booking, status)
        require_transition(trip, status)
        standing = open_assignment(trip)
        fields: dict[str, Any] = {"status": ASSIGNMENT_STATUS[status]}
        if status == Status.ASSIGNED:
            fields["arrived_at"] = None
        elif status == Status.IN_PROGRESS:
            fields["actual_pickup_at"] = at
        elif status in DRIVEN_STATUSES:
            fields["actual_dropoff_at"] = at
        _require_plausible(standing, at, now)
        if status != Status.ASSIGNED:
            _require_begun(company, trip, str(Status(status).label), at)
        return write(
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
        compare(trip, assignment_id=assignment_id)
        standing = open_assignment(trip)
        if trip.booking.status != Status.EN_ROUTE:
            raise StatusRefusedError(
                _("Trip %(trip)s is %(status)s; only a driver en route can arrive.")
                % {"trip": trip.booking, "status": trip.booking.get_status_display()}
            )
        _require_plausible(standing, at, now)
        _require_begun(company, trip, _("arrived at the pickup"), at)
        return write(trip, assignment={"arrived_at": at}, actor=actor, now=now, reason=reason)


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
    planned_at = open_assignment(trip).planned_pickup_at
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
