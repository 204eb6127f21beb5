"""Take a run back: read the plan that stood before it, and apply that as a run of its own.

Every trip the run touched goes back to the assignment that the run ended, or to none. Trips
under way, locked since, or changed since by others stay, and so does what would now break a
rule; if its staying breaks one too, it is released.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from bookings.models import Actor
from dispatch.day.day import Day
from dispatch.day.keeping import BY_HAND
from dispatch.day.travel_times import check_roads
from dispatch.models import Assignment, DispatchRun
from dispatch.planner.check.plan import Violation, check
from dispatch.planner.problem import Plan
from dispatch.runs.claim import hold, run_fields
from dispatch.runs.meter import Meter
from dispatch.runs.report import Report
from dispatch.runs.restore_plan import Was, plan_of_assignments
from dispatch.runs.run import carry_out
from drivers.refused import Refused

# Booking id: (assignment id, the assignment).
Touched = dict[int, tuple[int, Was]]


class NotRevertible(Refused):
    """Only a completed run can be reverted."""

    code = "not_revertible"
    status = 409


class AlreadyReverted(Refused):
    """The run was reverted before."""

    code = "already_reverted"
    status = 409


def revert_run(
    run: DispatchRun,
    *,
    now: datetime,
    actor: Actor,
    done: Callable[[Report], object] | None = None,
) -> Report:
    """Restore what stood before the run, and report which trips could not go back.

    A run is reverted once; to redo it, revert the run that reverted it. Two statements more than
    a dispatch. `done`, and what is raised beside NotRevertible and AlreadyReverted, are those of
    `run_dispatch`.
    """
    if run.status != DispatchRun.Status.COMPLETED:
        raise NotRevertible(
            _("The plan of %(at)s is %(status)s; only a completed plan can be undone.")
            % {"at": run.started_clock, "status": run.get_status_display()}
        )
    check_roads(run.company)
    settings = {"reverts": run.id}
    with Meter() as meter:
        reverting = hold(run.company, run.day, now, lambda: _claim_once(run, now, actor, settings))
        return carry_out(
            reverting,
            lambda day: plan_before(day, run),
            meter,
            now=now,
            actor=actor,
            leeway=BY_HAND,
            done=done,
        )


def _claim_once(
    run: DispatchRun, now: datetime, actor: Actor, settings: Mapping[str, Any]
) -> DispatchRun:
    """Insert the reverting run, then look for an earlier one: the day is held by now."""
    fields = run_fields(run.company, run.day, now=now, actor=actor, settings=settings)
    reverting = DispatchRun.objects.create(reverts=run, **fields)
    earlier = DispatchRun.objects.filter(
        company=run.company, day=run.day, reverts=run, status=DispatchRun.Status.COMPLETED
    )
    if done := earlier.order_by("id").values_list("started_at", flat=True).first():
        raise AlreadyReverted(
            _("The plan of %(at)s was already undone, at %(undone)s.")
            % {"at": run.started_clock, "undone": run.company.clock(done, run.day)}
        )
    return reverting


def plan_before(day: Day, run: DispatchRun) -> tuple[Plan, tuple[str, ...]]:
    """Return the plan that stood before the run as far as the rules allow, with notices."""
    made, ended = _touched(run)
    rows = day.bookings | day.neighbours
    before, now_standing, stay = {}, {}, []
    planned = {trip.id for trip in day.problem.trips}
    for booking_id in sorted((made.keys() | ended.keys()) - planned):
        if booking_id in rows:  # else it is of a day far from this one by now
            why = _(day.kept[booking_id]) if booking_id in day.kept else _("changed since")
            stay.append(f"{rows[booking_id].label} ({why})")
    for trip in day.problem.trips:
        row = day.bookings[trip.id]
        standing = row.standing()
        now_standing[trip.id] = standing and Was(*standing[1:])
        mine = row.assignment_id == made[trip.id][0] if trip.id in made else trip.id in ended
        if mine and (standing is not None) == (trip.id in made):
            before[trip.id] = ended[trip.id][1] if trip.id in ended else None
        else:
            before[trip.id] = now_standing[trip.id]
            if trip.id in made or trip.id in ended:
                stay.append(f"{row.label} ({_('changed since')})")
    while True:
        plan = plan_of_assignments(
            day, before, breaks=run.previous_breaks, search={"engine": "revert"}
        )
        changes = {i for i, was in before.items() if was and was != now_standing[i]}
        fallen = {i for i in plan.unserved if before[i]}  # their driver has no duty then
        fallen = fallen or _blamed(check(day.problem, plan), plan, changes)
        if not fallen:
            break
        stay += [f"{day.bookings[i].label} ({_('would break a rule')})" for i in sorted(fallen)]
        for i in fallen:  # back to how it stands now; where that breaks a rule too, to nobody
            before[i] = now_standing[i] if i in changes else None
    if not stay:
        return plan, ()
    return plan, (_("Not taken back: %(trips)s.") % {"trips": ", ".join(dict.fromkeys(stay))},)


def _touched(run: DispatchRun) -> tuple[Touched, Touched]:
    """Return what the run made and what it ended, {booking id: (assignment id, Was)}: 1 query."""
    made: Touched = {}
    ended: Touched = {}
    rows = Assignment.objects.filter(Q(run=run) | Q(superseded_by=run)).order_by("id")
    for assignment_id, booking_id, run_id, driver_id, pickup_at, dropoff_at in rows.values_list(
        "id", "booking_id", "run_id", "driver_id", "planned_pickup_at", "planned_dropoff_at"
    ):
        found = made if run_id == run.id else ended
        found[booking_id] = assignment_id, Was(driver_id, pickup_at, dropoff_at)
    return made, ended


def _blamed(violations: Iterable[Violation], plan: Plan, changes: set[int]) -> set[int]:
    """Return the trips to take out: restored ones if possible, the one that is named first."""
    trips_of: dict[int, set[int]] = {}
    for trip in plan.trips:
        trips_of.setdefault(trip.driver_id, set()).add(trip.trip_id)
    blamed: set[int] = set()
    for violation in violations:
        route = trips_of.get(violation.driver_id or 0, set())
        named = {violation.trip_id or 0} & route
        blamed |= named & changes or route & changes or named or route
    return blamed
