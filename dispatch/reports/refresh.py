"""Keep the daily figures true: the log says which days have changed, and these are counted again.

The log of events is the mark (`dispatch.reports.marks`): an event is written in the transaction of
its change, and those of a company are numbered in the order of their commits, so nothing is
overlooked by who has read up to a number. What the log does not tell (shifts and absences) the
database notes itself (`drivers.models.RosterChange`). The rows are read after the marks: what
changes meanwhile leaves a mark of its own. What is counted is written if nobody else has written
since the marks were read; otherwise nothing is.

Where a road server did not answer, what was counted by straight lines is shown, and counted again.
"""

import logging
from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Sum
from django.db.models.functions import TruncMonth

from dispatch.day.travel_times import driving, travel_times
from dispatch.models import MEASURES, DayFigures, FiguresState
from dispatch.planner.travel import TravelTimes
from dispatch.reports.count import DAILY, Counted, columns_of, count_days
from dispatch.reports.judge import judge_days
from dispatch.reports.marks import Marks, on_time_of, read_marks
from dispatch.reports.trips import DAY
from drivers.models import Company, Driver, RosterChange

logger = logging.getLogger(__name__)

SPAN = 31 * DAY  # of the days that are counted at once


class Refreshed(NamedTuple):
    """How many days were counted again, and how many are not yet.

    Of those left, `guessed` were counted by straight lines, as the road server did not answer.
    `is_behind` says that more has happened than was looked at.
    """

    counted: int
    left: int
    is_behind: bool = False
    guessed: int = 0


class _Step(NamedTuple):
    counted: int
    left: set[date]
    guessed: set[date]
    is_behind: bool


def refresh(
    company: Company, *, now: datetime, steps: int | None = None, patient: bool = False
) -> Refreshed:
    """Count the days anew that have changed, the newest first: 4 queries if there are none.

    Otherwise 20 at most for each step, which counts the changed days of a month. Does nothing more
    if somebody else does the same. Who is `patient` waits for a road server as a run does, and
    RoadsFailed is raised where a run would raise it.
    """
    done, counted, guessed = 0, 0, set[date]()
    step = None
    while steps is None or done < steps:
        done += 1
        travel = travel_times(company, for_run=patient and not guessed)
        found = _step(company, now, travel, guessed)
        if found is None:
            break
        step = found
        counted += step.counted
        guessed |= step.guessed
        if not step.left - guessed and not step.is_behind:
            break
    if step is None:
        return Refreshed(0, 0)
    return Refreshed(counted, len(step.left), step.is_behind, len(guessed))


def _step(company: Company, now: datetime, travel: TravelTimes, guessed: set[date]) -> _Step | None:
    """Count one month's changed days, but not again those that were guessed in a step before.

    Returns None if somebody else has done so meanwhile.
    """
    state, _is_new = FiguresState.objects.get_or_create(company=company)
    today = company.local(now).date()
    marks = read_marks(company, state, today)
    stale = _read_days(state.stale) | marks.days
    unjudged = (_read_days(state.unjudged) | marks.unjudged) - stale
    newest = max((stale - guessed) | unjudged, default=today)
    days = {day for day in stale - guessed if newest - day < SPAN}
    judged = {day for day in unjudged if newest - day < SPAN}
    if not days and not judged and not _has_moved(state, marks, today):
        return _Step(0, stale, set(), False)
    counted = Counted(frozenset(), {})
    on_time = on_time_of(marks.definitions)
    if days:
        counted = count_days(company, days, on_time, travel)
    if judged:
        again = judge_days(company, judged - counted.days, on_time)
        counted = Counted(counted.days | again.days, counted.rows | again.rows)
    is_guessed = driving(travel)["by"] == "mixed"
    left = stale if is_guessed else stale - counted.days
    left_unjudged = unjudged - counted.days
    values = {
        "last_event_id": marks.last_event_id,
        "known_until": today,
        "stale": _written_days(left),
        "unjudged": _written_days(left_unjudged),
        "definitions": marks.definitions,
        "counted_at": now,
        "version": F("version") + 1,
    }
    with transaction.atomic():
        mine = FiguresState.objects.filter(company=company, version=state.version)
        if not mine.update(**values):
            return None
        if marks.roster_ids:
            RosterChange.objects.filter(id__any_of=marks.roster_ids).delete()
        if counted.days:
            _write(company, counted)
    return _Step(
        len(days | judged),
        left | left_unjudged,
        days if is_guessed else set(),
        not marks.is_all,
    )


def _read_days(stored: Iterable[str]) -> set[date]:
    return set(map(date.fromisoformat, stored))


def _written_days(days: Iterable[date]) -> list[str]:
    return [day.isoformat() for day in sorted(days)]


def _write(company: Company, counted: Counted) -> None:
    """Put what was counted in the place of what stands: 5 statements."""
    rows = DayFigures.objects.filter(company=company)
    months = sorted({day.replace(day=1) for day in counted.days})
    # Two statements, each with its kinds: one by days alone reads all figures of the company.
    rows.filter(kind__in=DAILY, day__in=sorted(counted.days)).delete()
    rows.filter(kind=DayFigures.Kind.DRIVER_MONTH, day__in=months).delete()
    shared = {"company_id": company.pk}
    DayFigures.objects.bulk_create_columns(shared, columns_of(counted.rows))
    sums = {f"sum_{name}": Sum(name) for name in MEASURES}
    found = (
        rows.filter(kind=DayFigures.Kind.DRIVER)
        .filter(day__gte=months[0], day__lt=_month_after(months[-1]))
        .order_by()
        .annotate(month=TruncMonth("day"))
        .filter(month__in=months)
        .values("month", "driver_id")
        .annotate(**sums)
        .values_list("month", "driver_id", *sums)
    )
    names = ("day", "driver_id", *MEASURES)
    columns = dict(zip(names, map(list, zip(*found, strict=True)), strict=False))
    if columns:
        of_month = shared | {"kind": DayFigures.Kind.DRIVER_MONTH.value}
        DayFigures.objects.bulk_create_columns(of_month, columns)


def _month_after(first: date) -> date:
    return (first + 31 * DAY).replace(day=1)


def _has_moved(state: FiguresState, marks: Marks, today: date) -> bool:
    """Return whether the state is to be written although no day has changed."""
    return (
        marks.last_event_id != state.last_event_id
        or bool(marks.roster_ids)
        or state.known_until != today
        or state.definitions != marks.definitions
    )


def refresh_all(companies: Iterable[Company], *, now: datetime) -> tuple[list[Refreshed], int]:
    """Refresh the figures of these companies; return what was done, and of how many it failed."""
    done, failed = [], 0
    for company in companies:
        try:
            done.append(refresh(company, now=now, patient=True))
        except Exception:  # whatever fails for one company must not keep the others' figures
            logger.exception("The figures of the company %d could not be counted.", company.pk)
            failed += 1
    return done, failed


def clear_roster_changes() -> int:
    """Delete the notes of drivers who are gone, which nobody reads; return their number."""
    driver = Driver.objects.filter(pk=OuterRef("driver_id"))
    return RosterChange.objects.filter(~Exists(driver)).delete()[0]
