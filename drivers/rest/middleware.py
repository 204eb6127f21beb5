"""Stand before the views of the API: refused addresses, bodies in chunks, headers of answers."""

from io import BytesIO

from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _

from drivers.rest.errors import problem_before_views
from drivers.rest.fields import LARGEST_BODY
from drivers.rest.throttling import CallerThrottle

PREFIX = "/api/"
PUBLIC = {"schema", "docs", "redoc"}  # without anybody's data


class ApiMiddleware:
    """Prepare the requests of the API and complete its answers; all others pass.

    An address whose requests were answered 401 or 403 too often is not asked who it is. Every
    answer says what is left of the caller's rate, as in draft-ietf-httpapi-ratelimit-headers-07;
    no cache may store what is about people.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        throttle = CallerThrottle()
        rate, wait_s = throttle.address_rate(request)
        if wait_s:
            response = _too_many(wait_s)
        else:
            response = read_chunks(request) or self.get_response(request)
            if response.status_code in (401, 403):
                throttle.note_refused(request)
        _tell_rate(response, getattr(request, "rate", rate))
        if request.resolver_match is None or request.resolver_match.url_name not in PUBLIC:
            patch_cache_control(response, no_store=True, private=True)
        return response


def _too_many(wait_s):
    detail = _("Too many requests of this address; try again in %(seconds)d seconds.")
    headers = {"Retry-After": str(wait_s)}
    return problem_before_views(429, "throttled", detail % {"seconds": wait_s}, headers)


def _tell_rate(response, rate):
    if rate is None:  # nobody counts
        return
    response["RateLimit-Policy"] = f"{rate.limit};w={rate.period_s}"
    response["RateLimit-Limit"] = str(rate.limit)
    response["RateLimit-Remaining"] = str(rate.remaining)
    response["RateLimit-Reset"] = str(rate.reset_s)


def read_chunks(request):
    """Give a request with `Transfer-Encoding: chunked` its body, or return the refusal.

    Django reads as many bytes as `Content-Length` says, and of such a request none. A server
    that ends the body itself (gunicorn does) says so; of another one nobody knows where it ends.
    """
    coding = request.META.get("HTTP_TRANSFER_ENCODING", "").strip().lower()
    if not coding:
        return None
    if coding != "chunked" or not request.environ.get("wsgi.input_terminated"):
        return problem_before_views(
            411, "length_required", _("Send the length of the body in Content-Length.")
        )
    try:
        body = request.environ["wsgi.input"].read(LARGEST_BODY + 1)
    except Exception:  # noqa: BLE001 - the WSGI servers share no exception for malformed chunks
        return problem_before_views(400, "parse_error", _("The chunks of the body are not valid."))
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = BytesIO(body)  # the parser refuses what is longer than LARGEST_BODY
    return None
