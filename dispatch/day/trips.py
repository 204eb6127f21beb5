"""Make the planner's trips of bookings: windows, needs, and who may drive them. No query."""

import math
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from bookings.models import DriverPreference, Status
from dispatch.day.duties import DayFrame
from dispatch.day.rows import BookingRow
from dispatch.day.traffic import Drive
from dispatch.planner.problem import Priority, Sharing, Standing, Trip
from drivers.models import Company, OwnWindow

# No pickup window of a day begins earlier than so long before it.
MOST_EARLY = timedelta(days=1)
PLANNABLE = {Status.ACCEPTED, Status.ASSIGNED}


class Wanted(Protocol):
    """A row of a booking that says when its pickup is wanted, and its customer's minutes."""

    @property
    def scheduled_time(self) -> datetime: ...

    @property
    def return_of_id(self) -> int | None: ...

    @property
    def own_window(self) -> OwnWindow: ...


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
            drive=frame.drives[row.id],
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
    drive: Drive,
    preferred: frozenset[int],
    forbidden: frozenset[int],
    stands: bool,
) -> Trip:
    """Return the planner's trip of a booking; with `stands` it prefers its present driver.

    `preferred` and `forbidden` are the client's; the driver of the trip's standing order is
    preferred too.

    The window, which must not be over, starts now at the earliest.
    """
    standing = row.standing() if stands else None
    earliest_at, latest_at = pickup_window(company, row)
    seconds = _clock(start_at)
    if row.series_driver_id is not None and row.series_driver_id not in forbidden:
        preferred |= {row.series_driver_id}
    return Trip(
        id=row.id,
        reference=row.label,
        person=row.person,
        pickup=row.pickup,
        dropoff=row.dropoff,
        wanted_s=seconds(row.scheduled_time),
        earliest_s=seconds(max(earliest_at, now)),
        latest_s=seconds(latest_at),
        ride_s=drive.ride_s,
        priority=Priority(row.priority),
        arrive_by_s=seconds(row.appointment_at) if row.appointment_at else None,
        margin_s=company.margin(row.dropoff_margin_min) * 60,
        boarding_s=row.boarding_min(company) * 60,
        alighting_s=company.alighting_min * 60,
        seats=row.passengers - row.wheelchairs,
        wheelchairs=row.wheelchairs,
        needs=frozenset(row.needs),
        preferred=preferred,
        forbidden=forbidden,
        standing=standing and _told(company, standing, seconds),
        ride_factor=drive.ride_factor,
        onward_factor=drive.onward_factor,
        **(_sharing(row) if company.shares_rides else {}),
    )


def _told(
    company: Company,
    standing: tuple[int, int, datetime, datetime],
    seconds: Callable[[datetime], int],
) -> Standing:
    _assignment_id, driver_id, pickup_at, dropoff_at = standing
    dropoff_s = seconds(dropoff_at) if company.shares_rides else None
    return Standing(driver_id, seconds(pickup_at), dropoff_s)


def _sharing(row: BookingRow) -> dict[str, Any]:
    """Return what a trip says of who rides along."""
    limit_min = row.ride_limit_min
    return {"may_share": row.shares, "max_ride_s": None if limit_min is None else limit_min * 60}


def sharing_of(company: Company) -> Sharing | None:
    """Return how clients of the company share vehicles, None where each rides alone."""
    if not company.shares_rides:
        return None

    def seconds(minutes: int | None) -> int | None:
        return None if minutes is None else minutes * 60

    return Sharing(
        factor=company.ride_factor,
        added_s=seconds(company.ride_added_min),
        longest_s=seconds(company.ride_longest_min),
        percent=company.ride_cost_percent,
    )


def pickup_window(company: Company, row: Wanted) -> tuple[datetime, datetime]:
    """Return the earliest and the latest pickup. A client is never picked up early to go home."""
    return window_around(company, row.scheduled_time, row.return_of_id, row.own_window)


def window_around(
    company: Company, wanted_at: datetime, is_return: object, own: OwnWindow
) -> tuple[datetime, datetime]:
    """Return the window of a pickup wanted then: the customer's `own` minutes, or the company's."""
    early_min, late_min, return_late_min = (
        usual if minutes is None else minutes
        for minutes, usual in zip(
            own,
            (company.pickup_early_min, company.pickup_late_min, company.return_late_min),
            strict=True,
        )
    )
    if is_return:
        return wanted_at, wanted_at + timedelta(minutes=return_late_min)
    return wanted_at - timedelta(minutes=early_min), wanted_at + timedelta(minutes=late_min)


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
