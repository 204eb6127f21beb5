"""Release trips in bulk, in the caller's transaction or in a new one."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.db import transaction

from bookings.models import Actor, Booking, Status
from dispatch import ledger
from dispatch.models import Assignment
from dispatch.trips.locking import stale
from drivers.models import Driver

NOTHING: Mapping[str, Any] = MappingProxyType({})


def release_trips(
    assignment_ids: Iterable[int],
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    beside: Mapping[str, Any] = NOTHING,
) -> tuple[int, ...]:
    """Release planned trips, also locked ones; return the ids of their bookings: 7 statements.

    `beside` is what the log says of the change that made it necessary, to undo both or neither:
    `ledger.BESIDE` if that cannot be undone. No statement without trips. Raises StaleBookingError
    if one of them has begun, ended or changed drivers since: then none is released.
    """
    wanted = sorted(set(assignment_ids))
    if not wanted:
        return ()
    with transaction.atomic():
        assignments = Assignment.objects.filter(id__any_of=wanted)
        drivers = Driver.objects.filter(id__in=assignments.values("driver_id")).order_by("id")
        list(drivers.select_for_update(no_key=True).values_list("id"))
        bookings = (
            Booking.objects.filter(id__in=assignments.values("booking_id"))
            .order_by("id")
            .select_for_update(no_key=True)
            .in_bulk()
        )
        trips = list(assignments.filter(status=Assignment.Status.PLANNED).order_by("id"))
        for trip in trips:
            if bookings[trip.booking_id].status != Status.ASSIGNED:
                raise stale(bookings[trip.booking_id])
        if len(trips) != len(wanted):
            standing = {trip.booking_id for trip in trips}
            raise stale(next((b for i, b in bookings.items() if i not in standing), wanted[0]))
        ledger.end(trips, now=now)
        ledger.set_status({Status.ACCEPTED: bookings}, now=now)
        for company_id in {trip.company_id for trip in trips}:
            entries = [
                _entry(trip, reason, beside) for trip in trips if trip.company_id == company_id
            ]
            ledger.log(company_id, entries, actor=actor, now=now)
    return tuple(trip.booking_id for trip in trips)


def _entry(trip: Assignment, reason: str, beside: Mapping[str, Any]) -> ledger.Entry:
    promise = ledger.promise_of(trip)
    entry = ledger.released(trip.booking_id, trip.id, promise, Status.ASSIGNED, reason)
    entry.new.update(beside)
    return entry
