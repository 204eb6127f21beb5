"""Take back what was recorded of a trip by mistake: one step, with a reason.

Which step: `bookings/models/booking.py:CORRECTIONS`. What has ended can be taken back for as many
hours as the company allows. The log tells when it ended and what it was before.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.events import differences, plain_values
from bookings.models import CORRECTIONS, OPEN_STATUSES, Actor, Booking, Event, Status
from bookings.overlaps import check_overlap
from bookings.save import StatusRefusedError, check_order
from dispatch import ledger
from dispatch.models import Assignment
from dispatch.trips.locking import LockedTrip, locked_trip, stale
from dispatch.trips.progress import ASSIGNMENT_STATUS
from drivers.models import Company
from drivers.refused import Refused


class TooLateToCorrect(Refused):
    """The company allows no correction any more, or none at all."""

    code = "too_late_to_correct"
    status = 409


class ReasonMissing(Refused):
    """A correction needs a reason."""

    code = "required"
    status = 400
    field = "reason"


@dataclass(frozen=True, slots=True)
class Step:
    """The status that a correction leads to; `scheduled_at` is that of a will-call again."""

    status: Status
    recorded_at: datetime | None = None
    scheduled_at: datetime | None = None


def correct(
    company: Company,
    booking_id: int,
    *,
    actor: Actor,
    now: datetime,
    reason: str,
    version: int | None = None,
) -> LockedTrip:
    """Take the trip one status back: at most 12 statements.

    The trip keeps its driver, if no other trip has taken the place; otherwise, and after a
    cancellation, it is without a driver. Raises NoSuchTrip, StaleBookingError, ReasonMissing,
    StatusRefusedError or TooLateToCorrect.
    """
    if not reason.strip():
        raise ReasonMissing(_("Say why."))
    with locked_trip(company, booking_id, ended=True) as trip:
        booking = trip.booking
        booking.company = company
        if version not in (None, booking.version):
            raise stale(booking)
        step = step_back(booking)
        if step is None:
            raise StatusRefusedError(
                _("Trip %(trip)s is %(status)s: nothing can be taken back.")
                % {"trip": booking, "status": booking.get_status_display()}
            )
        _require_in_time(company, booking, step, now)
        fields = _booking_fields(booking, step)
        entry = ledger.Entry(booking_id, None, Event.Kind.BOOKING_CORRECTED, {}, {}, reason)
        assignment = trip.assignment
        if assignment:
            entry = entry._replace(assignment_id=assignment.id)
            if not _give_back(assignment, step.status, entry, now):
                fields["status"], assignment = Status.ACCEPTED, None
        _write(booking, fields, entry, actor=actor, now=now)
        return LockedTrip(booking, assignment, changed=True)


def step_back(booking: Booking) -> Step | None:
    """Return what a correction would do, None if there is nothing to correct: 1 statement at most.

    Only a booking that was a will-call goes back from accepted.
    """
    status = Status(booking.status)
    before = CORRECTIONS.get(status)
    if before is None or (status in OPEN_STATUSES and status != Status.ACCEPTED):
        return Step(before) if before else None
    events = Event.objects.filter(booking=booking, new__status=status).order_by("-id")
    if status == Status.ACCEPTED:
        event = events.filter(new__will_call=False, old__will_call=True).first()
        told = event and event.old.get("scheduled_time")
        return Step(before, scheduled_at=parse_datetime(told)) if told else None
    event = events.first()
    if event is None:  # the log does not tell of it
        return None
    was_pending = event.old.get("status") == Status.PENDING
    return Step(Status.PENDING if was_pending else before, event.at)


def is_in_time(company: Company, step: Step, now: datetime) -> bool:
    """Return whether the company still allows the step; an open trip is corrected at any time."""
    return step.recorded_at is None or now < step.recorded_at + timedelta(
        hours=company.correction_hours
    )


def _require_in_time(company: Company, booking: Booking, step: Step, now: datetime) -> None:
    if is_in_time(company, step, now):
        return
    values = {"trip": booking, "status": booking.get_status_display()}
    if not company.correction_hours:
        raise TooLateToCorrect(
            _("Trip %(trip)s is %(status)s: the company allows no corrections.") % values
        )
    values["hours"] = company.correction_hours
    raise TooLateToCorrect(
        ngettext(
            "Trip %(trip)s is %(status)s for more than %(hours)d hour: too late to take it back.",
            "Trip %(trip)s is %(status)s for more than %(hours)d hours: too late to take it back.",
            company.correction_hours,
        )
        % values
    )


def _booking_fields(booking: Booking, step: Step) -> dict[str, Any]:
    fields: dict[str, Any] = {"status": step.status}
    if step.scheduled_at:
        fields |= {"will_call": True, "scheduled_time": step.scheduled_at}
    if booking.cancel_reason:
        fields["cancel_reason"] = ""
    return fields


def _give_back(assignment: Assignment, status: Status, entry: ledger.Entry, now: datetime) -> bool:
    """Give the assignment this status; end it, and return False, where its place is taken.

    At most 4 statements. The entry is told of the difference.
    """
    promise, was_open = ledger.promise_of(assignment).as_values(), assignment.is_open
    fields: dict[str, Any] = {"status": ASSIGNMENT_STATUS[status], "actual_dropoff_at": None}
    if status != Status.IN_PROGRESS:
        fields["actual_pickup_at"] = None
    if status == Status.ASSIGNED:
        fields["arrived_at"] = None
    try:
        with transaction.atomic():
            ledger.change_assignment(assignment, fields, now=now)
    except IntegrityError:  # assignment_no_double_booking
        superseded = {"status": Assignment.Status.SUPERSEDED}
        ledger.change_assignment(assignment, superseded, now=now)
        entry.old.update(promise)
        return False
    del fields["status"]
    changes = differences({name: getattr(assignment, name) for name in fields}, fields)
    entry.old.update(plain_values({name: old for name, (old, _new) in changes.items()}))
    for name, value in {**fields, "status": ASSIGNMENT_STATUS[status]}.items():
        setattr(assignment, name, value)
    if was_open:
        entry.new.update({name: new for name, (_old, new) in changes.items()})
    else:
        kept = {name: getattr(assignment, name) for name in ledger.KEPT}
        entry.new.update(promise)
        entry.new.update(plain_values({name: value for name, value in kept.items() if value}))
    return True


def _write(
    booking: Booking, fields: dict[str, Any], entry: ledger.Entry, *, actor: Actor, now: datetime
) -> None:
    """Write the booking and its event: 2 statements, and 3 if its order is checked."""
    changes = differences({name: getattr(booking, name) for name in fields}, fields)
    entry.old.update(plain_values({name: old for name, (old, _new) in changes.items()}))
    entry.new.update(plain_values({name: new for name, (_old, new) in changes.items()}))
    was = booking.status
    for name, value in {**fields, "version": booking.version + 1, "updated_at": now}.items():
        setattr(booking, name, value)
    if was == Status.CANCELED or "scheduled_time" in changes:
        try:
            check_order(booking, {"scheduled_time"})
            check_overlap(booking, {"scheduled_time"})
        except ValidationError as error:
            raise StatusRefusedError(" ".join(error.messages)) from None
    others = {name: value for name, value in fields.items() if name != "status"}
    ledger.set_status({fields["status"]: [booking.id]}, now=now, **others)
    ledger.log(booking.company_id, [entry], actor=actor, now=now)
