"""Plan a day in the background: the door returns at once, a process of its own does the work.

With a broker (CELERY_BROKER_URL) Celery's workers do it, on whatever machine; without one, a
process of this machine, which outlives the web worker that started it and leaves that one's
processor alone. Either finds the work in the run itself. Who dies leaves a run that ends with
its claim, or as soon as somebody of the same machine looks (`claim.end_if_dead`).
"""

import subprocess
import sys
import threading
from datetime import datetime

from django.conf import settings as django_settings
from django.db import transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from bookings.models import Actor
from dispatch.claim import claim, claim_fields, this_process
from dispatch.models import DispatchRun
from dispatch.previews import keep_preview, start_preview
from dispatch.report import Report
from dispatch.run import carry_out, solving

NOBODY = ""  # the process of a run that waits for its worker


class NoWorker(Exception):
    """Nobody could be found to do the work; the run has failed."""


def start_dispatch(company, day, *, now, actor, preview=False, **settings) -> DispatchRun:
    """Claim the day (a preview claims nothing) and let a worker plan it: 2 queries.

    `settings` are those of `run_dispatch`. Raises DayBusy or NoWorker.
    """
    start = start_preview if preview else claim
    run = start(company, day, now=now, actor=actor, settings=settings, process=NOBODY)
    run.progress = {"phase": "queued"}
    DispatchRun.objects.filter(id=run.id).update(progress=run.progress)
    transaction.on_commit(lambda: _launch(run))
    return run


def _launch(run):
    """Find the run a worker. Raises NoWorker: then it has failed."""
    try:
        if django_settings.CELERY_BROKER_URL:
            from dispatch.tasks import work_run  # needs Celery, which is optional

            work_run.delay(run.id, get_language())
        else:
            _start_process(run, get_language())
    except Exception as error:  # whatever failed, the run must not stay queued; raised as NoWorker
        why = _("No worker could be started (%(error)s).") % {"error": error}
        DispatchRun.objects.filter(id=run.id, status=run.status, process=NOBODY).update(
            status=DispatchRun.Status.FAILED, finished_at=run.started_at, error=why
        )
        raise NoWorker(why) from error


def _start_process(run, language):
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
    actor = Actor(run.trigger, name=run.actor, user_id=run.user_id)
    fields = claim_fields(now=now, actor=actor, settings=run.settings)
    fields["progress"] = {"phase": "load"}
    if not queued.update(**fields):
        return None
    for name, value in fields.items():
        setattr(run, name, value)
    return run


def work(run: DispatchRun) -> Report:
    """Plan a run that was taken over. Raises PlanRefused or StalePlan: then it has failed."""

    def tell(progress):
        DispatchRun.objects.filter(id=run.id, status=run.status).update(progress=progress)

    if run.status == DispatchRun.Status.PLANNING:
        return keep_preview(run, tell=tell)
    return carry_out(
        run.company,
        run.day,
        solving(run.settings),
        now=run.started_at,
        actor=Actor(run.trigger, name=run.actor, user_id=run.user_id),
        settings=run.settings,
        run=run,
        tell=tell,
    )
