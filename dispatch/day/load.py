"""Load a company's day and turn it into a planning problem: three SELECTs, whatever its size.

The day keeps the rows (see `queries`) as they were read. `runs.apply` reads them again under locks
and compares, so that a plan is only written to the day it was made for.
"""

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from bookings.models import Status
from dispatch.day.day import Day
from dispatch.day.duties import DayFrame, driver_day, free_at, handover_of, home_of
from dispatch.day.keeping import Leeway, beyond_keeping, kept_trips, too_late
from dispatch.day.off_road import unreached
from dispatch.day.pairs import keep_apart
from dispatch.day.queries import (
    read_drivers,
    read_drivers_of,
    read_preferences,
    read_preferences_of,
    read_trips,
    read_trips_of,
)
from dispatch.day.rows import DONE, OF_ASSIGNMENT, UNDER_WAY, BookingRow, DriverRow
from dispatch.day.traffic import Drive, drives_of
from dispatch.day.travel_times import travel_times
from dispatch.day.trips import PLANNABLE, pickup_window, sharing_of, trips_of, trips_that_stay
from dispatch.models import Assignment
from dispatch.planner.problem import Costs, Duty, Problem
from dispatch.planner.problem import Driver as PlannerDriver
from dispatch.planner.travel import Place, TravelTimes
from dispatch.roads.times import RoadTimes
from drivers.models import Company


def load_problem(
    company: Company,
    day: date,
    *,
    now: datetime,
    leeway: Leeway,
    for_run: bool = False,
    is_held: bool = False,
    is_past: bool = False,
) -> Day:
    """Read the day and return it with its planning problem: 3 queries.

    The driving times of a run are all got at once, in little time of a day that it holds, see
    `travel_times`: raises RoadsFailed. On a day that `is_past` all drivers count, whoever is
    available by now.
    """
    start_at, end_at = company.day_bounds(day)
    drivers = read_drivers(company, start_at, end_at, is_past=is_past)
    horizon = _horizon(drivers, start_at, end_at)
    seen: dict[tuple[Any, ...], BookingRow] = {}
    bookings, neighbours = read_trips(company, day, horizon, seen=seen)
    travel = travel_times(company, for_run=for_run, is_held=is_held)
    if for_run and isinstance(travel, RoadTimes):
        travel.learn(*_ends(company, drivers, [*bookings.values(), *neighbours.values()]))
    return make_day(
        company,
        day,
        now=now,
        leeway=leeway,
        drivers=drivers,
        bookings=bookings,
        neighbours=neighbours,
        preferences=read_preferences(company, day),
        seen=seen,
        travel=travel,
    )


def load_days(
    company: Company, days: Sequence[date], *, now: datetime, leeway: Leeway
) -> dict[date, Day]:
    """Read several days at once, and return what `load_problem` returns of each: 3 queries for all.

    The shifts between the first and the last are read too: days that are near one another.
    """
    if not days:
        return {}
    days = sorted(days)
    periods = [company.day_bounds(day) for day in days]
    drivers = read_drivers_of(company, periods)
    horizons = [_horizon(rows, *period) for rows, period in zip(drivers, periods, strict=True)]
    seen: dict[tuple[Any, ...], BookingRow] = {}
    trips = read_trips_of(company, periods, horizons, seen=seen)
    preferences = read_preferences_of([bookings for bookings, _neighbours in trips])
    travel = travel_times(company)
    return {
        day: make_day(
            company,
            day,
            now=now,
            leeway=leeway,
            drivers=drivers[k],
            bookings=trips[k][0],
            neighbours=trips[k][1],
            preferences=preferences[k],
            seen=seen,
            travel=travel,
        )
        for k, day in enumerate(days)
    }


def _ends(
    company: Company, drivers: Mapping[int, list[DriverRow]], rows: Iterable[BookingRow]
) -> tuple[list[Place], list[Place]]:
    """Return the places where drives without passengers begin, and those where they end."""
    first = [driver_rows[0] for driver_rows in drivers.values()]
    homes = [home_of(company, row.home_lat, row.home_lon) for row in first]
    homes += {
        handover_of(company, row)
        for driver_rows in drivers.values()
        for row in driver_rows
        if row.taken_over or row.handed_over
    }
    seen = [
        (row.last_lat, row.last_lon)
        for row in first
        if row.last_lat is not None and row.last_lon is not None
    ]
    depot = (company.depot_lat, company.depot_lon)
    pickups, dropoffs = [row.pickup for row in rows], [row.dropoff for row in rows]
    return [depot, *homes, *seen, *dropoffs], [depot, *homes, *pickups]


