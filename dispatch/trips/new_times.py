"""Agree on a new time for a trip: find the nearest times that can be driven, and book one.

Nobody's other trips move. A time is offered with the driver who costs the least then, by the
objective of the planner; the rules of an assignment by hand decide again when it is booked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from bookings.guards import Agreed
from bookings.models import Actor, Booking, Status
from bookings.order import is_wanted_after
from bookings.save import StatusRefusedError, save_agreed
from dispatch import ledger
from dispatch.day.day import Day
from dispatch.day.rows import BookingRow
from dispatch.day.trips import PLANNABLE
from dispatch.models import Assignment
from dispatch.planner.explain.findings import find
from dispatch.planner.problem import Plan, Trip
from dispatch.planner.search.arrays import NEVER
from dispatch.trips import decisions
from dispatch.trips.assign import Lock, assign, load_trip, trip_locked
from dispatch.trips.locking import LockedTrip, driver_of, lock_with_others, no_such_trip, stale
from dispatch.trips.problems import all_pinned, trip_of
from drivers.models import Company

STEP_S = 5 * 60
AROUND = timedelta(hours=4)
APART_S = 10 * 60  # so that the times offered are a choice
OFFERED = 3


class Appointment(StrEnum):
    """What becomes of the appointment when the pickup moves."""

    STAYS = "stays"
    MOVES = "moves"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class NewTime:
    """A time at which a driver can pick up a trip."""

    driver_id: int
    driver: str
    pickup_at: datetime
    dropoff_at: datetime


@dataclass(frozen=True, slots=True)
class NewTimes:
    """A trip, the times that can be driven in order of time, and what the appointment does.

    `around` is the time that they are nearest to.
    """

    row: BookingRow
    times: tuple[NewTime, ...]
    appointment: Appointment
    around: datetime


def new_times(
    company: Company,
    booking_id: int,
    *,
    now: datetime,
    around: datetime | None = None,
    appointment: Appointment | None = None,
) -> NewTimes:
    """Find the times nearest to `around` (default: the wanted time) on its day: 5 statements.

    Of today's trips nearest to now, if that is later. Without `appointment` it stays, or
    moves with the pickup where no driver can keep it. Raises NoSuchTrip, or StatusRefusedError if
    the trip has begun, is over or not accepted.
    """
    day, row = load_trip(company, booking_id, now)
    _require_changeable(row.status, row.will_call, row.label)
    around = around or row.scheduled_time
    if around < now < day.end_at:
        around = now
    either = Q(id=row.return_of_id) | Q(return_of=row.id)
    linked = list(Booking.objects.open().filter(either, company=company))
    ways = (appointment,) if appointment else (Appointment.STAYS, Appointment.MOVES)
    for way in ways:
        if times := nearest(day, row, linked, around, way):
            return NewTimes(row, times, way, around)
    return NewTimes(row, (), ways[0], around)


def agree_on_time(
    company: Company,
    booking_id: int,
    driver_id: int,
    pickup_at: datetime,
    *,
    appointment: Appointment = Appointment.STAYS,
    lock: Lock | None = None,
    version: int,
    actor: Actor,
    now: datetime,
) -> LockedTrip:
    """Book the trip for the new time and assign it to the driver: at most 46 statements.

    All or nothing. A locked trip is moved only with `lock`. Raises NoSuchTrip, NoSuchDriver,
    StaleBookingError, StatusRefusedError, TripLocked, RuleBroken where the day has changed, or
    ValidationError where the time is not after the outbound trip, or not before the return trip.
    """
    with transaction.atomic():
        seen = driver_of(company, booking_id)
        ledger.lock_drivers(company, {driver_id, seen or driver_id})
        lock_with_others(company, booking_id, driver_id)
        booking = Booking.objects.select_related("company").filter(company=company, id=booking_id)
        trip = booking.first()
        if trip is None:
            raise no_such_trip()
        if trip.version != version:
            raise stale(trip)
        _require_changeable(trip.status, trip.will_call, str(trip))
        standing = Assignment.objects.open().filter(booking=trip).first()
        locked = bool(standing and standing.locked)
        if locked and lock is None:
            raise trip_locked(trip)
        trip.appointment_at = _appointment(trip, pickup_at, appointment)
        trip.scheduled_time = pickup_at
        reason = _("agreed on a new time")
        agreed = _agreed(standing, keeps_driver=seen == driver_id)
        save_agreed(trip, actor=actor, now=now, reason=reason, agreed=agreed)
        how: dict[str, Any] = {"actor": actor, "now": now}
        done = assign(company, booking_id, driver_id, pickup_at=pickup_at, lock=lock, **how)
        if not locked or done.assignment is None or done.assignment.locked == (lock == Lock.KEEP):
            return done
        # It was released first, or has moved with its driver, and with its lock.
        set_lock = decisions.lock if lock == Lock.KEEP else decisions.unlock
        return set_lock(company, booking_id, **how)


def _agreed(standing: Assignment | None, *, keeps_driver: bool) -> Agreed:
    """Return that the trip may move with its driver, or else lose the driver."""
    ids = frozenset([standing.id] if standing else [])
    return Agreed(move=ids) if keeps_driver else Agreed(release=ids)


def _require_changeable(status: str, will_call: bool, label: str) -> None:
    if status not in PLANNABLE or will_call:
        raise StatusRefusedError(
            _("Trip %(trip)s is %(status)s: its time cannot be agreed on.")
            % {"trip": label, "status": Status(status).label}
        )


def _appointment(
    trip: Booking | BookingRow, pickup_at: datetime, appointment: Appointment
) -> datetime | None:
    if trip.appointment_at is None or appointment == Appointment.NONE:
        return None
    if appointment == Appointment.MOVES:
        return trip.appointment_at + (pickup_at - trip.scheduled_time)
    return trip.appointment_at


def nearest(
    day: Day,
    row: BookingRow,
    linked: Sequence[Booking],
    around: datetime,
    appointment: Appointment,
) -> tuple[NewTime, ...]:
    """Return the times of the day nearest to `around` at which a driver is free. No query."""
    asked = {trip.id: trip for trip in _asked(day, row, linked, around, appointment)}
    pinned = all_pinned(day, {row.id})
    problem = replace(pinned, trips=tuple(asked.values()))
    names = {driver.id: driver.name for driver in problem.drivers}
    around_s = day.seconds(around)
    chosen: list[Trip] = []
    found = {}
    for finding in find(problem, Plan((), (), ()), sorted(asked)):
        prices = finding.prices()
        if len(prices) and prices.min() < NEVER:
            duty = problem.duties[int(prices.argmin())]
            found[finding.trip.id] = duty.driver_id
    for trip in sorted(map(asked.__getitem__, found), key=lambda t: abs(t.wanted_s - around_s)):
        if all(abs(trip.wanted_s - other.wanted_s) >= APART_S for other in chosen):
            chosen.append(trip)
    return tuple(
        NewTime(
            driver_id=found[trip.id],
            driver=names[found[trip.id]],
            pickup_at=day.moment(trip.wanted_s),
            dropoff_at=day.moment(trip.wanted_s + trip.boarding_s + trip.ride_s),
        )
        for trip in sorted(chosen[:OFFERED], key=lambda t: t.wanted_s)
    )


def _asked(
    day: Day,
    row: BookingRow,
    linked: Sequence[Booking],
    around: datetime,
    appointment: Appointment,
) -> Iterator[Trip]:
    """Yield the trip at every time to ask for, each with an id of its own."""
    low_s = day.seconds(max(day.start_at, day.now, around - AROUND))
    high_s = day.seconds(min(day.end_at, around + AROUND))
    for wanted_s in range(-(-low_s // STEP_S) * STEP_S, high_s, STEP_S):
        at = day.moment(wanted_s)
        moved = row._replace(scheduled_time=at, appointment_at=_appointment(row, at, appointment))
        if not all(_is_in_order(moved, other) for other in linked):
            continue
        trip = trip_of(day, moved)
        if trip.earliest_s <= wanted_s <= trip.latest_s:  # beside its outbound and its return trip
            yield replace(
                trip, id=wanted_s, wanted_s=wanted_s, earliest_s=wanted_s, latest_s=wanted_s,
                standing=None,
            )  # fmt: skip


def _is_in_order(row: BookingRow, other: Booking) -> bool:
    """Return whether the trip is wanted after its outbound trip, or before its return trip."""
    at, other_at = row.scheduled_time, other.scheduled_time
    if other.id == row.return_of_id:
        return is_wanted_after(at, other_at, other.appointment_at, will_call=row.will_call)
    return is_wanted_after(other_at, at, row.appointment_at, will_call=other.will_call)
