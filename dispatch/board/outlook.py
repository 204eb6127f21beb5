"""Forecast one trip in its driver's day, as the board does, for the panel of the trip."""

from datetime import datetime
from typing import NamedTuple

from dispatch.board.attention import why_late
from dispatch.day.travel_times import travel_times
from dispatch.forecast.driver_days import driver_days
from dispatch.forecast.expected import Expected, Risk
from dispatch.forecast.rows import DriverRow, read_shifts, read_trips_of_driver
from drivers.models import Company


class Outlook(NamedTuple):
    """How a trip that has a driver will go, and why it is late if it is."""

    expected: Expected
    why: str

    @property
    def late_min(self):
        return int(self.expected.late.total_seconds() // 60)

    @property
    def behind_min(self):
        return int(self.expected.behind.total_seconds() // 60)


def read_outlook(company: Company, assignment, *, now: datetime) -> Outlook | None:
    """Forecast one trip in its driver's day, as the board does: 2 queries.

    Returns None if the driver lost it meanwhile.
    """
    driver = assignment.driver
    start_at, end_at = company.day_bounds(company.local(assignment.planned_pickup_at).date())
    shifts = read_shifts(company, start_at, end_at, driver.id)
    start_at = min([start_at, *(shift.start_at for shift in shifts)])
    end_at = max([end_at, *(shift.end_at for shift in shifts)])
    rows = read_trips_of_driver(driver.id, start_at, end_at)
    rows.sort(key=lambda row: (row.planned_pickup_at, row.id))
    known = DriverRow._make(getattr(driver, name, None) for name in DriverRow._fields)
    (day,) = driver_days(
        company,
        travel_times(company),
        [known],
        {driver.id: shifts},
        {},
        {driver.id: rows},
        day=(start_at, end_at),
        now=now,
    )
    ids = [row.id for row in rows]
    if assignment.booking_id not in ids:
        return None
    i = ids.index(assignment.booking_id)
    expected = day.trips[i].expected
    why = why_late(company, day.trips, i, now) if expected.risk != Risk.NONE else ""
    return Outlook(expected, why)
