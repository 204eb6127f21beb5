"""Describe errors, preconditions and idempotency keys of every endpoint in OpenAPI."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from drivers.rest.errors import CONTENT_TYPE
from drivers.rest.fields import KnownFields
from drivers.rest.idempotency import HEADER, Idempotent
from drivers.rest.views import CompanyViewSet


class FieldErrorSerializer(serializers.Serializer):
    field = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer):
    """Problem details, RFC 9457."""

    type = serializers.CharField()
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


def whole(least, most, default=None):
    """Return the schema of a whole number in a query."""
    schema = {"type": "integer", "minimum": least, "maximum": most}
    return schema if default is None else schema | {"default": default}


class Schema(AutoSchema):
    def get_override_parameters(self):
        keys = [IDEMPOTENCY_KEY] if self._is_idempotent() else []
        tags = [IF_NONE_MATCH] if self._has_tag() else [IF_MATCH] if self._is_matched() else []
        return keys + tags

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

    def _has_tag(self):
        return self.method == "GET" and getattr(self.view, "action", "") == "retrieve"

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
        if self.method != "GET" or self.view.action == "candidates":
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
