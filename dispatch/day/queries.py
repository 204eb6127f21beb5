"""The rows a plan is made of, and the SELECTs that read them: one query each.

`load` makes a planning problem of them; `apply` reads them again under locks and compares.
"""

import json
from datetime import datetime
from functools import cache
from itertools import chain
from typing import NamedTuple

from django.db.models import FilteredRelation, Q, TextField
from django.db.models.functions import Cast
from django.db.models.sql.constants import MULTI

from bookings.models import Booking, DriverPreference
from dispatch.models import Assignment
from drivers.models import SHIFT_AT_MOST, Driver

UNDER_WAY = {Assignment.Status.EN_ROUTE, Assignment.Status.IN_PROGRESS}
DONE = {Assignment.Status.COMPLETED, Assignment.Status.NO_SHOW}


class DriverRow(NamedTuple):
    """A driver beside one of the shifts and one of the absences that touch the day."""

    id: int
    name: str
    kind: str
    cap: int | None
    skills: list
    home_lat: float | None
    home_lon: float | None
    seats: int | None
    wheelchair_places: int | None
    equipment: list | None
    shift_id: int | None
    shift_start_at: datetime | None
    shift_end_at: datetime | None
    break_min: int | None
    break_from_at: datetime | None
    break_until_at: datetime | None
    break_at: datetime | None
    absence_id: int | None
    absence_start_at: datetime | None
    absence_end_at: datetime | None
    last_lat: float | None
    last_lon: float | None
    last_position_at: datetime | None

    def facts(self):
        """Return what a plan depends on: all but where the driver was last seen."""
        return self[:-3]


class BookingRow(NamedTuple):
    """A booking beside its assignment, if it has one that is open or was driven."""

    id: int
    reference: str
    status: str
    client_id: int | None
    client_name: str | None
    pickup_lat: float
    pickup_lon: float
    dropoff_lat: float
    dropoff_lon: float
    scheduled_time: datetime
    appointment_at: datetime | None
    will_call: bool
    passengers: int
    wheelchairs: int
    needs: list
    priority: int
    return_of_id: int | None
    version: int
    assignment_id: int | None
    driver_id: int | None
    assignment_status: str | None
    planned_pickup_at: datetime | None
    planned_dropoff_at: datetime | None
    actual_pickup_at: datetime | None
    actual_dropoff_at: datetime | None
    locked: bool | None

    @property
    def label(self):
        """Return what people call the trip."""
        return self.reference or f"#{self.id}"

    @property
    def pickup(self):
        return self.pickup_lat, self.pickup_lon

    @property
    def dropoff(self):
        return self.dropoff_lat, self.dropoff_lon

    def standing(self):
        """Return what a plan depends on in the assignment, or None without an open one."""
        if self.assignment_id is None or self.assignment_status in DONE:
            return None
        return self.assignment_id, self.driver_id, self.planned_pickup_at, self.planned_dropoff_at

    def route(self):
        """Return what a plan depends on in a trip that it must leave where it is."""
        return self.standing(), self.pickup, self.dropoff


def lock_drivers(company):
    """Lock the available drivers, in order of id, until the transaction ends: 1 query.

    A statement of its own: what is joined to a locked row is as old as the statement, even
    where the row itself was waited for.
    """
    drivers = Driver.objects.available().filter(company=company).order_by("id")
    list(drivers.select_for_update(no_key=True).values_list("id"))


def read_drivers(company, start_at, end_at):
    """Return rows of the available drivers by driver id, with what touches the period: 1 query.

    In order of driver, shift and absence.
    """
    queryset = (
        Driver.objects.available()
        .filter(company=company)
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
        )
        .order_by("id", "shift__id", "absence__id")
    )
    rows = queryset.values_list(
        "id",
        "name",
        "kind",
        "max_bookings",
        "skills",
        "home_lat",
        "home_lon",
        "vehicle__seats",
        "vehicle__wheelchair_places",
        "vehicle__skills",
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
        "last_lat",
        "last_lon",
        "last_position_at",
    )
    drivers = {}
    for row in map(DriverRow._make, rows):
        drivers.setdefault(row.id, []).append(row)
    return drivers


def current_assignment():
    """Return the relation from a booking to its assignment that is open or was driven."""
    return FilteredRelation(
        "assignments",
        condition=Q(assignments__is_open=True) | Q(assignments__status__in=sorted(DONE)),
    )


def read_bookings(queryset, *, lock=False, seen=None):
    """Return rows of the bookings with their assignments by booking id: 1 query.

    `seen` keeps each row under what the database sent for it. What it sends again is the same
    row: on SQLite, to make moments of texts takes longer than to read them.
    """
    seen = {} if seen is None else seen
    queryset = queryset.alias(current=current_assignment()).order_by("id")
    if lock:
        queryset = queryset.select_for_update(of=("self",), no_key=True)
    queryset = queryset.values_list(
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
        "current__id",
        "current__driver_id",
        "current__status",
        "current__planned_pickup_at",
        "current__planned_dropoff_at",
        "current__actual_pickup_at",
        "current__actual_dropoff_at",
        "current__locked",
    )
    at = BookingRow._fields.index("needs")
    decoded = cache(json.loads)  # they are few and the same; the field decodes each anew
    compiler = queryset.query.get_compiler(queryset.db)
    sent = list(chain.from_iterable(compiler.execute_sql(MULTI)))
    new = [line for line in sent if line not in seen]
    values = compiler.results_iter([new], tuple_expected=True)
    for line, row in zip(new, values, strict=True):
        seen[line] = BookingRow(*row[:at], decoded(row[at]), *row[at + 1 :])
    return {row.id: row for row in map(seen.__getitem__, sent)}


def day_and_around(company, day, horizon):
    """Return the ids of the day's bookings and of those around it, as a subquery.

    Around it are the bookings of other days whose open trips lie in the horizon: shifts that
    cross midnight make two days share a driver.
    """
    around = Assignment.objects.open().filter(
        company=company,
        planned_pickup_at__gte=horizon[0] - SHIFT_AT_MOST,
        planned_pickup_at__lt=horizon[1],
        planned_dropoff_at__gt=horizon[0],
    )
    # Two index scans beside each other; with OR, PostgreSQL would scan the company's bookings.
    return (
        Booking.objects.on(company, day).values("id").union(around.values("booking_id"), all=True)
    )


def read_trips(company, day, horizon, *, lock=False, seen=None):
    """Return the day's bookings, canceled ones included, and those around it: 1 query."""
    start_at, end_at = company.day_bounds(day)
    either = day_and_around(company, day, horizon)
    bookings, neighbours = {}, {}
    rows = read_bookings(Booking.objects.filter(id__in=either), lock=lock, seen=seen)
    for row in rows.values():
        found = bookings if start_at <= row.scheduled_time < end_at else neighbours
        found[row.id] = row
    return bookings, neighbours


def read_preferences(company, day):
    """Return the (client, driver, kind) of the day's clients: 1 query."""
    start_at, end_at = company.day_bounds(day)
    return frozenset(
        DriverPreference.objects.filter(
            client__in=Booking.objects.open()
            .filter(company=company, scheduled_time__gte=start_at, scheduled_time__lt=end_at)
            .exclude(client=None)
            .values("client_id")
        ).values_list("client_id", "driver_id", "kind")
    )
