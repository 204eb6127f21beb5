"""Read what a phone sends: taps and positions, each by itself, so that a bad one stops no other."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from bookings.cancel_reasons import NO_SHOW
from dispatch.models import Tap
from dispatch.trips.taps import OF_TRIPS, Tapped
from drivers.refused import Refused
from drivers.rest.fields import (
    Body,
    MomentField,
    TextField,
    WholeField,
    latitude,
    longitude,
)

MOST_TAPS, MOST_POSITIONS = 50, 100
LONGEST_TEXT = 150


class BadRequest(Refused):
    """The phone sent what no version of the page sends."""

    code = "invalid"
    status = 400


class PositionSerializer(Body):
    at = MomentField()
    lat, lon = latitude(), longitude()


class TapSerializer(Body):
    key = TextField(max_length=36)
    kind = serializers.ChoiceField(choices=Tap.Kind.choices)
    at = MomentField()
    booking = WholeField(required=False, allow_null=True, min_value=1)
    code = serializers.ChoiceField(
        choices=[reason.value for reason in NO_SHOW], required=False, allow_blank=True
    )
    text = TextField(max_length=LONGEST_TEXT, required=False, allow_blank=True)
    of = TextField(max_length=36, required=False, allow_blank=True)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        kind = Tap.Kind(data["kind"])
        if kind in OF_TRIPS and not data.get("booking"):
            raise serializers.ValidationError({"booking": _("Name the trip.")})
        if kind == Tap.Kind.NO_SHOW and not data.get("code"):
            raise serializers.ValidationError({"code": _("Choose a reason.")})
        if kind in (Tap.Kind.DECLINE, Tap.Kind.MESSAGE) and not data.get("text"):
            raise serializers.ValidationError({"text": _("Write a text.")})
        if kind == Tap.Kind.TAKE_BACK and not data.get("of"):
            raise serializers.ValidationError({"of": _("Name the tap.")})
        return data


class SyncSerializer(Body):
    sent_at = MomentField()
    seen = TextField(max_length=64, required=False, allow_blank=True)
    taps = serializers.ListField(child=serializers.JSONField(), max_length=MOST_TAPS)
    positions = serializers.ListField(child=PositionSerializer(), max_length=MOST_POSITIONS)


def read_sync(data: Any) -> dict[str, Any]:
    """Return the valid values of a request's body; its taps are read one by one, see `read_tap`.

    Raises BadRequest.
    """
    return _valid(SyncSerializer, data)


def read_tap(data: Any) -> Tapped:
    """Return a tap. Raises BadRequest, which names the field."""
    values = _valid(TapSerializer, data)
    values["booking_id"] = values.pop("booking", None)
    return Tapped(**values | {"kind": Tap.Kind(values["kind"])})


def _valid(serializer_class: type[serializers.Serializer], data: Any) -> dict[str, Any]:
    serializer = serializer_class(data=data)
    if not serializer.is_valid():
        raise BadRequest(_said(serializer.errors))
    values: dict[str, Any] = serializer.validated_data
    return values


def _said(errors: Any) -> str:
    """Return the errors in one line: the field, then what would be right."""
    if isinstance(errors, dict):
        named = [(name, _said(error)) for name, error in errors.items() if error]
        return " ".join(
            text if name == "non_field_errors" else f"{name}: {text}" for name, text in named
        )
    if isinstance(errors, list):
        return " ".join(filter(None, (_said(error) for error in errors)))
    return str(errors)
