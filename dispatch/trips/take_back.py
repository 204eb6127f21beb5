"""Take back what a driver has just reported of a trip, as long as nobody has built on it."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from bookings.models import Actor, Event
from dispatch import ledger
from dispatch.models import Assignment
from dispatch.trips.inverses import inverse_of, not_undoable, require_rules, write_inverses
from drivers.models import Company


def take_back(
    company: Company, booking_id: int, written_at: datetime, *, actor: Actor, now: datetime
) -> None:
    """Undo what this actor wrote of the trip at `written_at`: at most 15 statements.

    It must be the last that the log tells of the trip; a trip that gets its driver back must keep
    every rule. Raises NotUndoable.
    """
    with transaction.atomic():
        rows = Assignment.objects.filter(company=company, booking=booking_id).order_by("id")
        drivers = ledger.lock_drivers(company, set(rows.values_list("driver_id", flat=True)))
        bookings = ledger.lock_bookings(company.id, [booking_id])
        log = Event.objects.filter(company=company, booking=booking_id)
        event = log.exclude(kind__in=Event.FORESEEN).order_by("-id").first()
        if event is None or (event.at, event.door) != (written_at, actor.door):
            raise not_undoable(_("Somebody has changed the trip since."))
        booking = bookings[booking_id]
        inverse = inverse_of(event, booking, list(rows))
        write_inverses(company, [inverse], bookings, actor=actor, now=now)
        day = company.local(booking.scheduled_time).date()
        require_rules(company, day, [inverse], drivers, now)
