"""Who holds a day: one running run at a time, whoever started it, whatever became of it.

A claim ends with its run; where the run's process is dead or its time is over, the next one
takes the day.
"""

import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from bookings.models import Actor
from dispatch.models import DispatchRun
from dispatch.runs.meter import Meter
from drivers.models import Company
from drivers.refused import Refused

# How long beyond its planning time a run may hold the day before others take it over.
CLAIM = timedelta(minutes=10)
PROCESS_MARK = secrets.token_hex(4)

Taken = TypeVar("Taken")


class DayBusy(Refused):
    """The day is being planned."""

    code = "day_busy"
    status = 409


def claim(
    company: Company,
    day: date,
    *,
    now: datetime,
    actor: Actor,
    settings: Mapping[str, Any],
    process: str | None = None,
) -> DispatchRun:
    """Insert the running run that holds the day: 1 query. Raises DayBusy.

    A run whose process is dead, or whose claim has ended, is marked as failed and replaced.
    """
    fields = run_fields(company, day, now=now, actor=actor, settings=settings, process=process)
    return hold(company, day, now, lambda: DispatchRun.objects.create(**fields))


def run_fields(
    company: Company,
    day: date,
    *,
    now: datetime,
    actor: Actor,
    settings: Mapping[str, Any],
    process: str | None = None,
) -> dict[str, Any]:
    """Return the values of a new run; `process` is this one unless another will do the work."""
    return {"company": company, "day": day, "settings": settings} | claim_fields(
        now=now, actor=actor, settings=settings, process=process
    )


def claim_fields(
    *, now: datetime, actor: Actor, settings: Mapping[str, Any], process: str | None = None
) -> dict[str, Any]:
    """Return what a run keeps of who works on it, since when and until when."""
    return {
        "trigger": actor.door,
        "user_id": actor.user_id,
        "actor": actor.name,
        "started_at": now,
        "claim_ends_at": now + CLAIM + timedelta(seconds=settings.get("time_limit_s") or 0),
        "process": this_process() if process is None else process,
    }


def hold(company: Company, day: date, now: datetime, take: Callable[[], Taken]) -> Taken:
    """Return what `take()` returns, which makes a run of the day a running one.

    It is called in a transaction, again where the run that holds the day is dead. Raises
    DayBusy.
    """
    for _attempt in range(2):
        try:
            with transaction.atomic():
                return take()
        except IntegrityError:
            holder = (
                DispatchRun.objects.filter(
                    company=company, day=day, status=DispatchRun.Status.RUNNING
                )
                .select_related("user")
                .first()
            )
            if holder is not None and not end_if_dead(holder, now=now):
                raise DayBusy(_busy(company, holder)) from None
    raise DayBusy(_("Other runs take this day one after the other; try again."))


def end_if_dead(run: DispatchRun, *, now: datetime) -> bool:
    """Mark a run as failed whose claim has ended or whose process is gone; say whether it was.

    1 query where it was, none otherwise.
    """
    if not run.is_under_way or (run.claim_ends_at > now and not _is_dead(run.process)):
        return False
    run.error = _("The process of this run ended before the run did.")
    ended = DispatchRun.objects.filter(id=run.id, status=run.status).update(
        status=DispatchRun.Status.FAILED, finished_at=now, error=run.error
    )
    if ended:
        run.status, run.finished_at = DispatchRun.Status.FAILED, now
    return True


def _busy(company: Company, holder: DispatchRun) -> str:
    return _("This day is being planned, by %(who)s since %(since)s.") % {
        "who": holder.user or holder.get_trigger_display(),
        "since": f"{company.local(holder.started_at):%H:%M:%S}",
    }


def this_process() -> str:
    """Return what tells this process from all others: machine, number, and a mark of its own."""
    return f"{socket.gethostname()}:{os.getpid()}:{PROCESS_MARK}"


def _is_dead(process: str) -> bool:
    """Say whether the process ran on this machine and is gone; of others nothing is known.

    A restarted container gives new processes the old numbers: one with this number and
    another mark is gone too.
    """
    host, pid, mark = (["", ""] + process.split(":"))[-3:]
    if host != socket.gethostname() or not pid.isdigit():
        return False
    if int(pid) == os.getpid():
        return mark != PROCESS_MARK
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


@contextmanager
def failing(run: DispatchRun, meter: Meter) -> Iterator[None]:
    """Mark the run as failed, with the reason, when the block does not end by itself."""
    error: str | None = _("The run was interrupted.")
    try:
        yield
        error = None
    except Exception as caught:  # only to note it in the run; it is raised on unchanged
        error = f"{type(caught).__name__}: {caught}"
        raise
    finally:
        if error is not None:
            DispatchRun.objects.filter(id=run.id, status__in=DispatchRun.UNDER_WAY).update(
                status=DispatchRun.Status.FAILED,
                finished_at=run.started_at + meter.elapsed(),
                error=error,
            )
