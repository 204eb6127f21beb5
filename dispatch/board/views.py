"""Show the board's pages. Each reads for the company in its URL; another company's is 404."""

from datetime import date, timedelta

from django.conf import settings
from django.contrib import admin
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from bookings.models import Event
from dispatch.board.access import company_context
from dispatch.board.day import opening_day, read_board, read_fleet
from dispatch.board.first_steps import is_ready, read_steps
from dispatch.board.layout import lay_out
from dispatch.board.map import map_of
from dispatch.manifest import read_manifest
from dispatch.runs.options import Mode
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
    """Show the whole page of a day: at most 12 statements, 13 where something is missing."""
    current = company_context(request, company)
    today = current.company.local(timezone.now()).date()
    context = {
        **admin.site.each_context(request),
        **_board(current, day),
        "title": _("Board"),
        "modes": Mode.choices,
        "companies": current.companies,
        "today": today,
        "is_today": day == today,
        "before": day - timedelta(days=1),
        "after": day + timedelta(days=1),
        "tiles_url": settings.MAP_TILES_URL,
        "tiles_attribution": settings.MAP_TILES_ATTRIBUTION,
    }
    return render(request, "dispatch/board/page.html", context)


@gzip_page
@require_safe
def board_fragment(request, company: str, day: date):
    """Show the content of `#board`, which the page swaps in."""
    current = company_context(request, company)
    return render(request, "dispatch/board/_board.html", _board(current, day))


@gzip_page
@require_safe
def board_map(request, company: str, day: date):
    """Return what the map of the day draws, as JSON."""
    current = company_context(request, company)
    return JsonResponse(map_of(read_board(current.company, day, now=timezone.now())))


@gzip_page
@require_safe
def manifests(request, company: str, day: date):
    """Show each driver's day on a page to print: at most 6 statements."""
    current = company_context(request, company)
    context = {"manifest": read_manifest(current.company, day), "now": timezone.now()}
    return render(request, "dispatch/board/manifests.html", context)


@require_safe
def board_news(request, company: str):
    """Return 204 while there is no event after `?after=`, else the last event and who changed it.

    With `?day=` and `?fleet=`, the tag that came with the board, a change of drivers, shifts or
    absences counts as well.
    """
    current = company_context(request, company)
    after = request.GET.get("after", "")
    if not (after.isdecimal() and len(after) < 20):
        return HttpResponse(_("“after” must be an event number."), status=400)
    rows = list(
        Event.objects.filter(company=current.company, id__gt=int(after))
        .order_by("-id")
        .values_list("id", "user__username", "actor", "user_id")[:200]
    )
    if not rows:
        return _news_of_fleet(current.company, request.GET, int(after))
    others = [username or actor for _id, username, actor, user in rows if user != request.user.pk]
    names = list(dict.fromkeys(filter(None, others)))
    return JsonResponse({"event": rows[0][0], "by": names[:NAMES_AT_MOST]})


def _news_of_fleet(company, asked, after):
    """Return the news without a new event: 3 statements with `?fleet=`, else none."""
    if "fleet" not in asked:
        return HttpResponse(status=204)
    try:
        day = day_of(asked.get("day", ""))
    except ValueError:
        return HttpResponse(_("“day” must be a date, such as 2026-06-17."), status=400)
    if read_fleet(company, day).tag() == asked["fleet"]:
        return HttpResponse(status=204)
    return JsonResponse({"event": after, "by": []})


def _board(current, day):
    """Return the context of the board: one statement more on a day without trips or shifts."""
    board = read_board(current.company, day, now=timezone.now())
    context = lay_out(board) | {"may_write": current.may_write}
    if board.lacks_something:
        steps = read_steps(current.company, day)
        context["steps"] = () if is_ready(steps) else steps
    return context
