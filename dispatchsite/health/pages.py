"""Answer /healthz, /readyz and /metrics: before hosts, redirects to TLS, sessions and languages."""

import hmac
import logging
from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from dispatchsite.health.checks import all_checks, ask_all
from dispatchsite.health.gauges import Everything
from perf.recording.count_middleware import FORWARDED

logger = logging.getLogger(__name__)
_failing: set[str] = set()  # as of the last probe


def healthz(request: HttpRequest) -> HttpResponse:
    """Say that this process answers; it asks nobody."""
    return JsonResponse({"alive": True})


def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether all that is needed is there: 200, or 503 that names what is not."""
    return _tell(for_pages=False)


def readyz_pages(request: HttpRequest) -> HttpResponse:
    """Say whether pages can be shown: for a balancer, which shall not close them with a broker."""
    return _tell(for_pages=True)


def _tell(*, for_pages: bool) -> HttpResponse:
    checks = [check for check in all_checks() if check.for_pages or not for_pages]
    wrong = ask_all(checks)
    failed = [check.name for check in checks if wrong[check.name] and not check.optional]
    body = {
        "ready": not failed,
        "failed": failed,
        "checks": {name: said or "ok" for name, said in wrong.items()},
    }
    _log(failed, wrong)
    return JsonResponse(body, status=503 if failed else 200)


def _log(failed: list[str], wrong: dict[str, str]) -> None:
    """Log what fails when it begins to, and when it ends: not with each probe."""
    for name in wrong:
        if (name in failed) != (name in _failing):
            if name in failed:
                _failing.add(name)
                logger.error("Not ready: %s: %s", name, wrong[name])
            else:
                _failing.discard(name)
                logger.warning("Ready again: %s", name)


def metrics(request: HttpRequest) -> HttpResponse:
    """Return what Prometheus collects, to whom METRICS_TOKEN or METRICS_NETWORKS let in."""
    if not _may_read(request):
        return HttpResponseNotFound()
    return HttpResponse(generate_latest(Everything()), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _may_read(request: HttpRequest) -> bool:
    kind, _space, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    wanted = settings.METRICS_TOKEN
    if wanted and kind.lower() == "bearer" and hmac.compare_digest(token.encode(), wanted.encode()):
        return True
    if any(name in request.META for name in FORWARDED):
        return False  # a proxy speaks for somebody elsewhere
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(address in network for network in settings.METRICS_NETWORKS)


PAGES: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    "/healthz": healthz,
    "/readyz": readyz,
    "/readyz/pages": readyz_pages,
    "/metrics": metrics,
}
