"""Describe errors, preconditions and idempotency keys of every endpoint in OpenAPI."""

from django.utils.functional import lazy
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from drivers.models import FAR_KM
from drivers.refused import refusals
from drivers.rest.errors import CONTENT_TYPE
from drivers.rest.fields import KnownFields
from drivers.rest.idempotency import HEADER, Idempotent
from drivers.rest.views import CompanyViewSet

# What `type` ends in where it is not the code of one refusal: the status and what it means. Those
# with `errors` say for each field what would be right.
PROBLEMS = {
    "invalid": (400, "Values are not valid; `errors` names each."),
    "does_not_exist": (400, "What the body names is not in this company; in `errors`."),
    "parse_error": (400, "The body is not JSON in UTF-8."),
    "not_authenticated": (401, "No token."),
    "authentication_failed": (401, "The token is invalid, expired or revoked."),
    "permission_denied": (403, "The role may not do this."),
    "not_found": (404, "Not in this company."),
    "method_not_allowed": (405, "The resource does not have this method."),
    "not_acceptable": (406, "The format is not available."),
    "stale": (409, "Someone else was faster; 412 if `If-Match` names another state of the row."),
    "conflict": (409, "This conflicts with the stored data."),
    "length_required": (411, "The length of the body is not known."),
    "too_large": (413, "The body is larger than 4 MiB."),
    "unsupported_media_type": (415, "The body is not application/json."),
    "throttled": (429, "Too many requests; `Retry-After` says when."),
    "busy": (503, "The database is busy; try again."),
}


def problems():
    """Return {name: (status, meaning)} of all problems, those of the refusals too, by status."""
    found = {each.code: (each.status, (each.__doc__ or "").split("\n")[0]) for each in refusals()}
    return dict(sorted((found | PROBLEMS).items(), key=lambda row: (row[1][0], row[0])))


def _problem_types():
    lines = (f"- `{name}` ({status}): {meaning}" for name, (status, meaning) in problems().items())
    return "`urn:dispatchsite:problem:` and one of:\n\n" + "\n".join(lines)


# What a field may be told, whichever it is; what only a refusal says stands in its class.
CODES = {
    "required": "The field is missing.",
    "null": "The field must not be null.",
    "blank": "The text must not be empty.",
    "empty": "The list must not be empty.",
    "invalid": "Of another type or form, or against a rule; `detail` says which.",
    "invalid_choice": "None of the choices.",
    "not_a_list": "A list is needed.",
    "offset": "A time without its offset from UTC.",
    "bounds": "A year that is not from 2000 to 2099.",
    "min_value": "The number is too small.",
    "max_value": "The number is too large.",
    "max_length": "Too long, or too many.",
    "null_characters_not_allowed": "The text has a null character.",
    "surrogate_characters_not_allowed": "The text has half of a surrogate pair.",
    "does_not_exist": "Not in this company.",
    "far_away": f"A place more than {FAR_KM} km from the depot, or that no road reaches: send "
    "`far_meant` if it is meant.",
    "overlaps": "The client is on another trip then: send `overlap_meant` if it is meant.",
    "unknown": "There is no such field or parameter.",
    "rule": "Against a rule of the row; `detail` says which.",
    "fixed": "Of a row that is stored, it cannot change any more.",
    "read_only": "Not changed here; `detail` names the endpoint that does.",
}


def error_codes():
    """Return {code: meaning} of all `errors[].code`: the general ones, then by name."""
    found = {}
    for each in refusals():
        if each.field and each.code not in CODES:
            found[each.code] = (each.__doc__ or "").split("\n")[0]
        found |= {str(code): meaning for code, meaning in each.error_codes.items()}
    return CODES | dict(sorted(found.items()))


def _error_codes():
    lines = (f"- `{code}`: {meaning}" for code, meaning in error_codes().items())
    return "One of:\n\n" + "\n".join(lines)


class FieldErrorSerializer(serializers.Serializer):
    field = serializers.CharField()
    code = serializers.CharField(help_text=lazy(_error_codes, str)())
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer):
    """Problem details, RFC 9457.

    Match `type` and `errors[].code`; `title` and `detail` are sentences in the language of the
    request. `errors[].field` is a path such as `positions.3.at`, or "" for the whole body.
    """

    # Late: by then every app has its refusals.
    type = serializers.CharField(help_text=lazy(_problem_types, str)())
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = FieldErrorSerializer(many=True, required=False)


IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag you read; the response is 412 if the resource has changed since.",
)

IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag you have; the response is 304 without a body if nothing has changed.",
)
IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="A text of your choice, new for each request. For 24 hours a request repeated with "
    "the same key is not executed again and gets the first response. The same key with another "
    "body gives 422. A key or secret that is shown once is empty in the repeated response.",
)


FIELDS = OpenApiParameter(
    "fields",
    str,
    description="The fields to return, separated by commas; the others are then absent.",
)


def _header(description, kind="string", **more):
    return {"description": description, "schema": {"type": kind}, **more}


