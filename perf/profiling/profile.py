"""Profile a block: a dispatch, a request, any callable. The result is data that tells itself.

The block runs twice. The first run finds cold caches and whoever holds its locks; it is shown
beside the second, and sampled for the flame graph of Python's time, because sampling slows what
it watches. Plans are asked for between the two, when the database is as both find it.
"""

import platform
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import perf_counter_ns

import django
from django.db import connections
from django.utils.translation import gettext as _
from pyinstrument import Profiler
from pyinstrument.renderers import SpeedscopeRenderer

from perf.indexes.candidates import model_of, propose
from perf.indexes.explain import QueryPlan, distinct, explain_top
from perf.indexes.find import find_in_plans
from perf.indexes.missing import SMALLEST_TABLE, Attempt, Outcome, advise, try_all
from perf.indexes.rewriting import rewritings
from perf.indexes.server_counters import read_server
from perf.indexes.try_index import laboratory
from perf.measuring.machine import git
from perf.our_code import our_apps
from perf.recording.find import find_all
from perf.recording.finding import LOCKED, Finding
from perf.recording.masking import masked
from perf.recording.record import Recording, record_queries
from perf.recording.waiting import find_waiting

SLOWER_MS = 100  # the guide's second threshold


@dataclass(frozen=True)
class Top:
    """One distinct statement: all its times together. `params` are those of the slowest, masked.

    `first_ms` is its time in the first run, None without one. A statement that only the first
    run sent has a `count` of 0.
    """

    fingerprint: str
    sites: tuple[str, ...]
    count: int
    ms: float
    first_ms: float | None
    slowest_ms: float
    fetch_ms: float
    rows: int
    params: str
    plan: QueryPlan | None
    action: str

    def as_dict(self):
        return {
            "statement": self.fingerprint,
            "sites": list(self.sites),
            "count": self.count,
            "ms": round(self.ms, 3),
            "first_ms": None if self.first_ms is None else round(self.first_ms, 3),
            "slowest_ms": round(self.slowest_ms, 3),
            "fetch_ms": round(self.fetch_ms, 3),
            "rows": self.rows,
            "params": self.params,
            "plan": self.plan.as_dict() if self.plan else None,
            "action": self.action,
        }


@dataclass(frozen=True)
class Profile:
    """What one block did. Times in milliseconds; `slow` counts statements over `slow_ms`.

    `phases` are the block's own timings, `outcome` its own figures. `server` is what the
    database itself says of its tables and indexes. `first` are the total, the
    time in the database and the statements of the first run, {} without one. `attempts` are the
    indexes that could be of use, tried or not; `advice` those that were shown to pay, None
    where none was tried.
    """

    what: str
    at: datetime
    environment: dict
    sizes: dict
    total_ms: float
    database_ms: float
    statements: int
    transactions: int
    rows: int
    slow_ms: float
    slow: int
    slower: int
    phases: dict
    outcome: dict
    top: tuple[Top, ...]
    first: dict = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    advice: tuple | None = None
    notices: tuple[str, ...] = ()
    server: tuple[Finding, ...] = ()
    speedscope: str = field(default="", repr=False)
    recording: Recording = field(default=None, repr=False, compare=False)
    result: object = field(default=None, repr=False, compare=False)

    @property
    def database_share(self):
        return self.database_ms / self.total_ms if self.total_ms else 0.0

    def as_dict(self):
        return {
            "what": self.what,
            "at": self.at.isoformat(),
            "environment": self.environment,
            "sizes": self.sizes,
            "total_ms": round(self.total_ms, 3),
            "database_ms": round(self.database_ms, 3),
            "database_share": round(self.database_share, 4),
            "statements": self.statements,
            "transactions": self.transactions,
            "rows": self.rows,
            "slow_ms": self.slow_ms,
            "slow": self.slow,
            f"slower_than_{SLOWER_MS}_ms": self.slower,
            "first_run": self.first,
            "phases": self.phases,
            "outcome": self.outcome,
            "top": [top.as_dict() for top in self.top],
            "findings": [finding.as_dict() for finding in self.findings],
            "index_plan": None if self.advice is None else [a.as_dict() for a in self.advice],
            "indexes_considered": [attempt.as_dict() for attempt in self.attempts],
            "notices": list(self.notices),
            "server": [finding.as_dict() for finding in self.server],
        }


