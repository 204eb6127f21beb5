"""Plan a company's day: claim it, load, solve, check, explain, apply."""

import os
import secrets
import socket
import time
from contextlib import contextmanager
from datetime import date, datetime, timedelta

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from bookings.models import Actor
from dispatch.apply import apply_plan, changed_breaks
from dispatch.difference import difference
from dispatch.explanations import explain_plan
from dispatch.load import load_problem
from dispatch.models import DispatchRun
from dispatch.planner.check import check
from dispatch.planner.solve import solve
from dispatch.report import Report, build_report
from drivers.models import Company

# How long beyond its planning time a run may hold the day before others take it over.
CLAIM = timedelta(minutes=10)
PROCESS_MARK = secrets.token_hex(4)


class DayBusy(Exception):
    """Another run holds the company's day."""


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
) -> Report:
    """Plan the day and write the plan; a preview stops before anything is written.

    A rehearsal does all the work and takes it back, to be measured.

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
        lambda loaded: (solve(loaded.problem, **settings), ()),
        now=now,
        actor=actor,
        preview=preview,
        rehearse=rehearse,
        settings=settings,
    )


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
) -> Report:
    """Load the day, take the plan that `plan_of(loaded)` gives for it, and write it.

    `plan_of` returns the plan and notices for the report.
    """
    with counted_statements() as count:
        clock = Clock()
        if preview:
            loaded, plan, notices, why, _explained = _prepare(
                company, day, plan_of, clock, now=now, freeze=freeze
            )
            return build_report(
                loaded,
                plan,
                difference(loaded, plan),
                why,
                run_id=None,
                status="preview",
                statements=count(),
                timings=clock.timings(),
                notices=notices,
            )
        run = claim(company, day, now=now, actor=actor, settings=settings, reverts=reverts)
        with _failing(run, clock):
            prepared = _prepare(company, day, plan_of, clock, now=now, freeze=freeze)
            report = _apply(
                run, *prepared, now=now, actor=actor, clock=clock, count=count, rehearse=rehearse
            )
        if rehearse:
            run.delete()
        return report


def claim(company, day, *, now, actor, settings, reverts=None):
    """Insert the running run that holds the day: 1 query. Raises DayBusy.

    A run whose process is dead, or whose claim has ended, is marked as failed and replaced.
    """
    fields = {
        "company": company,
        "day": day,
        "trigger": actor.door,
        "user_id": actor.user_id,
        "reverts": reverts,
        "started_at": now,
        "claim_ends_at": now + CLAIM + timedelta(seconds=settings.get("time_limit_s") or 0),
        "process": this_process(),
        "settings": settings,
    }
    for _attempt in range(2):
        try:
            with transaction.atomic():
                return DispatchRun.objects.create(**fields)
        except IntegrityError:
            holder = (
                DispatchRun.objects.filter(
                    company=company, day=day, status=DispatchRun.Status.RUNNING
                )
                .select_related("user")
                .first()
            )
            if holder is None:
                continue
            if holder.claim_ends_at > now and not _is_dead(holder.process):
                raise DayBusy(_busy(company, holder)) from None
            DispatchRun.objects.filter(id=holder.id, status=DispatchRun.Status.RUNNING).update(
                status=DispatchRun.Status.FAILED,
                finished_at=now,
                error="The process of this run ended before the run did.",
            )
    raise DayBusy(_("Other runs take this day one after the other; try again."))


def _busy(company, holder):
    return _("Run #%(run)s of this day is under way, by %(who)s since %(since)s.") % {
        "run": holder.id,
        "who": holder.user or holder.get_trigger_display(),
        "since": f"{company.local(holder.started_at):%H:%M:%S}",
    }


def this_process():
    """Return what tells this process from all others: machine, number, and a mark of its own."""
    return f"{socket.gethostname()}:{os.getpid()}:{PROCESS_MARK}"


def _is_dead(process):
    """Say whether the process ran on this machine and is gone; of others nothing is known.

    A restarted container gives new processes the old numbers: one with this number and
    another mark is gone too.
    """
    host, pid, mark = (["", ""] + process.split(":"))[-3:]
    if host != socket.gethostname() or not pid.isdigit():
        return False
    if int(pid) == os.getpid():
        return mark != PROCESS_MARK
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


@contextmanager
def _failing(run, clock):
    """Mark the run as failed, with the reason, when the block does not end by itself."""
    error = "The run was interrupted."
    try:
        yield
        error = None
    except Exception as caught:
        error = f"{type(caught).__name__}: {caught}"
        raise
    finally:
        if error is not None:
            DispatchRun.objects.filter(id=run.id, status=DispatchRun.Status.RUNNING).update(
                status=DispatchRun.Status.FAILED,
                finished_at=run.started_at + timedelta(seconds=clock.total()),
                error=error,
            )


def _prepare(company, day, plan_of, clock, *, now, freeze):
    """Return the day as read, a plan that the checker accepts, notices, and explanations.

    A day that is over is planned as from the day before: to see what could have been.
    """
    start_at, end_at = company.day_bounds(day)
    is_over = end_at <= now
    moment = start_at - timedelta(days=1) if is_over else now
    loaded = load_problem(company, day, now=moment, freeze=freeze)
    clock.lap("load_s")
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


def _apply(run, loaded, plan, notices, why, explained, *, now, actor, clock, count, rehearse):
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
        return {
            "finished_at": now + timedelta(seconds=clock.total()),
            "metrics": report.metrics
            | {
                "bookings": report.bookings,
                "assigned": report.assigned,
                "changes": report.changes,
                "statements": report.statements,
                "search": applied.plan.search,
            },
            "unassigned": [row.as_dict() for row in report.unassigned],
            "timings": report.timings,
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


class Clock:
    """Seconds per phase, by the monotonic clock."""

    def __init__(self):
        self._began = self._last = time.perf_counter()
        self._laps = dict.fromkeys(("load_s", "plan_s", "check_s", "apply_s"), 0.0)

    def lap(self, name):
        now = time.perf_counter()
        self._laps[name] += now - self._last
        self._last = now

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
