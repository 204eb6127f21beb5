"""Read the shifts and absences of a week, a row for each driver.

A week begins on Monday; times are local to the company. A shift stands on the day on which it
begins, an absence on every day that it touches.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from drivers.fleet.fill_weeks import WEEK
from drivers.models import Absence, Company, Driver, Shift

DAY = timedelta(days=1)


class RosterShift(NamedTuple):
    id: int
    driver_id: int
    start_at: datetime
    end_at: datetime
    break_min: int


class RosterAbsence(NamedTuple):
    id: int
    driver_id: int
    start_at: datetime
    end_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A driver's day; `all_day` are the ids of the absences that cover it."""

    day: date
    shifts: tuple[RosterShift, ...]
    absences: tuple[RosterAbsence, ...]
    all_day: frozenset[int]


@dataclass(frozen=True, slots=True)
class Row:
    """A driver's week; `hours` is the time on duty, breaks and absences included."""

    driver_id: int
    name: str
    is_active: bool
    cells: tuple[Cell, ...]
    hours: timedelta


@dataclass(frozen=True, slots=True)
class Roster:
    monday: date
    days: tuple[date, ...]
    rows: tuple[Row, ...]


def read_roster(company: Company, monday: date) -> Roster:
    """Read the week of the active drivers, and of others who have a shift in it: 3 queries."""
    days = tuple(monday + number * DAY for number in range(WEEK // DAY))
    bounds = {day: company.day_bounds(day) for day in days}
    start_at, end_at = bounds[days[0]][0], bounds[days[-1]][1]
    shifts = defaultdict(list)
    for shift in _rows(Shift, RosterShift, company, start_at__gte=start_at, start_at__lt=end_at):
        shifts[shift.driver_id, company.local(shift.start_at).date()].append(shift)
    absences = defaultdict(list)
    for absence in _rows(Absence, RosterAbsence, company, start_at__lt=end_at, end_at__gt=start_at):
        absences[absence.driver_id].append(absence)
    drivers = Driver.objects.filter(company=company).order_by("name", "id")
    on_duty = {driver_id for driver_id, _day in shifts}
    rows = []
    for driver_id, name, is_active in drivers.values_list("id", "name", "is_active"):
        if not is_active and driver_id not in on_duty:
            continue
        cells = tuple(
            _cell(day, bounds[day], shifts[driver_id, day], absences[driver_id]) for day in days
        )
        hours = sum((row.end_at - row.start_at for cell in cells for row in cell.shifts), DAY * 0)
        rows.append(Row(driver_id, name, is_active, cells, hours))
    return Roster(monday, days, tuple(rows))


def _rows(model, kind, company, **period):
    """Yield the company's rows of a period, in order: 1 query."""
    rows = model.objects.filter(driver__company=company, **period).order_by("start_at", "id")
    return map(kind._make, rows.values_list(*kind._fields))


def _cell(day, bounds, shifts, absences) -> Cell:
    start_at, end_at = bounds
    here = tuple(row for row in absences if row.start_at < end_at and row.end_at > start_at)
    covering = (row.id for row in here if row.start_at <= start_at and row.end_at >= end_at)
    return Cell(day, tuple(shifts), here, frozenset(covering))
