"""The ways of dispatching a day that the benchmark compares, and one measured run of each.

Every arm loads the same day and writes the same plan; they differ in whether the performance
indexes are there or those of a stock project alone (`naive.strip_to_stock`), whether rows are
read in loops, and how the plan is written. Planning is in none of them. After a run its rows
are taken out again, so that every run meets the same day.
"""

import gc
import json
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from time import perf_counter

from django.db import connection, transaction

from bookings.models import Actor, Booking, Door, Event, Status
from dispatch.day.keeping import Leeway
from dispatch.day.load import load_problem
from dispatch.models import Assignment, DispatchRun
from dispatch.planner.check.plan import check
from dispatch.planner.problem import Plan
from dispatch.planner.solve import solve
from dispatch.runs.apply import applying, changed_breaks, complete
from dispatch.runs.explain_plan import explain_plan
from drivers.db.constraints import AppendOnly
from drivers.fleet.breaks import plan_breaks
from drivers.models import Company, Shift
from perf.measuring.scratch import Scratch
from perf.project.benchmarks import naive
from perf.project.scenarios.bulk_insert import insert_rows
from perf.project.scenarios.company import seed_scenario
from perf.recording.record import record_queries

DAY = date(2026, 6, 17)  # an ordinary Wednesday
NOW = datetime(2026, 6, 16, 16, tzinfo=UTC)  # six in the evening before, in Geneva
ACTOR = Actor(Door.COMMAND, name="benchmark_dispatch")
# Over this a statement is slow; one that writes thousands of rows for each 1,000 of them.
SLOW_MS = 50
TABLES = (Event, Assignment, Booking, Shift, DispatchRun)


@dataclass(frozen=True, slots=True)
class Arm:
    """`writes` is "loop" (a save and a commit each), "bulk" (`applying`) or "copy"."""

    name: str
    indexes: bool
    loops: bool
    writes: str


ARMS = {
    arm.name: arm
    for arm in (
        Arm("naive", indexes=False, loops=True, writes="loop"),
        Arm("indexes", indexes=True, loops=True, writes="loop"),
        Arm("eager", indexes=False, loops=False, writes="loop"),
        Arm("bulk", indexes=False, loops=True, writes="bulk"),
        Arm("tuned", indexes=True, loops=False, writes="bulk"),
        Arm("copy", indexes=True, loops=False, writes="copy"),
    )
}
# From naive to tuned, one step at a time; the last step is `tuned` itself.
ALONE = ("indexes", "eager", "bulk")


@dataclass(frozen=True)
class Case:
    """A day to dispatch, on a database with the performance indexes and a stock one."""

    bookings: int
    drivers: int
    history: int
    indexed: Scratch
    bare: Scratch
    company: Company
    plan: Plan
    explanations: dict
    planning: dict
    last_ids: dict
    updated_at: datetime

    def place(self, arm):
        return self.indexed if arm.indexes else self.bare


@contextmanager
def prepared_case(scratch, *, bookings, history, seed):
    """Fill the empty scratch database, plan its day once, and clone it as a stock project."""
    drivers = max(1, round(bookings / 9))
    with transaction.atomic():
        seed_scenario(
            "benchmark",
            day=DAY,
            bookings=bookings,
            drivers=drivers,
            history=history,
            seed=seed,
            events=True,
            now=NOW - timedelta(days=2),
            actor=ACTOR,
        )
    _let_the_log_be_emptied()
    _vacuum(full=True)
    company = Company.objects.get()
    began = perf_counter()
    day = load_problem(company, DAY, now=NOW, leeway=Leeway())
    loaded = perf_counter()
    plan = solve(day.problem, time_limit_s=0)
    planned = perf_counter()
    if check(day.problem, plan):
        raise RuntimeError("The plan breaks a rule; see dispatch_day --preview.")
    _reasons, explanations = explain_plan(day.problem, plan)
    planning = {
        "load_s": loaded - began,
        "plan_s": planned - loaded,
        "check_s": perf_counter() - planned,
    }
    last_ids = {model: model.objects.order_by("-id").values_list("id", flat=True).first() or 0
                for model in (Event, Assignment, DispatchRun)}  # fmt: skip
    updated_at = Booking.objects.on(company, DAY).values_list("updated_at", flat=True)[0]
    with scratch.cloned() as bare:
        with bare.used():
            naive.strip_to_stock()
            _vacuum(full=True)
        yield Case(
            bookings=bookings,
            drivers=drivers,
            history=history,
            indexed=scratch,
            bare=bare,
            company=company,
            plan=plan,
            explanations=explanations,
            planning=planning,
            last_ids=last_ids,
            updated_at=updated_at,
        )


