"""Build the responses of the board's actions: a fragment, and page events in `HX-Trigger`.

`board:toast` shows what was done, `board:refresh` reloads the board, `board:runs` reloads the
toolbar, `board:done` closes the dialog.
"""

import gzip
import json

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_lazy

from dispatch.board.shared import shared_fragment
from drivers.refused import Refused

OUT_OF_DATE = gettext_lazy("The page is out of date: load it again.")


class BadInput(Refused):
    """A field of the request is missing or invalid; the message names it."""

    code = "invalid"
    status = 400


def fragment(request, template, context, *, status=200, toast="", events=(), target=""):
    """Render a template of the board, with a toast, page events and another target if given."""
    response = render(request, f"dispatch/board/{template}", context, status=status)
    triggers = dict.fromkeys(events, True)
    if toast:
        triggers["board:toast"] = {"text": toast, "level": "ok"}
    if triggers:
        response["HX-Trigger"] = json.dumps(triggers)
    if target:
        response["HX-Retarget"] = target
    return response


def shared_response(request, current, what, day, *, now, make):
    """Return what all share who may see it, as `shared_fragment` has it.

    Who was told of an event says so in `?after=`. No statement, 4 or 5 where the stamp of the day
    is to be read, and those of `make` where it is to be made.
    """
    after = request.GET.get("after", "")
    body = shared_fragment(
        what,
        current.company,
        day,
        now=now,
        may_write=current.may_write,
        known=int(after) if is_event(after) else None,
        make=make,
    )
    response = HttpResponse(body, headers={"Content-Encoding": "gzip"})
    if not accepts_gzip(request):
        response = HttpResponse(gzip.decompress(body))
    patch_vary_headers(response, ["Accept-Encoding"])
    return response


def is_event(text):
    return text.isdecimal() and len(text) < 20


def accepts_gzip(request):
    return "gzip" in request.headers.get("Accept-Encoding", "")


def error_response(text, status=400):
    """Return an error as plain text, which the page shows as a toast."""
    response = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    response["HX-Reswap"] = "none"
    response["HX-Trigger"] = json.dumps({"board:toast": {"text": text, "level": "alarm"}})
    return response


def checked(form_class, data):
    """Return the cleaned values of a form. Raises BadInput naming the invalid fields.

    A field without a label is filled in by the page: a person can only load it again.
    """
    form = form_class(data)
    if not form.is_valid():
        raise BadInput(" ".join(dict.fromkeys(_said(form))))
    return form.cleaned_data


def _said(form):
    for name, texts in form.errors.items():
        label = form.fields[name].label
        if label:
            yield f"{label}: {' '.join(texts)}"
        else:
            yield str(OUT_OF_DATE)
