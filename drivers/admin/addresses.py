"""Refuse addresses of admin pages that no database can look up."""

from django.core.exceptions import BadRequest


class CleanAddressMiddleware:
    """Answer 400 to a query string with a NUL: PostgreSQL has no such text.

    The lists of the admin hand on what the address says, in many ways: searches, filters, dates,
    fields of other tables. The API refuses it parameter by parameter, with its own errors.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        if "admin" not in request.resolver_match.namespaces:
            return
        texts = (text for name, values in request.GET.lists() for text in (name, *values))
        if any("\x00" in text for text in texts):
            raise BadRequest("A NUL in the address")
