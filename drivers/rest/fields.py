"""Strict parsing of request bodies and parameters: JSON, and fields with sensible bounds."""

import json
import math
import re
from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import APIException, ErrorDetail, ParseError
from rest_framework.parsers import BaseParser

from drivers.times import YEARS, in_years, moment

CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$"
LARGEST_BODY = 4 * 1024 * 1024


class TooLarge(APIException):
    status_code = 413
    default_detail = _("The request body is too large.")
    default_code = "too_large"


class StrictJSONParser(BaseParser):
    """JSON as in RFC 8259, in UTF-8: no NaN, no numbers beyond a double, no lone surrogates."""

    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None):
        body = stream.read(LARGEST_BODY + 1)
        if len(body) > LARGEST_BODY:
            raise TooLarge
        try:
            text = body.decode("utf-8")
            value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
            if "\\u" in text:
                json.dumps(value, ensure_ascii=False).encode("utf-8")
        except RecursionError:
            raise ParseError(_("The JSON is nested too deeply.")) from None
        except UnicodeError:
            raise ParseError(
                _("The body is not valid UTF-8 or contains half of a surrogate pair.")
            ) from None
        except ValueError as error:
            raise ParseError(_("The body is not valid JSON: %(why)s") % {"why": error}) from None
        return value


def _refuse(constant):
    raise ValueError(f"{constant} is not a JSON value")


def _finite(text):
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


class DegreesField(serializers.FloatField):
    """A finite number of degrees, never a text."""

    def to_internal_value(self, data):
        if isinstance(data, bool) or not isinstance(data, int | float) or abs(data) > 360:
            self.fail("invalid")
        return super().to_internal_value(data)


def latitude(**options):
    return DegreesField(min_value=-90, max_value=90, **options)


def longitude(**options):
    return DegreesField(min_value=-180, max_value=180, **options)


class WholeField(serializers.IntegerField):
    """A whole number, never a text."""

    def to_internal_value(self, data):
        if isinstance(data, bool) or not isinstance(data, int) or abs(data) >= 2**63:
            self.fail("invalid")
        return data


class MomentField(serializers.DateTimeField):
    """A time with its offset from UTC, between the years 2000 and 2100."""

    default_error_messages = {
        "offset": _("Include the UTC offset, as in 2026-06-17T09:00:00+02:00."),
        "bounds": _("The year must be from 2000 to 2099."),
    }

    def enforce_timezone(self, value):
        if value.tzinfo is None:
            self.fail("offset")
        try:
            return in_years(value)
        except ValueError:
            self.fail("bounds")

    def to_representation(self, value):
        return moment(value)


@extend_schema_field({"type": "string", "pattern": CLOCK})
class ClockField(serializers.TimeField):
    """A local time of day, which has no offset from UTC."""

    default_error_messages = {
        "invalid": _("Write a local time without an offset, as in 08:30 or 08:30:00.")
    }

    def to_internal_value(self, value):
        if not isinstance(value, str) or not re.fullmatch(CLOCK, value):
            self.fail("invalid")
        return super().to_internal_value(value)


class DayField(serializers.DateField):
    """A date between the years 2000 and 2100."""

    default_error_messages = {"bounds": _("The year must be from 2000 to 2099.")}

    def to_internal_value(self, value):
        day = super().to_internal_value(value)
        if day.year not in YEARS:
            self.fail("bounds")
        return day


class TextField(serializers.CharField):
    """A text, never a number."""

    def to_internal_value(self, data):
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class TruthField(serializers.BooleanField):
    """true or false, never 1 or "yes"."""

    def to_internal_value(self, data):
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class TagsField(serializers.ListField):
    """A list of distinct lower-case words."""

    def __init__(self, **kwargs):
        super().__init__(child=TextField(max_length=40), max_length=20, **kwargs)

    def to_internal_value(self, data):
        words = super().to_internal_value(data)
        return sorted({word.lower() for word in words if word})


class KnownFields:
    # Refuse what a serializer does not read, by name, beside the errors of what it reads.
    # `changed_by` names the endpoint that changes a read-only field. A comment, because
    # subclasses without a docstring would show this one in the OpenAPI schema.

    changed_by: dict[str, str] = {}

    def to_internal_value(self, data):
        refused = dict(self._refused(data)) if isinstance(data, Mapping) else {}
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**refused, **error.detail}) from None
        if refused:
            raise serializers.ValidationError(refused)
        return values

    def _refused(self, data):
        writable = [name for name, field in self.fields.items() if not field.read_only]
        for name in data:
            if name in writable:
                continue
            if name in self.changed_by:
                problem = _("Not changed here; use %(door)s.") % {"door": self.changed_by[name]}
            elif name in self.fields:
                problem = _("Kept by the server; omit it.")
            else:
                known = ", ".join(writable)
                problem = _("Unknown field; known fields: %(known)s.") % {"known": known}
            code = "read_only" if name in self.fields else "unknown"
            yield str(name)[:100], [ErrorDetail(problem, code)]


class Body(KnownFields, serializers.Serializer):
    # The body of a request; by itself the one of a request without any.
    pass


def read_body(serializer_class, request):
    """Return the valid values of a request's body; unknown fields are refused."""
    serializer = serializer_class(data=request.data, context={"request": request})
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def parse_whole(text, name, least, most):
    """Return the whole number of a query parameter, or refuse it with its name."""
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        problem = _("Must be a whole number from %(least)d to %(most)d.")
        raise serializers.ValidationError({name: problem % {"least": least, "most": most}})
    return int(text)


LARGEST_ID = 2**63 - 1
MOST_IDS = 200  # in a query parameter: those of a page


def ids_of(request, name):
    """Return the ids of a query parameter such as `?release=7,12`; none if it is not there."""
    text = request.query_params.get(name, "")
    try:
        return parse_ids(text, MOST_IDS) if text else []
    except serializers.ValidationError as error:
        raise serializers.ValidationError({name: error.detail}) from None


def parse_ids(text, most):
    """Return at most so many ids of a text such as `7,12`, or raise ValidationError."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > most:
        raise serializers.ValidationError(_("At most %(most)d ids.") % {"most": most})
    if not all(p.isascii() and p.isdigit() and 1 <= int(p[:20]) <= LARGEST_ID for p in parts):
        raise serializers.ValidationError(_("Write ids as whole numbers, separated by commas."))
    return [int(part) for part in parts]


def parse_choices(text, known):
    """Return the values of `known`, {text: value}, that a text such as `a,b` names.

    Raises ValidationError.
    """
    names = {part.strip() for part in text.split(",")}
    if unknown := sorted(names - known.keys()):
        raise serializers.ValidationError(
            _("Unknown: %(unknown)s; known: %(known)s.")
            % {"unknown": ", ".join(unknown)[:200], "known": ", ".join(known)}
        )
    return [known[name] for name in sorted(names)]


def parse_day(text, name="day"):
    """Return the date of a query parameter, or refuse it with its name."""
    field = DayField()
    try:
        return field.run_validation(text)
    except serializers.ValidationError as error:
        raise serializers.ValidationError({name: error.detail}) from None
