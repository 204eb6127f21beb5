"""A company's day as it was read, with the planning problem that it makes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from dispatch.day.keeping import Leeway
from dispatch.day.rows import BookingRow, DriverRow
from dispatch.planner.problem import Problem
from drivers.models import Company


@dataclass(frozen=True)
class Day:
    """A company-day as it was read, and the planning problem made from it.

    `kept` are the bookings whose assignment no plan may move, with the reason: under way, frozen,
    confirmed, locked, or standing where the run may move nothing (`leeway`). Those of `freed` would
    be kept, but their driver cannot do them any more; those of `stay` neither, and they are kept.
    `too_late` are kept trips that their driver cannot board in time, with the seconds of the
    (earliest, latest) boarding. `left_out` are the open bookings that no plan can serve, with the
    code of the reason; `beside` names the other trip of its person that leaves a booking out or
    cuts its window. `shift_of` maps a duty of the problem to its shift, `ride_m` a booking to the
    metres from pickup to dropoff. `seen` is the cache of `read_bookings`.
    """

    company: Company
    day: date
    now: datetime
    start_at: datetime
    end_at: datetime
    horizon: tuple[datetime, datetime]
    drivers: dict[int, list[DriverRow]]
    bookings: dict[int, BookingRow]
    neighbours: dict[int, BookingRow]
    seen: dict[tuple[Any, ...], BookingRow]
    preferences: frozenset[tuple[int, int, str]]
    problem: Problem
    leeway: Leeway
    kept: dict[int, str]
    freed: frozenset[int]
    too_late: dict[int, tuple[int, int]]
    stay: frozenset[int]
    left_out: dict[int, str]
    beside: dict[int, int]
    shift_of: dict[int, int]
    ride_m: dict[int, int]

    @cached_property
    def of_person(self) -> dict[int, list[BookingRow]]:
        """The bookings, those of neighbouring days too, by who is on board."""
        return self._by(lambda row: row.person)

    @cached_property
    def returns(self) -> dict[int, list[BookingRow]]:
        """The bookings, those of neighbouring days too, by the one that they return from."""
        return self._by(lambda row: row.return_of_id)

    def _by(self, key: Callable[[BookingRow], int | None]) -> dict[int, list[BookingRow]]:
        found: dict[int, list[BookingRow]] = {}
        for row in (*self.bookings.values(), *self.neighbours.values()):
            if (of := key(row)) is not None:
                found.setdefault(of, []).append(row)
        return found

    def seconds(self, moment: datetime) -> int:
        return math.floor((moment - self.start_at).total_seconds())

    def moment(self, seconds: int) -> datetime:
        return self.start_at + timedelta(seconds=seconds)
