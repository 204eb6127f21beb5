"""Write a plan in one atomic block, over the world it was made for or not at all.

Lock what becomes scarcer (drivers, then bookings, each in order of id), read again, compare,
write, count. Whoever else changes an assignment locks its driver and its booking first.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.models import Actor, DriverPreference, Status
from dispatch import ledger
from dispatch.day import queries
from dispatch.day.day import Day
from dispatch.day.rows import BookingRow, DriverRow
from dispatch.day.stretches import of_plan
from dispatch.day.trips import PLANNABLE
from dispatch.models import DispatchRun
from dispatch.planner.problem import Plan, PlannedTrip
from dispatch.runs.difference import Difference, difference
from drivers.fleet.breaks import plan_breaks
from drivers.refused import Refused

# The constraints that keep a driver and a booking from being given away twice, as PostgreSQL
# and SQLite name them in their errors.
GUARDS = (
    "assignment_no_double_booking",
    "assignment_one_open_per_booking",
    "dispatch_assignment.booking_id",
)

# What a plan depends on in the company.
POLICY = (
    "timezone",
    "depot_lat",
    "depot_lon",
    "pickup_early_min",
    "pickup_late_min",
    "return_late_min",
    "appointment_margin_min",
    "boarding_min",
    "boarding_wheelchair_min",
    "boarding_stretcher_min",
    "alighting_min",
    "speed_kmh",
    "circuity",
    "traffic",
    "max_bookings_per_driver",
    "shares_rides",
    "ride_factor",
    "ride_added_min",
    "ride_longest_min",
    "ride_cost_percent",
    "expired_stop",
)

# Planned starts of breaks: {shift id: start, or None where there is none}.
Breaks = dict[int, datetime | None]


class StalePlan(Refused):
    """The day changed since it was planned."""

    code = "stale_plan"
    status = 409


class GivenUp(StalePlan):
    """The run was given up for dead while it planned."""

    code = "given_up"


@dataclass(frozen=True, slots=True)
class Applied:
    """What was written.

    `changed` are bookings without a driver that changed since the day was loaded and were left
    out; `arrived` is the number of new ones. `breaks_before` are the planned breaks that the
    plan changed, as they were: {shift id: start or None}.
    """

    difference: Difference
    plan: Plan
    changed: frozenset[int]
    arrived: int
    breaks_before: Breaks

    def notices(self) -> tuple[str, ...]:
        notices = []
        if self.changed:
            notices.append(
                ngettext(
                    "%(count)d booking changed while the plan was made and was left out.",
                    "%(count)d bookings changed while the plan was made and were left out.",
                    len(self.changed),
                )
                % {"count": len(self.changed)}
            )
        if self.arrived:
            notices.append(
                ngettext(
                    "%(count)d booking arrived while the plan was made; plan again to place it.",
                    "%(count)d bookings arrived while the plan was made; plan again to place them.",
                    self.arrived,
                )
                % {"count": self.arrived}
            )
        return tuple(notices)


@contextmanager
def holding(day: Day) -> Iterator[None]:
    """Let nobody change the day's drivers and trips until the block ends, which commits: 2 queries.

    Whoever would waits meanwhile: for what takes seconds, not for a search.
    """
    with transaction.atomic(durable=True):
        queries.lock_available_drivers(day.company)
        queries.read_trips(day.company, day.day, day.horizon, lock=True)
        yield


@contextmanager
def applying(
    day: Day,
    plan: Plan,
    run: DispatchRun,
    *,
    now: datetime,
    actor: Actor,
    explanations: Mapping[int, dict[str, Any]],
    is_held: bool = False,
) -> Iterator[Applied]:
    """Write the plan and its events, and commit them when the block ends: at most 9 statements.

    Where the day `is_held` (`holding`) they are committed with that. The block completes the run
    (`complete`). Raises StalePlan where the plan does not fit the world any more; then, and where
    the block raises, nothing is written.
    """
    try:
        with transaction.atomic(durable=not is_held):
            changed, arrived = _compare(day, plan, is_held=is_held)
            day, plan = _without(changed, day, plan)
            before, after = changed_breaks(day, plan)
            applied = Applied(difference(day, plan), plan, changed, arrived, before)
            _write(day, applied, run, now, actor, explanations, after)
            yield applied
    except IntegrityError as error:
        if not any(guard in str(error) for guard in GUARDS):
            raise
        raise StalePlan(
            _("Somebody else booked one of the drivers meanwhile; nothing was written.")
        ) from error


def complete(run: DispatchRun, applied: Applied, **fields: object) -> None:
    """Mark the run as completed, with its report: 1 statement.

    Raises GivenUp, or StalePlan where the company's rules are not those of the plan any more.
    """
    breaks = {str(shift): at and at.isoformat() for shift, at in applied.breaks_before.items()}
    held = DispatchRun.objects.filter(id=run.id, status=DispatchRun.Status.RUNNING, lease=run.lease)
    known = {f"company__{name}": getattr(run.company, name) for name in POLICY}
    completed = held.filter(**known).update(
        status=DispatchRun.Status.COMPLETED, previous_breaks=breaks, error="", **fields
    )
    if completed != 1:
        if held.exists():
            raise StalePlan(_("The company's rules changed meanwhile; plan again."))
        raise GivenUp(_("The run was given up for dead meanwhile; nothing was written."))


def _compare(day: Day, plan: Plan, *, is_held: bool) -> tuple[frozenset[int], int]:
    """Lock and read again; return (bookings to leave out, number of new bookings): 4 queries.

    A booking that was closed meanwhile is left out: that only frees its driver. A longer shift, and
    a lock or confirmation of a trip that stays where it stands, take nothing from the plan. What
    changes a driver's time in any other way makes it stale.
    """
    if not is_held:  # whoever came since is not locked: that would be against the order of locks
        queries.lock_available_drivers(day.company)
    drivers = queries.read_drivers(day.company, day.start_at, day.end_at)
    if _facts(drivers) != _facts(day.drivers) and not _only_longer(drivers, day.drivers):
        raise StalePlan(_("Drivers, shifts or absences changed meanwhile; plan again."))
    if _breaks(drivers) != _breaks(day.drivers):
        raise StalePlan(_("The plan was changed by hand meanwhile; plan again."))
    bookings, neighbours = queries.read_trips(
        day.company, day.day, day.horizon, lock=not is_held, seen=day.seen
    )
    if _routes(neighbours) - _routes(day.neighbours):
        raise StalePlan(_("Trips of the days around this one changed meanwhile; plan again."))
    stays = {row.id for row in difference(day, plan).kept}
    # Bookings that are of another day now.
    changed, arrived = list(day.bookings.keys() - bookings.keys()), 0
    for booking_id, row in bookings.items():
        before = day.bookings.get(booking_id)
        if row == before:
            continue
        standing = row.standing()
        if standing and (before is None or standing != before.standing()):
            raise StalePlan(
                _("Trip %(trip)s was given to a driver meanwhile; plan again.")
                % {"trip": row.label}
            )
        if before is None:
            arrived += row.status in PLANNABLE
        elif booking_id in day.kept:
            if standing and row.route() != before.route():
                raise _changed(row)
        elif booking_id in stays and _but_flags(row) == _but_flags(before):
            continue
        elif standing:
            raise _changed(row)
        else:
            changed.append(booking_id)
    forbidden = {
        (client_id, driver_id)
        for client_id, driver_id, kind in queries.read_preferences(day.company, day.day)
        if kind == DriverPreference.Kind.FORBIDDEN
    }
    for trip in plan.trips:
        row = day.bookings[trip.trip_id]
        if (row.client_id, trip.driver_id) in forbidden and row.id not in changed:
            raise StalePlan(
                _("The client of trip %(trip)s must not be driven by its driver; plan again.")
                % {"trip": row.label}
            )
    return frozenset(changed), arrived


def _facts(drivers: Mapping[int, Sequence[DriverRow]]) -> dict[int, list[tuple[Any, ...]]]:
    return {driver_id: [row.facts() for row in rows] for driver_id, rows in drivers.items()}


def _changed(row: BookingRow) -> StalePlan:
    return StalePlan(_("Trip %(trip)s was changed meanwhile; plan again.") % {"trip": row.label})


def _only_longer(
    now: Mapping[int, Sequence[DriverRow]], before: Mapping[int, Sequence[DriverRow]]
) -> bool:
    """Say whether nothing but shifts changed, and each holds what it held before."""
    if {driver_id: len(rows) for driver_id, rows in now.items()} != {
        driver_id: len(rows) for driver_id, rows in before.items()
    }:
        return False
    return all(
        row.facts() == was.facts() or _is_longer(row, was)
        for driver_id, rows in now.items()
        for row, was in zip(rows, before[driver_id], strict=True)
    )


def _is_longer(row: DriverRow, was: DriverRow) -> bool:
    start_at, end_at = row.shift_start_at, row.shift_end_at
    if not (start_at and end_at and was.shift_start_at and was.shift_end_at):
        return False
    as_it_was = row._replace(shift_start_at=was.shift_start_at, shift_end_at=was.shift_end_at)
    holds = start_at <= was.shift_start_at and was.shift_end_at <= end_at
    return holds and as_it_was.facts() == was.facts()


def _but_flags(row: BookingRow) -> BookingRow:
    return row._replace(locked=None, confirmed=None)  # who drives it, and when, is untouched


def _breaks(drivers: Mapping[int, Sequence[DriverRow]]) -> list[datetime | None]:
    return [row.break_at for rows in drivers.values() for row in rows]


def _routes(rows: Mapping[int, BookingRow]) -> set[tuple[Any, ...]]:
    return {row.route() for row in rows.values()}


def _without(changed: frozenset[int], day: Day, plan: Plan) -> tuple[Day, Plan]:
    if not changed:
        return day, plan
    bookings = {i: row for i, row in day.bookings.items() if i not in changed}
    trips = tuple(trip for trip in plan.trips if trip.trip_id not in changed)
    unserved = tuple(trip_id for trip_id in plan.unserved if trip_id not in changed)
    return replace(day, bookings=bookings), replace(plan, trips=trips, unserved=unserved)


def _write(
    day: Day,
    applied: Applied,
    run: DispatchRun,
    now: datetime,
    actor: Actor,
    explanations: Mapping[int, dict[str, Any]],
    breaks: Breaks,
) -> None:
    """Supersede, create, set the bookings' status and the breaks, log: at most 5 statements.

    Where clients ride together, those who stay may get another number: 1 more, 2 on SQLite.
    """
    diff = applied.difference
    replaced = [row for row, _trip in (*diff.moved, *diff.retimed)]
    ended = [_standing(row)[0] for row in (*replaced, *diff.released)]
    if not ledger.end_replaced(ended, now=now, run=run):
        raise StalePlan(_("Assignments were changed meanwhile; plan again."))
    trips = [*diff.placed, *(trip for _row, trip in (*diff.moved, *diff.retimed))]
    driven = [row for row in day.bookings.values() if row.standing() is None]
    stay = [*diff.kept, *diff.left, *driven, *day.neighbours.values()]
    shared = day.problem.sharing is not None
    numbers, renumbered = of_plan(trips, stay, day.moment, shared=shared)
    ledger.renumber(renumbered)
    pickups = [day.moment(trip.pickup_s) for trip in trips]
    dropoffs = [day.moment(trip.dropoff_s) for trip in trips]
    unexplained: dict[str, Any] = {}
    columns: dict[str, list[Any]] = {
        "booking_id": [trip.trip_id for trip in trips],
        "driver_id": [trip.driver_id for trip in trips],
        "sequence": [trip.pickup_s for trip in trips],
        "planned_pickup_at": pickups,
        "planned_dropoff_at": dropoffs,
        "explanation": [explanations.get(trip.trip_id, unexplained) for trip in trips],
        **numbers,
    }
    created = ledger.assign(day.company.id, columns, now=now, run_id=run.id)
    turned = {
        Status.ASSIGNED: [trip.trip_id for trip in diff.placed],
        Status.ACCEPTED: [row.id for row in diff.released if row.status == Status.ASSIGNED],
    }
    if not ledger.set_status(turned, now=now, only=PLANNABLE):
        raise StalePlan(_("Bookings were changed meanwhile; plan again."))
    plan_breaks(breaks)
    promises = [
        ledger.Promise(trip.driver_id, pickup_at, dropoff_at)
        for trip, pickup_at, dropoff_at in zip(trips, pickups, dropoffs, strict=True)
    ]
    entries = [
        *_placed(day, diff, zip(trips, created, promises, strict=True)),
        *_released(diff),
    ]
    ledger.log(day.company.id, entries, actor=actor, now=now, run_id=run.id)


def changed_breaks(day: Day, plan: Plan) -> tuple[Breaks, Breaks]:
    """Return the breaks before and after, {shift id: start or None}, where they differ.

    A shift whose break is over, or belongs to no duty of the problem any more, keeps it.
    """
    before = {
        row.shift_id: row.break_at for rows in day.drivers.values() for row in rows if row.shift_id
    }
    after: Breaks = {day.shift_of[duty.id]: None for duty in day.problem.duties if duty.break_}
    after |= {day.shift_of[b.duty_id]: day.moment(b.start_s) for b in plan.breaks}
    after = {shift: start for shift, start in after.items() if before[shift] != start}
    return {shift: before[shift] for shift in after}, after


def _placed(
    day: Day, diff: Difference, created: Iterable[tuple[PlannedTrip, int, ledger.Promise]]
) -> Iterator[ledger.Entry]:
    """Yield the log's line of every (trip, id of its new assignment, promise)."""
    before = {row.id: row for row, _trip in (*diff.moved, *diff.retimed)}
    for trip, assignment_id, promise in created:
        was = before.get(trip.trip_id)
        if was:
            yield ledger.moved(trip.trip_id, assignment_id, _standing(was)[1], promise)
        else:
            status = day.bookings[trip.trip_id].status
            yield ledger.assigned(trip.trip_id, assignment_id, promise, status)


def _released(diff: Difference) -> Iterator[ledger.Entry]:
    """Yield the log's line of every booking that lost its driver."""
    for row in diff.released:
        yield ledger.released(row.id, *_standing(row), row.status)


def _standing(row: BookingRow) -> tuple[int, ledger.Promise]:
    """Return the open assignment of a trip that stands, and its promise."""
    standing = row.standing()
    if standing is None:
        raise ValueError(f"Trip {row.label} stands with nobody.")
    return standing[0], ledger.Promise(*standing[1:])
