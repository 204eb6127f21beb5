"""Read the rows that a plan is made from: one SELECT for each function.

`load` turns them into a planning problem; `apply` reads them again under locks and compares.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from itertools import chain
from typing import Any

from django.db.models import FilteredRelation, Q, QuerySet, TextField
from django.db.models.functions import Cast, Coalesce
from django.db.models.sql.constants import MULTI

from bookings.models import OPEN_STATUSES, Booking, DriverPreference
from dispatch.day.rows import DONE, OF_SHIFT, OF_VEHICLE, BookingRow, DriverRow, driver_row
from dispatch.models import OPEN_ASSIGNMENT_STATUSES, Assignment
from drivers.fleet.handovers import had_before, has_after
from drivers.models import OWN_WINDOW, SHIFT_AT_MOST, Company, Driver, Shift


def lock_available_drivers(company: Company) -> None:
    """Lock all available drivers, in order of id, until the transaction ends: 1 query.

    The rows are read afterwards, by another statement: rows joined to a locked row are as old as
    the statement, even if it waited for the lock.
    """
    drivers = Driver.objects.available().filter(company=company).order_by("id")
    list(drivers.select_for_update(no_key=True).values_list("id"))


def read_drivers(
    company: Company, start_at: datetime, end_at: datetime, *, is_past: bool = False
) -> dict[int, list[DriverRow]]:
    """Return the available drivers' rows by driver id: 1 query.

    They have the shifts and absences that touch the period, in order of driver, shift and absence.
    Of a period that `is_past` all drivers', whoever is available by now.
    """
    drivers: dict[int, list[DriverRow]] = {}
    for values in _driver_values(company, start_at, end_at, is_past=is_past):
        row = driver_row(values)
        drivers.setdefault(row.id, []).append(row)
    return drivers


def read_drivers_of(
    company: Company, periods: Sequence[tuple[datetime, datetime]]
) -> list[dict[int, list[DriverRow]]]:
    """Return what `read_drivers` returns of each period, which are in order: 1 query for all."""
    by_driver: dict[int, list[tuple[Any, ...]]] = {}
    for values in _driver_values(company, periods[0][0], periods[-1][1], is_past=False):
        by_driver.setdefault(values[0], []).append(values)
    return [{pk: _touching(rows, *period) for pk, rows in by_driver.items()} for period in periods]


def _touching(
    values: Sequence[tuple[Any, ...]], start_at: datetime, end_at: datetime
) -> list[DriverRow]:
    """Return the rows of one driver with what touches the period, of those of a longer one."""
    around = start_at - SHIFT_AT_MOST, end_at + SHIFT_AT_MOST

    def touches(from_at: datetime | None, until_at: datetime | None) -> bool:
        return bool(from_at and until_at and until_at > around[0] and from_at < around[1])

    found: dict[tuple[Any, ...], DriverRow] = {}
    for each in values:
        row = driver_row(each)
        shift_at = row.shift_start_at
        on_duty = (
            shift_at is not None
            and row.shift_end_at is not None
            and around[0] < shift_at < end_at
            and row.shift_end_at > start_at
        )
        if not on_duty:
            row = driver_row(_off_duty(each))
        if not touches(row.absence_start_at, row.absence_end_at):
            row = row._replace(absence_id=None, absence_start_at=None, absence_end_at=None)
        if not touches(row.away_start_at, row.away_end_at):
            row = row._replace(away_start_at=None, away_end_at=None)
        found.setdefault((row.shift_id, row.absence_id, row.away_start_at, row.away_end_at), row)
    rows = list(found.values())
    shifts, absences = ({getattr(row, name) for row in rows} for name in ("shift_id", "absence_id"))
    away = {row.shift_id for row in rows if row.away_start_at}
    return [
        row
        for row in rows
        if (row.shift_id or shifts == {None})
        and (row.absence_id or absences == {None})
        and (row.away_start_at or row.shift_id not in away)
    ]


def _off_duty(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the values of a driver without the shift, its vehicle's absences and handovers."""
    names = [*DriverRow._fields[: DriverRow._fields.index("shift_id")]]
    of_shift = slice(len(names), len(names) + len(OF_VEHICLE))
    rest = [*values[of_shift.stop :]]
    own = DriverRow._fields[DriverRow._fields.index("shift_id") :]
    for name in (*OF_SHIFT, "away_start_at", "away_end_at", "taken_over", "handed_over"):
        rest[own.index(name)] = None
    return (*values[: of_shift.start], *[None] * len(OF_VEHICLE), *rest)


