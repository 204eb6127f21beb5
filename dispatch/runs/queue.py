"""The runs that wait for a worker, and what becomes of those whose worker has died.

The queue is the table of runs, with a broker and without: whose turn it is says `next_queued`. No
company has more under way than RUNS_PER_COMPANY (with Celery, of each line), so that what one asks
for does not hold others up.
A planning process works on one after the other until none may begin. A message to Celery's workers
names a run, but only wakes one of them up: it takes whose turn it is, and wakes up another when it
is ready. A message that was lost is sent again. Whoever lives looks after the dead (`tend`):
workers, the timer, the doors that show a run.

What is planned briefly and what is searched for long wait in two lines, so that a worker can be
kept for the former (`celery ... worker -Q short`).
"""

import logging
import subprocess
import sys
import threading
from collections import Counter
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connections
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from dispatch.models import DispatchRun, StoredPlan
from dispatch.runs.claim import change_dead, end_if_dead, seems_dead
from dispatch.runs.lease import ATTEMPTS, NOBODY, QUEUED, lease_end
from dispatch.runs.slots import slot
from drivers.refused import Refused

logger = logging.getLogger(__name__)
TASK = "dispatch.tasks.work_run"  # by its name: Celery is optional, and the task imports the work
WAITS = timedelta(hours=1)  # for a worker
SHORT, LONG = "short", "long"  # the lines, and Celery's queues
SHORT_S = 5.0  # of a search
TENDED = 100  # runs at once


class NoWorker(Refused):
    """No process takes the run; try again."""

    code = "no_worker"
    status = 503


def send(run: DispatchRun) -> None:
    """Find a queued run a worker. Raises NoWorker: then it has failed."""
    logger.info("Run %d waits for a worker.", run.pk)
    try:
        if settings.CELERY_BROKER_URL:
            _wake(run.pk, line_of(run.settings.get("time_limit_s"), asks=run.is_comparison))
        elif _is_free() and next_queued() is not None:  # or else who plans takes this one next
            _start_process(run.pk)
    except Exception as error:  # whatever failed, the run must not stay queued; raised as NoWorker
        why = _("No worker could be started (%(error)s).") % {"error": error}
        rows = DispatchRun.objects.filter(id=run.pk, status=run.status, lease=NOBODY)
        rows.update(status=DispatchRun.Status.FAILED, finished_at=run.started_at, error=why)
        raise NoWorker(why) from error


def _wake(run_id: int, line: str) -> None:
    from celery import current_app  # optional

    current_app.signature(TASK, (run_id, line)).apply_async(queue=line)


def wake_next(line: str) -> None:
    """Wake a worker up for whose turn it is now; what fails here is sent again by `tend`."""
    run_id = next_queued(line)
    if run_id is None:
        return
    try:
        _wake(run_id, line)
    except Exception as error:  # noqa: BLE001 - brokers share no exception; the run stays queued
        logger.warning("No worker could be woken up: %s", type(error).__name__)


def line_of(time_limit_s: float | None, *, asks: bool) -> str:
    """Return the line in which a run of such a search waits; the default search is long.

    What `asks` “what if” makes two plans of each of its days, and is long.
    """
    is_short = time_limit_s is not None and time_limit_s <= SHORT_S
    return SHORT if is_short and not asks else LONG


def _is_free() -> bool:
    with slot() as is_free:
        return is_free


def _start_process(run_id: int) -> None:
    child = subprocess.Popen(
        [sys.executable, "manage.py", "work_run", str(run_id)],
        cwd=settings.BASE_DIR,
        start_new_session=True,  # a signal to the web server's group is not for it
        stdin=subprocess.DEVNULL,
    )
    threading.Thread(target=child.wait, daemon=True).start()  # or it would stay a zombie


def next_queued(line: str | None = None) -> int | None:
    """Return the run to work on next, of a line or of both; None if none may begin: 1 statement.

    The oldest of the company that has fewest under way, and fewer than RUNS_PER_COMPANY; one that
    asks “what if” only where no other of the company waits.
    """
    rows = DispatchRun.objects.filter(status__in=DispatchRun.UNDER_WAY).order_by("id")
    waiting: dict[int, tuple[bool, int]] = {}
    busy: Counter[int] = Counter()
    columns = (
        "id", "company_id", "progress__phase", "settings__time_limit_s", "settings__what_if__until",
    )  # fmt: skip
    for run_id, company_id, phase, limit_s, until in rows.values_list(*columns):
        asks = until is not None
        if line not in (None, line_of(limit_s, asks=asks)):
            continue
        if phase == QUEUED:
            turn = asks, run_id
            waiting[company_id] = min(turn, waiting.get(company_id, turn))
        else:
            busy[company_id] += 1
    turns = [
        (busy[company_id], run_id)
        for company_id, (_asks, run_id) in waiting.items()
        if busy[company_id] < settings.RUNS_PER_COMPANY
    ]
    return min(turns)[1] if turns else None


def tend(*, now: datetime) -> Counter[str]:
    """Look after the runs whose lease has ended; return what was done, counted.

    1 statement, and up to 3 for each of the first `TENDED`.
    """
    dead = DispatchRun.objects.filter(
        status__in=DispatchRun.UNDER_WAY, claim_ends_at__lte=Now()
    ).order_by("id")
    done: Counter[str] = Counter()
    for run in dead.select_related("company")[:TENDED]:
        done[settle(run, now=now)] += 1
    return done


def settle(run: DispatchRun, *, now: datetime) -> str:
    """Do what is right about a run under way if its lease has ended; return its status then.

    Nobody took it: it is sent again. Its worker died: it is queued again, `ATTEMPTS` times in all;
    what runs in a request has nobody who waits for it, and fails. Up to 3 statements, none as
    long as the lease lasts.
    """
    if not seems_dead(run):
        return run.status
    is_queued = run.lease == NOBODY and bool(run.progress)
    in_background = bool(run.progress) and not StoredPlan.objects.filter(run=run).exists()
    gives_up = now - run.started_at > WAITS if is_queued else run.attempts >= ATTEMPTS
    if in_background and not gives_up:
        again = {"lease": NOBODY, "claim_ends_at": lease_end()}
        if change_dead(run, again | {"progress": {"phase": QUEUED}}):
            logger.warning("Run %d of %s is sent to a worker again.", run.pk, run.company)
            try:
                send(run)
            except NoWorker as error:
                logger.error("Run %d of %s has no worker: %s", run.pk, run.company, error)
                run.refresh_from_db(fields=["status", "finished_at", "error"])
    elif end_if_dead(run, now=now, error=_waited() if is_queued else ""):
        logger.warning("Run %d of %s ended: %s", run.pk, run.company, run.error)
    return run.status


def _waited() -> str:
    return _("No worker took this run within an hour.")


def tend_forever(stop: threading.Event, every_s: float) -> None:
    """Tend every so often until `stop` is set; what fails is logged, and tried again."""
    while not stop.wait(every_s):
        try:
            tend(now=timezone.now())
        except Exception:  # whatever fails, the next round may not
            logger.exception("Runs could not be tended.")
        finally:
            connections.close_all()
