"""Prove every index: who uses it, what it saves, what it costs, and which one is missing.

On a scratch database with a large past of several companies. The doors (`doors.profiled`) are
entered and recorded; every recorded statement is explained; then each index is measured with
and without by the statements of the doors that use it, and by the writes to its table, each
weighed by how often its door is entered (`profiled.often`): seconds are those of a day. What is
to go is dropped in turn, and what is left of its table judged again without it.
"""

from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from time import perf_counter

from django.db import connection, transaction

from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from drivers.models import Absence, Company, Driver
from perf.indexes.ablation import Bench
from perf.indexes.candidates import propose
from perf.indexes.catalog import covered_by, read_indexes
from perf.indexes.explain import distinct
from perf.indexes.missing import FASTER, SMALLEST_TABLE, advise, try_all
from perf.indexes.rewriting import rewritings
from perf.indexes.try_index import Laboratory
from perf.measuring.machine import describe_machine, load_average
from perf.measuring.scratch import scratch_database
from perf.project.benchmarks import naive
from perf.project.benchmarks.index_verdicts import (
    REFERENCE,
    drop_in_turn,
    judge_index,
    judge_schema,
    name_better,
    refuse_below_reference,
    saved_s,
    settle_report,
)
from perf.project.benchmarks.variants import DAY, NOW
from perf.project.doors import profiled
from perf.project.doors.visitor import ACTOR, Visit, go_through
from perf.project.scenarios.company import seed_scenario

