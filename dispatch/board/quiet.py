"""Answer boards that ask for news while there is none, without looking up again who asks.

Each open board asks every 1.4 s, nearly always for nothing. Whom `board_news` has just told that
there is nothing is told so again, before session, user and companies are read, as long as the stamp
that all share says so, and for `QUIET_S` seconds: then it is looked up again. So long a session
that has ended may hear that nothing has happened. News are told to nobody here.
"""

import hashlib
from collections.abc import Callable

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils.cache import add_never_cache_headers

from dispatch.board.responses import is_event
from dispatch.board.shared import kept_stamp
from drivers.models import Company
from drivers.rest.throttling import OUTAGE
from drivers.times import day_of

QUIET_S = 10
NEWS, END = "admin:board:news", "/news/"


class QuietNewsMiddleware:
    """Stands before the session's: no statement where it answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.endswith(END) and settings.BOARD_SHARED_S and _is_quiet(request):
            response = HttpResponse(status=204)
            add_never_cache_headers(response)
            return response
        return self.get_response(request)


def remember_quiet(request: HttpRequest, company: Company) -> None:
    """Remember that this session may ask for the news of the company. No statement."""
    key = _key(request, company.slug)
    if key and settings.BOARD_SHARED_S:
        OUTAGE.ask(lambda: cache.set(key, company.pk, QUIET_S))


def _is_quiet(request: HttpRequest) -> bool:
    after, fleet = request.GET.get("after", ""), request.GET.get("fleet")
    try:
        match, day = resolve(request.path_info), day_of(request.GET.get("day", ""))
    except (Resolver404, ValueError):
        return False
    if match.view_name != NEWS or request.method != "GET" or not is_event(after):
        return False
    key = _key(request, match.kwargs["company"])
    company_id: int | None = OUTAGE.ask(lambda: cache.get(key)) if key else None
    stamp = kept_stamp(company_id, day) if company_id is not None else None
    return stamp is not None and stamp.event <= int(after) and stamp.fleet == fleet


def _key(request: HttpRequest, slug: str) -> str:
    """Return the key of a session and a company, or "" without a session."""
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not session:
        return ""
    about = repr((connection.settings_dict["NAME"], session, slug))
    return f"board.quiet.{hashlib.sha256(about.encode()).hexdigest()}"