def profile_block(
    what,
    call,
    *,
    now,
    slow_ms=50,
    top=10,
    explain=False,
    may_build=False,
    rehearse=False,
    around=lambda rehearsal: nullcontext(),
    describe=lambda result: ({}, {}),
) -> Profile:
    """Run `call()` under the recorder and return its profile; what it returned is `result`.

    `rehearse` lets it run once before. `around(rehearsal)` is entered around each run, not
    recorded: what prepares a run and takes it back. `describe(result)` returns (phases,
    outcome) or (phases, outcome, notices). The top statements are explained; `explain` replays
    those that read, and tries indexes: see `laboratory`.
    """
    first, speedscope, plans = None, "", {}
    if rehearse:
        with around(True), record_queries(watch_rows=True) as first:
            speedscope, first_ms = _sampled(call)
        plans = _plans(first, top, explain)
    with around(False), record_queries(watch_rows=True) as recording:
        start = perf_counter_ns()
        result = call()
        total_ms = (perf_counter_ns() - start) / 1e6
    phases, outcome, *notices = describe(result)
    if not set(_longest(recording, first, top)) <= plans.keys():
        plans = _plans(recording, top, explain) | plans
    statements = {**distinct(first or ()), **distinct(recording)}
    server = read_server(connections["default"])  # before the trials leave dead rows behind
    attempts = _attempts(statements, plans, explain, may_build)
    advice = tuple(advise(attempts)) if any(a.was_tried for a in attempts) else None
    findings = _findings(recording, first)
    return Profile(
        what=what,
        at=now,
        environment=environment(),
        sizes=sizes(),
        total_ms=total_ms,
        database_ms=recording.ms,
        statements=len(recording),
        transactions=_transactions(recording),
        rows=recording.rows,
        slow_ms=slow_ms,
        slow=len(recording.slow(slow_ms)),
        slower=len(recording.slow(SLOWER_MS)),
        phases=phases,
        outcome=outcome,
        first={}
        if first is None
        else {
            "total_ms": round(first_ms, 3),
            "database_ms": round(first.ms, 3),
            "statements": len(first),
        },
        top=_top(recording, first, top, plans, findings, attempts, advice),
        findings=(*findings, *find_in_plans(statements, plans, advice or ())),
        attempts=attempts,
        advice=advice,
        notices=tuple(notices[0]) if notices else (),
        server=server,
        speedscope=speedscope,
        recording=recording,
        result=result,
    )


def _findings(recording, first):
    """Return what is found in the run, and the locks that only the first run waited for."""
    found = find_all(recording)
    told = {(one.kind, one.place) for one in found}
    waited = find_waiting(first) if first is not None else ()
    locked = [one for one in waited if one.kind == LOCKED and (one.kind, one.place) not in told]
    return *found, *locked


def _transactions(recording):
    """Return how many transactions there were; one around all that takes it back is none."""
    sent = [*recording, *recording.control]
    return len({(s.thread, s.alias, s.transaction) for s in sent if s.transaction is not None})


def _sampled(call):
    """Return the flame graph of the call, and its milliseconds."""
    profiler = Profiler(interval=0.001, async_mode="disabled")
    start = perf_counter_ns()
    with profiler:
        call()
    took_ms = (perf_counter_ns() - start) / 1e6
    return profiler.output(SpeedscopeRenderer()), took_ms


def _plans(recording, top, analyze):
    found = {}
    for alias in sorted({statement.alias for statement in recording}):
        found |= explain_top(recording.statements, top=top, alias=alias, analyze=analyze)
    return found


def _attempts(statements, plans, explain, may_build):
    """Return what could be of use to the explained statements; tried if that was asked for."""
    attempts = []
    explained = {text: group for text, group in statements.items() if text in plans}
    for alias in sorted({group[0].alias for group in explained.values()}):
        mine = {text: group for text, group in explained.items() if group[0].alias == alias}
        candidates = propose(
            [(group[0], plans[text]) for text, group in mine.items()], connections[alias]
        )
        if not candidates:
            continue
        if not explain:
            attempts += _not_tried(candidates, alias)
            continue
        with laboratory(alias, may_build=may_build) as place:
            if place is None:
                attempts += _not_tried(candidates, alias)
            else:
                all_of_it = {t: g for t, g in statements.items() if g[0].alias == alias}
                attempts += try_all(candidates, all_of_it, place)
    return tuple(attempts)


def _not_tried(candidates, alias):
    """Return the candidates as they are, and how many rows their tables have."""
    models = {candidate.table: model_of(candidate.table) for candidate in candidates}
    rows = {table: m._base_manager.using(alias).count() for table, m in models.items() if m}
    return [Attempt(candidate, rows=rows.get(candidate.table)) for candidate in candidates]


def _longest(recording, first, count):
    """Return the statements by fingerprint that took longest, in either run."""
    took: dict[str, int] = {}
    for run in (recording, first or ()):
        for text, group in distinct(run).items():
            took[text] = max(took.get(text, 0), sum(s.total_ns for s in group))
    return sorted(took, key=lambda text: -took[text])[:count]


