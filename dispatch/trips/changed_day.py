"""The day as it would be with some of its rows changed: as they are, or for some drivers. No query.

Rows go in, and the planner's problem is made of them again: whoever asks what a change would mean
asks the code that reads the day.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bookings.models import Status
from dispatch.day.day import Day
from dispatch.day.keeping import BY_HAND
from dispatch.day.load import make_day
from dispatch.day.rows import BookingRow
from dispatch.models import Assignment

Rows = Mapping[int, BookingRow]


def with_rows(day: Day, rows: Rows) -> Day:
    """Return the day made with these rows in place of its own."""
    bookings, neighbours = dict(day.bookings), dict(day.neighbours)
    for row in rows.values():
        bookings.pop(row.id, None)
        neighbours.pop(row.id, None)
        standing = row.standing()
        if day.start_at <= row.scheduled_time < day.end_at:
            bookings[row.id] = row
        elif standing and standing[2] < day.horizon[1] and standing[3] > day.horizon[0]:
            neighbours[row.id] = row
    return _made(
        day, bookings=dict(sorted(bookings.items())), neighbours=dict(sorted(neighbours.items()))
    )


def with_shift(day: Day, shift_id: int, start_at: datetime, end_at: datetime) -> Day:
    """Return the day made with one shift from `start_at` to `end_at`."""
    drivers = {
        driver_id: [
            row._replace(shift_start_at=start_at, shift_end_at=end_at)
            if row.shift_id == shift_id
            else row
            for row in rows
        ]
        for driver_id, rows in day.drivers.items()
    }
    return _made(day, drivers=drivers)


def part_of(day: Day, driver_ids: Collection[int], booking_ids: Collection[int]) -> Day:
    """Return the day of these drivers, their trips and these bookings alone.

    All trips of their people are there too, who must not be in two places at once. No other rule
    spans two drivers, so what holds here holds in the whole day, and is found in a fraction of the
    time.
    """
    rows = day.bookings | day.neighbours
    near = {row.id for row in rows.values() if row.driver_id in driver_ids} | set(booking_ids)
    while more := _linked(rows, near) - near:
        near |= more
    return _made(
        day,
        drivers={i: rows for i, rows in day.drivers.items() if i in driver_ids},
        bookings={i: row for i, row in day.bookings.items() if i in near},
        neighbours={i: row for i, row in day.neighbours.items() if i in near},
    )


def _linked(rows: Rows, near: Collection[int]) -> set[int]:
    """Return the outbound and return trips of these bookings, and all of the same people."""
    out = {rows[i].return_of_id or 0 for i in near if i in rows}
    people = {rows[i].person for i in near if i in rows} - {None}
    others = {row.id for row in rows.values() if row.return_of_id in near or row.person in people}
    return (out | others) & rows.keys()


def released(row: BookingRow) -> BookingRow:
    """Return the row as it is without its driver."""
    return row._replace(
        assignment_id=None,
        driver_id=None,
        assignment_status=None,
        planned_pickup_at=None,
        planned_dropoff_at=None,
        locked=None,
        confirmed=None,
        stretch=None,
    )


def given_to(
    row: BookingRow, driver_id: int, pickup_at: datetime, dropoff_at: datetime
) -> BookingRow:
    """Return the row as it is with this driver at this time."""
    return row._replace(
        status=Status.ASSIGNED,
        assignment_id=row.assignment_id or 0,
        driver_id=driver_id,
        assignment_status=Assignment.Status.PLANNED,
        planned_pickup_at=pickup_at,
        planned_dropoff_at=dropoff_at,
        locked=False,
        confirmed=False,
    )


def _made(day: Day, **changed: Any) -> Day:
    rows = {
        name: changed.get(name, getattr(day, name))
        for name in ("drivers", "bookings", "neighbours")
    }
    made = make_day(
        day.company,
        day.day,
        now=day.now,
        leeway=BY_HAND,
        preferences=day.preferences,
        seen=day.seen,
        travel=day.problem.travel,
        **rows,
    )
    return replace(made, horizon=day.horizon)
