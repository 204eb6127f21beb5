"""Create the shifts of coming weeks from weekly templates or from another week.

Times are local to the company: a shift from 6:00 begins at 6:00 before and after a clock change.
A week begins on Monday. Existing shifts are left unchanged and counted in the result. A shift has
the vehicle that its template or its original names, else the driver's.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from drivers.models import SHIFT_AT_MOST, Company, Driver, Shift, ShiftTemplate
from drivers.refused import Refused
from drivers.times import LATEST, shown_period

WEEK = timedelta(days=7)
WEEKS_AT_MOST = 26


class WeeksRefused(Refused):
    """These weeks cannot be filled; the message says why."""

    code = "invalid"
    status = 400
    field = "week"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A shift that was not created; `start_at` is local to the company."""

    driver: str
    start_at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Filled:
    """The result: shifts created, or to be created in a dry run.

    `already` counts the shifts that already existed with the same times.
    """

    created: tuple[Shift, ...]
    already: int
    left_out: tuple[LeftOut, ...]
    dry_run: bool

    def summary(self) -> str:
        sentences = (
            ngettext(
                "%(count)d shift would be created",
                "%(count)d shifts would be created",
                len(self.created),
            )
            if self.dry_run
            else ngettext("%(count)d shift created", "%(count)d shifts created", len(self.created)),
            _("%(already)d already there"),
            _("%(left_out)d skipped"),
        )
        return (
            ", ".join(sentences)
            % {
                "count": len(self.created),
                "already": self.already,
                "left_out": len(self.left_out),
            }
            + "."
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """A shift to create, in local times without a timezone; without `vehicle_id`, the driver's."""

    driver_id: int
    vehicle_id: int | None
    start: datetime
    end: datetime
    break_min: int
    break_from: datetime | None
    break_until: datetime | None


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def fill_weeks(
    company: Company,
    driver_ids: Iterable[int],
    week: date,
    weeks: int,
    *,
    now: datetime,
    dry_run: bool = False,
) -> Filled:
    """Create the shifts of the drivers' templates in `weeks` weeks from `week`: 4 statements.

    Raises WeeksRefused.
    """
    first = _first_day(week, weeks)
    with transaction.atomic():
        drivers = _lock(company, driver_ids)
        templates = ShiftTemplate.objects.filter(driver__any_of=sorted(drivers)).order_by("id")
        wanted = [
            _from_template(template, first + timedelta(days=template.weekday) + number * WEEK)
            for template in templates
            for number in range(weeks)
        ]
        return _make(company, drivers, wanted, now=now, dry_run=dry_run)


def copy_week(
    company: Company,
    driver_ids: Iterable[int],
    source: date,
    week: date,
    weeks: int,
    *,
    now: datetime,
    dry_run: bool = False,
) -> Filled:
    """Repeat the shifts of the week of `source` in `weeks` weeks from `week`: 4 statements.

    Raises WeeksRefused.
    """
    first, origin = _first_day(week, weeks), monday_of(source)
    if first <= origin < first + weeks * WEEK:
        raise WeeksRefused(_("A week cannot be copied onto itself."))
    with transaction.atomic():
        drivers = _lock(company, driver_ids)
        wanted = [
            _from_shift(company, shift, first - origin + number * WEEK)
            for shift in _shifts_of(company, drivers, origin)
            for number in range(weeks)
        ]
        return _make(company, drivers, wanted, now=now, dry_run=dry_run)


def copy_colleague(
    company: Company, colleague_id: int, driver_id: int, week: date, *, now: datetime
) -> Filled:
    """Give a driver the shifts that a colleague has in the week of `week`: 4 statements.

    They are driven with the driver's own vehicle: the colleague has the other. Raises WeeksRefused.
    """
    with transaction.atomic():
        drivers = _lock(company, {colleague_id, driver_id})
        if len(drivers) < 2:
            raise WeeksRefused(_("Choose two active drivers of the company."))
        wanted = [
            replace(_from_shift(company, shift, timedelta(0)), driver_id=driver_id, vehicle_id=None)
            for shift in _shifts_of(company, [colleague_id], monday_of(week))
        ]
        return _make(company, drivers, wanted, now=now, dry_run=False)


def _shifts_of(company: Company, driver_ids: Iterable[int], monday: date) -> QuerySet[Shift]:
    """Return the shifts of these drivers that begin in the week."""
    start_at, end_at = company.day_bounds(monday)[0], company.day_bounds(monday + WEEK)[0]
    return Shift.objects.filter(
        driver__any_of=sorted(driver_ids), start_at__gte=start_at, start_at__lt=end_at
    ).order_by("id")


def usual_shift(company: Company, driver_id: int, day: date) -> Wanted | None:
    """Return the first shift that the driver's templates have on such a day, if any: 1 query."""
    template = (
        ShiftTemplate.objects.filter(
            driver=driver_id, driver__company=company, weekday=day.weekday()
        )
        .order_by("start", "id")
        .first()
    )
    return _from_template(template, day) if template else None


def _first_day(week: date, weeks: int) -> date:
    if not 1 <= weeks <= WEEKS_AT_MOST:
        raise WeeksRefused(
            _("The number of weeks must be from 1 to %(most)d.") % {"most": WEEKS_AT_MOST}
        )
    return monday_of(week)


class Named(NamedTuple):
    """A driver's name and vehicle."""

    name: str
    vehicle_id: int | None


def _lock(company: Company, driver_ids: Iterable[int]) -> dict[int, Named]:
    """Return the company's active drivers among these by id, locked: 1 query."""
    rows = Driver.objects.filter(company=company, is_active=True, id__any_of=sorted(driver_ids))
    locked = rows.order_by("id").select_for_update(no_key=True)
    return {row[0]: Named(*row[1:]) for row in locked.values_list("id", "name", "vehicle_id")}


def _from_template(template: ShiftTemplate, day: date) -> Wanted:
    start = datetime.combine(day, template.start)

    def next_at(clock: time, after: datetime) -> datetime:
        moment = datetime.combine(after.date(), clock)
        return moment if moment >= after else moment + timedelta(days=1)

    end = next_at(template.end, start + timedelta(minutes=1))
    break_from = break_until = None
    if template.break_min > 0:
        break_from = next_at(template.break_from or template.start, start)
        after = break_from + timedelta(minutes=1)
        break_until = next_at(template.break_until or template.end, after)
    return Wanted(
        template.driver_id,
        template.vehicle_id,
        start,
        end,
        template.break_min,
        break_from,
        break_until,
    )


def _from_shift(company: Company, shift: Shift, later: timedelta) -> Wanted:
    def clock(moment: datetime) -> datetime:
        return company.local(moment).replace(tzinfo=None, fold=0) + later

    return Wanted(
        shift.driver_id,
        shift.vehicle_id,
        clock(shift.start_at),
        clock(shift.end_at),
        shift.break_min,
        clock(shift.break_from_at) if shift.break_from_at else None,
        clock(shift.break_until_at) if shift.break_until_at else None,
    )


def _make(
    company: Company,
    drivers: dict[int, Named],
    wanted: Iterable[Wanted],
    *,
    now: datetime,
    dry_run: bool,
) -> Filled:
    """Insert the shifts that fit, in order of time: 2 queries."""
    rows = sorted(
        (_shift(company, want, drivers[want.driver_id]) for want in wanted),
        key=lambda row: (row.start_at, row.driver_id),
    )
    of_driver, of_vehicle = _taken(company, rows)
    created: list[Shift] = []
    left_out: list[LeftOut] = []
    already = 0
    for row in rows:
        name = drivers[row.driver_id].name
        own = of_driver[row.driver_id]
        if any((other.start_at, other.end_at) == (row.start_at, row.end_at) for other in own):
            already += 1
            continue
        why = _why_not(row, own, of_vehicle[row.vehicle_id] if row.vehicle_id else [], now)
        if why:
            left_out.append(LeftOut(name, company.local(row.start_at), why))
        else:
            created.append(row)
            held = Taken(row.driver_id, row.vehicle_id, row.start_at, row.end_at, name)
            own.append(held)
            if row.vehicle_id:
                of_vehicle[row.vehicle_id].append(held)
    if not dry_run:
        Shift.objects.bulk_create(created)
    return Filled(tuple(created), already, tuple(left_out), dry_run)


def _shift(company: Company, want: Wanted, driver: Named) -> Shift:
    def moment(clock: datetime) -> datetime:
        return clock.replace(tzinfo=company.zone).astimezone(UTC)

    start_at = moment(want.start)
    return Shift(
        driver_id=want.driver_id,
        vehicle_id=want.vehicle_id or driver.vehicle_id,
        start_at=start_at,
        end_at=min(moment(want.end), start_at + SHIFT_AT_MOST),
        break_min=want.break_min,
        break_from_at=moment(want.break_from) if want.break_from else None,
        break_until_at=moment(want.break_until) if want.break_until else None,
    )


class Taken(NamedTuple):
    """The time that a driver and a vehicle have given to a shift already."""

    driver_id: int
    vehicle_id: int | None
    start_at: datetime
    end_at: datetime
    driver: str

    def overlaps(self, row: Shift) -> bool:
        return self.start_at < row.end_at and self.end_at > row.start_at


TakenBy = defaultdict[int, list[Taken]]


def _taken(company: Company, rows: list[Shift]) -> tuple[TakenBy, TakenBy]:
    """Return the company's shifts around these by driver and by vehicle: 1 query."""
    of_driver: TakenBy = defaultdict(list)
    of_vehicle: TakenBy = defaultdict(list)
    if not rows:
        return of_driver, of_vehicle
    around = Shift.objects.filter(
        driver__company=company,
        start_at__gt=rows[0].start_at - SHIFT_AT_MOST,
        start_at__lt=max(row.end_at for row in rows),
    ).values_list("driver_id", "vehicle_id", "start_at", "end_at", "driver__name")
    for taken in map(Taken._make, around):
        of_driver[taken.driver_id].append(taken)
        if taken.vehicle_id:
            of_vehicle[taken.vehicle_id].append(taken)
    return of_driver, of_vehicle


def _why_not(row: Shift, own: list[Taken], in_use: list[Taken], now: datetime) -> str | None:
    if row.start_at < now:
        return _("it is in the past")
    if row.end_at >= LATEST:
        return _("it does not end before the year 2100")
    if row.start_at >= row.end_at:
        return _("its hours are skipped when the clocks go forward")
    if any(other.overlaps(row) for other in own):
        return _("it overlaps another shift")
    if other := next((other for other in in_use if other.overlaps(row)), None):
        return _("%(driver)s has its vehicle: %(period)s") % {
            "driver": other.driver,
            "period": shown_period(other.start_at, other.end_at),
        }
    if not (row.break_min and row.break_from_at and row.break_until_at):
        return None
    if not row.start_at <= row.break_from_at < row.break_until_at <= row.end_at:
        return _("its break is not within the shift")
    if row.break_until_at - row.break_from_at < timedelta(minutes=row.break_min):
        return _("its break is longer than its time window")
    return None
