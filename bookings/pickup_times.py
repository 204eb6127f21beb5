"""Compute the pickup of a trip of which only the appointment is wanted: "be there at nine".

The pickup is so long before the appointment as boarding, the ride and the margin take, rounded down
to five minutes. A booking without a pickup asks for it and keeps that it is computed
(`pickup_computed`); a pickup that somebody enters, or agrees on, stays as it is.

This app knows no driving times: who does registers them in its `ready()`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from bookings.models import Booking, CompanyPlace
from drivers.models import Company, Customer

Point = tuple[float, float]
# The driving time of each (pickup, dropoff, end of the ride), None where no road leads there.
Rides = Callable[[Company, Sequence[tuple[Point, Point, datetime]]], list[timedelta | None]]
STEP = timedelta(minutes=5)
MIDNIGHT = datetime(2000, 1, 1, tzinfo=UTC)
# What a computed pickup depends on, besides the minutes of the company's places at its ends.
INPUTS = (
    "appointment_at", "pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon",
    "passengers", "wheelchairs", "needs",
)  # fmt: skip

RIDES: list[Rides] = []
CAVEATS: list[Callable[[], str]] = []


def register(rides: Rides, caveat: Callable[[], str]) -> None:
    """Let these functions say how long rides take, and in a sentence what that leaves out."""
    RIDES[:] = [rides]
    CAVEATS[:] = [caveat]


def caveat() -> str:
    """Return what to know of the driving time in a computed pickup, "" if there is nothing."""
    (say,) = CAVEATS
    return say()


def needs_one() -> str:
    return _("Enter the pickup, or the appointment from which it is computed.")


def not_connected(trip: Booking) -> str:
    ends = {
        end: getattr(trip, f"{end}_address", "")
        or f"{getattr(trip, f'{end}_lat')}, {getattr(trip, f'{end}_lon')}"
        for end in ("pickup", "dropoff")
    }
    return (
        _(
            "No way is known from “%(pickup)s” to “%(dropoff)s”: correct the place, or enter the "
            "pickup."
        )
        % ends
    )


def too_late(company: Company, at: datetime) -> str:
    return _("To be there in time the pickup had to be at %(clock)s: enter the pickup.") % {
        "clock": company.clock(at)
    }


def is_too_late(at: datetime, appointment_at: datetime | None, now: datetime) -> bool:
    """Return whether a computed pickup is over although its appointment is still to come."""
    return appointment_at is not None and at < now <= appointment_at


def pickups(company: Company, trips: Sequence[Booking]) -> list[datetime | None]:
    """Return the pickup that each trip's appointment asks for: 1 statement.

    The trips have an appointment, both ends, and their places (`own_places.recognise`). None where
    no way is known between the ends.
    """
    if not trips:
        return []
    (rides,) = RIDES
    margins = dict(
        Customer.objects.filter(company=company, margin_min__isnull=False).values_list(
            "id", "margin_min"
        )
    )
    latest = [_latest(company, trip, margins.get(trip.customer_id)) for trip in trips]
    found = rides(
        company,
        [
            ((trip.pickup_lat, trip.pickup_lon), (trip.dropoff_lat, trip.dropoff_lon), at)
            for trip, at in zip(trips, latest, strict=True)
        ],
    )
    return [
        None if ride is None else at - ride - (at - ride - MIDNIGHT) % STEP
        for at, ride in zip(latest, found, strict=True)
    ]


def _latest(company: Company, trip: Booking, of_customer: int | None) -> datetime:
    """Return the latest pickup if the ride took no time."""
    if trip.appointment_at is None:
        raise ValueError("Without an appointment there is no pickup to compute.")
    boarding = company.boarding(
        passengers=trip.passengers,
        wheelchairs=trip.wheelchairs,
        needs=trip.needs,
        at_place=_known(trip.pickup_place, "boarding_min"),
    )
    at_place = _known(trip.dropoff_place, "margin_min")
    margin = company.margin(of_customer if at_place is None else at_place)
    return trip.appointment_at - timedelta(minutes=boarding + margin)


def _known(place: CompanyPlace | None, name: str) -> int | None:
    minutes: int | None = getattr(place, name, None)
    return minutes


def settle_pickup(
    booking: Booking,
    stored: Mapping[str, Any] | None = None,
    *,
    now: datetime,
    other_minutes: bool = False,
) -> None:
    """Compute the pickup of a booking that asks for it: at most 3 statements.

    Its places are recognised already.

    It asks without `scheduled_time`, or computed before and with other `INPUTS` than the `stored`
    values, or `other_minutes` of its places; with another `scheduled_time` that one counts.
    Raises ValidationError with the field, also for a pickup that is over before its appointment.
    """
    if booking.scheduled_time is None:
        if booking.appointment_at is None or booking.will_call:
            raise ValidationError({"scheduled_time": needs_one()})
        booking.pickup_computed = True
    elif booking.pickup_computed and stored is not None:
        typed = booking.scheduled_time != stored["scheduled_time"]
        booking.pickup_computed = not typed and booking.appointment_at is not None
        if not other_minutes and all(getattr(booking, name) == stored[name] for name in INPUTS):
            return
    ends = (booking.pickup_lat, booking.pickup_lon, booking.dropoff_lat, booking.dropoff_lon)
    if not booking.pickup_computed or None in ends:
        return  # a place that is missing is refused as such
    booking.take_customer()  # whose margin it is
    (at,) = pickups(booking.company, [booking])
    if at is None:
        raise ValidationError({"scheduled_time": not_connected(booking)})
    if is_too_late(at, booking.appointment_at, now):
        raise ValidationError({"scheduled_time": too_late(booking.company, at)})
    booking.scheduled_time = at
