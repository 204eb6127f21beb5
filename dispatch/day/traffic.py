"""How much slower drives are by the hour of the week, and when a drive counts as begun. No query.

The company's factors multiply the driving times of free roads (`Company.traffic`). A ride counts
in the hour of its wanted pickup, the drive after it in the hour in which it would end then, the
drive from the start of a duty in the hour of that start. A trip's drives have so the same length
in every plan, whatever its planned time.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from dispatch.day.rows import BookingRow
from dispatch.planner.travel import TravelTimes, in_traffic
from drivers.models import Company


class Drive(NamedTuple):
    """A ride in traffic in seconds, its factor, and that of the drive from its dropoff."""

    ride_s: int
    ride_factor: float
    onward_factor: float


def factor_at(company: Company, moment: datetime) -> float:
    """Return the factor of the drives that begin in this hour, local to the company."""
    if not company.traffic:
        return 1.0
    local = moment.astimezone(company.zone)
    factor: float = company.traffic[local.weekday()][local.hour]
    return factor


def drive_of(company: Company, wanted_at: datetime, free_s: int, boarding_min: int) -> Drive:
    """Return the ride of a trip that is wanted then, boards so long, and drives `free_s`.

    `free_s` are the seconds on a free road.
    """
    if not company.traffic:
        return Drive(free_s, 1.0, 1.0)
    factor = factor_at(company, wanted_at)
    ride_s = in_traffic(free_s, factor)
    service = timedelta(minutes=boarding_min + company.alighting_min)
    ends_at = wanted_at + service + timedelta(seconds=ride_s)
    return Drive(ride_s, factor, factor_at(company, ends_at))


def drive_of_row(company: Company, travel: TravelTimes, row: BookingRow) -> Drive:
    """Return the ride of one trip."""
    free_s = travel.leg(row.pickup, row.dropoff)[0]
    return drive_of(company, row.scheduled_time, free_s, row.boarding_min(company))


def drives_of(
    company: Company, rows: Sequence[BookingRow], free_s: Sequence[int]
) -> dict[int, Drive]:
    """Return the rides of trips by booking; `free_s` are their seconds on a free road."""
    return {
        row.id: drive_of(company, row.scheduled_time, seconds, row.boarding_min(company))
        for row, seconds in zip(rows, free_s, strict=True)
    }
