"""Create or change one booking: the use-case behind the admin's form and the API.

Many at once: `bookings.importing.import_bookings`, and `dispatch.runs.apply` for their status.
"""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from bookings.events import booking_changed, booking_created, differences, particulars
from bookings.models import SETTLED_STATUSES, TRANSITIONS, Booking, Event, Status

BEGINNINGS = (Status.PENDING, Status.ACCEPTED)
# What may still be said of a booking that is under way or over.
ALWAYS = {"status", "notes", "cancel_reason"}


class StaleBookingError(Exception):
    """Somebody else changed the booking after it was read."""


class SettledBookingError(Exception):
    """The booking is under way or over."""


class StatusRefusedError(Exception):
    """The booking cannot get from its status to the wanted one."""


def save_booking(booking, *, actor, now, reason=""):
    """Insert a new booking, or write what changed in an old one; return its event.

    An old booking carries the `version` its author saw, and gets the next one. Returns None
    when nothing differs from what is stored. Validates the booking in full, under the lock.
    The assignment of a booking is the caller's business: `dispatch` calls this in its own
    transaction when a change of status touches one.

    Raises StaleBookingError, SettledBookingError, StatusRefusedError, or ValidationError with
    the fields.
    """
    with transaction.atomic():
        if booking.pk is None:
            return _create(booking, actor=actor, now=now, reason=reason)
        return _change(booking, actor=actor, now=now, reason=reason)


def _create(booking, *, actor, now, reason):
    if booking.status not in BEGINNINGS:
        raise StatusRefusedError(
            _("A new booking must be pending or accepted, not “%(status)s”.")
            % {"status": booking.get_status_display()}
        )
    booking.created_at = booking.updated_at = now
    booking.full_clean()
    booking.save(force_insert=True)
    event = booking_created(booking, actor=actor, now=now, reason=reason)
    Event.objects.bulk_create([event])
    return event


def _change(booking, *, actor, now, reason):
    stored = Booking.objects.select_for_update().filter(pk=booking.pk).first()
    if stored is None or stored.version != booking.version:
        raise StaleBookingError(
            _("Someone else has changed booking %(booking)s. Read it again and retry.")
            % {"booking": booking}
        )
    if stored.company_id != booking.company_id:
        raise ValidationError({"company": _("A booking cannot be moved to another company.")})
    changes = differences(particulars(stored), particulars(booking))
    if not changes:
        return None
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
    booking.full_clean()
    booking.version = stored.version + 1
    booking.updated_at = now
    booking.save(update_fields=[*changes, "version", "updated_at"])
    event = booking_changed(
        booking.company_id, booking.pk, changes, actor=actor, now=now, reason=reason
    )
    Event.objects.bulk_create([event])
    return event
