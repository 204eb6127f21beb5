"""Plan from the board: preview in the background, show its changes, apply, discard, undo."""

from functools import wraps

from django.core.exceptions import BadRequest
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from bookings.history import lines_of
from dispatch.board.access import company_context, writable_context
from dispatch.board.first_steps import is_ready, read_steps
from dispatch.board.forms import PartForm, UndoForm
from dispatch.board.preview_changes import read_decision
from dispatch.board.responses import checked, fragment
from dispatch.models import COMPARISON, DispatchRun
from dispatch.runs.background import start_dispatch
from dispatch.runs.options import Mode, RunOptions
from dispatch.runs.parts import Choice
from dispatch.runs.previews import apply_preview, discard_preview
from dispatch.runs.queue import settle
from dispatch.runs.report import read_report
from dispatch.runs.revert import revert_run
from dispatch.trips.undo import last_action, undo
from drivers.companies.actors import admin_actor
from drivers.refused import Refused

Status = DispatchRun.Status
# The toolbar offers runs among the newest of a day.
NEWEST = 20


def run_view(view):
    """Find the run of the company; show it as it is then where a use-case refuses."""

    @wraps(view)
    def translating(request, company, run):
        current = company_context(request, company) if request.method == "GET" else None
        current = current or writable_context(request, company)
        found = _runs(current.company).filter(id=run).select_related("stored_plan").first()
        if found is None:
            raise Http404(_("Run not found."))
        found.company = current.company
        try:
            return view(request, current, found)
        except Refused as refusal:
            found.refresh_from_db(fields=["status", "error"])
            return _shown(request, current, found, refusal=refusal)

    return translating


def _runs(company):
    return DispatchRun.objects.filter(company=company).select_related("user")


@require_safe
def toolbar(request, company, day):
    """Show the toolbar's buttons: plan, open the preview, undo: at most 5 statements."""
    return toolbar_of(request, company_context(request, company), day)


def toolbar_of(request, current, day, **done):
    plans = _runs(current.company).filter(~COMPARISON, day=day)
    newest = list(plans.order_by("-id")[:NEWEST])
    for run in newest:
        run.company = current.company
    under_way = next((run for run in newest if run.is_under_way), None)
    if under_way:
        settle(under_way, now=timezone.now())
        under_way = under_way if under_way.is_under_way else None
    kept = next((run for run in newest if run.status in (Status.PREVIEW, Status.COMPLETED)), None)
    context = {
        "may_write": current.may_write,
        "company": current.company,
        "day": day,
        "under_way": under_way,
        "preview": kept if kept and kept.status == Status.PREVIEW else None,
        "last": _last_revertible(newest),
        "by_hand": _undoable(current, day) if current.may_write else None,
    }
    return fragment(request, "_runs.html", context, **done)


def _undoable(current, day):
    """Return what the last action by hand was, as long as nobody has built on it."""
    action = last_action(current.company, day)
    if action is None or not action.is_undoable:
        return None
    (line,) = lines_of(current.company, action.events[-1:])
    booking = action.events[-1].booking
    whose = (booking and booking.client) or booking
    return {
        "id": action.id,
        "who": line.who,
        "what": f"{whose}: {line.what}",
        "more": len(action.events) - 1,
    }


@require_POST
def undo_by_hand(request, company, day):
    """Undo the last action by hand on the day, if it is still the one that was shown."""
    current = writable_context(request, company)
    seen = checked(UndoForm, request.POST)["action"]
    undo(current.company, day, seen, actor=admin_actor(request), now=timezone.now())
    return toolbar_of(request, current, day, toast=_("Undone."), events=("board:refresh",))


def _last_revertible(newest):
    """Return the last completed run. Returns None if that run reverted another."""
    last = next((run for run in newest if run.status == Status.COMPLETED), None)
    return None if last is None or last.reverts_id else last


@require_POST
def plan(request, company, day):
    """Start a preview in the background, and show its progress; or say what is missing first."""
    current = writable_context(request, company)
    mode = request.POST.get("mode", Mode.SERVE)
    if mode not in Mode.values:
        raise BadRequest(_("There is no such way to plan."))
    steps = read_steps(current.company, day)
    if not is_ready(steps):
        context = {"may_write": True, "company": current.company, "steps": steps}
        return fragment(request, "_nothing_to_plan.html", context)
    run = start_dispatch(
        current.company,
        day,
        preview=True,
        now=timezone.now(),
        actor=admin_actor(request),
        options=RunOptions(mode=mode, move_confirmed="move_confirmed" in request.POST),
    )
    return _shown(request, current, run, events=("board:runs", "board:done"))


@require_safe
@run_view
def show(request, current, run):
    """Show a run: its progress, what it would change, or what it did: at most 7 statements."""
    settle(run, now=timezone.now())
    return _shown(request, current, run)


@require_POST
@run_view
def apply(request, current, run):
    """Apply the plan of a preview or a part of it, unless the day has changed since."""
    asked = checked(PartForm, request.POST)
    choice = Choice(placements=asked["placements"], driver_id=asked["driver"])
    report = apply_preview(run, now=timezone.now(), actor=admin_actor(request), choice=choice)
    return _written(request, current, report)


@require_POST
@run_view
def discard(request, current, run):
    """Discard a preview."""
    discard_preview(run)
    return _shown(request, current, run, toast=_("Preview discarded."))


@require_POST
@run_view
def revert(request, current, run):
    """Restore the assignments from before the run, as far as the rules allow."""
    report = revert_run(run, now=timezone.now(), actor=admin_actor(request))
    return _written(request, current, report)


def _written(request, current, report):
    run = _runs(current.company).get(id=report.run)
    toast = _(
        "Done: %(placed)d placed, %(moved)d moved, %(retimed)d with new times, "
        "%(released)d released, %(kept)d unchanged."
    ) % (report.changes | {"kept": report.changes["kept"] + report.changes["left"]})
    return _shown(request, current, run, toast=toast)


def _shown(request, current, run, *, refusal=None, toast="", events=()):
    run.company = current.company
    context = {
        "may_write": current.may_write,
        "company": current.company,
        "run": run,
        "refusal": refusal,
    }
    if run.status == Status.PREVIEW:
        report = read_report(run)
        context |= {"report": report, "decision": read_decision(run, report)}
    elif run.status == Status.COMPLETED:
        context["report"] = read_report(run)
    if refusal or toast:
        events = (*events, "board:refresh", "board:runs")
    return fragment(
        request,
        "_run.html",
        context,
        status=refusal.status if refusal else 200,
        toast=toast,
        events=events,
        target="#panel-body" if refusal else "",
    )