def run_once(arm: Arm, case: Case, *, around=nullcontext) -> dict:
    """Load and write once; return {"load_s", "apply_s"} and what `around()` yielded for each.

    `around` is entered around each phase, outside the clock's reading.
    """
    with case.place(arm).used():
        run = _claim(case)
        gc.collect()
        gc.disable()
        try:
            with naive.reading_in_loops() if arm.loops else nullcontext(), around() as loading:
                began = perf_counter()
                day = load_problem(case.company, DAY, now=NOW, leeway=Leeway())
                load_s = perf_counter() - began
            with around() as applying:
                began = perf_counter()
                WRITERS[arm.writes](day, case, run)
                apply_s = perf_counter() - began
        finally:
            gc.enable()
            _take_out(case)
    return {"load_s": load_s, "apply_s": apply_s, "seen": (loading, applying)}


def record_once(arm: Arm, case: Case) -> dict:
    """Return the statements of one run by phase: numbers, rows, commits, database time."""
    seen = run_once(arm, case, around=lambda: record_queries(keep_params=False))["seen"]
    return {phase: _facts(q) for phase, q in zip(("load", "apply"), seen, strict=True)}


def _facts(recording):
    by_fingerprint: dict[str, list[float]] = {}
    for statement in recording:
        entry = by_fingerprint.setdefault(statement.fingerprint, [0, 0.0, 0])
        entry[0] += 1
        entry[1] += statement.ms
        entry[2] += statement.rows
    top = sorted(by_fingerprint.items(), key=lambda item: -item[1][1])[:5]
    alone = sum(s.is_write and s.transaction is None for s in recording)
    return {
        "statements": len(recording),
        "slow": sum(s.ms > SLOW_MS * max(1, s.rows / 1_000 * s.is_write) for s in recording),
        "slow_50": len(recording.slow(SLOW_MS)),
        "slow_100": len(recording.slow(100)),
        "rows": recording.rows,
        "commits": recording.transactions + alone,
        "database_s": recording.ms / 1000,
        "write_ms_per_1000_rows": _write_ms_per_1000_rows(recording),
        "locks_held_s": locks_held_s(recording),
        "top": [
            {"sql": sql[:300], "count": count, "ms": ms, "rows": rows}
            for sql, (count, ms, rows) in top
        ],
    }


def _write_ms_per_1000_rows(recording):
    writes = [s for s in recording if s.is_write]
    rows = sum(s.rows for s in writes)
    return sum(s.ms for s in writes) / rows * 1_000 if rows else None


def locks_held_s(recording) -> float:
    """Return how long the longest transaction held its locks.

    From its first statement that locks or writes to the end of its COMMIT; a write outside a
    transaction holds them itself.
    """
    begins: dict[int, int] = {}
    longest_ns = 0
    for statement in sorted([*recording, *recording.control], key=lambda s: s.start_ns):
        ends_ns = statement.start_ns + statement.total_ns
        locks = statement.is_write or " FOR UPDATE" in statement.sql
        if statement in recording.control and statement.sql not in ("COMMIT", "ROLLBACK"):
            continue
        if locks:
            own = statement.start_ns
            began = (
                own
                if statement.transaction is None
                else begins.setdefault(statement.transaction, own)
            )
            longest_ns = max(longest_ns, ends_ns - began)
    return longest_ns / 1e9


