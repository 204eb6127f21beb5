"""Read the shifts and absences of a week, a row for each driver.

A week begins on Monday; times are local to the company. A shift stands on the day on which it
begins, an absence on every day that it touches.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from drivers.fleet.expiring import expiring
from drivers.fleet.fill_weeks import WEEK
from drivers.fleet.handovers import had_before, has_after, is_handed
from drivers.models import Absence, Company, Driver, Shift

DAY = timedelta(days=1)


class RosterShift(NamedTuple):
    id: int
    driver_id: int
    start_at: datetime
    end_at: datetime
    break_min: int
    vehicle__plate: str | None
    vehicle__insurance_until: date | None
    vehicle__inspection_until: date | None
    had_before: int | None  # who had the vehicle before and has it after, by `handovers`
    has_after: int | None


class RosterAbsence(NamedTuple):
    id: int
    driver_id: int
    start_at: datetime
    end_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A driver's day; `all_day` are the ids of the absences that cover it.

    The vehicles of the shifts `taken` are taken over from another driver, those of `handed` are
    handed over to one.
    """

    day: date
    shifts: tuple[RosterShift, ...]
    absences: tuple[RosterAbsence, ...]
    all_day: frozenset[int]
    taken: frozenset[int]
    handed: frozenset[int]


@dataclass(frozen=True, slots=True)
class Row:
    """A driver's week; `hours` is the time on duty, breaks and absences included.

    `papers` says which of the driver and of the vehicles expire, see `drivers.fleet.expiring`.
    """

    driver_id: int
    name: str
    is_active: bool
    cells: tuple[Cell, ...]
    hours: timedelta
    papers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Roster:
    days: tuple[date, ...]  # Monday to Sunday
    rows: tuple[Row, ...]


def read_roster(company: Company, monday: date) -> Roster:
    """Read the week of the active drivers, and of others who have a shift in it: 3 queries."""
    days = tuple(monday + number * DAY for number in range(WEEK // DAY))
    bounds = {day: company.day_bounds(day) for day in days}
    start_at, end_at = bounds[days[0]][0], bounds[days[-1]][1]
    of_day: dict[tuple[int, date], list[RosterShift]] = defaultdict(list)
    begun = Shift.objects.filter(
        driver__company=company,
        start_at__gte=start_at,
        start_at__lt=end_at,
        end_at__gt=start_at,  # says nothing new, but the index begins with the end
    ).order_by("start_at", "id")
    begun = begun.annotate(had_before=had_before(), has_after=has_after())
    for shift in map(RosterShift._make, begun.values_list(*RosterShift._fields)):
        of_day[shift.driver_id, company.local(shift.start_at).date()].append(shift)
    absences: dict[int, list[RosterAbsence]] = defaultdict(list)
    touching = Absence.objects.filter(
        driver__company=company, start_at__lt=end_at, end_at__gt=start_at
    ).order_by("start_at", "id")
    for absence in map(RosterAbsence._make, touching.values_list(*RosterAbsence._fields)):
        absences[absence.driver_id].append(absence)
    drivers = Driver.objects.filter(company=company).order_by("name", "id")
    on_duty = {driver_id for driver_id, _day in of_day}
    rows = []
    own = ("licence_until", "permit_until")
    for driver_id, name, is_active, *last in drivers.values_list("id", "name", "is_active", *own):
        if not is_active and driver_id not in on_duty:
            continue
        cells = tuple(
            _cell(day, bounds[day], of_day[driver_id, day], absences[driver_id]) for day in days
        )
        hours = sum((row.end_at - row.start_at for cell in cells for row in cell.shifts), DAY * 0)
        papers = list(expiring(company, days[-1], **dict(zip(own, last, strict=True))))
        for shift in (shift for cell in cells for shift in cell.shifts):
            papers += (
                f"{shift.vehicle__plate}: {text}"
                for text in expiring(
                    company,
                    days[-1],
                    insurance_until=shift.vehicle__insurance_until,
                    inspection_until=shift.vehicle__inspection_until,
                )
            )
        rows.append(Row(driver_id, name, is_active, cells, hours, tuple(dict.fromkeys(papers))))
    return Roster(days, tuple(rows))


def _cell(
    day: date,
    bounds: tuple[datetime, datetime],
    shifts: list[RosterShift],
    absences: list[RosterAbsence],
) -> Cell:
    start_at, end_at = bounds
    here = tuple(row for row in absences if row.start_at < end_at and row.end_at > start_at)
    covering = (row.id for row in here if row.start_at <= start_at and row.end_at >= end_at)
    taken = frozenset(row.id for row in shifts if is_handed(row.driver_id, row.had_before))
    handed = frozenset(row.id for row in shifts if is_handed(row.driver_id, row.has_after))
    return Cell(day, tuple(shifts), here, frozenset(covering), taken, handed)