def _driver_values(
    company: Company, start_at: datetime, end_at: datetime, *, is_past: bool
) -> Iterable[tuple[Any, ...]]:
    """Return the columns of `driver_row`, of the drivers with what touches the period: 1 query."""
    drivers_then = Driver.objects.all() if is_past else Driver.objects.available()
    among = Shift.objects.all() if is_past else None
    queryset = (
        drivers_then.filter(company=company)
        .alias(
            shift=FilteredRelation(
                "shifts",
                condition=Q(
                    shifts__start_at__gt=start_at - SHIFT_AT_MOST,
                    shifts__start_at__lt=end_at,
                    shifts__end_at__gt=start_at,
                ),
            ),
            absence=FilteredRelation(
                "absences",
                condition=Q(absences__end_at__gt=start_at - SHIFT_AT_MOST)
                & Q(absences__start_at__lt=end_at + SHIFT_AT_MOST),
            ),
            away=FilteredRelation(
                "shift__vehicle__absences",
                condition=Q(shift__vehicle__absences__end_at__gt=start_at - SHIFT_AT_MOST)
                & Q(shift__vehicle__absences__start_at__lt=end_at + SHIFT_AT_MOST),
            ),
        )
        .order_by("id", "shift__id", "absence__id", "away__id")
    )
    return queryset.values_list(
        "id",
        "name",
        "kind",
        "max_bookings",
        "skills",
        "home_lat",
        "home_lon",
        "licence_until",
        "permit_until",
        *OF_VEHICLE,
        *(f"shift__{name}" for name in OF_VEHICLE),
        "shift__id",
        "shift__start_at",
        "shift__end_at",
        "shift__break_min",
        "shift__break_from_at",
        "shift__break_until_at",
        "shift__break_at",
        "absence__id",
        "absence__start_at",
        "absence__end_at",
        "away__start_at",
        "away__end_at",
        had_before("shift__", among=among),
        has_after("shift__", among=among),
        "last_lat",
        "last_lon",
        "last_position_at",
    )


def current_assignment() -> FilteredRelation:
    """Return the relation from a booking to its open or driven assignment."""
    return FilteredRelation(
        "assignments",
        condition=Q(assignments__is_open=True) | Q(assignments__status__in=sorted(DONE)),
    )


def read_bookings(
    queryset: QuerySet[Booking],
    *,
    lock: bool = False,
    seen: dict[tuple[Any, ...], BookingRow] | None = None,
) -> dict[int, BookingRow]:
    """Return rows of the bookings with their assignments by booking id: 1 query.

    `seen` caches each row under the raw values from the database, so that an unchanged row is
    decoded once: on SQLite, parsing datetimes takes longer than reading them.
    """
    seen = {} if seen is None else seen
    queryset = queryset.alias(current=current_assignment()).order_by("id")
    if lock:
        queryset = queryset.select_for_update(of=("self",), no_key=True)
    rows = queryset.values_list(
        "id",
        "reference",
        "status",
        "client_id",
        "client__name",
        "pickup_lat",
        "pickup_lon",
        "dropoff_lat",
        "dropoff_lon",
        "scheduled_time",
        "appointment_at",
        "will_call",
        "passengers",
        "wheelchairs",
        Cast("needs", TextField()),
        "priority",
        "return_of_id",
        "version",
        "pickup_place__boarding_min",
        Coalesce("dropoff_place__margin_min", "customer__margin_min"),
        *(f"customer__{name}" for name in OWN_WINDOW),
        "current__id",
        "current__driver_id",
        "current__status",
        "current__planned_pickup_at",
        "current__planned_dropoff_at",
        "current__actual_pickup_at",
        "current__actual_dropoff_at",
        "current__locked",
        "current__confirmed",
        "overlap_meant",
        "series__driver_id",
        "may_share",
        "client__may_share",
        "max_ride_min",
        "client__max_ride_min",
        "current__stretch",
    )
    at = BookingRow._fields.index("needs")
    decoded: Callable[[str], list[str]] = cache(json.loads)  # few distinct values
    compiler = rows.query.get_compiler(rows.db)
    sent = list(chain.from_iterable(compiler.execute_sql(MULTI)))
    new = [line for line in sent if line not in seen]
    values = compiler.results_iter([new], tuple_expected=True)
    for line, row in zip(new, values, strict=True):
        seen[line] = BookingRow._make((*row[:at], decoded(row[at]), *row[at + 1 :]))
    return {row.id: row for row in map(seen.__getitem__, sent)}


def day_and_around(
    company: Company, day: date, horizon: tuple[datetime, datetime]
) -> QuerySet[Booking, dict[str, Any]]:
    """Return the ids of the day's bookings and of its neighbours, as a subquery.

    Neighbours are bookings of other days whose open trips lie in the horizon: shifts that cross
    midnight make two days share a driver.
    """
    around = Assignment.objects.open().filter(
        company=company,
        planned_pickup_at__gte=horizon[0] - SHIFT_AT_MOST,
        planned_pickup_at__lt=horizon[1],
        planned_dropoff_at__gt=horizon[0],
    )
    # A UNION is two index scans; with OR, PostgreSQL would scan all bookings of the company.
    on_day: QuerySet[Booking, Any] = Booking.objects.on(company, day).values("id")
    return on_day.union(around.values("booking_id"), all=True)


