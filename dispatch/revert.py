"""Take a run back: read the plan that stood before it, and apply that as a run of its own.

Every trip the run touched goes back to the assignment that the run ended, or to none. Trips
under way, locked since, or changed since by others stay, and so does what would now break a
rule; if its staying breaks one too, it is released.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from bookings.models import Actor
from dispatch.load import Day
from dispatch.models import Assignment, DispatchRun
from dispatch.planner.check import check
from dispatch.planner.problem import Plan, PlannedBreak, PlannedTrip
from dispatch.report import Report
from dispatch.run import carry_out


class NotRevertible(Exception):
    """The run wrote no plan that could be taken back."""


@dataclass(frozen=True, slots=True)
class Was:
    """An assignment as it was: the driver, and when boarding starts and the ride ends."""

    driver_id: int
    pickup_at: datetime
    dropoff_at: datetime


def revert_run(run: DispatchRun, *, now: datetime, actor: Actor) -> Report:
    """Restore what stood before the run, and report which trips could not go back.

    One statement more than a dispatch. Raises NotRevertible, and what `run_dispatch` raises.
    """
    if run.status != DispatchRun.Status.COMPLETED:
        raise NotRevertible(
            _("Run #%(run)s is %(status)s; only a completed run can be taken back.")
            % {"run": run.id, "status": run.get_status_display()}
        )
    return carry_out(
        run.company,
        run.day,
        lambda day: plan_before(day, run),
        now=now,
        actor=actor,
        settings={"reverts": run.id},
        reverts=run,
        freeze=False,
    )


def plan_before(day: Day, run: DispatchRun) -> tuple[Plan, tuple[str, ...]]:
    """Return the plan that stood before the run as far as the rules allow, with notices."""
    made, ended = _touched(run)
    before, now_standing, stay = {}, {}, []
    for booking_id in sorted(made.keys() | ended.keys()):
        if booking_id in day.kept:
            row = day.bookings[booking_id]
            stay.append(f"{row.label} ({_(day.kept[booking_id])})")
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
    changes = {i for i, was in before.items() if was != now_standing[i]}
    plan = _plan(day, before, run)
    for fallback in (now_standing, dict.fromkeys(before)):
        broken = {violation.trip_id for violation in check(day.problem, plan)} & changes
        stay += [f"{day.bookings[i].label} ({_('would break a rule')})" for i in sorted(broken)]
        before |= {i: fallback[i] for i in broken}
        plan = _plan(day, before, run)
    if not stay:
        return plan, ()
    return plan, (_("Not taken back: %(trips)s.") % {"trips": ", ".join(dict.fromkeys(stay))},)


def _touched(run):
    """Return what the run made and what it ended, {booking id: (assignment id, Was)}: 1 query."""
    made, ended = {}, {}
    rows = Assignment.objects.filter(Q(run=run) | Q(superseded_by=run)).order_by("id")
    for assignment_id, booking_id, run_id, driver_id, pickup_at, dropoff_at in rows.values_list(
        "id", "booking_id", "run_id", "driver_id", "planned_pickup_at", "planned_dropoff_at"
    ):
        found = made if run_id == run.id else ended
        found[booking_id] = assignment_id, Was(driver_id, pickup_at, dropoff_at)
    return made, ended


def _plan(day, assignments, run):
    """Return the plan with these assignments (or None), and the breaks from before the run."""
    planned, unserved = [], []
    for trip_id, was in assignments.items():
        duty = was and _duty(day, was)
        if duty is None:
            unserved.append(trip_id)
            continue
        planned.append(
            PlannedTrip(
                trip_id=trip_id,
                duty_id=duty.id,
                driver_id=was.driver_id,
                pickup_s=day.seconds(was.pickup_at),
                dropoff_s=day.seconds(was.dropoff_at),
            )
        )
    planned.sort(key=lambda trip: (trip.duty_id, trip.pickup_s, trip.trip_id))
    busy = {trip.duty_id for trip in planned}
    starts = {
        row.shift_id: row.break_at for rows in day.drivers.values() for row in rows if row.shift_id
    }
    starts |= {
        int(shift_id): start and datetime.fromisoformat(start)
        for shift_id, start in run.previous_breaks.items()
    }
    breaks = []
    for duty in day.problem.duties:
        start_at = starts.get(day.shift_of[duty.id])
        if duty.break_ and start_at and (duty.id in busy or duty.commitments):
            start_s = day.seconds(start_at)
            breaks.append(PlannedBreak(duty.id, start_s, start_s + duty.break_.length_s))
    return Plan(tuple(planned), tuple(breaks), tuple(sorted(unserved)), {"engine": "revert"})


def _duty(day, was):
    pickup_s = day.seconds(was.pickup_at)
    for duty in day.problem.duties:
        if duty.driver_id == was.driver_id and duty.start_s <= pickup_s < duty.end_s:
            return duty
    return None
