"""Look first, decide later: a preview is kept, and applied or discarded by whoever may plan.

With the plan is kept its seal, a digest of what it was made from. Applying loads the day again
and goes the way of every dispatch; what a person did meanwhile makes the preview stale, and so
does what the checker refuses by now. What only frees a driver, or waits for one, does not.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.models import Actor
from dispatch.day.day import Day
from dispatch.day.rows import BookingRow
from dispatch.day.travel_times import check_roads
from dispatch.day.trips import PLANNABLE
from dispatch.models import DispatchRun, StoredPlan
from dispatch.planner.check.plan import check
from dispatch.planner.problem import Plan
from dispatch.runs.apply import POLICY, GivenUp, StalePlan
from dispatch.runs.claim import claim_fields, hold, run_fields, working
from dispatch.runs.lease import reconnect
from dispatch.runs.meter import Meter
from dispatch.runs.options import THOROUGH, RunOptions
from dispatch.runs.parts import ALL, Choice, chosen
from dispatch.runs.report import Report, stored_report
from dispatch.runs.restore_plan import Was, plan_of_assignments
from dispatch.runs.run import carry_out, plan_day, preview_report
from drivers.models import Company
from drivers.refused import Refused

KEPT = timedelta(days=7)
# What a plan depends on in a booking, beside where its assignment stands.
PARTICULARS = (
    "person",
    "client_id",
    "pickup",
    "dropoff",
    "scheduled_time",
    "appointment_at",
    "passengers",
    "wheelchairs",
    "needs",
    "priority",
    "return_of_id",
    "pickup_boarding_min",
    "dropoff_margin_min",
    "own_window",
    "shares",
    "ride_limit_min",
)


class NoPreview(Refused):
    """Only a preview can be applied or discarded."""

    code = "not_a_preview"
    status = 409


def plan_preview(
    company: Company,
    day: date,
    *,
    now: datetime,
    actor: Actor,
    options: RunOptions = THOROUGH,
    done: Callable[[Report], object] | None = None,
) -> Report:
    """Plan the day, keep the plan as a preview, and return its report: 6 queries.

    `done` is that of `run_dispatch`. Raises RoadsFailed, PlanRefused.
    """
    check_roads(company)
    run = start_preview(company, day, now=now, actor=actor, settings=options.as_dict())
    return keep_preview(run, Meter(), done=done)


def start_preview(
    company: Company,
    day: date,
    *,
    now: datetime,
    actor: Actor,
    settings: Mapping[str, Any],
    **waiting: Any,
) -> DispatchRun:
    """Insert the run of a preview that is still to be planned: 1 query."""
    fields = run_fields(company, day, now=now, actor=actor, settings=settings, **waiting)
    return DispatchRun.objects.create(status=DispatchRun.Status.PLANNING, **fields)


def keep_preview(
    run: DispatchRun, meter: Meter, *, done: Callable[[Report], object] | None = None
) -> Report:
    """Plan a started preview and keep the plan: 5 queries."""
    with meter, working(run, meter):
        options = RunOptions(**run.settings)
        planned = plan_day(
            run.company,
            run.day,
            options.plan,
            meter,
            now=run.started_at,
            leeway=options.leeway,
        )
        report = preview_report(planned, meter, run)
        reconnect()
        with transaction.atomic():
            held = DispatchRun.objects.filter(
                id=run.id, status=DispatchRun.Status.PLANNING, lease=run.lease
            )
            kept = held.update(
                status=DispatchRun.Status.PREVIEW,
                finished_at=run.started_at + meter.elapsed(),
                **stored_report(report, planned.plan),
            )
            if not kept:
                raise GivenUp(_("The run was given up for dead meanwhile; nothing was written."))
            StoredPlan.objects.create(run=run, **stored(planned.day, planned.plan))
            if done:
                done(report)
    return report


def apply_preview(
    run: DispatchRun,
    *,
    now: datetime,
    actor: Actor,
    choice: Choice = ALL,
    done: Callable[[Report], object] | None = None,
) -> Report:
    """Write what is chosen of a preview's plan if the world is still the one it was made for.

    Of two who apply it at once, one does; what was not chosen is given up. Three statements more
    than a dispatch; `done` is that of `run_dispatch`. Raises NoPreview, NoSuchPart, DayBusy,
    StalePlan; where it was stale the run has failed. After any other error, or the end of this
    process, it is the preview that it was.
    """
    only = chosen(run.outcome, choice)
    check_roads(run.company)

    def take() -> StoredPlan:
        claimed = DispatchRun.objects.filter(id=run.id, status=DispatchRun.Status.PREVIEW).update(
            status=DispatchRun.Status.RUNNING,
            **fields,
        )
        if not claimed:
            raise _not_a_preview(run)
        return StoredPlan.objects.get(run=run)

    def applied(report: Report) -> None:
        plan.delete()
        if done:
            done(report)

    fields = claim_fields(now=now, actor=actor)
    plan = hold(run.company, run.day, now, take)
    run.started_at, run.lease = now, fields["lease"]
    with Meter() as meter:
        return carry_out(
            run,
            lambda day: plan_again(day, plan, run),
            meter,
            now=now,
            actor=actor,
            leeway=replace(RunOptions(**run.settings).leeway, only=only),
            back=DispatchRun.Status.PREVIEW,
            done=applied,
        )


def discard_preview(run: DispatchRun) -> None:
    """Give a preview up: 2 queries. Raises NoPreview.

    Twice is fine; so is a run that failed, as an outdated preview does: it keeps no plan, and
    goes on saying why it failed.
    """
    with transaction.atomic():
        discarded = DispatchRun.objects.filter(
            id=run.id, status__in=[DispatchRun.Status.PREVIEW, DispatchRun.Status.DISCARDED]
        ).update(status=DispatchRun.Status.DISCARDED)
        if discarded:
            StoredPlan.objects.filter(run=run).delete()
            run.status = DispatchRun.Status.DISCARDED
            return
    run.refresh_from_db(fields=["status", "finished_at", "error"])
    if run.status != DispatchRun.Status.FAILED:
        raise _not_a_preview(run)


def clear_previews(*, now: datetime) -> int:
    """Discard the previews that nobody has decided on for long; return how many: 2 queries."""
    with transaction.atomic():
        old = DispatchRun.objects.filter(
            status=DispatchRun.Status.PREVIEW, finished_at__lte=now - KEPT
        )
        count = old.update(status=DispatchRun.Status.DISCARDED)
        ended = [DispatchRun.Status.DISCARDED, DispatchRun.Status.FAILED]
        StoredPlan.objects.filter(run__status__in=ended).delete()
    return count


def _not_a_preview(run: DispatchRun) -> NoPreview:
    status = DispatchRun.objects.only("status").get(id=run.id).get_status_display()
    return NoPreview(
        _("The plan of %(at)s is %(status)s; only a preview can be applied or discarded.")
        % {"at": run.started_clock, "status": status}
    )


def stored(day: Day, plan: Plan) -> dict[str, Any]:
    """Return the plan and its seal as values of a `StoredPlan`."""
    return {
        "trips": [[t.trip_id, t.driver_id, t.pickup_s, t.dropoff_s] for t in plan.trips],
        "breaks": {
            str(day.shift_of[b.duty_id]): day.moment(b.start_s).isoformat() for b in plan.breaks
        },
        "seal": {
            "policy": _policy(day),
            "drivers": _drivers(day),
            "breaks": _breaks(day),
            "neighbours": sorted(_neighbours(day)),
            "bookings": {str(row.id): _sealed(row) for row in day.bookings.values()},
        },
    }


def plan_again(day: Day, plan: StoredPlan, run: DispatchRun) -> tuple[Plan, tuple[str, ...]]:
    """Return the kept plan as one of the day as it is now, with notices. Raises StalePlan.

    Of a day with a leeway about some trips only, the plan is about those.
    """
    changed, arrived = _compare(day, plan.seal)
    about = [trip for trip in plan.trips if day.leeway.is_about(trip[0])]
    assignments = dict.fromkeys(trip.id for trip in day.problem.trips)
    for booking_id, driver_id, pickup_s, dropoff_s in about:
        row = day.bookings.get(booking_id)
        if booking_id in changed or row is None:
            continue
        was = Was(driver_id, day.moment(pickup_s), day.moment(dropoff_s))
        if booking_id in assignments:
            assignments[booking_id] = was
        elif booking_id not in day.left_out and booking_id not in day.kept:
            changed.add(booking_id)  # closed
        elif (row.driver_id, row.planned_pickup_at) != (was.driver_id, was.pickup_at):
            raise StalePlan(
                _("It is too late to plan trip %(trip)s so; plan again.") % {"trip": row.label}
            )
    search = run.metrics.get("search", {})
    breaks = plan.breaks if day.leeway.only is None else {}  # of a part they stay if they can
    again = plan_of_assignments(day, assignments, breaks=breaks, search=search)
    broken = check(day.problem, again)
    homeless = [trip_id for trip_id in again.unserved if assignments[trip_id]]
    if broken or homeless:
        why = broken[0].detail if broken else day.bookings[homeless[0]].label
        raise StalePlan(
            _("The preview breaks a rule by now (%(rule)s); plan again.") % {"rule": why}
        )
    return again, (*_notices(len(changed), arrived), *_given_up(day))


def _compare(day: Day, seal: Mapping[str, Any]) -> tuple[set[int], int]:
    """Return (bookings to leave out, number of new ones). Raises StalePlan."""
    if _policy(day) != seal["policy"]:
        raise StalePlan(_("The company's rules changed since the preview; plan again."))
    if _drivers(day) != seal["drivers"]:
        raise StalePlan(_("Drivers, shifts or absences changed since the preview; plan again."))
    if _breaks(day) != seal["breaks"]:
        raise StalePlan(
            _("The plan was changed since the preview, by a run or by hand; plan again.")
        )
    if _neighbours(day) - set(seal["neighbours"]):
        raise StalePlan(_("Trips of the days around this one changed meanwhile; plan again."))
    changed, arrived = set(), 0
    for row in day.bookings.values():
        now, before = _sealed(row), seal["bookings"].get(str(row.id))
        if now == before:
            continue
        if row.standing():
            raise StalePlan(
                _("Trip %(trip)s was changed since the preview; plan again.") % {"trip": row.label}
            )
        if before is None:
            arrived += row.status in PLANNABLE
        else:
            changed.add(row.id)
    gone = {int(i) for i in seal["bookings"]} - day.bookings.keys()
    return changed | gone, arrived


def _notices(changed: int, arrived: int) -> tuple[str, ...]:
    notices = []
    if changed:
        notices.append(
            ngettext(
                "%(count)d booking changed since the preview and was left out.",
                "%(count)d bookings changed since the preview and were left out.",
                changed,
            )
            % {"count": changed}
        )
    if arrived:
        notices.append(
            ngettext(
                "%(count)d booking arrived since the preview; plan again to place it.",
                "%(count)d bookings arrived since the preview; plan again to place them.",
                arrived,
            )
            % {"count": arrived}
        )
    return tuple(notices)


def _given_up(day: Day) -> tuple[str, ...]:
    if day.leeway.only is None:
        return ()
    return (_("Only a part of the preview was applied; plan again for the rest."),)


def _digest(values: object) -> str:
    text = json.dumps(values, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: object) -> float | str:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{value!r} has no place in a seal.")


def _policy(day: Day) -> str:
    return _digest([getattr(day.company, name) for name in POLICY])


def _drivers(day: Day) -> str:
    return _digest([row.facts() for rows in day.drivers.values() for row in rows])


def _breaks(day: Day) -> str:
    return _digest([row.break_at for rows in day.drivers.values() for row in rows])


def _neighbours(day: Day) -> set[str]:
    return {_digest(row.route()) for row in day.neighbours.values()}


def _sealed(row: BookingRow) -> list[str | None]:
    """Return (what the plan knows of the trip, where it stands)."""
    standing = row.standing()
    return [_digest([getattr(row, name) for name in PARTICULARS]), standing and _digest(standing)]