HEADERS = {
    "ETag": _header("The state of the resource, for `If-Match` and `If-None-Match`."),
    "Location": _header("The URL of the resource."),
    "Retry-After": _header("Seconds to wait; of a run only while it is under way.", "integer"),
    "Idempotent-Replayed": _header("`true`: the response of an earlier request with the same key."),
    "WWW-Authenticate": _header("How to authenticate."),
    "Preference-Applied": _header("`respond-async` if `Prefer` asked for it."),
    "RateLimit-Policy": _header("The limit and its period in seconds: `1200;w=60`."),
    "RateLimit-Limit": _header("The number of requests allowed in a period.", "integer"),
    "RateLimit-Remaining": _header("The number of requests left.", "integer"),
    "RateLimit-Reset": _header("Seconds until a new period begins.", "integer"),
}
RATE = [name for name in HEADERS if name.startswith("RateLimit-")]


def add_headers(result, **kwargs):
    """Add the headers that responses refer to; a hook of drf-spectacular."""
    result["components"]["headers"] = HEADERS
    return result


def whole(least, most, default=None):
    """Return the schema of a whole number in a query."""
    schema = {"type": "integer", "minimum": least, "maximum": most}
    return schema if default is None else schema | {"default": default}


class Schema(AutoSchema):
    def get_override_parameters(self):
        keys = [IDEMPOTENCY_KEY] if self._is_idempotent() else []
        tags = [IF_NONE_MATCH] if self._has_tag() else [IF_MATCH] if self._is_matched() else []
        lists = self._action() in ("list", "retrieve") and isinstance(self.view, CompanyViewSet)
        return keys + tags + ([FIELDS] if lists else [])

    def get_operation(self, *args, **kwargs):
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            for status, response in operation["responses"].items():
                names = list(self._headers(status, response, operation["responses"]))
                if names:
                    response["headers"] = {n: {"$ref": f"#/components/headers/{n}"} for n in names}
        return operation

    def _headers(self, status, response, responses):
        if status[0] == "2":
            content = response.get("content", {}).get("application/json", {}).get("schema", {})
            if self._has_tag() or content.get("$ref", "") == self._resource():
                yield "ETag"
            if status in ("201", "202") or (status == "200" and "201" in responses):
                yield "Location"
            if self._is_idempotent():
                yield "Idempotent-Replayed"
            if status == "202":
                yield "Preference-Applied"
        if status[0] == "2" or status == "429":  # on every answer, but once is enough to read
            yield from RATE
        if status == "304":
            yield "ETag"
        if status == "401":
            yield "WWW-Authenticate"
        if status in ("202", "429", "503") or (status in ("200", "304") and self._is_polled()):
            yield "Retry-After"

    def _resolve_path_parameters(self, variables):
        found = super()._resolve_path_parameters(variables)
        for parameter in found:
            if parameter["name"] == "id":
                parameter["schema"] = whole(1, 10**18 - 1)
        return found

    def _resource(self):
        """Return the reference to the view's resource, whose responses have an ETag."""
        if not isinstance(self.view, CompanyViewSet) or self._action() == "list":
            return None
        return self.resolve_serializer(self.view.serializer_class, "response").ref["$ref"]

    def _map_basic_serializer(self, serializer, direction):
        schema = super()._map_basic_serializer(serializer, direction)
        if direction == "request" and isinstance(serializer, KnownFields):
            schema["additionalProperties"] = False
        return schema

    def _is_matched(self):
        return self.method in ("PATCH", "DELETE") or (
            self.method == "POST" and "{" in self.path and isinstance(self.view, CompanyViewSet)
        )

    def _is_idempotent(self):
        return self.method == "POST" and isinstance(self.view, Idempotent)

    def _action(self):
        return getattr(self.view, "action", "")

    def _has_tag(self):
        tagged = getattr(self.view, "tagged_reads", ())
        return self.method == "GET" and self._action() in tagged

    def _is_polled(self):
        return self._action() == "retrieve" and getattr(self.view, "is_polled", False)

    def _get_response_bodies(self, direction="response"):
        bodies = super()._get_response_bodies(direction)
        problem = self.resolve_serializer(ProblemSerializer, direction)
        content = {CONTENT_TYPE: {"schema": problem.ref}}
        for status, meaning in self._errors():
            bodies.setdefault(str(status), {"content": content, "description": meaning})
        if self._has_tag():
            bodies["304"] = {"description": "Not modified."}
        return bodies

    def _errors(self):
        yield 400, "The request is not valid."
        yield 401, "Authentication required."
        yield 403, "Not allowed for this role."
        yield 404, "Not found in this company."
        yield 406, "Format not available."
        yield 429, "Too many requests."
        yield 503, "Service busy; try again."
        if self.method != "GET" or self._action() in ("candidates", "advice"):
            yield 409, "Conflict with the stored data."
        if self.method != "GET":
            yield 411, "The length of the body is not known; send Content-Length."
            yield 413, "The request body is too large."
            yield 415, "The request body is not JSON."
        if self._is_idempotent():
            yield 422, "The idempotency key was used for another request."
        if self._is_matched():
            yield 412, "The resource has changed since it was read."


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "drivers.rest.access.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema):
        return {"type": "http", "scheme": "bearer"}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "drivers.rest.access.Session"
    name = "session"

    def get_security_definition(self, auto_schema):
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
