"""How trips look in the API: a booking, its assignment, and what `?expand=` shows of both."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from bookings.api.serializers import BookingSerializer
from bookings.models import Status

POSITION = ("last_lat", "last_lon", "last_position_at")
ASSIGNMENT_FIELDS = [
    "status",
    "planned_pickup_at",
    "planned_dropoff_at",
    "arrived_at",
    "actual_pickup_at",
    "actual_dropoff_at",
    "confirmed",
    "locked",
]


class TripSerializer(BookingSerializer):
    """A booking with the id of its assignment."""

    assignment = serializers.IntegerField(allow_null=True, read_only=True)

    changed_by = {
        "status": "POST /bookings/{id}/accept/, ready/, progress/, no-show/, cancel/ or correct/",
        "cancel_reason": "POST /bookings/{id}/cancel/",
        "assignment": "POST /bookings/{id}/assign/ or release/",
        "version": "If-Match",
    }

    class Meta(BookingSerializer.Meta):
        fields = [*BookingSerializer.Meta.fields, "assignment"]
        read_only_fields = [*BookingSerializer.Meta.read_only_fields, "assignment"]


def _object(**properties):
    return {"type": "object", "properties": properties, "required": list(properties)}


_ID, _TEXT, _FLAG = {"type": "integer"}, {"type": "string"}, {"type": "boolean"}
_MOMENT = {"type": "string", "format": "date-time"}
_NO_MOMENT = {"type": ["string", "null"], "format": "date-time"}
_POSITION = {
    "oneOf": [
        {"type": "null"},
        _object(lat={"type": "number"}, lon={"type": "number"}, at=_MOMENT),
    ],
    "description": "The last one, while the trip is under way.",
}
# What is kept of how a trip will go, and of when that is: see dispatch.forecast.keep.
EXPECTED = {
    "pickup_at": "current__expected__pickup_at",
    "dropoff_at": "current__expected__dropoff_at",
    "late_min": "current__expected__late_min",
    "as_of": "company__forecast_state__kept_at",
}
_EXPECTED = {
    "oneOf": [
        {"type": "null"},
        _object(pickup_at=_MOMENT, dropoff_at=_MOMENT, late_min=_ID, as_of=_MOMENT, driving=_TEXT),
    ],
    "description": "How an open trip of the running day was expected to go at `as_of`. `late_min`: "
    "minutes after the pickup window or the appointment. `driving`: `roads`, or `straight_line` "
    "where no road server is set.",
}
UNDER_WAY = (Status.EN_ROUTE, Status.IN_PROGRESS)


@extend_schema_field(
    {
        "oneOf": [
            _ID,
            _object(
                id=_ID,
                in_words=_TEXT,
                by_hand={
                    "type": "array",
                    "items": _TEXT,
                    "description": "The fields that are not as the standing order says.",
                },
            ),
        ]
    }
)
class ExpandableSeries(serializers.IntegerField):
    pass


@extend_schema_field({"oneOf": [_ID, _object(id=_ID, name=_TEXT, phone=_TEXT, wheelchair=_FLAG)]})
class ExpandableClient(serializers.IntegerField):
    pass


@extend_schema_field(
    {
        "oneOf": [
            _ID,
            _object(
                id=_ID,
                driver={
                    "oneOf": [
                        _ID,
                        _object(
                            id=_ID,
                            name=_TEXT,
                            phone={
                                "type": ["string", "null"],
                                "description": "Null for client systems.",
                            },
                            plate={"type": ["string", "null"]},
                            position=_POSITION,
                        ),
                    ]
                },
                status=_TEXT,
                planned_pickup_at=_MOMENT,
                planned_dropoff_at=_MOMENT,
                arrived_at=_NO_MOMENT,
                actual_pickup_at=_NO_MOMENT,
                actual_dropoff_at=_NO_MOMENT,
                confirmed=_FLAG,
                locked=_FLAG,
                expected=_EXPECTED,
            ),
        ]
    }
)
class ExpandableAssignment(serializers.IntegerField):
    pass


class ExpandableTripSerializer(TripSerializer):
    """A booking with the id of its assignment; with `?expand=` the related rows themselves."""

    client = ExpandableClient(allow_null=True)
    series = ExpandableSeries(allow_null=True)
    assignment = ExpandableAssignment(allow_null=True)
