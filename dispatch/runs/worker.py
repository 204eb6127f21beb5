"""Work on a queued run: in a process of its own, or in one of Celery's workers."""

from datetime import datetime

from bookings.models import Actor, Door
from dispatch.models import DispatchRun
from dispatch.runs.claim import claim_fields
from dispatch.runs.meter import Meter
from dispatch.runs.options import RunOptions
from dispatch.runs.previews import keep_preview
from dispatch.runs.report import Report
from dispatch.runs.run import carry_out


def take_over(run_id: int, *, now: datetime) -> DispatchRun | None:
    """Make this process the one that works on a queued run; None where it is no longer queued.

    2 queries. Of two workers that got the same run, one takes it.
    """
    queued = DispatchRun.objects.filter(
        id=run_id, status__in=DispatchRun.UNDER_WAY, progress={"phase": "queued"}
    )
    run = queued.select_related("company").first()
    if run is None:
        return None
    actor = Actor(Door(run.trigger), name=run.actor, user_id=run.user_id)
    fields = claim_fields(now=now, actor=actor, settings=run.settings)
    fields["progress"] = {"phase": "load"}
    if not queued.update(**fields):
        return None
    for name, value in fields.items():
        setattr(run, name, value)
    return run


def work(run: DispatchRun) -> Report:
    """Plan a run that was taken over. Raises PlanRefused or StalePlan: then it has failed."""

    def report_progress(progress: dict[str, object]) -> None:
        DispatchRun.objects.filter(id=run.id, status=run.status).update(progress=progress)

    meter = Meter(report_progress)
    if run.status == DispatchRun.Status.PLANNING:
        return keep_preview(run, meter)
    options = RunOptions(**run.settings)
    actor = Actor(Door(run.trigger), name=run.actor, user_id=run.user_id)
    with meter:
        return carry_out(
            run, options.plan, meter, now=run.started_at, actor=actor, leeway=options.leeway
        )
