"""Who holds a day: one running run at a time, whoever started it, whatever became of it.

A claim ends with its run, or with its lease: where nobody renews that, the next one takes the day.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, TypeVar

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.models import Actor
from dispatch.models import DispatchRun, StoredPlan
from dispatch.runs.lease import ATTEMPTS, even_if_cut, lease_end, new_lease, renewed
from dispatch.runs.meter import Meter
from drivers.log_context import logged_with
from drivers.models import Company
from drivers.refused import Refused

logger = logging.getLogger(__name__)
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
    **waiting: Any,
) -> DispatchRun:
    """Insert the running run that holds the day: 1 query. Raises DayBusy.

    A run whose lease has ended is marked as failed and replaced. `waiting` is of `run_fields`.
    """
    fields = run_fields(company, day, now=now, actor=actor, settings=settings, **waiting)
    return hold(company, day, now, lambda: DispatchRun.objects.create(**fields))


def run_fields(
    company: Company,
    day: date,
    *,
    now: datetime,
    actor: Actor,
    settings: Mapping[str, Any],
    **waiting: Any,
) -> dict[str, Any]:
    """Return the values of a new run; `waiting` are those of one that waits for its worker."""
    fields = {"company": company, "day": day, "settings": settings}
    return fields | claim_fields(now=now, actor=actor) | waiting


def claim_fields(*, now: datetime, actor: Actor) -> dict[str, Any]:
    """Return what a run keeps of who works on it, since when and until when."""
    return {
        "trigger": actor.door,
        "user_id": actor.user_id,
        "actor": actor.name,
        "started_at": now,
        "claim_ends_at": lease_end(),
        "lease": new_lease(),
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


def end_if_dead(run: DispatchRun, *, now: datetime, error: str = "") -> bool:
    """Mark a run as failed whose lease has ended, with the error; say whether it was.

    One that was to write a preview is a preview again. 2 queries where the lease seems to have
    ended, none otherwise.
    """
    if not seems_dead(run):
        return False
    error = error or _("The process of this run ended before the run did.")
    status = DispatchRun.Status.FAILED
    if StoredPlan.objects.filter(run=run).exists():
        status = DispatchRun.Status.PREVIEW
    return change_dead(run, {"status": status, "finished_at": now, "error": error})


def seems_dead(run: DispatchRun) -> bool:
    """Say whether by this machine's clock the lease has ended; the database's has the last word."""
    return run.is_under_way and run.claim_ends_at <= timezone.now()


def change_dead(run: DispatchRun, fields: Mapping[str, Any]) -> bool:
    """Change a run if its lease has ended and nobody else was first; say whether: 1 query."""
    rows = DispatchRun.objects.filter(
        id=run.id, status=run.status, lease=run.lease, claim_ends_at__lte=Now()
    )
    if not rows.update(**fields):
        return False
    for name, value in fields.items():
        setattr(run, name, value)
    return True


def _busy(company: Company, holder: DispatchRun) -> str:
    return _("This day is being planned, by %(who)s since %(since)s.") % {
        "who": holder.user or holder.get_trigger_display(),
        "since": f"{company.local(holder.started_at):%H:%M:%S}",
    }


@contextmanager
def working(
    run: DispatchRun, meter: Meter, *, back: DispatchRun.Status | None = None
) -> Iterator[None]:
    """Renew the run's lease; mark it as failed, with the reason, when the block does not end.

    With `back` it has that status again, unless it was refused. Where the database failed (full,
    restarted, a deadlock), a run in the background is left to its lease: when that ends, it is
    begun again (`queue.tend`), `ATTEMPTS` times in all.
    """
    error, status = _("The run was interrupted."), back or DispatchRun.Status.FAILED
    again = False
    try:
        with logged_with(run=run.pk, company=run.company.slug), renewed(run):
            logger.info("Plans %s, attempt %d.", run.day, run.attempts)
            yield
            logger.info("Planned %s in %.1f s.", run.day, meter.elapsed().total_seconds())
        error = ""
    except Refused as caught:
        error, status = f"{type(caught).__name__}: {caught}", DispatchRun.Status.FAILED
        raise
    except Exception as caught:  # only to note it in the run; it is raised on unchanged
        error = f"{type(caught).__name__}: {caught}"
        may_pass = isinstance(caught, (OperationalError, InterfaceError))
        again = may_pass and bool(run.progress) and not back and run.attempts < ATTEMPTS
        raise
    finally:
        if error:
            logger.warning("Run %d of %s failed: %s", run.pk, run.company.slug, error)
        if error and not again:
            fields = {"finished_at": run.started_at + meter.elapsed(), "error": error}
            even_if_cut(lambda: _end(run, status=status, **fields))


def _end(run: DispatchRun, **fields: Any) -> None:
    """End the run if it is still ours; a preview that failed keeps no plan."""
    rows = DispatchRun.objects.filter(id=run.id, lease=run.lease, status__in=DispatchRun.UNDER_WAY)
    with transaction.atomic():
        if rows.update(**fields) and fields["status"] == DispatchRun.Status.FAILED:
            StoredPlan.objects.filter(run=run).delete()
