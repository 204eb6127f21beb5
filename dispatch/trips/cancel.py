"""Cancel a booking, or several in one transaction, such as a trip and its return: all or none."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from bookings.events import differences
from bookings.models import TRANSITIONS, Actor, Booking, Status
from dispatch import ledger
from dispatch.models import Assignment
from dispatch.trips.locking import no_such_trip, stale
from dispatch.trips.write_trip import refusal
from drivers.models import Company


def cancel(
    company: Company,
    booking_id: int,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    version: int | None = None,
) -> bool:
    """Cancel one booking; return False if it was canceled already. See `cancel_trips`."""
    seen = {booking_id: version}
    return bool(cancel_trips(company, seen, reason=reason, actor=actor, now=now))


def cancel_trips(
    company: Company, seen: dict[int, int | None], *, reason: str, actor: Actor, now: datetime
) -> list[Booking]:
    """Cancel bookings that are not on board yet, and free their drivers: at most 7 statements.

    `seen` is {booking: the version the caller saw, None for any}. Returns the bookings that were
    not canceled already. Raises NoSuchTrip, StaleBookingError or StatusRefusedError: then none is
    canceled.
    """
    ids = sorted(seen)
    with transaction.atomic():
        open_ones = Assignment.objects.open().filter(company=company, booking_id__any_of=ids)
        holders = dict(open_ones.values_list("booking_id", "driver_id"))
        ledger.lock_drivers(company, set(holders.values()))
        bookings = list(ledger.lock_bookings(company.id, ids).values())
        if len(bookings) != len(ids):
            raise no_such_trip()
        trips = {trip.booking_id: trip for trip in open_ones.order_by("id")}
        to_cancel = [booking for booking in bookings if booking.status != Status.CANCELED]
        for booking in to_cancel:
            trip = trips.get(booking.id)
            moved = (trip and trip.driver_id) != holders.get(booking.id)
            if moved or seen[booking.id] not in (None, booking.version):
                raise stale(booking)
            if Status.CANCELED not in TRANSITIONS[Status(booking.status)]:
                raise refusal(booking, Status.CANCELED)
        if to_cancel:
            _write(to_cancel, trips, reason=reason[:200], actor=actor, now=now)
    return to_cancel


def _write(
    bookings: Sequence[Booking],
    trips: Mapping[int, Assignment],
    *,
    reason: str,
    actor: Actor,
    now: datetime,
) -> None:
    freed = [trips[booking.id] for booking in bookings if booking.id in trips]
    ledger.end(freed, status=Assignment.Status.CANCELED, now=now)
    ids = [booking.id for booking in bookings]
    ledger.set_status({Status.CANCELED: ids}, now=now, cancel_reason=reason)
    new = {"status": Status.CANCELED, "cancel_reason": reason}
    entries = [
        ledger.changed(
            booking.id,
            trips[booking.id].id if booking.id in trips else None,
            differences({name: getattr(booking, name) for name in new}, new),
            reason,
        )
        for booking in bookings
    ]
    ledger.log(bookings[0].company_id, entries, actor=actor, now=now)