def make_day(
    company: Company,
    day: date,
    *,
    now: datetime,
    leeway: Leeway,
    drivers: dict[int, list[DriverRow]],
    bookings: dict[int, BookingRow],
    neighbours: dict[int, BookingRow],
    preferences: frozenset[tuple[int, int, str]],
    seen: dict[tuple[Any, ...], BookingRow],
    travel: TravelTimes,
    stay: frozenset[int] = frozenset(),
) -> Day:
    """Return the day of these rows with its planning problem. No query.

    Trips of `stay` are kept although they cannot be driven as they stand.
    """
    start_at, end_at = company.day_bounds(day)
    rows = [*bookings.values(), *neighbours.values()]
    drives, ride_m = _rides(company, travel, rows)
    frozen_until = now if leeway.frozen else now + timedelta(minutes=company.freeze_min)
    frame = DayFrame(company, start_at, end_at, now, frozen_until, travel, drives)
    kept = kept_trips(bookings, neighbours, frozen_until, leeway)
    planner_drivers, duties, shift_of = _duties(frame, drivers, rows, kept)
    standing = trips_that_stay(frame, bookings, kept, preferences)
    busy = {row.driver_id for row in rows if row.assignment_status in UNDER_WAY}
    freed: set[int] = set()
    while more := beyond_keeping(
        [
            trip
            for trip in standing
            if trip.id not in stay
            and leeway.is_about(trip.id)
            and trip.latest_s >= frame.seconds(now)
        ],
        kept,
        duties,
        planner_drivers,
        busy,
    ):
        freed |= more
        kept = {i: why for i, why in kept.items() if i not in freed}
        standing = [trip for trip in standing if trip.id not in freed]
        planner_drivers, duties, shift_of = _duties(frame, drivers, rows, kept)
    left_out = _left_out(frame, bookings, kept)
    asked = [row for i, row in bookings.items() if i not in kept and i not in left_out]
    left_out |= {i: found.code for i, found in unreached(company, travel, asked).items()}
    trips = trips_of(
        frame,
        [row for row in bookings.values() if row.id not in kept and row.id not in left_out],
        preferences,
        drivers,
    )
    apart = keep_apart(trips, bookings | neighbours, _fixed(frame, rows, kept, duties))
    left_out |= apart.left_out
    problem = Problem(
        trips=apart.trips,
        drivers=planner_drivers,
        duties=duties,
        travel=travel,
        costs=Costs(
            emergency_s=company.emergency_cost_min * 60,
            move_s=leeway.move_s,
            fairness=company.fairness,
        ),
        sharing=sharing_of(company),
    )
    return Day(
        company=company,
        day=day,
        now=now,
        start_at=start_at,
        end_at=end_at,
        horizon=_horizon(drivers, start_at, end_at),
        drivers=drivers,
        bookings=bookings,
        neighbours=neighbours,
        seen=seen,
        preferences=preferences,
        problem=problem,
        leeway=leeway,
        kept=kept,
        freed=frozenset(freed),
        too_late=too_late(standing, duties, busy),
        stay=stay,
        left_out=left_out,
        beside=apart.beside,
        shift_of=shift_of,
        ride_m=ride_m,
    )


def _horizon(
    drivers: Mapping[int, list[DriverRow]], start_at: datetime, end_at: datetime
) -> tuple[datetime, datetime]:
    """Return the period of all shifts that touch the day, and of the day itself."""
    rows = [row for driver_rows in drivers.values() for row in driver_rows]
    return (
        min([start_at, *(row.shift_start_at for row in rows if row.shift_start_at)]),
        max([end_at, *(row.shift_end_at for row in rows if row.shift_end_at)]),
    )


def _rides(
    company: Company, travel: TravelTimes, rows: Sequence[BookingRow]
) -> tuple[dict[int, Drive], dict[int, int]]:
    """Return the rides and their metres from pickup to dropoff, each by booking."""
    seconds, metres = travel.legs(
        np.array([row.pickup for row in rows], dtype=float),
        np.array([row.dropoff for row in rows], dtype=float),
    )
    ids = [row.id for row in rows]
    return (
        drives_of(company, rows, seconds.tolist()),
        dict(zip(ids, metres.tolist(), strict=True)),
    )


