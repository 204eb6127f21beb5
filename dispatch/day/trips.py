"""Make the planner's trips of bookings: windows, needs, and who may drive them. No query."""

import math
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from bookings.models import DriverPreference, Status
from dispatch.day.duties import DayFrame
from dispatch.day.queries import BookingRow
from dispatch.planner.problem import Priority, Standing, Trip
from drivers.models import Company

# No pickup window of a day begins earlier than so long before it.
MOST_EARLY = timedelta(days=1)
PLANNABLE = {Status.ACCEPTED, Status.ASSIGNED}


def trips_of(
    frame: DayFrame,
    rows: Iterable[BookingRow],
    preferences: Iterable[tuple[int, int, str]],
    drivers: Container[int | None] | None,
) -> tuple[Trip, ...]:
    """Return the planner's trips of the plannable rows, in order of id.

    A trip stands with its driver if that is one of `drivers`; None: whoever it is.
    """
    preferred, forbidden = by_client(preferences)
    trips = [
        make_trip(
            frame.company,
            row,
            start_at=frame.start_at,
            now=frame.now,
            ride_s=frame.ride_s[row.id],
            preferred=preferred.get(row.client_id, frozenset()),
            forbidden=forbidden.get(row.client_id, frozenset()),
            stands=drivers is None or row.driver_id in drivers,
        )
        for row in rows
        if row.status in PLANNABLE
    ]
    return tuple(sorted(trips, key=lambda trip: trip.id))


def trips_that_stay(
    frame: DayFrame,
    bookings: Mapping[int, BookingRow],
    kept: Container[int],
    preferences: Iterable[tuple[int, int, str]],
) -> list[Trip]:
    """Return the kept trips as the planner would see them, with their whole windows."""
    rows = [row for row in bookings.values() if row.id in kept]
    whole = replace(frame, now=min(frame.now, frame.start_at) - MOST_EARLY)
    return list(trips_of(whole, rows, preferences, drivers=None))


def make_trip(
    company: Company,
    row: BookingRow,
    *,
    start_at: datetime,
    now: datetime,
    ride_s: int,
    preferred: frozenset[int],
    forbidden: frozenset[int],
    stands: bool,
) -> Trip:
    """Return the planner's trip of a booking; with `stands` it prefers its present driver.

    The window, which must not be over, starts now at the earliest.
    """
    standing = row.standing() if stands else None
    earliest_at, latest_at = pickup_window(company, row.scheduled_time, row.return_of_id)
    seconds = _clock(start_at)
    return Trip(
        id=row.id,
        reference=row.label,
        pickup=row.pickup,
        dropoff=row.dropoff,
        wanted_s=seconds(row.scheduled_time),
        earliest_s=seconds(max(earliest_at, now)),
        latest_s=seconds(latest_at),
        ride_s=ride_s,
        priority=Priority(row.priority),
        arrive_by_s=seconds(row.appointment_at) if row.appointment_at else None,
        margin_s=company.appointment_margin_min * 60,
        boarding_s=company.boarding_min * 60,
        alighting_s=company.alighting_min * 60,
        seats=row.passengers - row.wheelchairs,
        wheelchairs=row.wheelchairs,
        needs=frozenset(row.needs),
        preferred=preferred,
        forbidden=forbidden,
        standing=standing and Standing(standing[1], seconds(standing[2])),
    )


def pickup_window(
    company: Company, wanted_at: datetime, is_return: object
) -> tuple[datetime, datetime]:
    """Return the earliest and the latest pickup. A client is never picked up early to go home."""
    if is_return:
        return wanted_at, wanted_at + timedelta(minutes=company.return_late_min)
    return (
        wanted_at - timedelta(minutes=company.pickup_early_min),
        wanted_at + timedelta(minutes=company.pickup_late_min),
    )


def by_client(
    preferences: Iterable[tuple[int, int, str]],
) -> tuple[dict[int | None, frozenset[int]], dict[int | None, frozenset[int]]]:
    """Return the preferred and the forbidden drivers, each {client: drivers}."""
    preferred: dict[int, set[int]] = {}
    forbidden: dict[int, set[int]] = {}
    for client_id, driver_id, kind in preferences:
        chosen = preferred if kind == DriverPreference.Kind.PREFERRED else forbidden
        chosen.setdefault(client_id, set()).add(driver_id)
    return (
        {client: frozenset(ids) for client, ids in preferred.items()},
        {client: frozenset(ids) for client, ids in forbidden.items()},
    )


def _clock(start_at: datetime) -> Callable[[datetime], int]:
    return lambda moment: math.floor((moment - start_at).total_seconds())
