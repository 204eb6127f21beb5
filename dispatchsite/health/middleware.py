"""The outermost middleware: give each request an id, count it, and answer the operator's pages."""

import logging
import re
import secrets
import time
from collections.abc import Callable

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from dispatchsite.health.counts import counts
from dispatchsite.health.pages import PAGES
from drivers.log_context import logged_with
from perf.recording.count_middleware import Count

logger = logging.getLogger("dispatchsite.requests")
HEADER = "X-Request-ID"
GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")


class OperatorMiddleware:
    """Keep the id that a proxy gave the request, or make one; the answer and the log tell it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.counts = counts() if settings.METRICS else None

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        name = given if GIVEN.fullmatch(given) else secrets.token_hex(12)
        with logged_with(request=name):
            response = self._answer(request)
        response.headers[HEADER] = name
        return response

    def _answer(self, request: HttpRequest) -> HttpResponse:
        page = PAGES.get(request.path_info)
        if page is not None:
            if request.method not in ("GET", "HEAD"):
                return HttpResponseNotAllowed(["GET", "HEAD"])
            response = page(request)
            response.headers["Cache-Control"] = "no-store"
            response._has_been_logged = True  # type: ignore[attr-defined]  # no public way: or Django logs each 503
            return response
        if self.counts is None and not settings.LOG_REQUESTS:
            return self.get_response(request)
        return self._counted(request)

    def _counted(self, request: HttpRequest) -> HttpResponse:
        count = Count()
        began = time.perf_counter()
        with connection.execute_wrapper(count):
            response = self.get_response(request)
        took_s = time.perf_counter() - began
        status = response.status_code
        if self.counts is not None:
            method = request.method or ""
            self.counts.add(request.path_info, method, status, took_s, count.statements)
        if settings.LOG_REQUESTS:
            # The route, not the address: that may name people in its query.
            match = getattr(request, "resolver_match", None)
            extra = {
                "method": request.method,
                "route": match.route if match else "",
                "status": status,
                "ms": round(took_s * 1000, 1),
                "statements": count.statements,
            }
            logger.info("request", extra=extra)
        return response