def keep_all(day: Day, booking_ids: Iterable[int]) -> Day:
    """Return the day in which these freed trips stay where they stand after all. No query."""
    return _again(day, stay=frozenset(booking_ids))


def move_only(day: Day, booking_ids: Iterable[int]) -> Day:
    """Return the day in which of all trips that stand only these may move. No query."""
    return _again(day, leeway=replace(day.leeway, only=frozenset(booking_ids)))


def from_the_beginning(
    day: Day,
    company: Company,
    drivers: dict[int, list[DriverRow]],
    preferences: frozenset[tuple[int, int, str]],
) -> Day:
    """Return the day by this company's policy, with these drivers, as if no trip had one yet.

    Trips that were driven are to be driven again; what was canceled, or never accepted, is not. No
    query.
    """
    nobody: dict[str, Any] = dict.fromkeys(OF_ASSIGNMENT)
    bookings = {
        row.id: row._replace(status=Status.ACCEPTED, **nobody)
        for row in day.bookings.values()
        if row.status not in (Status.PENDING, Status.CANCELED)
    }
    return _again(day, company=company, drivers=drivers, bookings=bookings, preferences=preferences)


def _again(day: Day, **changed: Any) -> Day:
    rows: dict[str, Any] = {
        "company": day.company,
        "now": day.now,
        "leeway": day.leeway,
        "drivers": day.drivers,
        "bookings": day.bookings,
        "neighbours": day.neighbours,
        "preferences": day.preferences,
        "seen": day.seen,
        "travel": day.problem.travel,
        "stay": day.stay,
    }
    return make_day(day=day.day, **rows | changed)


def _left_out(
    frame: DayFrame, bookings: Mapping[int, BookingRow], kept: Container[int]
) -> dict[int, str]:
    """Return the open bookings that no plan can serve, with the code of the reason."""
    left_out = {}
    for row in bookings.values():
        if row.status == Status.PENDING:
            left_out[row.id] = "will_call" if row.will_call else "not_accepted"
        elif row.id not in kept and row.status in PLANNABLE:
            latest_at = pickup_window(frame.company, row)[1]
            if latest_at < frame.now:
                left_out[row.id] = "window_passed"
    return left_out


def _fixed(
    frame: DayFrame, rows: Iterable[BookingRow], kept: Container[int], duties: Iterable[Duty]
) -> dict[int, tuple[int, int]]:
    """Return (pickup, the client is out) of the trips that stay or are done, by booking.

    Commitments may be later than their rows: their driver may be delayed.
    """
    fixed = {
        row.id: (frame.seconds(row.planned()[0]), out_s)
        for row in rows
        if row.id in kept or row.assignment_status in DONE
        if (out_s := arrived_s(frame, row)) is not None
    }
    late = {c.trip_id: (c.pickup_s, c.free_s) for duty in duties for c in duty.commitments}
    return fixed | late


def arrived_s(frame: DayFrame, row: BookingRow) -> int | None:
    """Return when the client of an assigned trip is out, or None if nobody is driven."""
    if row.driver_id is None or row.assignment_status == Assignment.Status.NO_SHOW:
        return None
    return frame.seconds(free_at(frame, row), math.ceil)


def _duties(
    frame: DayFrame,
    drivers: Mapping[int, list[DriverRow]],
    rows: Iterable[BookingRow],
    kept: Container[int],
) -> tuple[tuple[PlannerDriver, ...], tuple[Duty, ...], dict[int, int]]:
    """Return the planner's drivers, their duties, and {duty id: shift id}.

    Trips that stay with a driver, and trips already driven, are part of the driver's duties.
    """
    trips_of: dict[int, list[BookingRow]] = {}
    for row in rows:
        if (
            row.driver_id is not None
            and row.driver_id in drivers
            and (row.id in kept or row.assignment_status in DONE)
        ):
            trips_of.setdefault(row.driver_id, []).append(row)
    planner_drivers: list[PlannerDriver] = []
    duties: list[Duty] = []
    shift_of: dict[int, int] = {}
    for driver_id, driver_rows in drivers.items():
        driver, duties_of_driver = driver_day(
            frame, driver_rows, trips_of.get(driver_id, []), first_id=len(duties)
        )
        planner_drivers.append(driver)
        for duty, shift_id in duties_of_driver:
            duties.append(duty)
            shift_of[duty.id] = shift_id
    return tuple(planner_drivers), tuple(duties), shift_of
