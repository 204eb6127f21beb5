"""Prove every index of the product: see `perf.proving.indexes`.

On a scratch database with a large past of several companies, where the doors of
`perf.project.doors.profiled` are entered once each.
"""

from datetime import UTC, datetime, timedelta

from django.db import transaction

from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from drivers.models import Absence, Company, Driver
from perf.measuring.machine import describe_machine, load_average
from perf.measuring.scratch import scratch_database
from perf.project.benchmarks.variants import DAY, NOW
from perf.project.doors import profiled
from perf.project.doors.visitor import ACTOR, Visit, go_through
from perf.project.scenarios.company import seed_scenario
from perf.proving import indexes as proving
from perf.proving.indexes import Recorded, Weights, prove_indexes, settle, taking

VERSION = 2
STEPS = 3 + proving.STEPS
# With fewer bookings no index is called useless: it may be needed when there are more.
REFERENCE = 1_000_000
# The owner's guide asks for these by name (MISSION 2.1); they stay, whatever is measured.
ASKED_FOR = (
    "idx_assignment_booking_created",
    "idx_booking_status_scheduled_company",
    "idx_driver_company_available",
    "idx_booking_company_scheduled",
    "idx_assignment_run_status",
)
# Of the past bookings the visited company has so many, with events, another the rest; a third
# has so many more, and the newest events.
SHARE = 0.25
BUSY = 0.05
DAY_SIZE = 1_000
# A statement is looked at from so many milliseconds at the reference; with less data from less.
WORTH_MS = 20.0
LEAST_WORTH_MS = 1.0


def benchmark_indexes(*, bookings, seconds, seed, progress) -> dict:
    """Measure within about `seconds` after filling, and return everything as plain values."""
    step = progress.step
    result = {
        "kind": "benchmark_indexes",
        "version": VERSION,
        "began_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "about": f"a company of this size: {bookings:,} past bookings",
        "bookings": bookings,
        "seed": seed,
        "load_average_before": load_average(),
    }
    with scratch_database() as scratch:
        result["machine"] = describe_machine()
        with taking(result, "filling_s"):
            step("inventing companies with a past")
            visit = fill(bookings, seed)
        step("recording the doors")
        recorded = Recorded()
        with taking(result, "recording_s"):
            for way in profiled.all_doors():
                recorded.add(way.name, go_through(way, visit))
        with taking(result, "filling_more_s"):
            step("inventing a company that works while the visited one rests")
            _invent("busy", 10, max(1, round(bookings * BUSY)), seed, events=True)
        weights = Weights(
            often=profiled.often,
            told="how often each door is entered in a day is estimated (`OFTEN` in "
            "`perf/project/doors/profiled.py`)",
            asked_for=ASKED_FOR,
            worth_ms=max(LEAST_WORTH_MS, WORTH_MS * min(1, bookings / REFERENCE)),
            too_small=f"below {REFERENCE} bookings" if bookings < REFERENCE else "",
        )
        prove_indexes(result, scratch, recorded, weights, seconds=seconds, progress=progress)
    result["load_average_after"] = load_average()
    result["ended_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    return result


def fill(bookings, seed):
    """Invent two companies, dispatch the larger one, and return the visit to the other."""
    mine = max(1, round(bookings * SHARE))
    day_size = min(DAY_SIZE, max(4, bookings // 10))
    for slug, history, events in (("other", bookings - mine, False), ("visited", mine, True)):
        _invent(slug, day_size, history, seed, events=events)
    Absence.objects.bulk_create(
        Absence(driver_id=driver, start_at=start_at, end_at=start_at + timedelta(days=2))
        for driver in Driver.objects.order_by("id").values_list("id", flat=True)
        for start_at in (NOW - timedelta(days=7 * number) for number in range(1, 51))
    )
    other = Company.objects.get(slug="other")
    run_dispatch(other, DAY, now=NOW, actor=ACTOR, options=FIRST_PLAN)
    settle()
    return Visit(Company.objects.get(slug="visited"), DAY, NOW)


def _invent(slug, day_size, history, seed, *, events):
    with transaction.atomic():
        seed_scenario(
            slug,
            day=DAY,
            bookings=day_size,
            drivers=max(2, round(day_size / 9)),
            history=history,
            seed=seed,
            events=events,
            now=NOW - timedelta(days=2),
            actor=ACTOR,
        )
