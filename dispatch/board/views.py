"""The board's pages. Each reads for the company in its URL; another company's is 404."""

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
from dispatch.board.access import desk_of
from dispatch.board.day import opening_day, read_board, read_fleet
from dispatch.board.layout import lay_out
from dispatch.board.map import map_of
from dispatch.manifest import read_manifest
from drivers.times import day_of

# Names that a notice of changes lists.
TOLD_AT_MOST = 3


@require_safe
def home(request):
    """Lead who works in an office to the board, others to the admin's list of what there is."""
    return redirect("admin:board:open") if request.companies else admin.site.index(request)


@require_safe
def open_board(request):
    """Lead to the user's company and the day there is something to drive."""
    desk = desk_of(request, request.GET.get("company") or None)
    asked = request.GET.get("day", "")
    try:
        day = day_of(asked)
    except ValueError:
        day = opening_day(desk.company, timezone.now())
    return redirect("admin:board:day", company=desk.company.slug, day=day)


@gzip_page
@require_safe
def board_day(request, company: str, day: date):
    """Show the day: the whole page, at most 12 statements."""
    desk = desk_of(request, company)
    today = desk.company.local(timezone.now()).date()
    context = {
        **admin.site.each_context(request),
        **_board(desk, day),
        "title": _("Board"),
        "companies": desk.companies,
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
    """Show what is inside `#board`, to be swapped."""
    desk = desk_of(request, company)
    return render(request, "dispatch/board/_board.html", _board(desk, day))


@gzip_page
@require_safe
def board_map(request, company: str, day: date):
    """Answer what the map of the day draws, as JSON."""
    desk = desk_of(request, company)
    return JsonResponse(map_of(read_board(desk.company, day, now=timezone.now())))


@gzip_page
@require_safe
def manifests(request, company: str, day: date):
    """Show each driver's day on a page of its own, to be printed: at most 6 statements."""
    desk = desk_of(request, company)
    context = {"manifest": read_manifest(desk.company, day), "now": timezone.now()}
    return render(request, "dispatch/board/manifests.html", context)


@require_safe
def board_news(request, company: str):
    """Answer 204 while nothing has happened after the event `?after=`, else who did what.

    With `?day=` and `?fleet=`, the tag that the board came with, a change of the drivers, their
    shifts or absences is news as well.
    """
    desk = desk_of(request, company)
    after = request.GET.get("after", "")
    if not after.isdecimal():
        return HttpResponse(_("“after” must be the number of an event."), status=400)
    rows = list(
        Event.objects.filter(company=desk.company, id__gt=int(after))
        .order_by("-id")
        .values_list("id", "user__username", "actor", "user_id")[:200]
    )
    if not rows:
        return _news_of_fleet(desk.company, request.GET, int(after))
    others = [username or actor for _id, username, actor, user in rows if user != request.user.pk]
    names = list(dict.fromkeys(filter(None, others)))
    return JsonResponse({"event": rows[0][0], "by": names[:TOLD_AT_MOST]})


def _news_of_fleet(company, asked, after):
    """Answer what `board_news` says where there is no new event: 3 statements if asked."""
    if "fleet" not in asked:
        return HttpResponse(status=204)
    try:
        day = day_of(asked.get("day", ""))
    except ValueError:
        return HttpResponse(_("“day” must be a date such as 2026-06-17."), status=400)
    if read_fleet(company, day).tag() == asked["fleet"]:
        return HttpResponse(status=204)
    return JsonResponse({"event": after, "by": []})


def _board(desk, day):
    board = read_board(desk.company, day, now=timezone.now())
    return lay_out(board) | {"may_write": desk.may_write}
