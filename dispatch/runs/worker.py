"""Work on a queued run: in a process of its own, or in one of Celery's workers."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation

from bookings.models import Actor, Door
from dispatch.models import DispatchRun
from dispatch.runs.claim import claim_fields
from dispatch.runs.comparison import Comparison, keep_comparison
from dispatch.runs.lease import QUEUED, even_if_cut
from dispatch.runs.meter import Meter
from dispatch.runs.options import RunOptions
from dispatch.runs.previews import keep_preview
from dispatch.runs.queue import next_queued
from dispatch.runs.report import Report
from dispatch.runs.run import carry_out
from drivers.models import Company


def take_turn(line: str | None = None) -> DispatchRun | None:
    """Take the run over whose turn it is; None if none may begin: 5 queries, 1 if none waits.

    Its company's row is locked meanwhile: else two workers, each of which sees nothing of a
    company under way, would both take one of it.
    """
    while (run_id := next_queued(line)) is not None:
        with transaction.atomic():
            company = DispatchRun.objects.filter(id=run_id).values("company")
            Company.objects.select_for_update(no_key=True).filter(id__in=company).first()
            if next_queued(line) == run_id and (run := take_over(run_id, now=timezone.now())):
                return run
    return None


def take_over(run_id: int, *, now: datetime) -> DispatchRun | None:
    """Make this process the one that works on a queued run; None where it is no longer queued.

    2 queries. Of two workers that got the same run, one takes it.
    """
    queued = DispatchRun.objects.filter(
        id=run_id, status__in=DispatchRun.UNDER_WAY, progress__phase=QUEUED
    )
    run = queued.select_related("company").first()
    if run is None:
        return None
    actor = Actor(Door(run.trigger), name=run.actor, user_id=run.user_id)
    fields = claim_fields(now=now, actor=actor)
    fields |= {"progress": {"phase": "load"}, "attempts": run.attempts + 1}
    if not queued.filter(attempts=run.attempts).update(**fields):
        return None
    for name, value in fields.items():
        setattr(run, name, value)
    return run


def work(run: DispatchRun) -> Report | Comparison:
    """Plan a run that was taken over, in the language of who asked for it.

    Raises PlanRefused or StalePlan: then it has failed.
    """
    with translation.override(run.language or settings.LANGUAGE_CODE):
        return _work(run)


def _work(run: DispatchRun) -> Report | Comparison:

    held = DispatchRun.objects.filter(id=run.id, status=run.status, lease=run.lease)

    def report_progress(progress: dict[str, object]) -> None:
        even_if_cut(lambda: held.update(progress=progress))

    meter = Meter(report_progress)
    if run.status == DispatchRun.Status.PLANNING:
        return (keep_comparison if run.is_comparison else keep_preview)(run, meter)
    options = RunOptions(**run.settings)
    actor = Actor(Door(run.trigger), name=run.actor, user_id=run.user_id)
    with meter:
        return carry_out(
            run,
            options.plan,
            meter,
            now=run.started_at,
            actor=actor,
            leeway=options.leeway,
            repair=options.repair,
        )
