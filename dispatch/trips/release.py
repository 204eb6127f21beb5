"""Release trips in bulk, in the caller's transaction or in a new one."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F

from bookings.models import Actor, Booking, Event, Status
from dispatch.models import Assignment
from dispatch.trips.locking import stale
from drivers.models import Driver


def release_trips(
    assignment_ids: Iterable[int], *, actor: Actor, now: datetime, reason: str = ""
) -> tuple[int, ...]:
    """Release planned trips, also locked ones; return the ids of their bookings: 7 statements.

    No statement without trips. Raises StaleBookingError if one of them has begun, ended or changed
    drivers since: then none is released.
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
        assignments.update(status=Assignment.Status.SUPERSEDED, updated_at=now)
        Booking.objects.filter(id__any_of=sorted(bookings)).update(
            status=Status.ACCEPTED, version=F("version") + 1, updated_at=now
        )
        Event.objects.bulk_create([_event(trip, actor, now, reason) for trip in trips])
    return tuple(trip.booking_id for trip in trips)


def _event(trip: Assignment, actor: Actor, now: datetime, reason: str) -> Event:
    return Event(
        company_id=trip.company_id,
        booking_id=trip.booking_id,
        assignment_id=trip.id,
        kind=Event.Kind.RELEASED,
        at=now,
        user_id=actor.user_id,
        actor=actor.name,
        door=actor.door,
        old={
            "status": Status.ASSIGNED,
            "driver": trip.driver_id,
            "pickup": trip.planned_pickup_at.isoformat(),
            "dropoff": trip.planned_dropoff_at.isoformat(),
        },
        new={"status": Status.ACCEPTED},
        reason=reason[: Event._meta.get_field("reason").max_length],
    )
