"""List what was driven for each customer in a month, trip by trip, and what is missing in it.

For who writes invoices: trips done, clients who were not there, and trips that the customer
canceled late. Nobody is named: a trip is known by its number and the customer's reference.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from bookings import cancel_reasons
from bookings.models import Status
from dispatch.day.travel_times import driving, travel_times
from dispatch.models import CANCELED
from dispatch.planner.travel import TravelTimes
from dispatch.reports.read import Period, month_before
from dispatch.reports.trips import (
    Cancellation,
    DayTrip,
    notice,
    read_cancellations,
    read_trips,
)
from drivers.models import Company, Customer

DAY = timedelta(days=1)
LATE = CANCELED[0]
# Who cancels at the door has done so by then; later, a row that was forgotten is tidied away.
TIDIED_AFTER = timedelta(hours=4)
TOLD = 20  # trips of each thing that is missing


class Driven(NamedTuple):
    """A trip of the list; times are local to the company, with their offset.

    `km` is the direct way of a trip done, and `km_from` where it comes from: `roads`, `last_known`,
    `mixed` or `straight_line`. `wait_min` is how long the vehicle stood at the pickup after the
    requested time, `reason` the code of a no-show or cancellation.
    """

    customer: str
    day: date
    trip: int
    reference: str
    status: str
    requested_at: datetime
    pickup_at: datetime | None
    dropoff_at: datetime | None
    km: float
    km_from: str
    wait_min: int
    passengers: int
    wheelchairs: int
    canceled_late: bool
    reason: str


class Sums(NamedTuple):
    """What was driven for a customer in all."""

    customer_id: int
    customer: str
    trips: int
    km: float
    wait_min: int
    wheelchairs: int
    no_shows: int
    canceled_late: int


class Missing(NamedTuple):
    """What is missing: a code, and the trips (id, reference) that lack it."""

    what: str
    number: int
    trips: list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Month:
    """The list of a month: rows in order of customer and time.

    `driving` says where the kilometres come from, for `say_driving`.
    """

    company: Company
    period: Period
    customer: Customer | None
    rows: list[Driven]
    sums: list[Sums]
    missing: list[Missing]
    driving: dict[str, Any]


def month_of(first: date) -> Period:
    """Return the month that begins on this day."""
    return Period(first, month_before(first, -1) - DAY)


def read_month(company: Company, period: Period, customer: Customer | None = None) -> Month:
    """Read the list of a month: 3 statements, and what the ways ask of a road server."""
    days = [period.first + number * DAY for number in range(period.days)]
    trips = read_trips(company, days, customer=customer)
    # After the trips: a customer who is created meanwhile is known too.
    named = {row.pk: row for row in Customer.objects.filter(company=company)}
    canceled = read_cancellations(trips)
    counted = [
        trip
        for trip in trips
        if trip.status in (Status.COMPLETED, Status.NO_SHOW)
        or (trip.status == Status.CANCELED and _is_billable(trip, canceled[trip.id]))
    ]
    counted.sort(key=lambda trip: (named[trip.customer_id].name, trip.scheduled_time, trip.id))
    travel = travel_times(company)
    km = _direct_km(travel, counted)
    said = driving(travel)  # after its answers
    rows = list(_rows(company, counted, named, km, said["by"]))
    still_open = [trip for trip in trips if _is_open(trip)]
    missing = _missing(counted, still_open, named)
    return Month(company, period, customer, rows, _sums(counted, rows), missing, said)


def _is_billable(trip: DayTrip, canceled: Cancellation) -> bool:
    """Return whether the customer canceled a trip late that the company had accepted.

    Not what the company itself is the reason of, what was refused while it was pending, what was
    imported as canceled, and what was only tidied away long after.
    """
    return (
        notice(trip, canceled) == LATE
        and canceled.status_before not in ("", Status.PENDING)
        and canceled.at - trip.scheduled_time < TIDIED_AFTER
        and cancel_reasons.code_of(trip.cancel_reason) != cancel_reasons.Reason.OUR_FAULT
    )


def _rows(
    company: Company,
    trips: list[DayTrip],
    named: dict[int, Customer],
    km: dict[int, float],
    km_from: str,
) -> Iterator[Driven]:

    def local(at: datetime | None) -> datetime | None:
        return company.local(at) if at else None

    for trip in trips:
        requested_at = company.local(trip.scheduled_time)
        yield Driven(
            named[trip.customer_id].name,
            requested_at.date(),
            trip.id,
            trip.reference,
            trip.status,
            requested_at,
            local(trip.at_the_door),
            local(trip.actual_dropoff_at),
            km.get(trip.id, 0.0),
            km_from,
            round(trip.waited.total_seconds() / 60),
            trip.passengers,
            trip.wheelchairs,
            trip.status == Status.CANCELED,
            cancel_reasons.code_of(trip.cancel_reason),
        )


def _direct_km(travel: TravelTimes, trips: Iterable[DayTrip]) -> dict[int, float]:
    done = [trip for trip in trips if trip.status == Status.COMPLETED]
    if not done:
        return {}
    _seconds, metres = travel.legs(
        [(trip.pickup_lat, trip.pickup_lon) for trip in done],
        [(trip.dropoff_lat, trip.dropoff_lon) for trip in done],
    )
    return {trip.id: round(int(metre) / 1000, 1) for trip, metre in zip(done, metres, strict=True)}


def _sums(trips: list[DayTrip], rows: list[Driven]) -> list[Sums]:
    found: dict[int, list[Driven]] = {}
    for trip, row in zip(trips, rows, strict=True):
        found.setdefault(trip.customer_id, []).append(row)
    return [_sum(customer_id, of_customer) for customer_id, of_customer in found.items()]


def _sum(customer_id: int, rows: list[Driven]) -> Sums:
    done = [row for row in rows if row.status == Status.COMPLETED]
    return Sums(
        customer_id,
        rows[0].customer,
        len(done),
        round(sum(row.km for row in done), 1),
        sum(row.wait_min for row in done),
        sum(row.wheelchairs for row in done),
        sum(row.status == Status.NO_SHOW for row in rows),
        sum(row.canceled_late for row in rows),
    )


def _missing(
    listed: list[DayTrip], still_open: list[DayTrip], named: dict[int, Customer]
) -> list[Missing]:
    """Return what is missing for the list to be complete, without what is there."""
    done = [trip for trip in listed if trip.status == Status.COMPLETED]
    told: list[tuple[str, list[DayTrip]]] = [
        ("end", [trip for trip in done if trip.actual_dropoff_at is None]),
        (
            "reference",
            [
                trip
                for trip in listed + still_open
                if not trip.reference and named[trip.customer_id].requires_reference
            ],
        ),
        ("driver", [trip for trip in done if trip.driver_id is None]),
        ("open", still_open),
    ]
    return [
        Missing(what, len(lack), [(trip.id, trip.reference) for trip in lack[:TOLD]])
        for what, lack in told
        if lack
    ]


def _is_open(trip: DayTrip) -> bool:
    return trip.status not in (Status.COMPLETED, Status.NO_SHOW, Status.CANCELED)


def cells(row: Driven) -> list[Any]:
    """Return a row of the list as a file tells it."""
    return [
        value.isoformat(timespec="minutes")
        if isinstance(value, datetime)
        else value.isoformat()
        if isinstance(value, date)
        else ("yes" if value else "no")
        if isinstance(value, bool)
        else value
        for value in row
    ]
