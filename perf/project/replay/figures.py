"""Count what a replayed day was like for its clients, and compare two ways of running it.

Whatever was agreed on during the day, a trip is late against what was booked: at the door after
the end of the pickup window, or at the appointment; by the larger of the two.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from bookings.models import Booking, Status
from dispatch.day.trips import window_around
from dispatch.models import Assignment
from drivers.models import OWN_WINDOW
from perf.measuring.statistics import LEVEL, student

VERY_LATE_MIN = 15
UNSERVED_MIN = 60  # what a trip that nobody drove counts as, where one number is wanted
NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Figures:
    """A day: trips booked, minutes late in all, trips late at all and very, trips nobody drove.

    `moved` are the clients who were told a driver and a time, and got another driver or another
    planned pickup. `late_or_unserved_min` counts `UNSERVED_MIN` for a trip that nobody drove.
    """

    trips: int
    late_min: float
    late: int
    very_late: int
    unserved: int
    moved: int
    late_or_unserved_min: float

    def as_dict(self):
        return asdict(self)


def booked(company, day):
    """Return (wanted, end of the window, appointment) by booking, before the day: 1 query."""
    rows = Booking.objects.on(company, day).order_by("id")
    return {
        i: (window_around(company, wanted_at, return_of, own)[1], appointment_at)
        for i, wanted_at, return_of, appointment_at, *own in rows.values_list(
            "id",
            "scheduled_time",
            "return_of",
            "appointment_at",
            *(f"customer__{name}" for name in OWN_WINDOW),
        )
    }


def count_day(company, promised, arrived):
    """Return the figures of a day that was driven: 2 queries.

    `promised` is what `booked` said, `arrived` has when somebody was at the door.
    """
    status = dict(Booking.objects.filter(id__in=promised).values_list("id", "status"))
    told: dict[int, tuple[Any, ...]] = {}
    driven: dict[int, tuple[Any, ...]] = {}
    rows = Assignment.objects.filter(company=company).order_by("id")
    for row in rows.values_list(
        "booking_id", "driver_id", "planned_pickup_at", "actual_dropoff_at"
    ):
        told.setdefault(row[0], row[1:3])
        driven[row[0]] = row[1:]
    late, unserved, moved = [], 0, 0
    for i, (latest_at, appointment_at) in promised.items():
        if status[i] not in (Status.COMPLETED, Status.NO_SHOW):
            unserved += 1
            continue
        moved += told[i] != driven[i][:2]
        missed = max(arrived[i] - latest_at, NONE)
        if appointment_at and status[i] == Status.COMPLETED:
            missed = max(missed, driven[i][2] - appointment_at)
        late.append(missed / timedelta(minutes=1))
    late_min = sum(late)
    return Figures(
        trips=len(promised),
        late_min=round(late_min, 2),
        late=sum(minutes > 0 for minutes in late),
        very_late=sum(minutes > VERY_LATE_MIN for minutes in late),
        unserved=unserved,
        moved=moved,
        late_or_unserved_min=round(late_min + UNSERVED_MIN * unserved, 2),
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """The second less the first of pairs: mean with its interval (95 %), and median.

    One pair has no interval.
    """

    pairs: int
    mean: float
    low: float | None
    high: float | None
    median: float

    def as_dict(self):
        return asdict(self)


def difference(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Return the mean difference of pairs, with Student's interval."""
    if len(first) != len(second) or not first:
        raise ValueError("Pairs need as many values on both sides, and at least one.")
    found = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    mean = float(found.mean())
    low, high = (_bound(found - mean, side) for side in (-1, 1)) if len(found) > 1 else (None, None)
    return Difference(
        len(found),
        mean,
        None if low is None else mean + low,
        None if high is None else mean + high,
        float(np.median(found)),
    )


def _bound(around, side):
    """Return the mean furthest from 0 on this side that Student's test does not refuse."""
    near, far = 0.0, float(side)
    while student(around - far) > 1 - LEVEL:
        near, far = far, 2 * far
    for _halving in range(50):
        middle = (near + far) / 2
        near, far = (middle, far) if student(around - middle) > 1 - LEVEL else (near, middle)
    return near
