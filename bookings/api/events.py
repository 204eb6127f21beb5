"""The change feed of the API."""

from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.response import Response

from bookings.api.roles import READERS
from bookings.models import Event
from drivers.rest.fields import parse_whole
from drivers.rest.schema import whole
from drivers.rest.views import (
    CompanyViewSet,
    Resource,
)

MOST_EVENTS = 1_000


class EventSerializer(Resource):
    """One entry of the event log: what changed, when, by whom, from what to what."""

    booking = serializers.IntegerField(source="booking_id", allow_null=True)
    assignment = serializers.IntegerField(source="assignment_id", allow_null=True)
    run = serializers.IntegerField(source="run_id", allow_null=True)
    old = serializers.DictField()
    new = serializers.DictField()

    class Meta:
        model = Event
        fields = [
            "id",
            "kind",
            "at",
            "booking",
            "assignment",
            "run",
            "actor",
            "door",
            "old",
            "new",
            "reason",
        ]


@extend_schema_serializer(many=False)
class FeedSerializer(serializers.Serializer):
    last = serializers.IntegerField(
        help_text=gettext_lazy("Pass it as `after` in the next request.")
    )
    results = EventSerializer(many=True)


class EventViewSet(CompanyViewSet):
    """List events in order, without gaps or repeats; pass the last id to get the next ones."""

    queryset = Event.objects.all()
    serializer_class = EventSerializer
    roles = {"read": READERS}
    params = {"list": ["after", "limit", "booking"]}

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "after",
                whole(0, 2**62, 0),
                description="The id of the last event you have received.",
            ),
            OpenApiParameter(
                "booking", whole(0, 2**62), description="Only the events of this booking."
            ),
            OpenApiParameter(
                "limit", whole(1, MOST_EVENTS, 100), description="The maximum number of events."
            ),
        ],
        responses=FeedSerializer,
    )
    def list(self, request, *args, **kwargs):
        after = _number(request, "after", 0, 2**62)
        limit = _number(request, "limit", 100, MOST_EVENTS, least=1)
        rows = self.get_queryset().filter(id__gt=after)
        if "booking" in request.query_params:
            rows = rows.filter(booking_id=_number(request, "booking", 0, 2**62))
        events = list(rows.order_by("id")[:limit])
        data = self.get_serializer(events, many=True).data
        return Response({"last": events[-1].id if events else after, "results": data})

    pagination_class = None


def _number(request, name, default, most, *, least=0):
    text = request.query_params.get(name)
    return default if text is None else parse_whole(text, name, least, most)
