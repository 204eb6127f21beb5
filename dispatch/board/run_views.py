"""Runs from the board: a preview in the background, its difference, apply, discard, undo."""

from functools import wraps

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from bookings.actors import admin_actor
from dispatch.board.access import desk_of
from dispatch.board.preview_changes import read_changes
from dispatch.board.responses import fragment, told_off, writing_desk
from dispatch.models import DispatchRun
from dispatch.planner.solve import TooManyTrips
from dispatch.runs.apply import StalePlan
from dispatch.runs.background import NoWorker, start_dispatch
from dispatch.runs.claim import DayBusy, end_if_dead
from dispatch.runs.previews import NoPreview, apply_preview, discard_preview
from dispatch.runs.report import read_report
from dispatch.runs.revert import NotRevertible, revert_run
from dispatch.runs.run import PlanRefused

REFUSALS = (
    DayBusy,
    NoPreview,
    NotRevertible,
    NoWorker,
    PlanRefused,
    StalePlan,
    TooManyTrips,
)
Status = DispatchRun.Status
# The newest runs of a day among which the toolbar looks for what it offers.
NEWEST = 20


def run_view(view):
    """Find the run of the company and turn what is refused into an answer that shows the run."""

    @wraps(view)
    def answering(request, company, run):
        desk = desk_of(request, company) if request.method == "GET" else None
        desk = desk or writing_desk(request, company)
        found = _runs(desk.company).filter(id=run).select_related("stored_plan").first()
        if found is None:
            raise Http404(_("There is no such run."))
        found.company = desk.company
        try:
            return view(request, desk, found)
        except REFUSALS as refusal:
            found.refresh_from_db(fields=["status", "error"])
            return _shown(request, desk, found, refusal=refusal)

    return answering


def _runs(company):
    return DispatchRun.objects.filter(company=company).select_related("user")


@require_safe
def toolbar(request, company, day):
    """Show what can be done with the day's plan: plan, look at a preview, undo: 2 statements."""
    desk = desk_of(request, company)
    newest = list(_runs(desk.company).filter(day=day).order_by("-id")[:NEWEST])
    under_way = next((run for run in newest if run.is_under_way), None)
    if under_way and end_if_dead(under_way, now=timezone.now()):
        under_way = None
    kept = next((run for run in newest if run.status in (Status.PREVIEW, Status.COMPLETED)), None)
    context = {
        "desk": desk,
        "company": desk.company,
        "day": day,
        "under_way": under_way,
        "preview": kept if kept and kept.status == Status.PREVIEW else None,
        "last": _last_revertible(newest),
    }
    return fragment(request, "_runs.html", context)


def _last_revertible(newest):
    """Return the last completed run, unless that is the taking back of another."""
    last = next((run for run in newest if run.status == Status.COMPLETED), None)
    return None if last is None or last.reverts_id else last


@require_POST
def plan(request, company, day):
    """Let a preview be planned in the background, and show how far it is."""
    desk = writing_desk(request, company)
    try:
        run = start_dispatch(
            desk.company, day, preview=True, now=timezone.now(), actor=admin_actor(request)
        )
    except REFUSALS as refusal:
        return told_off(str(refusal), status=409)
    return _shown(request, desk, run, events=("board:runs", "board:done"))


@require_safe
@run_view
def show(request, desk, run):
    """Show a run: how far it is, what it would change, or what it did: at most 6 statements."""
    end_if_dead(run, now=timezone.now())
    return _shown(request, desk, run)


@require_POST
@run_view
def apply(request, desk, run):
    """Write the plan of a preview, if nobody has decided otherwise since."""
    report = apply_preview(run, now=timezone.now(), actor=admin_actor(request))
    return _written(request, desk, report)


@require_POST
@run_view
def discard(request, desk, run):
    """Give a preview up."""
    discard_preview(run)
    return _shown(request, desk, run, toast=_("The preview was discarded."))


@require_POST
@run_view
def revert(request, desk, run):
    """Restore what stood before the run, as far as the rules allow."""
    report = revert_run(run, now=timezone.now(), actor=admin_actor(request))
    return _written(request, desk, report)


def _written(request, desk, report):
    run = _runs(desk.company).get(id=report.run)
    toast = _(
        "Done: %(placed)d placed, %(moved)d moved, %(retimed)d with new times, "
        "%(released)d released, %(kept)d kept."
    ) % (report.changes | {"kept": report.changes["kept"] + report.changes["left"]})
    return _shown(request, desk, run, toast=toast)


def _shown(request, desk, run, *, refusal=None, toast="", events=()):
    run.company = desk.company
    context = {"desk": desk, "company": desk.company, "run": run, "refusal": refusal}
    context["started_at"] = desk.company.local(run.started_at)
    if run.status == Status.PREVIEW:
        context |= {"report": read_report(run), "drivers": read_changes(run)}
    elif run.status == Status.COMPLETED:
        context["report"] = read_report(run)
    if refusal or toast:
        events = (*events, "board:refresh", "board:runs")
    return fragment(
        request,
        "_run.html",
        context,
        status=409 if refusal else 200,
        toast=toast,
        events=events,
        target="#panel-body" if refusal else "",
    )
