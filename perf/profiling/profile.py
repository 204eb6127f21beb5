"""Profile a block: a dispatch, a request, any callable. The result is data that tells itself.

The block runs once before it is measured, which warms up compiled code and caches; that run is
sampled for the flame graph of Python's time, because sampling slows what it watches.
"""

import platform
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import perf_counter_ns

import django
from django.db import connections
from django.utils.translation import gettext as _
from pyinstrument import Profiler
from pyinstrument.renderers import SpeedscopeRenderer

from perf.indexes.explain import QueryPlan, distinct, explain_top
from perf.indexes.missing import advise, propose
from perf.indexes.try_index import laboratory
from perf.measuring.machine import git
from perf.our_code import our_apps
from perf.recording.find import find_all
from perf.recording.finding import Finding
from perf.recording.masking import masked
from perf.recording.record import Recording, record_queries

SLOWER_MS = 100  # the guide's second threshold


@dataclass(frozen=True)
class Top:
    """One distinct statement: all its times together. `params` are those of the slowest, masked."""

    fingerprint: str
    sites: tuple[str, ...]
    count: int
    ms: float
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

    `phases` are the block's own timings, `outcome` its own figures. `advice` is None where
    nothing could be tried, and why is in `notices`.
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
    findings: tuple[Finding, ...] = ()
    advice: tuple | None = None
    notices: tuple[str, ...] = ()
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
            "phases": self.phases,
            "outcome": self.outcome,
            "top": [top.as_dict() for top in self.top],
            "findings": [finding.as_dict() for finding in self.findings],
            "index_plan": None if self.advice is None else [a.as_dict() for a in self.advice],
            "notices": list(self.notices),
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
    warm_up=None,
    describe=lambda result: ({}, {}),
) -> Profile:
    """Run `call()` under the recorder and return its profile; what it returned is `result`.

    `warm_up()` runs before, sampled. `describe(result)` returns (phases, outcome). `explain`
    replays the top statements afterwards, and tries indexes for them: see `laboratory`.
    """
    speedscope = _sampled(warm_up) if warm_up else ""
    with record_queries(watch_rows=True) as recording:
        start = perf_counter_ns()
        result = call()
        total_ms = (perf_counter_ns() - start) / 1e6
    plans, advice, notices = _examined(recording, top, may_build) if explain else ({}, None, ())
    findings = tuple(find_all(recording))
    phases, outcome = describe(result)
    return Profile(
        what=what,
        at=now,
        environment=environment(),
        sizes=sizes(),
        total_ms=total_ms,
        database_ms=recording.ms,
        statements=len(recording),
        transactions=recording.transactions,
        rows=recording.rows,
        slow_ms=slow_ms,
        slow=len(recording.slow(slow_ms)),
        slower=len(recording.slow(SLOWER_MS)),
        phases=phases,
        outcome=outcome,
        top=_top(recording, top, plans, findings, advice),
        findings=findings,
        advice=advice,
        notices=notices,
        speedscope=speedscope,
        recording=recording,
        result=result,
    )


def _sampled(call):
    profiler = Profiler(interval=0.001, async_mode="disabled")
    with profiler:
        call()
    return profiler.output(SpeedscopeRenderer())


def _examined(recording, top, may_build):
    """Return (plans by fingerprint, advice or None, notices), all databases together."""
    plans, advice, notices = {}, [], []
    for alias in sorted({statement.alias for statement in recording}):
        statements = [s for s in recording if s.alias == alias]
        groups = distinct(statements)
        found = explain_top(statements, top=top, alias=alias)
        plans |= found
        candidates = propose(
            [(groups[text][0], plan) for text, plan in found.items()], connections[alias]
        )
        if not candidates:
            continue
        with laboratory(alias, may_build=may_build) as place:
            if place is None:
                notices.append(
                    _(
                        "Indexes were not tried: allow them to be built in a "
                        "transaction that is taken back (--try-indexes; it keeps writers waiting)."
                    )
                )
                advice = None
                break
            advice += advise(candidates, groups, place)
    return plans, None if advice is None else tuple(advice), tuple(notices)


def _top(recording, count, plans, findings, advice):
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
    for text, group in list(distinct(recording).items())[:count]:
        slowest = max(group, key=lambda statement: statement.total_ns)
        plan = plans.get(text)
        found.append(
            Top(
                fingerprint=text,
                sites=tuple(dict.fromkeys(str(statement.site) for statement in group)),
                count=len(group),
                ms=sum(statement.ms for statement in group),
                slowest_ms=slowest.ms,
                fetch_ms=sum(statement.fetch_ns for statement in group) / 1e6,
                rows=sum(statement.rows for statement in group),
                params=masked(slowest.params),
                plan=plan,
                action=fixes.get(text) or _action(plan, slowest),
            )
        )
    return tuple(found)


def _action(plan, slowest):
    """Return what to do about a statement that no finding and no index speaks of."""
    if plan is None:
        return _("None known; --explain shows its plan.")
    if plan.error:
        return _("None known; it could not be explained: %(error)s") % {"error": plan.error}
    if slowest.sql.startswith("INSERT"):
        return _("None: one statement writes %(rows)d rows.") % {"rows": slowest.rows}
    if plan.full_scans:
        return _("None pays: %(tables)s is read whole, and no index tried was faster.") % {
            "tables": ", ".join(dict.fromkeys(plan.full_scans))
        }
    return _("None: it is served by %(indexes)s.") % {
        "indexes": ", ".join(sorted(plan.indexes)) or _("its plan")
    }


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
