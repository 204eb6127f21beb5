"""How the board's actions answer: a fragment, and events for the page in `HX-Trigger`.

`board:toast` says what was done, `board:refresh` that the board is to be read again,
`board:runs` that the toolbar is, `board:done` that the dialog may close.
"""

import json

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from dispatch.board.access import desk_of


class BadInput(Exception):
    """A field of the request is missing or makes no sense: a sentence with its name."""


def writing_desk(request, slug):
    """Return the desk of the company, where the user may change things; else PermissionDenied."""
    desk = desk_of(request, slug)
    if not desk.may_write:
        raise PermissionDenied(_("You may look at this company's trips, not change them."))
    return desk


def fragment(request, template, context, *, status=200, toast="", events=(), target=""):
    response = render(request, f"dispatch/board/{template}", context, status=status)
    told = dict.fromkeys(events, True)
    if toast:
        told["board:toast"] = {"text": toast, "level": "ok"}
    if told:
        response["HX-Trigger"] = json.dumps(told)
    if target:
        response["HX-Retarget"] = target
    return response


def told_off(text, status=400):
    """Answer with a sentence alone, which the page shows as a toast."""
    response = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    response["HX-Reswap"] = "none"
    response["HX-Trigger"] = json.dumps({"board:toast": {"text": text, "level": "alarm"}})
    return response


def checked(form_class, data):
    """Return the cleaned values of a form, or raise BadInput naming the fields."""
    form = form_class(data)
    if not form.is_valid():
        raise BadInput(
            " ".join(f"{name}: {' '.join(texts)}" for name, texts in form.errors.items())
        )
    return form.cleaned_data
