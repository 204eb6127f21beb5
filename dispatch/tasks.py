"""The task of Celery's workers; imported only if there is a broker (see `runs.background`)."""

from contextlib import suppress

from celery import shared_task

from dispatch.runs.queue import LONG, wake_next
from dispatch.runs.worker import take_turn, work
from drivers.refused import Refused


@shared_task(ignore_result=True, acks_late=True, reject_on_worker_lost=True)
def work_run(run_id: int, line: str = LONG) -> None:
    """Plan the run whose turn it is in the line; the report is in the run.

    The message was sent when `run_id` came into the line. It may be delivered twice, or when
    nothing may begin: then nothing happens, for whoever ends a run wakes up another worker.
    """
    run = take_turn(line)
    if run is None:
        return
    try:
        with suppress(Refused):  # the failed run says why
            work(run)
    finally:
        wake_next(line)
