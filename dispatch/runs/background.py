"""Plan a day in the background: the door returns at once, a process of its own does the work.

With a broker (CELERY_BROKER_URL) Celery's workers do it, on whatever machine; without one, a
process of this machine, which outlives the web worker that started it and leaves that one's
processor alone. Either finds the work in the run itself. Who dies leaves a run that somebody else
begins again (`queue.tend`).
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from bookings.models import Actor
from dispatch.day.travel_times import check_roads
from dispatch.models import DispatchRun
from dispatch.runs.changes import Changes, ask
from dispatch.runs.claim import claim
from dispatch.runs.lease import NOBODY, QUEUED
from dispatch.runs.options import THOROUGH, RunOptions
from dispatch.runs.previews import start_preview
from dispatch.runs.queue import send
from drivers.models import Company
from drivers.refused import Refused

PREVIEWS_WAITING = 10  # of a company


class TooManyPreviews(Refused):
    """The company has too many previews waiting; try again later."""

    code = "too_many_previews"
    status = 429


def _make_room(
    company: Company,
    day: date,
    *,
    now: datetime,
    actor: Actor,
    question: Mapping[str, Any] | None,
) -> None:
    waiting = DispatchRun.objects.filter(
        company=company,
        status=DispatchRun.Status.PLANNING,
        lease=NOBODY,
        progress__phase=QUEUED,
    )
    rows = list(waiting.order_by("id"))
    asker = (day, str(actor.door), actor.name, actor.user_id, question)
    older = [
        row.pk
        for row in rows
        if (row.day, row.trigger, row.actor, row.user_id, row.settings.get("what_if")) == asker
    ]
    if older:
        why = _("A newer preview of this day was asked for.")
        fields = {"status": DispatchRun.Status.FAILED, "finished_at": now, "error": why}
        waiting.filter(id__in=older).update(**fields)
    if len(rows) - len(older) >= PREVIEWS_WAITING:
        raise TooManyPreviews(
            _("%(count)d previews are waiting already; try again when they are planned.")
            % {"count": len(rows) - len(older)}
        )


def start_dispatch(
    company: Company,
    day: date,
    *,
    now: datetime,
    actor: Actor,
    options: RunOptions = THOROUGH,
    preview: bool = False,
) -> DispatchRun:
    """Claim the day (a preview claims nothing) and let a worker plan it: 1 query, 2 of a preview.

    A preview replaces the one of the day that the same person has asked for and that still waits:
    1 query more. Raises RoadsFailed, DayBusy, TooManyPreviews or NoWorker.
    """
    return _start(company, day, options.as_dict(), now=now, actor=actor, preview=preview)


def start_comparison(
    company: Company,
    day: date,
    *,
    now: datetime,
    actor: Actor,
    changes: Changes,
    until: date | None = None,
    time_limit_s: float | None = None,
    seed: int = 0,
) -> DispatchRun:
    """Let a worker plan the day, or the days until that one, without and with these changes.

    As a preview, see `comparison`, and 1 query where vehicles are among the changes. The search has
    `time_limit_s` for each plan, None for the default of the day's size. Raises QuestionRefused
    too.
    """
    question = ask(company, day, until or day, changes)
    settings = {"what_if": question, "time_limit_s": time_limit_s, "seed": seed}
    return _start(company, day, settings, now=now, actor=actor, preview=True)


def _start(
    company: Company,
    day: date,
    settings: Mapping[str, Any],
    *,
    now: datetime,
    actor: Actor,
    preview: bool,
) -> DispatchRun:
    check_roads(company)
    if preview:
        _make_room(company, day, now=now, actor=actor, question=settings.get("what_if"))
    run = (start_preview if preview else claim)(
        company,
        day,
        now=now,
        actor=actor,
        settings=settings,
        lease=NOBODY,
        language=get_language() or "",
        progress={"phase": QUEUED},
    )
    transaction.on_commit(lambda: send(run))
    return run