def read_trips(
    company: Company,
    day: date,
    horizon: tuple[datetime, datetime],
    *,
    lock: bool = False,
    seen: dict[tuple[Any, ...], BookingRow] | None = None,
) -> tuple[dict[int, BookingRow], dict[int, BookingRow]]:
    """Return the day's bookings, also the canceled ones, and their neighbours: 1 query."""
    start_at, end_at = company.day_bounds(day)
    either = day_and_around(company, day, horizon)
    bookings: dict[int, BookingRow] = {}
    neighbours: dict[int, BookingRow] = {}
    rows = read_bookings(Booking.objects.filter(id__in=either), lock=lock, seen=seen)
    for row in rows.values():
        found = bookings if start_at <= row.scheduled_time < end_at else neighbours
        found[row.id] = row
    return bookings, neighbours


def read_trips_of(
    company: Company,
    periods: Sequence[tuple[datetime, datetime]],
    horizons: Sequence[tuple[datetime, datetime]],
    *,
    seen: dict[tuple[Any, ...], BookingRow] | None = None,
) -> list[tuple[dict[int, BookingRow], dict[int, BookingRow]]]:
    """Return what `read_trips` returns of each of these days, which are in order: 1 query for all.

    `horizons` are theirs. What lies between the days is not read.
    """
    on_days: list[QuerySet[Booking, Any]] = [
        Booking.objects.filter(
            company=company, scheduled_time__gte=start_at, scheduled_time__lt=end_at
        ).values("id")
        for start_at, end_at in _joined(periods)
    ]
    around = [
        Assignment.objects.open()
        .filter(
            company=company,
            planned_pickup_at__gte=first_at - SHIFT_AT_MOST,
            planned_pickup_at__lt=last_at,
            planned_dropoff_at__gt=first_at,
        )
        .values("booking_id")
        for first_at, last_at in _joined(horizons)
    ]
    either = on_days[0].union(*on_days[1:], *around, all=True)
    rows = read_bookings(Booking.objects.filter(id__in=either), seen=seen)
    found = []
    for (start_at, end_at), horizon in zip(periods, horizons, strict=True):
        bookings = {i: row for i, row in rows.items() if start_at <= row.scheduled_time < end_at}
        neighbours = {
            i: row
            for i, row in rows.items()
            if i not in bookings
            and row.assignment_status in OPEN_ASSIGNMENT_STATUSES
            and row.planned_pickup_at is not None
            and row.planned_dropoff_at is not None
            and horizon[0] - SHIFT_AT_MOST <= row.planned_pickup_at < horizon[1]
            and row.planned_dropoff_at > horizon[0]
        }
        found.append((bookings, neighbours))
    return found


def _joined(periods: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Return the periods in order, one for those that touch each other."""
    found: list[tuple[datetime, datetime]] = []
    for start_at, end_at in sorted(periods):
        if found and start_at <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end_at)
        else:
            found.append((start_at, end_at))
    return found


def read_preferences_of(
    days: Sequence[Mapping[int, BookingRow]],
) -> list[frozenset[tuple[int, int, str]]]:
    """Return what `read_preferences` returns of each day, by its bookings: 1 query for all."""
    clients = [
        {
            row.client_id
            for row in bookings.values()
            if row.client_id and row.status in OPEN_STATUSES
        }
        for bookings in days
    ]
    rows = DriverPreference.objects.filter(client__any_of=sorted(set().union(*clients)))
    told = list(rows.values_list("client_id", "driver_id", "kind"))
    return [frozenset(one for one in told if one[0] in own) for own in clients]


def preferences_of(client_id: int) -> frozenset[tuple[int, int, str]]:
    """Return the driver preferences of a client, as `read_preferences` does: 1 query."""
    return frozenset(
        DriverPreference.objects.filter(client=client_id).values_list(
            "client_id", "driver_id", "kind"
        )
    )


def read_preferences(company: Company, day: date) -> frozenset[tuple[int, int, str]]:
    """Return the driver preferences of the day's clients, as (client, driver, kind): 1 query."""
    start_at, end_at = company.day_bounds(day)
    return frozenset(
        DriverPreference.objects.filter(
            client__in=Booking.objects.open()
            .filter(company=company, scheduled_time__gte=start_at, scheduled_time__lt=end_at)
            .exclude(client=None)
            .values("client_id")
        ).values_list("client_id", "driver_id", "kind")
    )
