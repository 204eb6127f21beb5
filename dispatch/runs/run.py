"""Plan a company's day: claim it, load, solve, check, explain, apply."""

import time
from contextlib import contextmanager
from datetime import date, datetime, timedelta

from django.db import connection
from django.utils.translation import gettext as _

from bookings.models import Actor
from dispatch.day.load import load_problem
from dispatch.planner.check.plan import check
from dispatch.planner.solve import solve
from dispatch.runs.apply import apply_plan, changed_breaks
from dispatch.runs.claim import claim, failing
from dispatch.runs.difference import difference
from dispatch.runs.explain_plan import explain_plan
from dispatch.runs.report import Report, build_report
from drivers.models import Company


class PlanRefused(Exception):
    """The checker found a broken rule; the plan was not written."""


def run_dispatch(
    company: Company,
    day: date,
    *,
    now: datetime,
    actor: Actor,
    preview: bool = False,
    rehearse: bool = False,
    engine: str = "search",
    time_limit_s: float | None = None,
    iterations: int | None = None,
    seed: int = 0,
    done=None,
) -> Report:
    """Plan the day and write the plan; a preview stops before anything is written.

    A rehearsal does all the work and takes it back, to be measured. `done(report)` is called in
    the transaction that writes the plan.

    At most 14 statements, BEGIN and COMMIT not counted. `time_limit_s` is for planning alone:
    None takes the default of the day's size, 0 the first feasible plan. Raises DayBusy,
    PlanRefused or StalePlan (see `apply`); then nothing is written but the failed run.
    """
    settings = {
        "engine": engine,
        "time_limit_s": time_limit_s,
        "iterations": iterations,
        "seed": seed,
    }
    return carry_out(
        company,
        day,
        solving(settings),
        now=now,
        actor=actor,
        preview=preview,
        rehearse=rehearse,
        settings=settings,
        done=done,
    )


def solving(settings):
    """Return what makes a plan of a loaded day, with these settings of the planner."""
    return lambda loaded: (solve(loaded.problem, **settings), ())


def carry_out(
    company,
    day,
    plan_of,
    *,
    now,
    actor,
    settings,
    preview=False,
    rehearse=False,
    reverts=None,
    freeze=True,
    run=None,
    tell=None,
    done=None,
) -> Report:
    """Load the day, take the plan that `plan_of(loaded)` gives for it, and write it.

    `plan_of` returns the plan and notices for the report. `run` holds the day already; without
    it one is claimed. `tell(progress)` is called as each phase begins.
    """
    with counted_statements() as count:
        clock = Clock(tell)
        if preview:
            return look(company, day, plan_of, clock, count, now=now, freeze=freeze)[-1]
        run = run or claim(company, day, now=now, actor=actor, settings=settings, reverts=reverts)
        with failing(run, clock):
            prepared = _prepare(company, day, plan_of, clock, now=now, freeze=freeze)
            report = _apply(
                run,
                *prepared,
                now=now,
                actor=actor,
                clock=clock,
                count=count,
                rehearse=rehearse,
                done=done,
            )
        if rehearse:
            run.delete()
        return report


def look(company, day, plan_of, clock, count, *, now, freeze=True, run_id=None):
    """Return the day as read, the plan, and the report of what it would do."""
    loaded, plan, notices, why, _explained = _prepare(
        company, day, plan_of, clock, now=now, freeze=freeze
    )
    report = build_report(
        loaded,
        plan,
        difference(loaded, plan),
        why,
        run_id=run_id,
        status="preview",
        statements=count(),
        timings=clock.timings(),
        notices=notices,
    )
    return loaded, plan, report


def _prepare(company, day, plan_of, clock, *, now, freeze):
    """Return the day as read, a plan that the checker accepts, notices, and explanations.

    A day that is over is planned as from the day before: to see what could have been.
    """
    start_at, end_at = company.day_bounds(day)
    is_over = end_at <= now
    moment = start_at - timedelta(days=1) if is_over else now
    loaded = load_problem(company, day, now=moment, freeze=freeze)
    clock.lap("load_s", bookings=len(loaded.problem.trips))
    plan, notices = plan_of(loaded)
    if is_over:
        notices += (_("This day is over; it was planned as from its beginning."),)
    clock.lap("plan_s")
    broken = check(loaded.problem, plan)
    if broken:
        raise PlanRefused(
            _("The plan breaks %(count)d rules, first: %(rule)s")
            % {"count": len(broken), "rule": broken[0].detail}
        )
    why, explained = explain_plan(loaded.problem, plan)
    clock.lap("check_s")
    return loaded, plan, notices, why, explained


def _apply(run, loaded, plan, notices, why, explained, *, now, actor, clock, count, rehearse, done):
    """Write the plan and return the report, which the run keeps too."""
    reports = []

    def finish(applied):
        clock.lap("apply_s")
        report = build_report(
            loaded,
            applied.plan,
            applied.difference,
            why,
            run_id=run.id,
            status="completed",
            statements=count() + 1,
            timings=clock.timings(),
            changed=applied.changed,
            notices=(*notices, *_notices(applied)),
        )
        reports.append(report)
        if done:
            done(report)
        return kept_of(report, applied.plan) | {
            "finished_at": now + clock.elapsed(),
            "previous_breaks": {
                str(shift): start and start.isoformat()
                for shift, start in changed_breaks(loaded, applied.plan)[0].items()
            },
        }

    apply_plan(
        loaded,
        plan,
        run,
        now=now,
        actor=actor,
        explanations=explained,
        finish=finish,
        rehearse=rehearse,
    )
    return reports[0]


def _notices(applied):
    notices = []
    if applied.changed:
        notices.append(
            _("%(count)d bookings changed while the plan was made and were left out.")
            % {"count": len(applied.changed)}
        )
    if applied.arrived:
        notices.append(
            _("%(count)d bookings arrived while the plan was made; plan again to place them.")
            % {"count": applied.arrived}
        )
    return tuple(notices)


def kept_of(report, plan):
    """Return what a run keeps of its report (`report.read_report` reads it again)."""
    return {
        "metrics": report.metrics
        | {
            "bookings": report.bookings,
            "assigned": report.assigned,
            "changes": report.changes,
            "statements": report.statements,
            "search": plan.search,
        },
        "unassigned": [row.as_dict() for row in report.unassigned],
        "timings": report.timings,
        "outcome": {"drivers": report.drivers(), "notices": list(report.notices)},
    }


class Clock:
    """Seconds per phase, by the monotonic clock; `tell(progress)` hears which one begins."""

    THEN = {"load_s": "plan", "plan_s": "check", "check_s": "apply"}

    def __init__(self, tell=None):
        self._began = self._last = time.perf_counter()
        self._laps = dict.fromkeys(("load_s", "plan_s", "check_s", "apply_s"), 0.0)
        self._tell, self._facts = tell, {}

    def lap(self, name, **facts):
        now = time.perf_counter()
        self._laps[name] += now - self._last
        self._last = now
        self._facts |= facts
        if self._tell and name in self.THEN:
            self._tell({"phase": self.THEN[name], **self._facts})

    def elapsed(self):
        return timedelta(seconds=self.total())

    def total(self):
        return time.perf_counter() - self._began

    def timings(self):
        return {name: round(value, 3) for name, value in self._laps.items()} | {
            "total_s": round(self.total(), 3)
        }


@contextmanager
def counted_statements():
    """Count the statements of this connection; transaction control is not counted."""
    seen = 0

    def counting(execute, sql, params, many, context):
        nonlocal seen
        seen += not sql.lstrip().upper().startswith(("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK"))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(counting):
        yield lambda: seen
