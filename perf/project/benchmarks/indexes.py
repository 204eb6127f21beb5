"""Prove every index of the product: see `perf.proving.indexes`.

On a scratch database with a large past of several companies, where the doors of
`perf.project.doors.profiled` are entered once each.
"""

from datetime import UTC, datetime

from perf.measuring.machine import describe_machine, load_average
from perf.measuring.scratch import scratch_database
from perf.project.benchmarks.shapes import PLAIN, fill, invent
from perf.project.doors import profiled
from perf.project.doors.visitor import go_through
from perf.proving import indexes as proving
from perf.proving.indexes import Recorded, Weights, prove_indexes, taking

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
# A statement is looked at from so many milliseconds at the reference; with less data from less.
WORTH_MS = 20.0
LEAST_WORTH_MS = 1.0


def benchmark_indexes(*, bookings, seconds, seed, progress, shape=PLAIN) -> dict:
    """Measure one shape of data within about `seconds` after filling; return plain values."""
    step = progress.step
    result = {
        "kind": "benchmark_indexes",
        "version": VERSION,
        "began_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "shape": shape.name,
        "about": f"{bookings:,} bookings: {shape.about}",
        "bookings": bookings,
        "seed": seed,
        "load_average_before": load_average(),
    }
    with scratch_database() as scratch:
        result["machine"] = describe_machine()
        with taking(result, "filling_s"):
            step("inventing companies with a past")
            visit = fill(bookings, seed, shape)
        step("recording the doors")
        recorded = Recorded()
        with taking(result, "recording_s"):
            for way in profiled.all_doors():
                recorded.add(way.name, go_through(way, visit))
        with taking(result, "filling_more_s"):
            step("inventing a company that works while the visited one rests")
            invent("busy", 10, max(1, round(bookings * shape.busy)), seed, events=True)
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
