"""Stand before the views of the API: read bodies that come in chunks."""

from io import BytesIO

from django.utils.translation import gettext as _

from drivers.rest.errors import problem_before_views
from drivers.rest.fields import LARGEST_BODY

PREFIX = "/api/"


class ApiMiddleware:
    """Prepare the requests of the API; all others pass."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        return read_chunks(request) or self.get_response(request)


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
    except Exception:  # noqa: BLE001 - each server has its own for chunks that are none
        return problem_before_views(400, "parse_error", _("The chunks of the body are not valid."))
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = BytesIO(body)  # the parser refuses what is longer than LARGEST_BODY
    return None
