"""Book a trip by telephone, with an optional return trip, for a known or a new client."""

from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from bookings.events import client_created
from bookings.models import Actor, Booking, Client, DriverPreference, Event, Status
from bookings.save import save_booking
from drivers.models import Company, Driver


@dataclass(frozen=True, slots=True)
class Call:
    """The requested trip: rows not stored yet, except a known client.

    `return_at` is the requested pickup of the return trip, or None without one. With `will_call`
    the client will call for the return trip, at `return_at` at the earliest.
    """

    booking: Booking
    client: Client
    driver: Driver | None = None
    return_at: datetime | None = None
    will_call: bool = False


def book(call: Call, *, actor: Actor, now: datetime) -> list[Booking]:
    """Create the accepted booking and its return trip, with their events; return them.

    All or nothing, in a constant number of statements. A will-call return trip stays pending until
    the client is ready. The driver is saved as preferred for later trips too. Raises
    ValidationError with the fields.
    """
    with transaction.atomic():
        is_new = call.client.pk is None
        if is_new:
            # Of two concurrent calls the second finds the client that the first has created.
            Company.objects.select_for_update(no_key=True).get(pk=call.client.company_id)
            call.client.full_clean()
            call.client.save()
        if call.driver is not None:
            _prefer(call.client, call.driver)
        there = call.booking
        there.client, there.status = call.client, Status.ACCEPTED
        there.customer_id = call.client.customer_id
        save_booking(there, actor=actor, now=now)
        trips = [there]
        if call.return_at is not None:
            back = way_back(there, call.return_at, will_call=call.will_call)
            save_booking(back, actor=actor, now=now)
            trips.append(back)
        if is_new:  # last, because whoever has logged keeps the company's other writers waiting
            Event.objects.bulk_create([client_created(call.client, actor=actor, now=now)])
        return trips


def _prefer(client: Client, driver: Driver) -> None:
    preferred, forbidden = DriverPreference.Kind.PREFERRED, DriverPreference.Kind.FORBIDDEN
    kept, _created = DriverPreference.objects.get_or_create(
        client=client, driver=driver, defaults={"kind": preferred}
    )
    if kept.kind == forbidden:
        message = _("%(client)s must not be driven by %(driver)s: choose another driver.")
        raise ValidationError({"driver": message % {"client": client, "driver": driver}})


def way_back(there: Booking, at: datetime, *, will_call: bool = False) -> Booking:
    """Return the booking of the return trip, not stored yet."""
    back = Booking(
        company=there.company,
        customer_id=there.customer_id,
        client=there.client,
        pickup_address=there.dropoff_address,
        pickup_lat=there.dropoff_lat,
        pickup_lon=there.dropoff_lon,
        dropoff_address=there.pickup_address,
        dropoff_lat=there.pickup_lat,
        dropoff_lon=there.pickup_lon,
        scheduled_time=at,
        passengers=there.passengers,
        wheelchairs=there.wheelchairs,
        may_share=there.may_share,
        max_ride_min=there.max_ride_min,
        priority=there.priority,
        notes=there.notes,
        return_of=there,
        will_call=will_call,
        status=Status.PENDING if will_call else there.status,
    )
    back.far_meant, back.overlap_meant = there.far_meant, there.overlap_meant
    return back
