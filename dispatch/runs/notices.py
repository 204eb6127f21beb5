"""Say what a run keeps although it is impossible, what it rescues, and what is lost.

A trip that is locked stays where it is, whatever has changed around it; one that is frozen or
confirmed is given to another driver if its own cannot do it any more and another can. A break that
no longer fits is left out. A search that had too little time says so. No query.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from django.utils.translation import gettext as _

from dispatch.day.day import Day
from dispatch.day.duties import home_of, periods_away, pieces_of
from dispatch.day.fitness import Ability, Wanted, Ways, off_duty
from dispatch.day.papers import expired_papers
from dispatch.day.reasons import clock, say
from dispatch.day.rows import BookingRow, DriverRow
from dispatch.day.traffic import drive_of_row
from dispatch.day.trips import by_client
from dispatch.planner.problem import Plan
from dispatch.planner.rules import availability, driver_break, overlap, travel
from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.registry import misfits
from dispatch.planner.rules.rule import Breach, minutes
from dispatch.planner.travel import in_traffic

KEPT = ("locked", "frozen", "confirmed", "standing")  # trips under way are not a plan any more
ROUNDING = timedelta(minutes=1)  # planned times are rounded to seconds, drives to minutes


def notices_of(day: Day, plan: Plan) -> tuple[str, ...]:
    """Return a sentence for each kept trip that breaks a rule, for each that its driver could not
    do any more and another drives, for each break that is lost, and for a search cut short.
    """
    return (
        *_impossible(day),
        *_too_late(day),
        *_rescued(day, plan),
        *_lost_breaks(day, plan),
        *_cut_short(plan),
    )


def _cut_short(plan: Plan) -> Iterator[str]:
    if plan.search.get("cut_short"):
        yield _("The search was cut short: planning again with more time may give a better plan.")


def _name(day: Day, driver_id: int | None) -> str:
    rows = day.drivers.get(driver_id or 0)
    return rows[0].name if rows else f"#{driver_id}"


def _too_late(day: Day) -> Iterator[str]:
    """Say which kept trips their drivers reach too late, because of what they do before."""
    for booking_id, (earliest_s, latest_s) in sorted(day.too_late.items()):
        row = day.bookings[booking_id]
        if day.kept[booking_id] not in KEPT:
            continue
        yield _(
            "Trip %(trip)s stays with %(driver)s, who cannot be there before %(at)s: boarding by "
            "%(latest)s would be in time."
        ) % {
            "trip": row.label,
            "driver": _name(day, row.driver_id),
            "at": clock(day.company, day.day, earliest_s),
            "latest": clock(day.company, day.day, latest_s),
        }


def _rescued(day: Day, plan: Plan) -> Iterator[str]:
    """Say which trips another driver takes over because their own cannot do them any more."""
    for trip in plan.trips:
        row = day.bookings[trip.trip_id]
        if row.id in day.freed and row.driver_id != trip.driver_id:
            yield _("%(driver)s could not do trip %(trip)s any more: %(other)s drives it.") % {
                "trip": row.label,
                "driver": _name(day, row.driver_id),
                "other": _name(day, trip.driver_id),
            }


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
        name = _name(day, driver_id)
        gone = [availability.breach(name)]
        for row in route:
            excluded = forbidden.get(row.client_id, frozenset())
            if found := list(_breaches(day, row, rows, excluded) if rows else gone):
                yield _kept(day, row, name, found)
        for before, after in pairwise(route):
            if late := _unreachable(day, name, before, after):
                yield _kept(day, after, name, [late])


def _kept(day: Day, row: BookingRow, name: str, found: Sequence[Breach]) -> str:
    return _("Trip %(trip)s stays with %(driver)s, but cannot be driven so. %(why)s") % {
        "trip": row.label,
        "driver": name,
        "why": " ".join(say(day.company, day.day, breach) for breach in found),
    }


def _breaches(
    day: Day, row: BookingRow, rows: Sequence[DriverRow], forbidden: frozenset[int]
) -> Iterator[Breach]:
    """Yield what keeps the driver from the trip, without its neighbours."""
    pickup_at = row.planned()[0]
    first = next((r for r in rows if _in_shift(r, pickup_at)), rows[0])
    skills = frozenset([*first.skills, *(first.equipment or [])])
    seats = row.passengers - row.wheelchairs
    wanted = Wanted(seats, row.wheelchairs, frozenset(row.needs), forbidden)
    expired = expired_papers(
        day.company,
        day.day,
        licence=first.licence_until,
        permit=first.permit_until,
        insurance=first.insurance_until,
        inspection=first.inspection_until,
    )
    yield from misfits(wanted, Ability(first.id, first.name, first.layouts, skills, expired))
    start_at, end_at = row.planned()
    shifts = [
        piece
        for r in rows
        if r.shift_id and r.shift_start_at and r.shift_end_at
        for piece in pieces_of((r.shift_start_at, r.shift_end_at), periods_away(rows, r.shift_id))
    ]
    absences = [
        (r.absence_start_at, r.absence_end_at)
        for r in rows
        if r.absence_start_at and r.absence_end_at
    ]
    home = home_of(day.company, first.home_lat, first.home_lon)
    ways = Ways(day.company, day.problem.travel, home, row.pickup, row.dropoff)
    yield from off_duty(first.name, start_at, end_at + _alighting(day), ways, shifts, absences)


def _in_shift(row: DriverRow, moment: datetime) -> bool:
    start_at, end_at = row.shift_start_at, row.shift_end_at
    return start_at is not None and end_at is not None and start_at <= moment < end_at


def _unreachable(day: Day, name: str, before: BookingRow, after: BookingRow) -> Breach | None:
    """Return why the driver cannot be at a pickup in time after the trip before it, or None."""
    from_at, free_at = before.planned()[0], before.planned()[1] + _alighting(day)
    pickup_at, free_again_at = after.planned()
    factor = drive_of_row(day.company, day.problem.travel, before).onward_factor
    away_s = in_traffic(day.problem.travel.leg(before.dropoff, after.pickup)[0], factor)
    away = timedelta(seconds=away_s)
    if travel.fits(free_at, away - ROUNDING, pickup_at):
        return None
    if not overlap.fits(from_at, free_at, pickup_at, free_again_at):
        return overlap.breach(name, before.label, from_at, free_at)
    away_min = minutes(away.total_seconds())
    values: dict[str, object] = {"trip": before.label, "until_s": free_at, "away_min": away_min}
    return travel.breach(Block.BUSY_UNTIL, name, values)


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
            length_min, until_at = row.break_min or 0, row.break_until_at
            lost = driver_break.breach(row.name, length_min, row.break_from_at, until_at)
            yield say(day.company, day.day, lost)


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
