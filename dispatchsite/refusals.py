"""Answer a refusal of a use-case that a page or the board does not show in its own way."""

from django.contrib import admin
from django.template.response import TemplateResponse

from dispatch.board.responses import error_response
from drivers.refused import Refused


class RefusalMiddleware:
    """Show the sentence, with its status: as a page of the admin, or as a toast of the board.

    Here rather than in the views, so that none is forgotten. The API answers its own.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, error):
        if not isinstance(error, Refused):
            return None
        if request.htmx:
            return error_response(str(error), status=error.status)
        context = {**admin.site.each_context(request), "title": str(error)}
        return TemplateResponse(request, "dispatchsite/refused.html", context, status=error.status)
