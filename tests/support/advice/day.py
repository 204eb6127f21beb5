"""Make a planned day, let it be driven until some moment, and say what stands on it."""

from datetime import datetime
from typing import Any

from bookings.models import Actor, Booking, Door, Status
from dispatch.models import Assignment
from dispatch.runs.options import FIRST_PLAN, RunOptions
from dispatch.runs.run import run_dispatch
from dispatch.trips.advice.suggestion import Suggestion
from drivers.models import Company, Shift
from perf.project.scenarios.company import seed_scenario
from tests.support import builders as make

ACTOR = Actor(Door.ADMIN, name="Nadia")
Rows = dict[tuple[str, int], tuple[Any, ...]]


def seeded(
    bookings: int,
    drivers: int,
    seed: int,
    *,
    shares_rides: bool = False,
    options: RunOptions = FIRST_PLAN,
) -> Company:
    """Return a company whose day is planned, with some trips that found no driver."""
    seed_scenario(
        f"s{seed}", day=make.DAY, bookings=bookings, drivers=drivers, history=0, seed=seed,
        now=make.NOW, actor=ACTOR, events=True,
    )  # fmt: skip
    company = Company.objects.get(slug=f"s{seed}")
    company.shares_rides = shares_rides
    company.save()
    run_dispatch(company, make.DAY, now=make.NOW, actor=ACTOR, options=options)
    return company


def begun(company: Company, now: datetime) -> None:
    """Let the trips before now be driven as planned."""
    for trip in Assignment.objects.open().filter(company=company, planned_pickup_at__lt=now):
        over = trip.planned_dropoff_at <= now
        trip.status = Assignment.Status.COMPLETED if over else Assignment.Status.IN_PROGRESS
        trip.actual_pickup_at = trip.planned_pickup_at
        trip.actual_dropoff_at = trip.planned_dropoff_at if over else None
        trip.save()
        Booking.objects.filter(id=trip.booking_id).update(status=make.BOOKING_STATUS[trip.status])


def busiest(company: Company, now: datetime) -> int:
    """Return the driver with most trips to come."""
    trips = Assignment.objects.open().filter(company=company, planned_pickup_at__gt=now)
    ids = list(trips.values_list("driver_id", flat=True))
    return max(sorted(set(ids)), key=ids.count)


def rows_of(company: Company) -> Rows:
    """Return everything that a suggestion may write, by what it is."""
    trips = Assignment.objects.open().filter(company=company)
    bookings = Booking.objects.filter(company=company)
    shifts = Shift.objects.filter(driver__company=company)
    return {
        **{
            ("trip", row[0]): row[1:]
            for row in trips.values_list(
                "booking_id", "driver_id", "planned_pickup_at", "planned_dropoff_at", "locked"
            )
        },
        **{
            ("booking", row[0]): row[1:]
            for row in bookings.values_list("id", "scheduled_time", "status")
        },
        **{
            ("shift", row[0]): row[1:]
            for row in shifts.values_list("id", "start_at", "end_at", "break_at")
        },
    }


def announced(rows: Rows, found: Suggestion) -> Rows:
    """Return the rows with everything that the suggestion announces, and nothing else."""
    rows, change = dict(rows), found.change
    if found.released:
        del rows["trip", found.released.booking_id]
        wanted_at, _status = rows["booking", found.released.booking_id]
        rows["booking", found.released.booking_id] = (wanted_at, Status.ACCEPTED)
    for move in found.moves:
        rows["trip", move.booking_id] = (move.driver_id, move.pickup_at, move.dropoff_at, False)
    wanted_at = found.client.wanted_at if found.client else rows["booking", change.booking_id][0]
    rows["booking", change.booking_id] = (wanted_at, Status.ASSIGNED)
    times = found.pickup_at, found.dropoff_at
    rows["trip", change.booking_id] = (change.driver_id, *times, found.locked)
    if found.shift:
        break_at = rows["shift", found.shift.shift_id][2]
        times = found.shift.start_at, found.shift.end_at
        rows["shift", found.shift.shift_id] = (*times, break_at)
    for row in found.breaks:
        rows["shift", row.shift_id] = (*rows["shift", row.shift_id][:2], row.start_at)
    return rows


def difference(expected: Rows, found: Rows) -> dict[tuple[str, int], tuple[Any, Any]]:
    """Return {row: (as expected, as found)} of those that are not the same."""
    return {
        row: (expected.get(row), found.get(row))
        for row in sorted(expected.keys() | found.keys())
        if expected.get(row) != found.get(row)
    }
