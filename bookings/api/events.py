"""The change feed of the API."""

from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.response import Response

from bookings.api.roles import READERS
from bookings.events import seen_by_customer
from bookings.models import Event
from drivers.rest.fields import parse_whole
from drivers.rest.filters import Filters, IdFilter, MomentFilter
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

    def _is_for_customer(self):
        return "view" in self.context and self.context["view"].customer is not None

    def to_representation(self, instance):
        data = super().to_representation(instance)
        return data | seen_by_customer(data) if self._is_for_customer() else data


@extend_schema_serializer(many=False)
class FeedSerializer(serializers.Serializer):
    last = serializers.IntegerField(
        help_text=gettext_lazy(
            "Pass it as `after` in the next request, with the same filters. With filters it may be "
            "the id of an event that they leave out."
        )
    )
    results = EventSerializer(many=True)


class EventFilter(Filters):
    booking = IdFilter("booking_id", says="Only the events of this booking.")
    since = MomentFilter(
        field_name="at",
        lookup_expr="gte",
        help_text="Only events of this time or later: to begin with; then continue with `after`.",
    )

    class Meta:
        model = Event
        fields = ["kind"]


class EventViewSet(CompanyViewSet):
    """List events in order, without gaps or repeats; pass the last id to get the next ones."""

    queryset = Event.objects.all()
    serializer_class = EventSerializer
    filterset_class = EventFilter
    roles = {"read": READERS}
    params = {"list": ["after", "limit"]}

    @extend_schema(
        filters=True,
        parameters=[
            OpenApiParameter(
                "after",
                whole(0, 2**62, 0),
                description="The id of the last event you have received.",
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
        is_filtered = self.filterset_class.base_filters.keys() & request.query_params.keys()
        last = after
        if is_filtered:
            # What the filters leave out is not read again: no event is committed behind this one.
            last = rows.order_by("-id").values_list("id", flat=True).first() or after
            rows = self.filter_queryset(rows).filter(id__lte=last)
        events = list(rows.order_by("id")[:limit])
        if events and (len(events) == limit or not is_filtered):
            last = events[-1].id
        data = self.get_serializer(events, many=True).data
        return Response({"last": last, "results": data})

    pagination_class = None


def _number(request, name, default, most, *, least=0):
    text = request.query_params.get(name)
    return default if text is None else parse_whole(text, name, least, most)
