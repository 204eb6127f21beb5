"""What Celery's workers do; only imported where there is a broker (see `background`)."""

from celery import shared_task
from django.utils import timezone, translation

from dispatch.runs.worker import take_over, work


@shared_task(ignore_result=True, acks_late=True)
def work_run(run_id: int, language: str) -> None:
    """Plan a queued run. Delivered twice, it is done once; what it says is in the run."""
    run = take_over(run_id, now=timezone.now())
    if run is not None:
        with translation.override(language):
            work(run)
