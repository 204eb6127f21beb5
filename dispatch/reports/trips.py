"""Read the trips of days, and count each: done, on time, canceled with which notice. No clock."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import FilteredRelation, Q

from bookings.models import Booking, Event, Status
from dispatch.day.rows import DONE
from dispatch.models import CANCELED, MINUTES
from drivers.models import Company, Customer

DAY = timedelta(days=1)
# Up to how many minutes after the requested pickup (negative: before it) each of MINUTES goes.
UP_TO_MIN = (-15, -5, 5, 10, 15, 30, 60)
# From how much notice on each of CANCELED is, the shortest first.
NOTICE = (timedelta(hours=2), timedelta(hours=24))
NONE = timedelta(0)


class OnTime(NamedTuple):
    """How many minutes before and after the requested pickup a vehicle is on time."""

    early_min: int
    late_min: int


class DayTrip(NamedTuple):
    """A booking with the assignment in which it was driven, if it was; positions in degrees."""

    id: int
    customer_id: int
    status: str
    scheduled_time: datetime
    appointment_at: datetime | None
    updated_at: datetime
    reference: str
    passengers: int
    wheelchairs: int
    cancel_reason: str
    pickup_lat: float
    pickup_lon: float
    dropoff_lat: float
    dropoff_lon: float
    driver_id: int | None = None
    planned_pickup_at: datetime | None = None
    planned_dropoff_at: datetime | None = None
    arrived_at: datetime | None = None
    actual_pickup_at: datetime | None = None
    actual_dropoff_at: datetime | None = None

    @property
    def at_the_door(self) -> datetime | None:
        """When the vehicle was at the pickup, as far as it is known."""
        return self.arrived_at or self.actual_pickup_at

    @property
    def pickup_at(self) -> datetime | None:
        """When boarding ended, or else should have begun; None if nobody drove."""
        return self.actual_pickup_at or self.arrived_at or self.planned_pickup_at

    @property
    def dropoff_at(self) -> datetime | None:
        return self.actual_dropoff_at or self.planned_dropoff_at

    @property
    def waited(self) -> timedelta:
        """How long the vehicle stood at the pickup after the requested time."""
        if not self.arrived_at or not self.actual_pickup_at:
            return NONE
        return max(self.actual_pickup_at - max(self.arrived_at, self.scheduled_time), NONE)


OF_BOOKING = DayTrip._fields[: DayTrip._fields.index("driver_id")]
OF_ASSIGNMENT = DayTrip._fields[len(OF_BOOKING) :]


def read_trips(
    company: Company, days: Collection[date], *, customer: Customer | None = None
) -> list[DayTrip]:
    """Return the bookings of local days, each once, in order of (requested pickup, id): 1 query."""
    within = Q()
    for start_at, end_at in _periods(company, days):
        within |= Q(scheduled_time__gte=start_at, scheduled_time__lt=end_at)
    driven = Q(assignments__status__in=sorted(DONE))
    rows = (
        Booking.objects.filter(within, company=company)
        .annotate(driven=FilteredRelation("assignments", condition=driven))
        .order_by("scheduled_time", "id", "-driven__id")
        .values_list(*OF_BOOKING, *(f"driven__{name}" for name in OF_ASSIGNMENT))
    )
    if customer:
        rows = rows.filter(customer=customer)
    found: dict[int, DayTrip] = {}
    for trip in map(DayTrip._make, rows):
        found.setdefault(trip.id, trip)
    return list(found.values())


def _periods(company: Company, days: Iterable[date]) -> list[tuple[datetime, datetime]]:
    """Return the moments of local days, those of days side by side as one."""
    periods: list[tuple[datetime, datetime]] = []
    for day in sorted(days):
        start_at, end_at = company.day_bounds(day)
        if periods and periods[-1][1] == start_at:
            periods[-1] = (periods[-1][0], end_at)
        else:
            periods.append((start_at, end_at))
    return periods


class Cancellation(NamedTuple):
    """When a trip was canceled, and the status that it had before, "" where that is not known."""

    at: datetime
    status_before: str = ""


def read_cancellations(trips: Iterable[DayTrip]) -> dict[int, Cancellation]:
    """Return the last cancellation of each canceled trip: 1 query, or none.

    One that was imported as canceled has no such event: then when it was changed last.
    """
    canceled = {
        trip.id: Cancellation(trip.updated_at) for trip in trips if trip.status == Status.CANCELED
    }
    if not canceled:
        return {}
    told = Event.objects.filter(
        booking__any_of=sorted(canceled),
        kind=Event.Kind.BOOKING_STATUS,
        new__status=Status.CANCELED,
    )
    rows = told.order_by("at", "id").values_list("booking_id", "at", "old__status")
    return canceled | {pk: Cancellation(at, before or "") for pk, at, before in rows}


def counts_of(
    trip: DayTrip, on_time: OnTime, canceled: Mapping[int, Cancellation], trip_m: int
) -> dict[str, int]:
    """Return what a trip adds to the figures of its day: names of `DayFigures`. No query."""
    counts: dict[str, int] = {"booked": 1}
    if trip.status == Status.COMPLETED:
        counts |= _done(trip, on_time, trip_m)
    elif trip.status == Status.NO_SHOW:
        counts["no_shows"] = 1
    elif trip.status == Status.CANCELED:
        counts[notice(trip, canceled[trip.id])] = 1
    else:
        counts["unfinished"] = 1
    return counts


def notice(trip: DayTrip, cancellation: Cancellation) -> str:
    """Return which of CANCELED a canceled trip is."""
    given = trip.scheduled_time - cancellation.at
    return CANCELED[sum(given >= least for least in NOTICE)]


def _done(trip: DayTrip, on_time: OnTime, trip_m: int) -> dict[str, int]:
    counts: dict[str, Any] = {
        "done": 1,
        "passengers": trip.passengers,
        "wheelchairs": trip.wheelchairs,
        "trip_m": trip_m,
        "wait_s": _seconds(trip.waited),
    }
    if trip.at_the_door is None:
        counts["untimed"] = 1
    else:
        after = trip.at_the_door - trip.scheduled_time
        counts[punctuality(after, on_time)] = 1
        counts[bucket(after)] = 1
    if trip.actual_pickup_at and trip.actual_dropoff_at:
        counts["ride_s"] = _seconds(max(trip.actual_dropoff_at - trip.actual_pickup_at, NONE))
    if trip.appointment_at and trip.actual_dropoff_at:
        counts["appointments"] = 1
        counts["appointments_missed"] = int(trip.actual_dropoff_at > trip.appointment_at)
    return counts


def punctuality(after: timedelta, on_time: OnTime) -> str:
    """Return "early", "on_time" or "late" for an arrival so long after the requested pickup."""
    if after < -timedelta(minutes=on_time.early_min):
        return "early"
    return "late" if after > timedelta(minutes=on_time.late_min) else "on_time"


def bucket(after: timedelta) -> str:
    """Return which of MINUTES an arrival is; bounds belong to the punctual side of them."""
    minutes = after / timedelta(minutes=1)
    if minutes < UP_TO_MIN[0]:
        return MINUTES[0]
    if minutes < UP_TO_MIN[1]:
        return MINUTES[1]
    return MINUTES[2 + sum(minutes > most for most in UP_TO_MIN[2:])]


def _seconds(time: timedelta) -> int:
    return round(time.total_seconds())
