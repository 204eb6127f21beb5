"""Say what a run keeps although it is impossible, and which breaks it cannot give.

A trip that is locked or about to begin stays where it is, whatever has changed around it, and a
break that no longer fits is left out. Both are for the dispatcher to settle. No query.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from django.utils.translation import gettext as _

from dispatch.day.fitness import Ability, lacking, off_duty
from dispatch.day.load import Day, by_client
from dispatch.day.queries import BookingRow, DriverRow
from dispatch.planner.problem import Plan

KEPT = ("locked", "frozen")  # trips under way are not a plan any more


def notices_of(day: Day, plan: Plan) -> tuple[str, ...]:
    """Return a sentence for each kept trip that breaks a rule, and for each break that is lost."""
    return (*_impossible(day), *_lost_breaks(day, plan))


def _impossible(day: Day) -> Iterator[str]:
    routes: defaultdict[int, list[BookingRow]] = defaultdict(list)
    for booking_id, why in day.kept.items():
        row = day.bookings.get(booking_id)
        if row and why in KEPT and row.driver_id and row.planned()[0] >= day.now:
            routes[row.driver_id].append(row)
    _preferred, forbidden = by_client(day.preferences)
    for driver_id, route in sorted(routes.items()):
        route.sort(key=lambda row: (row.planned(), row.id))
        rows = day.drivers.get(driver_id)
        for row in route:
            found = list(_why_not(day, row, rows)) if rows else [_("the driver is not available")]
            if driver_id in forbidden.get(row.client_id, ()):
                found.append(_("the client must not be driven by this driver"))
            if found:
                yield _kept(row, rows, ", ".join(found))
        for before, after in pairwise(route):
            if late := _too_late(day, before, after):
                yield _kept(after, rows, late)


def _kept(row: BookingRow, rows: Sequence[DriverRow] | None, why: str) -> str:
    return _("Trip %(trip)s stays with %(driver)s, but cannot be driven so: %(why)s.") % {
        "trip": row.label,
        "driver": rows[0].name if rows else f"#{row.driver_id}",
        "why": why,
    }


def _why_not(day: Day, row: BookingRow, rows: Sequence[DriverRow]) -> Iterator[str]:
    first = rows[0]
    skills = frozenset([*first.skills, *(first.equipment or [])])
    ability = Ability(first.seats or 0, first.wheelchair_places or 0, skills)
    yield from lacking(row.passengers, row.wheelchairs, row.needs, ability)
    start_at, end_at = row.planned()
    shifts = [
        (r.shift_start_at, r.shift_end_at) for r in rows if r.shift_start_at and r.shift_end_at
    ]
    absences = [
        (r.absence_start_at, r.absence_end_at)
        for r in rows
        if r.absence_start_at and r.absence_end_at
    ]
    yield from off_duty(start_at, end_at + _alighting(day), shifts, absences)


def _too_late(day: Day, before: BookingRow, after: BookingRow) -> str:
    """Return why the driver cannot be at a pickup in time after the trip before it, or nothing."""
    free_at = before.planned()[1] + _alighting(day)
    away = timedelta(seconds=day.problem.travel.leg(before.dropoff, after.pickup)[0])
    late = free_at + away - after.planned()[0]
    if late <= timedelta(minutes=1):  # planned times are rounded to seconds, drives to minutes
        return ""
    return _("after trip %(trip)s the driver arrives %(late)d min late") % {
        "trip": before.label,
        "late": -(-late.total_seconds() // 60),
    }


def _alighting(day: Day) -> timedelta:
    return timedelta(minutes=day.company.alighting_min)


def _lost_breaks(day: Day, plan: Plan) -> Iterator[str]:
    """Say which drivers with trips get no break that their shift still has to have."""
    given = {day.shift_of[planned.duty_id] for planned in plan.breaks}
    busy = {day.shift_of[duty.id] for duty in day.problem.duties if duty.commitments}
    busy |= {day.shift_of[trip.duty_id] for trip in plan.trips}
    for _driver_id, rows in sorted(day.drivers.items()):
        for row in {row.shift_id: row for row in rows}.values():
            if row.shift_id in given or row.shift_id not in busy or not _is_due(day, row):
                continue
            yield _(
                "%(driver)s gets no break: no %(minutes)d min are free from %(from)s to %(until)s."
            ) % {
                "driver": row.name,
                "minutes": row.break_min,
                "from": _clock(day, row.break_from_at),
                "until": _clock(day, row.break_until_at),
            }


def _is_due(day: Day, row: DriverRow) -> bool:
    """Return whether the shift's break is neither over, nor begun, nor covered by an absence."""
    if not row.break_min or row.break_from_at is None or row.break_until_at is None:
        return False
    if row.break_until_at <= day.now or (row.break_at is not None and row.break_at <= day.now):
        return False
    length = timedelta(minutes=row.break_min)
    return not any(
        min(absence_end, row.break_until_at) - max(absence_start, row.break_from_at) >= length
        for absence_start, absence_end in (
            (r.absence_start_at, r.absence_end_at)
            for r in day.drivers[row.id]
            if r.absence_start_at and r.absence_end_at
        )
    )


def _clock(day: Day, moment: datetime | None) -> str:
    return day.company.clock(moment) if moment else ""
