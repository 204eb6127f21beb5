"""Create or change one booking: the use-case behind the admin's form and the API.

In bulk: `bookings.importing.import_bookings`, and `dispatch.runs.apply` for the status.
"""

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from bookings.agreements import require_agreed
from bookings.events import Changes, booking_changed, booking_created, differences, particulars
from bookings.guards import NOTHING_AGREED, Agreed, Held, hold
from bookings.models import (
    OPEN_STATUSES,
    SETTLED_STATUSES,
    TRANSITIONS,
    WAITING_STATUSES,
    Actor,
    Booking,
    Event,
    Status,
)
from bookings.order import enter_after, enter_before, is_wanted_after
from bookings.overlaps import OVERLAPPING, check_overlap, trips_asked
from bookings.own_places import ADDRESSES, COLUMNS, other_minutes, recognise
from bookings.pickup_times import settle_pickup
from drivers.refused import Refused

# Fields that may still change when a booking has started or ended.
ALWAYS = {"status", "notes", "cancel_reason"}
# Fields that may change the order of an outbound and its return trip.
ORDERING = {"scheduled_time", "appointment_at", "return_of"}


class StaleBookingError(Refused):
    """The booking was changed by someone else after it was read."""

    code = "stale"
    status = 409


class SettledBookingError(Refused):
    """The booking has started or ended."""

    code = "settled"
    status = 409


class StatusRefusedError(Refused):
    """This status may not follow the present one."""

    code = "status"
    status = 409


class AlreadyDriven(Refused):
    """The client is on another trip then: agree on another time, or say that it is meant."""

    code = "overlaps"
    status = 409


def save_booking(
    booking: Booking,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    agreed: Agreed = NOTHING_AGREED,
    as_agreed: bool = False,
) -> Event | None:
    """Insert a new booking or update the changed fields of an existing one; return its event.

    An existing booking has the `version` that its author saw and gets the next one. Returns None
    if nothing changed. The booking is fully validated under its lock. Of an assigned booking the
    guards check what becomes of its trip; `agreed` says which may be released or moved. `as_agreed`
    holds the change to what the customer has agreed to (`agreements`). Without a pickup it is
    computed from the appointment (`pickup_times`).

    Raises StaleBookingError, SettledBookingError, StatusRefusedError, ValidationError with
    the fields, also where `check_overlap` asks, or what the guards or `require_agreed` raise.
    """
    with transaction.atomic(), ExitStack() as stack:
        if booking.pk is None:
            return _create(booking, actor=actor, now=now, reason=reason)
        held = hold(stack, booking, actor=actor, now=now, agreed=agreed)
        return _change(booking, held, actor=actor, now=now, reason=reason, as_agreed=as_agreed)


def save_agreed(booking: Booking, **how: Any) -> Event | None:
    """Save a booking at a time that was agreed on with the client, as `save_booking` does.

    Raises AlreadyDriven if they would be on another trip then.
    """
    try:
        return save_booking(booking, **how)
    except ValidationError as error:
        if trips_asked(error):
            raise AlreadyDriven(" ".join(error.messages)) from error
        raise


def _create(booking: Booking, *, actor: Actor, now: datetime, reason: str) -> Event:
    if booking.status not in WAITING_STATUSES:
        raise StatusRefusedError(
            _("A new booking must be pending or accepted, not “%(status)s”.")
            % {"status": booking.get_status_display()}
        )
    booking.created_at = booking.updated_at = now
    recognise(booking.company, [booking])
    settle_pickup(booking, now=now)
    booking.full_clean()
    check_order(booking, ORDERING)
    check_overlap(booking, OVERLAPPING)
    booking.save(force_insert=True)
    event = booking_created(booking, actor=actor, now=now, reason=reason)
    Event.objects.bulk_create([event])
    return event


def _change(
    booking: Booking,
    held: Sequence[Held],
    *,
    actor: Actor,
    now: datetime,
    reason: str,
    as_agreed: bool,
) -> Event | None:
    stored = Booking.objects.select_for_update().filter(pk=booking.pk).first()
    if stored is None or stored.version != booking.version:
        raise StaleBookingError(
            _("Someone else has changed booking %(booking)s. Read it again and retry.")
            % {"booking": booking}
        )
    if stored.company_id != booking.company_id:
        raise ValidationError({"company": _("A booking cannot be moved to another company.")})
    if stored.customer_id != booking.customer_id:
        raise ValidationError({"customer": _("A booking cannot be moved to another customer.")})
    before = particulars(stored)
    links: tuple[str, ...] = ()
    minutes: Changes = {}
    if any(before[name] != getattr(booking, name) for name in ADDRESSES):
        recognise(booking.company, [booking])
        links = COLUMNS
        minutes = other_minutes(
            (stored.pickup_place, stored.dropoff_place),
            (booking.pickup_place, booking.dropoff_place),
        )
    settle_pickup(booking, before, now=now, other_minutes=bool(minutes))
    after = particulars(booking)
    changes = differences(before, after)
    if not changes:
        return None
    if as_agreed:
        require_agreed(booking.customer, before, after, now)
    if stored.status in SETTLED_STATUSES and not changes.keys() <= ALWAYS:
        raise SettledBookingError(
            _("Booking %(booking)s is %(status)s: its details can no longer be changed.")
            % {"booking": stored, "status": stored.get_status_display()}
        )
    if "status" in changes and booking.status not in TRANSITIONS[Status(stored.status)]:
        raise StatusRefusedError(
            _("Booking %(booking)s cannot change from “%(old)s” to “%(new)s”.")
            % {
                "booking": stored,
                "old": stored.get_status_display(),
                "new": booking.get_status_display(),
            }
        )
    if stored.status == Status.ASSIGNED and booking.status != Status.ASSIGNED:
        raise StatusRefusedError(
            _("Booking %(booking)s has a driver: release or cancel the trip instead.")
            % {"booking": stored}
        )
    booking.full_clean()
    check_order(booking, changes)
    check_overlap(booking, changes)
    booking.version = stored.version + 1
    booking.updated_at = now
    booking.save(update_fields=[*changes, *links, "version", "updated_at"])
    event = booking_changed(
        booking.company_id, booking.pk, changes, actor=actor, now=now, reason=reason
    )
    Event.objects.bulk_create([event])
    for guard in held:
        guard.check(stored, changes | minutes)
    return event


def check_order(booking: Booking, changed: Collection[str]) -> None:
    """Refuse a change by which a return trip is not wanted after its outbound trip.

    At most 2 statements, none if the change is of other fields. An outbound trip that is over
    hinders nothing. Raises ValidationError with the field.
    """
    if ORDERING.isdisjoint(changed):
        return
    fields = ("scheduled_time", "return_of", "appointment_at")
    field = next(name for name in fields if name in changed)
    there = booking.return_of
    if there and there.status in OPEN_STATUSES and not _in_order(there, booking):
        times = there.scheduled_time, there.appointment_at
        raise ValidationError({field: enter_after(booking.company, there, *times)})
    if booking.pk is None or changed == {"return_of"}:
        return
    back = Booking.objects.open().filter(return_of=booking.pk).first()
    if back and not _in_order(booking, back):
        raise ValidationError({field: enter_before(booking.company, back, back.scheduled_time)})


def _in_order(there: Booking, back: Booking) -> bool:
    return is_wanted_after(
        back.scheduled_time, there.scheduled_time, there.appointment_at, will_call=back.will_call
    )
