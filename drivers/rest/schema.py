"""What the OpenAPI schema says of every endpoint: its errors, its precondition, its key."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from drivers.rest.errors import CONTENT_TYPE


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
    description="The ETag that was read; 412 when it is no longer the stored one.",
)


class Schema(AutoSchema):
    def get_override_parameters(self):
        changing = self.method in ("PATCH", "DELETE") or (
            self.method == "POST" and "{" in self.path and "/bookings/" in self.path
        )
        return [IF_MATCH] if changing else []

    def _get_response_bodies(self, direction="response"):
        bodies = super()._get_response_bodies(direction)
        problem = self.resolve_serializer(ProblemSerializer, direction)
        content = {CONTENT_TYPE: {"schema": problem.ref}}
        for status, meaning in self._errors():
            bodies.setdefault(str(status), {"content": content, "description": meaning})
        return bodies

    def _errors(self):
        yield 400, "The request is not valid."
        yield 401, "No valid token."
        yield 403, "Not allowed in this role."
        yield 404, "Not found in this company."
        yield 406, "No such format."
        yield 429, "Too many requests."
        if self.method != "GET":
            yield 409, "In conflict with what is stored."
            yield 413, "The body is too large."
            yield 415, "The body is not JSON."
            yield 503, "Busy; try again."
        if self.get_override_parameters():
            yield 412, "Changed meanwhile."


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