def _claim(case):
    return DispatchRun.objects.create(
        company=case.company,
        day=DAY,
        trigger=DispatchRun.Trigger.COMMAND,
        started_at=NOW,
        claim_ends_at=NOW + timedelta(minutes=10),
    )


def _write_in_a_loop(day, case, run):
    naive.write_plan(day, case.plan, run, now=NOW, actor=ACTOR, explanations=case.explanations)


def _write_in_bulk(day, case, run):
    explanations = case.explanations
    with applying(day, case.plan, run, now=NOW, actor=ACTOR, explanations=explanations) as applied:
        metrics = {"assigned": len(applied.plan.trips), "changes": applied.difference.counts()}
        complete(run, applied, finished_at=NOW, metrics=metrics)


def _write_by_copy(day, case, run):
    """Write the same rows as fast as the database takes them, checking and locking nothing."""
    trips = case.plan.trips
    with transaction.atomic():
        insert_rows(
            Assignment,
            ("company_id", "run_id", "booking_id", "driver_id", "status", "sequence",
             "planned_pickup_at", "planned_dropoff_at", "confirmed", "locked", "explanation",
             "created_at", "updated_at"),
            (
                (case.company.id, run.id, trip.trip_id, trip.driver_id, "planned", trip.pickup_s,
                 day.moment(trip.pickup_s), day.moment(trip.dropoff_s), False, False,
                 case.explanations.get(trip.trip_id, {}), NOW, NOW)
                for trip in trips
            ),
        )  # fmt: skip
        _mark_assigned([trip.trip_id for trip in trips])
        insert_rows(
            Event,
            ("company_id", "booking_id", "run_id", "kind", "at", "actor", "door", "old", "new",
             "reason"),
            (
                (case.company.id, trip.trip_id, run.id, Event.Kind.ASSIGNED.value, NOW,
                 ACTOR.name, ACTOR.door.value, {"status": "accepted"},
                 {"driver": trip.driver_id, "pickup": day.moment(trip.pickup_s).isoformat(),
                  "dropoff": day.moment(trip.dropoff_s).isoformat(), "status": "assigned"}, "")
                for trip in trips
            ),
        )  # fmt: skip
        plan_breaks(changed_breaks(day, case.plan)[1])
        run.status, run.finished_at = DispatchRun.Status.COMPLETED, NOW
        run.save()


def _mark_assigned(ids):
    table = connection.ops.quote_name(Booking._meta.db_table)
    sqlite = connection.vendor == "sqlite"
    which = "IN (SELECT value FROM json_each(%s))" if sqlite else "= ANY(%s::bigint[])"
    now = connection.ops.adapt_datetimefield_value(NOW)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET status = 'assigned', version = version + 1, updated_at = %s "
            f"WHERE id {which}",
            [str(now), json.dumps(ids) if sqlite else ids],
        )


WRITERS = {"loop": _write_in_a_loop, "bulk": _write_in_bulk, "copy": _write_by_copy}


def _let_the_log_be_emptied():
    """Drop the triggers that refuse changes of the log: they cost an insert nothing."""
    with connection.schema_editor() as editor:
        for model in TABLES:
            for constraint in model._meta.constraints:
                if isinstance(constraint, AppendOnly):
                    editor.execute(constraint.remove_sql(model, editor))


def _take_out(case):
    """Bring the database back to where it was before a run."""
    with transaction.atomic(), connection.cursor() as cursor:
        for model, last_id in case.last_ids.items():
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(f"DELETE FROM {table} WHERE id > %s", [last_id])
        Booking.objects.on(case.company, DAY).exclude(status=Status.ACCEPTED).update(
            status=Status.ACCEPTED, version=1, updated_at=case.updated_at
        )
        Shift.objects.filter(break_at__isnull=False).update(break_at=None)
    _vacuum()


def _vacuum(*, full=False):
    """Clean up after a run, so that the next one does not pay for it."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            if full:
                cursor.execute("ANALYZE")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return
        names = ", ".join(connection.ops.quote_name(model._meta.db_table) for model in TABLES)
        cursor.execute("VACUUM (ANALYZE)" if full else f"VACUUM {names}")
