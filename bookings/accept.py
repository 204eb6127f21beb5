"""Accept pending bookings in bulk and report those that cannot be accepted."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from bookings.events import Changes, booking_changed
from bookings.models import Actor, Booking, Event, Status


def accept_all(
    booking_ids: Iterable[int], *, actor: Actor, now: datetime
) -> tuple[list[int], list[str]]:
    """Accept pending bookings: 5 statements.

    Returns the ids of those accepted now, and a sentence for each that cannot be accepted.
    Bookings that are already accepted are in neither.
    """
    accepted: list[Booking] = []
    refused: list[str] = []
    with transaction.atomic():
        rows = Booking.objects.filter(id__any_of=sorted(booking_ids)).order_by("id")
        for booking in rows.select_for_update(no_key=True):
            if booking.status == Status.ACCEPTED:
                continue
            if why := why_not_accepted(booking):
                refused.append(why)
            else:
                accepted.append(booking)
        if accepted:
            _write(accepted, actor, now)
    return [booking.id for booking in accepted], refused


def why_not_accepted(booking: Booking) -> str:
    """Return why a booking cannot be accepted, or "" if it can."""
    if booking.status != Status.PENDING:
        message = _("Booking %(booking)s is %(status)s: only a pending booking can be accepted.")
        return message % {"booking": booking, "status": booking.get_status_display()}
    if booking.will_call:
        message = _("Booking %(booking)s is a will-call: mark the client as ready instead.")
        return message % {"booking": booking}
    return ""


def _write(bookings: list[Booking], actor: Actor, now: datetime) -> None:
    Booking.objects.filter(id__any_of=[booking.id for booking in bookings]).update(
        status=Status.ACCEPTED, version=F("version") + 1, updated_at=now
    )
    changes: Changes = {"status": (Status.PENDING, Status.ACCEPTED)}
    Event.objects.bulk_create(
        [booking_changed(b.company_id, b.id, changes, actor=actor, now=now) for b in bookings]
    )