VERSION = 2
STEPS = 7  # beside one for each index
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
STATEMENTS_AT_MOST = 4  # of those that use an index: the ones that take longest without it
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
        "bookings": bookings,
        "seed": seed,
        "load_average_before": load_average(),
    }
    with ExitStack() as stack:
        scratch = stack.enter_context(scratch_database())
        result["machine"] = describe_machine()
        with _taking(result, "filling_s"):
            step("inventing companies with a past")
            visit = fill(bookings, seed)
        step("recording the doors")
        with _taking(result, "recording_s"):
            recorded, entered = _record(visit, result)
        with _taking(result, "filling_more_s"):
            step("inventing a company that works while the visited one rests")
            _invent("busy", 10, max(1, round(bookings * BUSY)), seed, events=True)
        step("explaining the statements")
        found = read_indexes(connection)
        progress.total = STEPS + len(found)
        settle()
        bench = Bench(connection, _copy(stack, scratch))
        plans = {text: bench.plan(group[0]) for text, group in recorded.items()}
        result["statements"] = _statements(recorded, plans, entered)
        replayable = {
            text: slowest
            for text, group in recorded.items()
            if (slowest := max(group, key=lambda s: s.total_ns)) and bench.replayable(slowest)
        }
        result["indexes"] = []
        sizes = _sizes({facts.table for facts in found})
        result["tables"] = sizes
        droppable = [facts for facts in found if not facts.constraint and not facts.unique]
        share = seconds / (2 * len(droppable) + 8)
        weigh = _weights(recorded, entered)
        result["worth_ms"] = max(LEAST_WORTH_MS, WORTH_MS * min(1, bookings / REFERENCE))
        for facts in found:
            step(f"measuring {facts.name}")
            entry = facts.as_dict() | {
                "asked_for": facts.name in ASKED_FOR,
                "used_by": [text for text, plan in plans.items() if facts.name in plan.indexes],
                "covered_by": covered_by(facts, found),
                "rows": sizes[facts.table],
            }
            if facts in droppable:
                entry |= _measure(bench, facts, entry["used_by"], replayable, share, weigh)
            result["indexes"].append(entry)
        step("trying what could be missing")
        result["missing"] = _missing(
            bench, recorded, plans, replayable, share, weigh, result["worth_ms"]
        )
        step("measuring all against none")
        result["together"] = _together(bench, found, replayable, 6 * share)
        settle_report(result)
        for entry in result["indexes"]:
            entry["verdict"] = judge_index(entry)
        step("dropping what is to go, in turn")

        def judged_again(entry):
            """Plan, measure and judge an index on the database as it is by now."""
            facts = next(f for f in read_indexes(connection) if f.name == entry["name"])
            entry["used_by"] = [
                text for text, group in recorded.items()
                if f'"{facts.table}"' in text and facts.name in bench.plan(group[0]).indexes
            ]  # fmt: skip
            entry["covered_by"] = covered_by(facts, read_indexes(connection))
            entry |= _measure(bench, facts, entry["used_by"], replayable, share, weigh)
            settle_report(result)
            return judge_index(entry)

        result["dropped"] = drop_in_turn(result["indexes"], bench.drop, judged_again)
    name_better(result)
    refuse_below_reference(result)
    result["schema"] = judge_schema(result)
    result["load_average_after"] = load_average()
    result["ended_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    return result


def _copy(stack, scratch):
    """Return the connection to a copy where indexes may be dropped: SQLite needs one."""
    if connection.vendor != "sqlite":
        return None
    copy = stack.enter_context(scratch.cloned())
    with copy.used():
        settle()
    return copy.connection


@contextmanager
def _taking(result, name):
    began = perf_counter()
    yield
    result[name] = perf_counter() - began


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


def settle():
    """Let the planner know the rows, and no later statement pay for the earlier ones."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA analysis_limit = 1000")
            cursor.execute("ANALYZE")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            cursor.execute("VACUUM (ANALYZE)")


def _record(visit, result):
    """Enter every door; return the statements on our tables by fingerprint, and their doors."""
    statements: list = []
    entered: dict[str, set[str]] = {}
    result["doors"] = []
    for way in profiled.all_doors():
        q = go_through(way, visit)
        statements += q.statements
        result["doors"].append({"name": way.name, "statements": len(q), "database_ms": q.ms})
        for statement in q.statements:
            entered.setdefault(statement.fingerprint, set()).add(way.name)
    ours = {facts.table for facts in read_indexes(connection)}
    mine = [s for s in statements if any(f'"{table}"' in s.sql for table in ours)]
    return distinct(mine), entered


def _statements(recorded, plans, entered):
    return [
        {
            "sql": text,
            "doors": sorted(entered[text]),
            "count": len(group),
            "ms": [round(s.ms, 3) for s in group][:20],
            "site": str(group[0].site),
            "plan": plans[text].as_dict(),
        }
        for text, group in recorded.items()
    ]


def _weights(recorded, entered):
    """Return the function that says how often a statement is sent while a day is dispatched once.

    Its doors were entered once each: so often as it was recorded, times how often they are.
    """
    times = {
        text: len(group) * max(profiled.often(name) for name in entered[text])
        for text, group in recorded.items()
    }
    return lambda statement: times.get(statement.fingerprint, 1)


def _measure(bench, facts, used_by, replayable, budget_s, weigh):
    """Measure one index by what uses it and by the writes to its table, in seconds of a day."""
    users = [replayable[text] for text in used_by if text in replayable]
    entry = {"reads": None, "read_plans": [], "writes": None, "build_s": _build_s(facts)}
    if users:
        with bench.without([facts.name]) as lacking, lacking() as without:
            users = bench.slowest(users, without, budget_s=budget_s, often=weigh)
            users = users[:STATEMENTS_AT_MOST]
            entry["read_plans"] = [
                {"sql": s.fingerprint, "without": bench.plan(s, without).as_dict()} for s in users
            ]
        compared = bench.compare(users, [facts.name], budget_s=budget_s, often=weigh)
        entry["reads"] = compared.as_dict()
    writes = [
        s for text, s in replayable.items()
        if text.startswith(("INSERT INTO", "UPDATE")) and f'"{facts.table}"' in text.split("(")[0]
    ]  # fmt: skip
    writes = sorted(writes, key=lambda s: -s.rows)[:2]
    if writes:
        compared = bench.compare(writes, [facts.name], budget_s=budget_s, often=weigh)
        entry["writes"] = compared.as_dict()
        entry["writes"]["rows"] = sum(s.rows for s in writes)
    entry["net_s"] = saved_s(entry["reads"]) + saved_s(entry["writes"])
    return entry


def _sizes(tables):
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        sizes = {}
        for table in sorted(tables):
            cursor.execute(f"SELECT COUNT(*) FROM {quote(table)}")
            sizes[table] = cursor.fetchone()[0]
    return sizes


def _build_s(facts):
    """Return how long building the index takes, twin of the one that is there."""
    sql = facts.sql.replace(facts.name, f"{facts.name[:50]}_twin", 1)
    with transaction.atomic(), connection.cursor() as cursor:
        began = perf_counter()
        cursor.execute(sql)
        took = perf_counter() - began
        transaction.set_rollback(True)
    return took


def _together(bench, found, replayable, budget_s):
    """Measure every replayable statement with all declared indexes and with a stock project's."""
    names = [facts.name for facts in found if facts.declared]
    reads = [s for text, s in replayable.items() if text.startswith("SELECT")]
    writes = [s for text, s in replayable.items() if not text.startswith("SELECT")]
    with connection.schema_editor(collect_sql=True) as editor:
        stock = {
            index.name: str(index.create_sql(model, editor))
            for model, index in naive.stock_indexes()
        }
    with bench.only_without(stock) as instead:
        compared = {
            name: bench.compare(some, names, budget_s=budget_s / 2, instead=instead).as_dict()
            | {"statements": len(some)}
            for name, some in (("reads", reads), ("writes", writes))
        }
    return {"indexes": names, "stock": list(stock), **compared}


def _missing(bench, recorded, plans, replayable, budget_s, weigh, worth_ms):
    """Propose indexes from the plans, try them, and measure those that help, by themselves.

    The plans of what reads are those of running it: they tell the rows that are thrown away.
    """
    took = {text: bench.replay(s) * 1000 for text, s in replayable.items()}
    slow = {text: s for text, s in replayable.items() if took[text] >= worth_ms}
    run = {text: bench.plan(s, analyze=text.startswith("SELECT")) for text, s in slow.items()}
    candidates = propose([(s, run[text]) for text, s in slow.items()], connection)
    laboratory = Laboratory(connection, bench.bare)
    attempts = try_all(candidates, recorded, laboratory)
    measured = []
    for advice in advise(attempts):
        candidate = advice.candidate
        made = candidate.all_sql(f"trial_{candidate.name()}"[:63], connection.vendor)
        users = [replayable[trial.fingerprint] for trial in advice.trials]
        with connection.cursor() as cursor:
            began = perf_counter()
            for sql in made.values():
                cursor.execute(sql)
            build_s = perf_counter() - began
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"ANALYZE {connection.ops.quote_name(candidate.table)}")
            name = next(iter(made))
            facts = next(facts for facts in read_indexes(connection) if facts.name == name)
            used_by = [s.fingerprint for s in users if name in bench.plan(s).indexes]
            entry = facts.as_dict() | {"used_by": used_by, "django": candidate.django()}
            entry |= _measure(bench, facts, used_by, replayable, budget_s, weigh)
            entry |= {"build_s": build_s, "reason": str(candidate.reason)}
            measured.append(entry)
        finally:
            with connection.cursor() as cursor:
                for name in made:
                    cursor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")
    return {
        "considered": [attempt.as_dict() for attempt in attempts],
        "measured": measured,
        "open": [
            {"sql": text, "ms": took[text], "rewriting": list(rewritings(s, run[text]))}
            for text, s in sorted(slow.items(), key=lambda item: -took[item[0]])
            if text.startswith("SELECT")
        ],
        "faster": FASTER,
        "worth_ms": worth_ms,
        "smallest_table": SMALLEST_TABLE,
    }
