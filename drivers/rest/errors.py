"""Answer every error with problem details, RFC 9457.

`type` names the kind of problem, `detail` is a sentence, `errors` lists the invalid fields and
says what would be right. A refusal of a use-case says itself what its problem is.
"""

from django.core.exceptions import NON_FIELD_ERRORS
from django.core.exceptions import ValidationError as ModelError
from django.db import DataError, IntegrityError, OperationalError
from django.http import Http404, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from drivers.refused import Refused
from drivers.rest.access import caller_of

CONTENT_TYPE = "application/problem+json"
TITLES = {
    400: gettext_noop("The request is not valid"),
    401: gettext_noop("Authentication required"),
    403: gettext_noop("Not allowed for this role"),
    404: gettext_noop("Not found"),
    405: gettext_noop("Method not allowed"),
    406: gettext_noop("Format not available"),
    409: gettext_noop("Conflict with the stored data"),
    411: gettext_noop("Length of the body required"),
    412: gettext_noop("Precondition failed"),
    413: gettext_noop("Request body too large"),
    415: gettext_noop("Unsupported media type"),
    422: gettext_noop("Cannot be processed"),
    429: gettext_noop("Too many requests"),
    503: gettext_noop("Service busy"),
}


# Status, last part of `type`, and what is said: the database's own messages are not for the caller.
OF_DATABASE = {
    IntegrityError: (
        409,
        "conflict",
        gettext_noop("This conflicts with the stored data. Read it again and retry."),
    ),
    DataError: (400, "invalid", gettext_noop("A value is too long or out of range.")),
    OperationalError: (503, "busy", gettext_noop("The database is busy; try again in a moment.")),
}


class PreconditionFailed(exceptions.APIException):
    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_detail = gettext_noop(
        "Someone else has changed this resource. Read it again and retry."
    )
    default_code = "stale"


def problem_response(error, context):
    """Return the response to an exception, or None for an unexpected one."""
    if isinstance(error, Refused):
        hides = error.tells_of_others and caller_of(context["request"]).customer is not None
        return _refusal(error.status, error.code, str(error), {} if hides else error.members())
    for base, (status_code, name, sentence) in OF_DATABASE.items():
        if isinstance(error, base):
            return _refusal(status_code, name, _(sentence), {})
    if isinstance(error, ModelError):
        error = exceptions.ValidationError(_by_field(error))
    response = exception_handler(error, context)
    if response is None:
        return None
    headers = {n: response[n] for n in ("WWW-Authenticate", "Retry-After") if n in response}
    if isinstance(error, exceptions.ValidationError):
        rows = list(flatten(error.get_full_details()))
        detail = ngettext(
            "%(count)d value is not valid.", "%(count)d values are not valid.", len(rows)
        )
        members = {"errors": rows[:100]}
        return _response(400, "invalid", detail % {"count": len(rows)}, members, headers)
    if isinstance(error, Http404):
        return _response(404, "not_found", _("Resource not found."), {}, headers)
    codes = error.get_codes() if hasattr(error, "get_codes") else "denied"
    return _response(
        response.status_code, codes, str(_(str(getattr(error, "detail", error)))), {}, headers
    )


def _refusal(status_code, name, detail, members):
    set_rollback()
    headers = {"Retry-After": "1"} if status_code == 503 else {}
    return _response(status_code, name, detail, members, headers)


def _by_field(error):
    if not hasattr(error, "error_dict"):
        return error.messages
    return {
        "non_field_errors" if name == NON_FIELD_ERRORS else name: [
            exceptions.ErrorDetail(text, one.code or "invalid") for one in errors for text in one
        ]
        for name, errors in error.error_dict.items()
    }


def flatten(details, path=""):
    """Yield {field, code, detail} of nested error details; fields are paths like `rows.3.day`."""
    if isinstance(details, dict) and isinstance(details.get("message"), str):
        code = details["code"] or "invalid"  # a form's error need not have one
        yield {"field": path, "code": code, "detail": str(details["message"])}
    elif isinstance(details, dict):
        for name, inner in details.items():
            here = path if name == "non_field_errors" else f"{path}.{name}".lstrip(".")
            yield from flatten(inner, here)
    else:
        for number, inner in enumerate(details):
            is_leaf = isinstance(inner, dict) and isinstance(inner.get("message"), str)
            yield from flatten(inner, path if is_leaf else f"{path}.{number}".lstrip("."))


def _response(status_code, name, detail, members, headers):
    body = _body(status_code, name, detail, members)
    return Response(body, status=status_code, headers=headers, content_type=CONTENT_TYPE)


def problem_before_views(status_code, name, detail, headers=None):
    """Return the problem that a middleware answers, where no view can render it."""
    body = _body(status_code, name, detail, {})
    return JsonResponse(body, status=status_code, headers=headers, content_type=CONTENT_TYPE)


def _body(status_code, name, detail, members):
    return {
        "type": f"urn:dispatchsite:problem:{name}",
        "title": _(TITLES.get(status_code, "Problem")),
        "status": status_code,
        "detail": detail,
        **members,
    }
