"""Prove every index: who uses it, what it saves, what it costs, and which one is missing.

On a scratch database with as many rows as matter, on which the doors have been entered and
recorded. Every recorded statement is explained; then each index is measured with and without by the
statements of the doors that use it, and by the writes to its table, each weighed by how often its
door is entered: seconds are those of a day. What is to go is dropped in turn, and what is left of
its table judged again without it.
"""

from collections.abc import Callable, Collection
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from django.db import connection, models, transaction

from perf.indexes.ablation import Bench
from perf.indexes.candidates import propose
from perf.indexes.catalog import covered_by, key_served, read_indexes
from perf.indexes.declared import declared_at, model_at
from perf.indexes.explain import distinct
from perf.indexes.missing import FASTER, SMALLEST_TABLE, advise, try_all
from perf.indexes.rewriting import rewritings
from perf.indexes.try_index import Laboratory
from perf.measuring.scratch import settle
from perf.our_code import our_apps
from perf.proving.verdicts import (
    drop_in_turn,
    judge_index,
    judge_schema,
    name_better,
    refuse_too_small,
    saved_s,
    settle_report,
    tell_shown,
)

STEPS = 4  # beside one for each index
STATEMENTS_AT_MOST = 4  # of those that use an index: the ones that take longest without it


@dataclass
class Recorded:
    """What the doors sent: the statements, which doors send each, and the figures of each door."""

    statements: list = field(default_factory=list)
    entered: dict[str, set[str]] = field(default_factory=dict)
    doors: list[dict] = field(default_factory=list)

    def add(self, name, recording):
        """Keep what one door sent."""
        self.statements += recording.statements
        self.doors.append({"name": name, "statements": len(recording), "database_ms": recording.ms})
        for statement in recording:
            self.entered.setdefault(statement.fingerprint, set()).add(name)

    def ours(self):
        """Return the statements on the tables of our apps, by fingerprint."""
        ours = {
            model._meta.db_table
            for app in our_apps()
            for model in app.get_models(include_auto_created=True)
        }
        return distinct(s for s in self.statements if any(f'"{table}"' in s.sql for table in ours))


@dataclass(frozen=True)
class Weights:
    """What a project knows of its use, and says of it in the report.

    `often(door)` is how often it is entered in a day, `told` where that comes from. Indexes of
    `asked_for` stay, whatever is measured. Statements of less than `worth_ms` lack no index.
    `too_small` says below what size nothing is called useless ("below 1000 orders"), and is "" for
    data that are large enough.
    """

    often: Callable[[str], float] = lambda door: 1
    told: str = "every door counts once"
    asked_for: Collection[str] = ()
    worth_ms: float = 1.0
    too_small: str = ""


def prove_indexes(result, scratch, recorded: Recorded, weights: Weights, *, seconds, progress):
    """Add to the result what was measured within about `seconds`, all of it plain values.

    `scratch` is in use, and the rows of the doors are in it.
    """
    step = progress.step
    statements, entered = recorded.ours(), recorded.entered
    with ExitStack() as stack:
        step("explaining the statements")
        found = read_indexes(connection)
        progress.total += len(found)
        settle()
        bench = Bench(connection, _copy(stack, scratch))
        plans = {text: bench.plan(group[0]) for text, group in statements.items()}
        result["doors"] = recorded.doors
        result["weights"] = weights.told
        result["statements"] = _statements(statements, plans, entered)
        replayable = {
            text: slowest
            for text, group in statements.items()
            if (slowest := max(group, key=lambda s: s.total_ns)) and bench.replayable(slowest)
        }
        result["indexes"] = []
        sizes = _sizes({facts.table for facts in found})
        result["tables"] = sizes
        droppable = [facts for facts in found if not facts.constraint and not facts.unique]
        share = seconds / (2 * len(droppable) + 8)
        weigh = _weights(statements, entered, weights.often)
        result["worth_ms"] = weights.worth_ms
        for facts in found:
            step(f"measuring {facts.name}")
            entry = facts.as_dict() | {
                "asked_for": facts.name in weights.asked_for,
                "used_by": [text for text, plan in plans.items() if facts.name in plan.indexes],
                "covered_by": covered_by(facts, found),
                "key_served": key_served(facts, found),
                "rows": sizes[facts.table],
                "declared_at": declared_at(facts),
            }
            if facts in droppable:
                entry |= _measure(bench, facts, entry["used_by"], replayable, share, weigh)
            result["indexes"].append(entry)
        step("trying what could be missing")
        result["missing"] = _missing(
            bench, statements, plans, replayable, share, weigh, result["worth_ms"]
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
                text for text, group in statements.items()
                if f'"{facts.table}"' in text and facts.name in bench.plan(group[0]).indexes
            ]  # fmt: skip
            others = read_indexes(connection)
            entry["covered_by"] = covered_by(facts, others)
            entry["key_served"] = key_served(facts, others)
            entry |= _measure(bench, facts, entry["used_by"], replayable, share, weigh)
            settle_report(result)
            return judge_index(entry)

        result["dropped"] = drop_in_turn(result["indexes"], bench.drop, judged_again)
    tell_shown(result)
    name_better(result)
    refuse_too_small(result, weights.too_small)
    result["schema"] = judge_schema(result)


def _copy(stack, scratch):
    """Return the connection to a copy where indexes may be dropped: SQLite needs one."""
    if connection.vendor != "sqlite":
        return None
    copy = stack.enter_context(scratch.cloned())
    with copy.used():
        settle()
    return copy.connection


@contextmanager
def taking(result, name):
    """Put the seconds of the block into the result."""
    began = perf_counter()
    yield
    result[name] = perf_counter() - began


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


def _weights(statements, entered, often):
    """Return the function that says how often a statement is sent in a day.

    Its doors were entered once each: so often as it was recorded, times how often they are.
    """
    times = {
        text: len(group) * max(often(name) for name in entered[text])
        for text, group in statements.items()
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
            index.name: str(index.create_sql(model, editor)) for model, index in stock_indexes()
        }
    with bench.only_without(stock) as instead:
        compared = {
            name: bench.compare(some, names, budget_s=budget_s / 2, instead=instead).as_dict()
            | {"statements": len(some)}
            if some
            else None
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
            entry |= {"declared_at": model_at(facts.table)}
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


def stock_indexes() -> list[tuple[type[models.Model], models.Index]]:
    """Return the indexes that Django makes by itself and that these models do without.

    One for each foreign key with `db_index=False`.
    """
    return [
        (model, models.Index(fields=[field.name], name=f"stock_{model.__name__}_{field.name}"[:30]))
        for app in our_apps()
        for model in app.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, models.ForeignKey) and not field.unique and not field.db_index
    ]