def _top(recording, first, count, plans, findings, attempts, advice):
    fixes: dict[str, str] = {}
    for finding in findings:
        for text in finding.statements:
            fixes.setdefault(text, finding.cure)
    for item in advice or ():
        for trial in item.trials:
            fixes.setdefault(
                trial.fingerprint,
                _("Index %(priority)d of the plan below: × %(ratio).2f.")
                % {"priority": item.priority, "ratio": trial.ratio},
            )
    found = []
    warm, cold = distinct(recording), distinct(first or ())
    for text in _longest(recording, first, count):
        group = warm.get(text, [])
        slowest = max(group or cold[text], key=lambda statement: statement.total_ns)
        plan = plans.get(text)
        found.append(
            Top(
                fingerprint=text,
                sites=tuple(dict.fromkeys(str(s.site) for s in group or cold[text])),
                count=len(group),
                ms=sum(statement.ms for statement in group),
                first_ms=first and sum(statement.ms for statement in cold.get(text, ())),
                slowest_ms=slowest.ms,
                fetch_ms=sum(statement.fetch_ns for statement in group) / 1e6,
                rows=sum(statement.rows for statement in group),
                params=masked(slowest.params),
                plan=plan,
                action=fixes.get(text) or _action(plan, slowest, attempts),
            )
        )
    return tuple(found)


def _action(plan, slowest, attempts):
    """Return what to do about a statement that no finding and no index speaks of."""
    if plan is None:
        return _("None known: it is of no kind that can be explained.")
    if plan.error:
        return _("None known; it could not be explained: %(error)s") % {"error": plan.error}
    mine = [a for a in attempts if slowest.fingerprint in a.candidate.fingerprints]
    told = [*rewritings(slowest, plan), *_tried(mine), *map(str, plan.remarks)]
    if plan.full_scans:
        tables = list(dict.fromkeys(plan.full_scans))
        told.insert(0, _("Read whole: %(tables)s.") % {"tables": ", ".join(tables)})
        if len(told) == 1:
            told.append(_untried(tables))
    if told:
        return " ".join(told)
    if slowest.sql.startswith("INSERT"):
        return _("None: one statement writes %(rows)d rows.") % {"rows": slowest.rows}
    return _("None: it is served by %(indexes)s.") % {
        "indexes": ", ".join(sorted(plan.indexes)) or _("its plan")
    }


def _untried(tables):
    """Return why no index comes to mind for what is read whole."""
    rows = max((m._base_manager.count() for m in map(model_of, tables) if m), default=0)
    if rows < SMALLEST_TABLE:
        return _("Nothing was tried: there are at most %(rows)d rows.") % {"rows": rows}
    return _("Nothing was tried: no index that is known here would serve it.")


def _tried(attempts):
    """Return a sentence for each kind of what became of a statement's candidates."""
    outcomes = {outcome: [a for a in attempts if a.outcome is outcome] for outcome in Outcome}
    told = []
    tried = [a for a in attempts if a.was_tried]
    if tried:
        told.append(
            _("Tried, and none was shown to pay: %(names)s.")
            % {"names": "; ".join(f"{a.candidate.name()} ({a.outcome.label})" for a in tried)}
        )
    if small := outcomes[Outcome.SMALL_TABLE]:
        told.append(
            _(
                "Nothing was tried: %(table)s has only %(rows)d rows "
                "(an index is tried from %(least)d)."
            )
            % {
                "table": small[0].candidate.table,
                "rows": small[0].rows,
                "least": SMALLEST_TABLE,
            }
        )
    if waiting := outcomes[Outcome.NOT_TRIED]:
        told.append(
            _("Not tried yet: %(index)s (--explain tries it; on PostgreSQL with --try-indexes).")
            % {"index": waiting[0].candidate.django()}
        )
    if failed := outcomes[Outcome.NOT_BUILT]:
        told.append(
            _("%(index)s could not be built: %(error)s")
            % {"index": failed[0].candidate.django(), "error": failed[0].error}
        )
    return told


def environment():
    """Return the database, the versions and the machine, as the reports print them."""
    connection = connections["default"]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT sqlite_version()")
        else:
            cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0].split()[0]
    return {
        "database": f"{connection.display_name} {version}",
        "python": platform.python_version(),
        "django": django.get_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "commit": git("describe", "--always", "--dirty"),
    }


def sizes():
    """Return the rows of every business table, and on SQLite the file's bytes."""
    found = {}
    for app in our_apps():
        for model in app.get_models():
            found[str(model._meta.verbose_name_plural)] = model._base_manager.count()
    name = connections["default"].settings_dict["NAME"]
    if connections["default"].vendor == "sqlite" and Path(name).is_file():
        found["bytes"] = Path(name).stat().st_size
    return found
