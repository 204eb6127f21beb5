"""Plan a day in the background: the door returns at once, a process of its own does the work.

With a broker (CELERY_BROKER_URL) Celery's workers do it, on whatever machine; without one, a
process of this machine, which outlives the web worker that started it and leaves that one's
processor alone. Either finds the work in the run itself. Who dies leaves a run that ends with
its claim, or as soon as somebody of the same machine looks (`claim.end_if_dead`).
"""

import subprocess
import sys
import threading
from datetime import date, datetime

from django.conf import settings as django_settings
from django.db import transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from bookings.models import Actor
from dispatch.day.travel_times import check_roads
from dispatch.models import DispatchRun
from dispatch.runs.claim import claim, this_process
from dispatch.runs.options import THOROUGH, RunOptions
from dispatch.runs.previews import start_preview
from drivers.models import Company
from drivers.refused import Refused

NOBODY = ""  # the process of a run that waits for its worker
TASK = "dispatch.tasks.work_run"  # by its name: Celery is optional, and the task imports the work


class NoWorker(Refused):
    """No process takes the run; try again."""

    code = "no_worker"
    status = 503


def start_dispatch(
    company: Company,
    day: date,
    *,
    now: datetime,
    actor: Actor,
    options: RunOptions = THOROUGH,
    preview: bool = False,
) -> DispatchRun:
    """Claim the day (a preview claims nothing) and let a worker plan it: 2 queries.

    Raises RoadsFailed, DayBusy or NoWorker.
    """
    check_roads(company)
    start = start_preview if preview else claim
    settings = options.as_dict()
    run = start(company, day, now=now, actor=actor, settings=settings, process=NOBODY)
    run.progress = {"phase": "queued"}
    DispatchRun.objects.filter(id=run.id).update(progress=run.progress)
    transaction.on_commit(lambda: _launch(run))
    return run


def _launch(run: DispatchRun) -> None:
    """Find the run a worker. Raises NoWorker: then it has failed."""
    try:
        if django_settings.CELERY_BROKER_URL:
            from celery import current_app  # optional

            current_app.signature(TASK, (run.id, get_language())).delay()
        else:
            _start_process(run, get_language())
    except Exception as error:  # whatever failed, the run must not stay queued; raised as NoWorker
        why = _("No worker could be started (%(error)s).") % {"error": error}
        DispatchRun.objects.filter(id=run.id, status=run.status, process=NOBODY).update(
            status=DispatchRun.Status.FAILED, finished_at=run.started_at, error=why
        )
        raise NoWorker(why) from error


def _start_process(run: DispatchRun, language: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "manage.py", "work_run", str(run.id), "--language", language],
        cwd=django_settings.BASE_DIR,
        start_new_session=True,  # a signal to the web server's group is not for it
        stdin=subprocess.DEVNULL,
    )
    threading.Thread(target=child.wait, daemon=True).start()  # or it would stay a zombie
    # Until it has taken the run over, the run belongs to the process by its number alone.
    host, _pid, _mark = this_process().rsplit(":", 2)
    DispatchRun.objects.filter(id=run.id, process=NOBODY).update(process=f"{host}:{child.pid}:")
