"""Keep how the open trips of the running day will go, for all companies, whoever looks.

What is kept are facts: when each trip is expected (`ExpectedTrip`), and an event in the log when
one becomes late, or is on time again. Late is what the board calls so, within the hours in which
somebody can do something; of a driver who has reported nothing it is only what is late by plan.
A trip is on time again two minutes before its limit, so that it does not flutter.

A company with trips under way (`under_way`) is looked at when something has happened, and for the
clock alone every 15 seconds. A trip that is still open belongs to the day for six hours, whatever
its date: midnight ends no ride.

Any number of workers may run: one at a time claims a company, and only who still has it writes.
What a worker that died had claimed is free again after a minute, and what failed after five
seconds. Nothing is locked while it is computed, because that may wait for a road server.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from bookings.models import Actor, Booking, Door, Event
from dispatch import ledger
from dispatch.day.travel_times import travel_times
from dispatch.forecast.driver_days import AssignedTrip, DriverDay, driver_days
from dispatch.forecast.expected import LATE, LOOK_AHEAD, LOOK_BACK, Expected
from dispatch.forecast.rows import TripRow, by_driver, read_drivers, read_shifts, read_trips
from dispatch.forecast.silence import is_late_by_plan, unreported
from dispatch.models import OPEN_ASSIGNMENT_STATUSES, Assignment, ExpectedTrip, ForecastState
from drivers.db.bulk import update_rows
from drivers.models import Company, Driver
from drivers.times import moment

logger = logging.getLogger(__name__)

EVERY = timedelta(seconds=15)
AT_MOST_EVERY = timedelta(seconds=1)
CLAIM = timedelta(minutes=1)
AFTER_FAILURE = timedelta(seconds=5)
AROUND = timedelta(days=1, hours=1)  # the rest of the longest day
AGAIN = timedelta(minutes=-2)  # before the limit
COLUMNS = ("assignment_id", "pickup_at", "dropoff_at", "late_min", "is_late", "is_silent")


class Fact(NamedTuple):
    """What is kept of a trip: the columns of `ExpectedTrip`, to the minute."""

    assignment_id: int
    pickup_at: datetime
    dropoff_at: datetime
    late_min: int
    is_late: bool
    is_silent: bool


def keep_forecasts(*, now: datetime, stopped: Callable[[], bool] = lambda: False) -> int:
    """Keep the facts of all companies of which they are due; return of how many.

    1 statement in all if there are none, 1 more for companies that are new, and 13 for each.
    """
    began, kept = time.monotonic(), 0
    companies = [row for row in _due(now) if is_under_way(row, now)]
    new = [ForecastState(company=row) for row in companies if row.is_new]
    if new:
        ForecastState.objects.bulk_create(new, ignore_conflicts=True)
    for company in companies:
        if stopped():
            break
        at = now + timedelta(seconds=time.monotonic() - began)
        try:
            kept += keep_forecast(company, now=at)
        except Exception:  # whatever fails for one company must not keep the others' facts
            logger.exception("The forecast of the company %d could not be kept.", company.pk)
    return kept


def under_way(now: datetime) -> QuerySet[Any, Any]:
    """Return the companies of which facts are kept, or may have to be: see `is_under_way`.

    `first_open_at` is the planned pickup of the first open trip since `LOOK_BACK`.
    """
    open_trips = Assignment.objects.open().filter(
        company=OuterRef("pk"),
        planned_pickup_at__gt=now + LOOK_BACK,
        planned_pickup_at__lt=now + AROUND,
    )
    first = open_trips.order_by("planned_pickup_at", "id").values("planned_pickup_at")[:1]
    return Company.objects.annotate(
        first_open_at=Subquery(first),
        has_facts=Exists(ExpectedTrip.objects.filter(company=OuterRef("pk"))),
    ).filter(Q(first_open_at__isnull=False) | Q(has_facts=True))


def is_under_way(company: Any, now: datetime) -> bool:
    """Return whether a row of `under_way` has facts, or open trips in its running day."""
    first_at = company.first_open_at
    return company.has_facts or first_at < _running_day(company, now)[1]


def _running_day(company: Company, now: datetime) -> tuple[datetime, datetime]:
    """Return the period whose trips are kept: the local day, and what is near at its ends."""
    start_at, end_at = company.day_bounds(company.local(now).date())
    return min(start_at, now + LOOK_BACK), max(end_at, now + LOOK_AHEAD)


def _due(now: datetime) -> QuerySet[Any, Any]:
    """Return those `under_way` to look at, with `last_event_id` and `last_position_at`."""
    mine = {"company": OuterRef("pk")}
    events = Event.objects.filter(**mine).order_by("-id").values("id")[:1]
    drivers = Driver.objects.filter(**mine).order_by().values("company")
    positions = drivers.annotate(last=Max("last_position_at")).values("last")
    state = "forecast_state__"
    has_news = (
        Q(**{f"{state}event_id__lt": F("last_event_id")})
        | Q(**{f"{state}position_at__lt": F("last_position_at")})
        | Q(**{f"{state}position_at": None, "last_position_at__isnull": False})
        | Q(**{f"{state}kept_at__lte": now - EVERY})
    )
    is_free = Q(**{f"{state}claimed_at": None}) | Q(**{f"{state}claimed_at__lte": now - CLAIM})
    rests = Q(**{f"{state}kept_at__gt": now - AT_MOST_EVERY})
    return (
        under_way(now)
        .annotate(
            last_event_id=Coalesce(Subquery(events), 0),
            last_position_at=Subquery(positions),
            is_new=Q(forecast_state=None),
        )
        .filter(Q(**{f"{state}kept_at": None}) | (has_news & ~rests))
        .filter(is_free)
        .order_by(F(f"{state}kept_at").asc(nulls_first=True), "id")
    )


def keep_forecast(company: Any, *, now: datetime) -> bool:
    """Keep the facts of one company, a row of `_due`: 13 statements at most.

    Returns whether it did: not if another worker has the company.
    """
    state = ForecastState.objects.filter(company=company)
    is_free = Q(claimed_at=None) | Q(claimed_at__lte=now - CLAIM)
    rested = Q(kept_at=None) | Q(kept_at__lte=now - AT_MOST_EVERY)
    if not state.filter(is_free, rested).update(claimed_at=now):
        return False
    ours = state.filter(claimed_at=now)
    try:
        days = read_days(company, now)
        with transaction.atomic():
            is_kept = ours.update(
                claimed_at=None,
                kept_at=now,
                event_id=company.last_event_id,
                position_at=company.last_position_at,
            )
            if is_kept:
                _write(company, days, now)
    except Exception:  # only to give the claim back soon; it is raised on unchanged
        ours.update(claimed_at=now - CLAIM + AFTER_FAILURE)
        raise
    return bool(is_kept)


def read_days(company: Company, now: datetime) -> tuple[DriverDay, ...]:
    """Return the drivers' days as the board has them, of those with trips: 3 statements.

    With them are the trips of yesterday that are still open.
    """
    start_at, end_at = _running_day(company, now)
    shifts = read_shifts(company, start_at, end_at)
    horizon = (
        min([start_at, *(shift.start_at for shift in shifts)]),
        max([end_at, *(shift.end_at for shift in shifts)]),
    )
    trips = [
        row
        for row in read_trips(company, company.local(now).date(), horizon)
        if row.driver_id is not None
    ]
    trips.sort(key=lambda row: (row.planned_pickup_at, row.id))
    driven = by_driver(trips)
    drivers = [row for row in read_drivers(company) if row.id in driven]
    return driver_days(
        company,
        travel_times(company),
        drivers,
        by_driver(shifts),
        {},
        driven,
        day=horizon,
        now=now,
    )


def _write(company: Company, days: Iterable[DriverDay], now: datetime) -> None:
    """Write what differs from what is stored, and tell of it: 7 statements at most.

    What was canceled or passed to another driver meanwhile is left to the next time.
    """
    rows = ExpectedTrip.objects.filter(company=company)
    stored = {
        booking_id: (pk, Fact(*values))
        for pk, booking_id, *values in rows.values_list("id", "booking_id", *COLUMNS)
    }
    found, open_ids = [], set()
    for day in days:
        is_silent = bool(unreported(day, now, after=timedelta(0)))
        for trip in day.trips:
            if trip.row.assignment_status not in OPEN_ASSIGNMENT_STATUSES:
                continue
            booking_id = trip.row.id
            open_ids.add(booking_id)
            pk, before = stored.get(booking_id, (None, None))
            was_late = before is not None and before.is_late
            fact = _fact(trip, was_late, now, is_silent=is_silent)
            if fact != before:
                is_told = fact.is_late != was_late and _is_told(trip, fact)
                found.append((pk, trip.row, fact, is_told))
    still = _still([row for pk, row, _fact, is_told in found if pk is None or is_told])
    new: dict[str, list[Any]] = {name: [] for name in ("booking_id", *COLUMNS)}
    changed, entries = [], []
    for pk, row, fact, is_told in found:
        if (pk is None or is_told) and row.id not in still:
            continue
        if pk is None:
            for name, value in zip(new, (row.id, *fact), strict=True):
                new[name].append(value)
        else:
            changed.append((pk, *fact))
        if is_told:
            entries.append(_entry(row.id, fact))
    gone = [pk for booking_id, (pk, _fact) in stored.items() if booking_id not in open_ids]
    if gone:
        rows.filter(id__any_of=sorted(gone)).delete()
    update_rows(ExpectedTrip, COLUMNS, sorted(changed))
    ExpectedTrip.objects.bulk_create_columns({"company_id": company.pk}, new)
    ledger.log(company.pk, entries, actor=Actor(Door.WORKER), now=now)


def _still(rows: Collection[TripRow]) -> set[int]:
    """Lock bookings; return those whose assignment is as it was read: 2 statements, or none."""
    ids = sorted(row.id for row in rows)
    if not ids:
        return set()
    locked = Booking.objects.filter(id__any_of=ids).order_by("id")
    list(locked.select_for_update(no_key=True).values_list("id"))
    now = set(
        Assignment.objects.open()
        .filter(booking__any_of=ids)
        .values_list("booking_id", "id", "status")
    )
    return {row.id for row in rows if (row.id, row.assignment_id, row.assignment_status) in now}


def _fact(trip: AssignedTrip, was_late: bool, now: datetime, *, is_silent: bool) -> Fact:
    expected = trip.expected
    is_known = was_late or not is_silent or is_late_by_plan(trip)
    return Fact(
        trip.row.assignment_id or 0,
        _minute(expected.pickup_at),
        _minute(expected.dropoff_at),
        int(expected.late.total_seconds() // 60),
        is_known and _is_late(expected, was_late, now),
        is_silent,
    )


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _is_late(expected: Expected, was_late: bool, now: datetime) -> bool:
    if was_late:
        return expected.over > AGAIN
    is_near = LOOK_BACK <= expected.due_at - now <= LOOK_AHEAD
    return is_near and expected.over >= LATE


def _is_told(trip: AssignedTrip, fact: Fact) -> bool:
    """Return whether the log tells of the change: not of a late pickup that is over."""
    rides = trip.row.assignment_status == Assignment.Status.IN_PROGRESS
    return fact.is_late or not rides or trip.row.appointment_at is not None


def _entry(booking_id: int, fact: Fact) -> ledger.Entry:
    new = {
        "expected_pickup_at": moment(fact.pickup_at),
        "expected_dropoff_at": moment(fact.dropoff_at),
        "late_min": fact.late_min,
    }
    kind = Event.Kind.LATE if fact.is_late else Event.Kind.ON_TIME
    return ledger.Entry(booking_id, fact.assignment_id, kind, {}, new)
