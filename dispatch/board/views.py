"""Show the board's pages. Each reads for the company in its URL; another company's is 404."""

from datetime import date, timedelta

from django.conf import settings
from django.contrib import admin
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from bookings.models import Event
from bookings.webhooks.notices import notices_of
from dispatch.board.access import company_context, owns
from dispatch.board.day import opening_day, read_board, read_fleet
from dispatch.board.first_steps import is_ready, read_steps
from dispatch.board.layout import lay_out
from dispatch.board.map import map_of
from dispatch.board.quiet import remember_quiet
from dispatch.board.reports import read_messages
from dispatch.board.responses import is_event, shared_response
from dispatch.board.roads import ways_of
from dispatch.board.shared import read_stamp
from dispatch.forecast.rows import read_trips
from dispatch.manifest import read_manifest
from dispatch.runs.options import Mode
from drivers.logins.session_limits import asked_by_itself
from drivers.times import day_of

# A notice of changes lists this many names.
NAMES_AT_MOST = 3


@require_safe
def home(request):
    """Redirect office users to the board; show others the admin's index."""
    return redirect("admin:board:open") if request.companies else admin.site.index(request)


@require_safe
def open_board(request):
    """Redirect to the user's company and the next day with bookings."""
    current = company_context(request, request.GET.get("company") or None)
    asked = request.GET.get("day", "")
    try:
        day = day_of(asked)
    except ValueError:
        day = opening_day(current.company, timezone.now())
    return redirect("admin:board:day", company=current.company.slug, day=day)


@gzip_page
@require_safe
def board_day(request, company: str, day: date):
    """Show the whole page of a day: at most 14 statements, 15 where something is missing.

    One of them is for owners: what they should know of the webhooks.
    """
    current, now = company_context(request, company), timezone.now()
    today = current.company.local(now).date()
    context = {
        **admin.site.each_context(request),
        **_board(current, day),
        "title": _("Board"),
        "notices": notices_of(current.company, now=now) if owns(request, current.company) else (),
        "modes": Mode.choices,
        "companies": current.companies,
        "today": today,
        "is_today": day == today,
        "before": day - timedelta(days=1),
        "after": day + timedelta(days=1),
        "has_roads": bool(settings.ROADS_URL),
        "tiles_url": settings.MAP_TILES_URL,
        "tiles_attribution": settings.MAP_TILES_ATTRIBUTION,
    }
    return render(request, "dispatch/board/page.html", context)


@require_safe
def board_fragment(request, company: str, day: date):
    """Show the content of `#board`, which the page swaps in: made once for all who see the same.

    Statements beside those of the access: see `shared_response`.
    """
    current = company_context(request, company)
    now = timezone.now()

    def make():
        context = _board(current, day, now=now)
        is_shared = "steps" not in context
        text = render_to_string(
            "dispatch/board/_board.html", context, None if is_shared else request
        )
        return text, is_shared

    return shared_response(request, current, "fragment", day, now=now, make=make)


@gzip_page
@require_safe
def board_map(request, company: str, day: date):
    """Return what the map of the day draws, as JSON."""
    current = company_context(request, company)
    return JsonResponse(map_of(read_board(current.company, day, now=timezone.now())))


@gzip_page
@require_safe
def board_roads(request, company: str, day: date):
    """Return the ways of the day's trips, as JSON: one statement more than the board's fleet.

    Waits for the road server as long as a page does; `left` are those to be asked for again.
    """
    current = company_context(request, company)
    fleet = read_fleet(current.company, day)
    drawn, left = ways_of(read_trips(current.company, day, fleet.horizon))
    return JsonResponse({"ways": drawn, "left": left})


@gzip_page
@require_safe
def manifests(request, company: str, day: date):
    """Show each driver's day on a page to print: at most 6 statements."""
    current = company_context(request, company)
    context = {"manifest": read_manifest(current.company, day), "now": timezone.now()}
    return render(request, "dispatch/board/manifests.html", context)


@asked_by_itself
@require_safe
def board_news(request, company: str):
    """Return 204 while there is no event after `?after=`, else the last event and who changed it.

    With `?day=` and `?fleet=`, the tag that came with the board, a change of drivers, shifts or
    absences counts as well. What all who ask so are told is read once in half a second, and
    `QuietNewsMiddleware` answers those who have just been here.
    """
    current = company_context(request, company)
    after = request.GET.get("after", "")
    if not is_event(after):
        return HttpResponse(_("“after” must be an event number."), status=400)
    if "fleet" in request.GET:
        try:
            day = day_of(request.GET.get("day", ""))
        except ValueError:
            return HttpResponse(_("“day” must be a date, such as 2026-06-17."), status=400)
        stamp = read_stamp(current.company, day, known=0)
        if stamp.event <= int(after):
            if stamp.fleet == request.GET["fleet"]:
                remember_quiet(request, current.company)
                return HttpResponse(status=204)
            return JsonResponse({"event": int(after), "by": []})
    rows = list(
        Event.objects.filter(company=current.company, id__gt=int(after))
        .order_by("-id")
        .values_list("id", "user__username", "actor", "user_id")[:200]
    )
    if not rows:
        return HttpResponse(status=204)
    others = [username or actor for _id, username, actor, user in rows if user != request.user.pk]
    names = list(dict.fromkeys(filter(None, others)))
    return JsonResponse({"event": rows[0][0], "by": names[:NAMES_AT_MOST]})


def _board(current, day, **read):
    """Return the context of the board: one statement more today, and without trips or shifts."""
    read = {"now": timezone.now()} | read
    board = read_board(current.company, day, **read)
    context = lay_out(board) | {"may_write": current.may_write}
    if day == current.company.local(read["now"]).date():
        context["messages_of_drivers"] = read_messages(current.company, read["now"])
    if board.lacks_something:
        steps = read_steps(current.company, day)
        context["steps"] = () if is_ready(steps) else steps
    return context
