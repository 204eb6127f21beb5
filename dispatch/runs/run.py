"""Plan a company's day: claim it, load, plan, check, explain, apply."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.models import Actor
from dispatch.day.day import Day
from dispatch.day.keeping import Leeway
from dispatch.day.load import keep_all, load_problem
from dispatch.day.travel_times import check_roads
from dispatch.models import DispatchRun
from dispatch.planner.check.plan import check
from dispatch.planner.explain.reasons import Reason
from dispatch.planner.problem import Plan
from dispatch.runs.apply import Applied, GivenUp, StalePlan, applying, complete, holding
from dispatch.runs.claim import claim, working
from dispatch.runs.difference import difference
from dispatch.runs.explain_plan import explain_plan
from dispatch.runs.lease import reconnect
from dispatch.runs.meter import Meter
from dispatch.runs.notices import notices_of
from dispatch.runs.options import FIRST_PLAN, THOROUGH, UNSEARCHED, Planning, RunOptions
from dispatch.runs.report import Report, build_report, stored_report
from drivers.models import Company
from drivers.refused import Refused

# How often a plan is adapted to a day that changed while it was made, before it is given up.
REPAIRS = 5
# The last time the day is held meanwhile, if adapting the plan took no longer than that before.
HELD_AT_MOST = timedelta(seconds=3)


class PlanRefused(Refused):
    """The plan breaks a rule."""

    code = "plan_refused"
    status = 409


@dataclass(frozen=True, slots=True)
class PlannedDay:
    """A day as it was read, with a plan that the checker accepts.

    `reasons` say why trips are unserved; `explanations` belong to the planned ones, by trip.
    """

    day: Day
    plan: Plan
    notices: tuple[str, ...]
    reasons: tuple[Reason, ...]
    explanations: dict[int, dict[str, Any]]


def run_dispatch(
    company: Company,
    day: date,
    *,
    now: datetime,
    actor: Actor,
    options: RunOptions = THOROUGH,
    preview: bool = False,
    done: Callable[[Report], object] | None = None,
) -> Report:
    """Plan the day and write the plan; a preview stops before anything is written.

    At most 14 statements, BEGIN and COMMIT not counted. `done(report)` is called in the
    transaction that writes the plan. Raises DayBusy, PlanRefused or StalePlan (see `apply`);
    then nothing is written but the failed run. Raises RoadsFailed: before the day is claimed
    where the road server is down, later as the others where it fails meanwhile.
    """
    with Meter() as meter:
        if preview:
            return preview_report(
                plan_day(company, day, options.plan, meter, now=now, leeway=options.leeway), meter
            )
        check_roads(company)
        run = claim(company, day, now=now, actor=actor, settings=options.as_dict())
        return carry_out(
            run,
            options.plan,
            meter,
            now=now,
            actor=actor,
            leeway=options.leeway,
            repair=options.repair,
            done=done,
        )


def carry_out(
    run: DispatchRun,
    planning: Planning,
    meter: Meter,
    *,
    now: datetime,
    actor: Actor,
    leeway: Leeway,
    repair: Callable[[Day, Plan], Planning] | None = None,
    back: DispatchRun.Status | None = None,
    done: Callable[[Report], object] | None = None,
) -> Report:
    """Plan the day that the run has claimed, write the plan and complete the run.

    A run that fails is failed, or has the status `back` unless it was refused.

    What somebody does on the day meanwhile does not cost the plan: the day is read again, and
    `repair(day as it was, plan)` says how to plan it now; by default as before. The last of
    `REPAIRS` times the day is held. Raises StalePlan where that takes too long, or is not enough.
    """
    held: Day | None = None
    with working(run, meter, back=back):
        for left in range(REPAIRS, -1, -1):
            began = meter.elapsed()
            with holding(held) if held else nullcontext():
                planned = plan_day(
                    run.company,
                    run.day,
                    planning,
                    meter,
                    now=now,
                    leeway=leeway,
                    is_held=held is not None,
                )
                reconnect()
                try:
                    return _write(
                        planned,
                        run,
                        meter,
                        now=now,
                        actor=actor,
                        done=done,
                        is_held=held is not None,
                    )
                except GivenUp:
                    raise
                except StalePlan:
                    if not left:
                        raise
            planning = repair(planned.day, planned.plan) if repair else planning
            run.company.refresh_from_db()
            if left == 1 and meter.elapsed() - began <= HELD_AT_MOST:
                held = planned.day
    raise AssertionError("The last attempt returns or raises.")


def _write(
    planned: PlannedDay,
    run: DispatchRun,
    meter: Meter,
    *,
    now: datetime,
    actor: Actor,
    done: Callable[[Report], object] | None,
    is_held: bool,
) -> Report:
    with applying(
        planned.day,
        planned.plan,
        run,
        now=now,
        actor=actor,
        explanations=planned.explanations,
        is_held=is_held,
    ) as applied:
        meter.finish("apply_s")
        report = _report(planned, run, applied, meter)
        fields = stored_report(report, applied.plan)
        complete(run, applied, finished_at=now + meter.elapsed(), **fields)
        if done:
            done(report)
    return report


def plan_day(
    company: Company,
    day: date,
    planning: Planning,
    meter: Meter,
    *,
    now: datetime,
    leeway: Leeway,
    is_held: bool = False,
) -> PlannedDay:
    """Load the day, plan it, check the plan and explain it: 3 statements.

    Raises PlanRefused, RoadsFailed.

    A day that is over is planned as from the day before: to see what could have been. A trip that
    its driver cannot do any more stays with the driver if nobody else can: late is better than
    never.
    """
    start_at, end_at = company.day_bounds(day)
    is_over = end_at <= now
    moment = start_at - timedelta(days=1) if is_over else now
    loaded = load_problem(company, day, now=moment, leeway=leeway, for_run=True, is_held=is_held)
    meter.finish("load_s", bookings=len(loaded.problem.trips))
    if loaded.freed:
        loaded, _first = _keeping_the_homeless(loaded, UNSEARCHED.plan(loaded)[0], UNSEARCHED)
    plan, notices = planning(loaded)
    loaded, plan = _keeping_the_homeless(loaded, plan, FIRST_PLAN)
    notices += notices_of(loaded, plan)
    if is_over:
        notices += (_("This day is over; it was planned as from its beginning."),)
    meter.finish("plan_s")
    refuse_broken(loaded, plan)
    reasons, explanations = explain_plan(loaded.problem, plan)
    meter.finish("check_s")
    return PlannedDay(loaded, plan, notices, reasons, explanations)


def refuse_broken(day: Day, plan: Plan) -> None:
    """Raise PlanRefused where the checker finds a rule of the day broken."""
    broken = check(day.problem, plan)
    if broken:
        raise PlanRefused(
            ngettext(
                "The plan breaks a rule: %(rule)s",
                "The plan breaks %(count)d rules, first: %(rule)s",
                len(broken),
            )
            % {"count": len(broken), "rule": broken[0].detail}
        )


def _keeping_the_homeless(day: Day, plan: Plan, again: RunOptions) -> tuple[Day, Plan]:
    """Return the day in which freed trips that nobody takes stay where they stand, and its plan.

    Each time one is found the plan is made `again`: with options that take little time.
    """
    while homeless := day.freed.intersection(plan.unserved):
        day, before = keep_all(day, day.stay | homeless), plan
        plan, _notices = again.plan(day)
        if before.search.get("cut_short"):
            plan.search["cut_short"] = True
    return day, plan


def preview_report(planned: PlannedDay, meter: Meter, run: DispatchRun | None = None) -> Report:
    """Report what the plan would change; `run` is that of a preview which is kept."""
    return build_report(
        planned.day,
        planned.plan,
        difference(planned.day, planned.plan),
        planned.reasons,
        run_id=run.id if run else None,
        status="preview",
        statements=meter.statements,
        timings=meter.timings(),
        notices=planned.notices,
    )


def _report(planned: PlannedDay, run: DispatchRun, applied: Applied, meter: Meter) -> Report:
    """Report what was written; completing the run is one statement more."""
    return build_report(
        planned.day,
        applied.plan,
        applied.difference,
        planned.reasons,
        run_id=run.id,
        status="completed",
        statements=meter.statements + 1,
        timings=meter.timings(),
        changed=applied.changed,
        notices=(*planned.notices, *applied.notices()),
    )
