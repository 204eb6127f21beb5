"""The task of Celery's workers; imported only if there is a broker (see `runs.background`)."""

from contextlib import suppress

from celery import shared_task
from django.utils import timezone, translation

from dispatch.runs.worker import take_over, work
from drivers.refused import Refused


@shared_task(ignore_result=True, acks_late=True)
def work_run(run_id: int, language: str) -> None:
    """Plan a queued run, once even if the task is delivered twice; the report is in the run."""
    run = take_over(run_id, now=timezone.now())
    if run is not None:
        with suppress(Refused), translation.override(language):  # the failed run says why
            work(run)
