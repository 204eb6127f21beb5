"""A company's past: days that were dispatched and driven, as the tables would hold them.

Every past day has a completed run, its bookings, an assignment for each, and the events of
both. Who drove what is plausible, not planned: trips go round the fleet in order of time, as
its wheelchair places allow.
"""

from datetime import timedelta
from itertools import cycle
from math import ceil

import numpy as np

from bookings.models import Booking, Door, Event, Status
from dispatch.models import Assignment, DispatchRun
from dispatch.planner.travel import GreatCircle
from perf.project.scenarios import generate
from perf.project.scenarios.bulk_insert import insert_rows, reserve_ids
from perf.project.scenarios.populate import BOOKING_COLUMNS, add_shifts, booking_rows, wall_clock

YEARS_AT_MOST = 2
TRAVEL = GreatCircle(speed_kmh=generate.SPEED_KMH, circuity=generate.CIRCUITY)
BOARDING = timedelta(seconds=generate.BOARDING_S)
ASSIGNMENT_COLUMNS = (
    "id", "company_id", "run_id", "booking_id", "driver_id", "status", "sequence",
    "planned_pickup_at", "planned_dropoff_at", "actual_pickup_at", "actual_dropoff_at",
    "confirmed", "locked", "explanation", "created_at", "updated_at",
)  # fmt: skip
RUN_COLUMNS = (
    "id", "company_id", "day", "trigger", "status", "started_at", "finished_at",
    "claim_ends_at", "lease", "settings", "metrics", "unassigned", "timings",
    "previous_breaks", "error", "actor", "progress", "outcome",
)  # fmt: skip
EVENT_COLUMNS = (
    "company_id", "customer_id", "booking_id", "assignment_id", "run_id", "kind", "at", "actor",
    "door",
    "old", "new", "reason",
)  # fmt: skip


def day_sizes(history, usual):
    """Return the number of bookings of each past day, yesterday first: never above two years."""
    usual = max(usual, ceil(history / (365 * YEARS_AT_MOST)), 1)
    full, rest = divmod(history, usual)
    return [usual] * full + [rest] * bool(rest)


def add_history(
    company, fleet, driver_ids, clients, client_ids, sizes, day, *, seed, events, owner=None
):
    """Insert the days before `day`; return how many bookings."""
    days = [day - timedelta(days=back + 1) for back in range(len(sizes))]
    add_shifts(company, driver_ids, fleet, days)
    run_ids = reserve_ids(DispatchRun, len(days))
    insert_rows(
        DispatchRun,
        RUN_COLUMNS,
        (_run(company, *row) for row in zip(run_ids, days, sizes, strict=True)),
    )
    booking_ids = iter(reserve_ids(Booking, sum(sizes)))
    assignment_ids = iter(reserve_ids(Assignment, sum(sizes)))
    batch = _Batch(events)
    for number, (past, size, run_id) in enumerate(zip(days, sizes, run_ids, strict=True)):
        bookings = generate.geneva_bookings(clients, size, seed * 100_003 + number + 1)
        ids = [next(booking_ids) for _ in bookings]
        planned_at = wall_clock(company, past - timedelta(days=1))(18 * 3600)
        rows = booking_rows(
            company,
            client_ids,
            bookings,
            ids,
            past,
            status=Status.COMPLETED.value,
            prefix=f"{past:%y%m%d}-",
            created_at=planned_at - timedelta(days=2),
            owner=owner,
        )
        batch.add(
            rows,
            _assignments(
                company, fleet, driver_ids, bookings, rows, assignment_ids, run_id, planned_at, past
            ),
        )
    batch.write()
    return sum(sizes)


class _Batch:
    """Rows of many small days, written together: bookings before what points at them."""

    def __init__(self, events, size=50_000):
        self.events, self.size = events, size
        self.bookings, self.assignments = [], []

    def add(self, bookings, assignments):
        self.bookings += bookings
        self.assignments += assignments
        if len(self.bookings) >= self.size:
            self.write()

    def write(self):
        insert_rows(Booking, BOOKING_COLUMNS, self.bookings)
        insert_rows(Assignment, ASSIGNMENT_COLUMNS, self.assignments)
        if self.events:
            insert_rows(Event, EVENT_COLUMNS, self._events())
        self.bookings, self.assignments = [], []

    def _events(self):
        actor = ("seed_scenario", Door.COMMAND.value)
        for booking, row in zip(self.bookings, self.assignments, strict=True):
            assignment = dict(zip(ASSIGNMENT_COLUMNS, row, strict=True))
            owners = assignment["company_id"], booking[BOOKING_COLUMNS.index("customer_id")]
            booking_id = assignment["booking_id"]
            made = Event.Kind.BOOKING_CREATED.value, booking[BOOKING_COLUMNS.index("created_at")]
            yield (
                *owners, booking_id, None, None, *made, *actor, {},
                {"reference": booking[BOOKING_COLUMNS.index("reference")]}, "",
            )  # fmt: skip
            given = Event.Kind.ASSIGNED.value, assignment["created_at"]
            yield (
                *owners, booking_id, assignment["id"], assignment["run_id"], *given, *actor, {},
                {"driver": assignment["driver_id"]}, "",
            )  # fmt: skip
            driven = Event.Kind.BOOKING_STATUS.value, assignment["actual_dropoff_at"]
            yield (
                *owners, booking_id, assignment["id"], None, *driven, *actor,
                {"status": Status.IN_PROGRESS.value}, {"status": Status.COMPLETED.value}, "",
            )  # fmt: skip


def _run(company, run_id, day, size):
    started_at = wall_clock(company, day - timedelta(days=1))(18 * 3600)
    finished_at = started_at + timedelta(seconds=20)
    return (
        run_id, company.pk, day, DispatchRun.Trigger.COMMAND.value,
        DispatchRun.Status.COMPLETED.value, started_at, finished_at,
        started_at + timedelta(minutes=10), "", {}, {"bookings": size, "assigned": size}, [], {},
        {}, "", "seed_scenario", {}, {},
    )  # fmt: skip


def _assignments(
    company, fleet, driver_ids, bookings, rows, assignment_ids, run_id, planned_at, day
):
    """Return an assignment for each booking, in the order of the bookings."""
    everybody = cycle(driver_ids)
    vans = [pk for pk, car in zip(driver_ids, fleet, strict=True) if car.wheelchair_places]
    with_places = cycle(vans or driver_ids)
    order = np.argsort([b.wanted_s for b in bookings], kind="stable").tolist()
    drivers = {i: next(with_places if bookings[i].wheelchairs else everybody) for i in order}
    ride_s, _ride_m = TRAVEL.legs(
        [(b.pickup_latitude, b.pickup_longitude) for b in bookings],
        [(b.dropoff_latitude, b.dropoff_longitude) for b in bookings],
    )
    wanted = BOOKING_COLUMNS.index("scheduled_time")
    made = []
    for i, (booking, row) in enumerate(zip(bookings, rows, strict=True)):
        pickup_at = row[wanted]
        dropoff_at = pickup_at + BOARDING + timedelta(seconds=int(ride_s[i]))
        made.append(
            (
                next(assignment_ids), company.pk, run_id, row[0], drivers[i],
                Assignment.Status.COMPLETED.value, booking.wanted_s, pickup_at, dropoff_at,
                pickup_at, dropoff_at, True, False, {}, planned_at, dropoff_at,
            )
        )  # fmt: skip
    return made
