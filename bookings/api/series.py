"""Standing orders and their pauses in the API."""

from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from bookings.models import RIDE_AT_MOST, Client, Pause, Series
from bookings.models.series import mask_of
from bookings.series.change import change_many, change_series, create_series, end_pause, pause
from bookings.series.foresee import broken_facts, today
from bookings.series.make import dates_shown
from bookings.series.template import read_templates
from drivers.models import Driver
from drivers.rest.access import PLANNERS, STAFF, actor_of
from drivers.rest.fields import (
    Body,
    DayField,
    TagsField,
    TextField,
    TruthField,
    WholeField,
    ids_of,
    latitude,
    longitude,
    parse_day,
    read_body,
)
from drivers.rest.filters import Filters, IdFilter
from drivers.rest.views import (
    CompanyViewSet,
    InCompany,
    Reads,
    Resource,
    changes_of,
    compare_tag,
    etag_of,
)


class WeekdaysField(serializers.ListField):
    """The weekdays as a list of numbers, 0 for Monday; stored as one number."""

    def __init__(self, **kwargs: Any) -> None:
        child = WholeField(min_value=0, max_value=6)
        super().__init__(child=child, allow_empty=False, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        return mask_of(super().to_internal_value(data))

    def to_representation(self, value: Any) -> Any:
        return [day for day in range(7) if value >> day & 1]


class SeriesSerializer(Resource):
    client = InCompany(Client.objects.all(), allow_null=True, required=False)
    driver = InCompany(Driver.objects.all(), allow_null=True, required=False)
    weekdays = WeekdaysField(help_text=gettext_lazy("Numbers of weekdays, 0 for Monday."))
    in_words = serializers.CharField(read_only=True)
    first_day = DayField()
    last_day = DayField(allow_null=True, required=False)
    pickup_lat, pickup_lon = latitude(), longitude()
    dropoff_lat, dropoff_lon = latitude(), longitude()
    passengers = WholeField(min_value=1, max_value=100, required=False)
    wheelchairs = WholeField(min_value=0, max_value=100, required=False)
    may_share = TruthField(
        required=False,
        help_text=gettext_lazy("As of a booking; true if it is left out."),
    )
    max_ride_min = WholeField(
        min_value=1,
        max_value=RIDE_AT_MOST,
        allow_null=True,
        required=False,
        help_text=gettext_lazy("As of a booking."),
    )
    needs = TagsField(required=False)
    notes = TextField(max_length=2000, allow_blank=True, required=False)
    overlap_meant = TruthField(
        write_only=True,
        required=False,
        help_text=gettext_lazy(
            "Confirms dates at the same time as other trips of the client, which are refused as "
            "`series_overlaps` otherwise."
        ),
    )

    class Meta:
        model = Series
        fields = [
            "id",
            "client",
            "in_words",
            "weekdays",
            "every_weeks",
            "first_day",
            "last_day",
            "count",
            "skips_holidays",
            "pickup_time",
            "appointment_time",
            "return_time",
            "return_will_call",
            "pickup_address",
            "pickup_lat",
            "pickup_lon",
            "dropoff_address",
            "dropoff_lat",
            "dropoff_lon",
            "passengers",
            "wheelchairs",
            "may_share",
            "max_ride_min",
            "needs",
            "priority",
            "notes",
            "driver",
            "overlap_meant",
            "created_at",
            "updated_at",
            "version",
        ]
        read_only_fields = ["created_at", "updated_at", "version"]


class SeriesFilter(Filters):
    client = IdFilter("client_id")

    class Meta:
        model = Series
        fields: list[str] = []


class NextDateSerializer(serializers.Serializer):
    day = serializers.DateField()
    left_out = serializers.CharField(
        help_text=gettext_lazy("The holiday that leaves the date out, `pause`, or empty.")
    )


class NextDatesSerializer(serializers.Serializer):
    dates = NextDateSerializer(many=True)


class DateChangeSerializer(serializers.Serializer):
    booking = serializers.IntegerField()
    day = serializers.DateField()
    leg = serializers.ChoiceField(choices=["outbound", "return"])
    scheduled_time = serializers.DateTimeField()
    assigned = serializers.BooleanField()
    outcome = serializers.ChoiceField(choices=["changed", "canceled", "kept", "unchanged"])
    changes = serializers.ListField(child=serializers.CharField())
    by_hand = serializers.ListField(child=serializers.CharField())


class BrokenDateSerializer(serializers.Serializer):
    assignment = serializers.IntegerField()
    booking = serializers.IntegerField()
    driver = serializers.CharField()
    pickup_at = serializers.DateTimeField()
    why = serializers.CharField()


class OverlapSerializer(serializers.Serializer):
    """A date at the same time as another booking of the client; `foresee` tells it."""

    day = serializers.DateField()
    leg = serializers.ChoiceField(choices=["outbound", "return"])
    booking = serializers.IntegerField()
    why = serializers.CharField()


class ForeseenSerializer(serializers.Serializer):
    """What becomes of the booked dates, and the trips that the change breaks."""

    changed = serializers.IntegerField()
    canceled = serializers.IntegerField()
    by_hand = serializers.IntegerField()
    made = serializers.IntegerField()
    rows = DateChangeSerializer(many=True)
    broken = BrokenDateSerializer(many=True)
    overlaps = OverlapSerializer(many=True)


class PlaceBody(Body):
    """A place that has moved: whichever end of these standing orders it is."""

    series = serializers.ListField(child=WholeField(min_value=1), min_length=1, max_length=1000)
    old_lat, old_lon = latitude(), longitude()
    address = TextField(max_length=200, allow_blank=True)
    lat, lon = latitude(), longitude()
    dry_run = TruthField(default=False)


SINCE = OpenApiParameter(
    "since",
    date,
    description="A date of the standing order: it ends before, and a new one begins there.",
)
RELEASE = OpenApiParameter(
    "release", str, description="Ids of the assignments that may be released."
)


class SeriesViewSet(Reads, CompanyViewSet):
    """Standing orders: trips on certain weekdays, booked ahead; ended with `last_day`."""

    queryset = Series.objects.all()
    serializer_class = SeriesSerializer
    filterset_class = SeriesFilter
    roles = {"read": STAFF, "write": PLANNERS}
    orderings = ("-id",)
    params = {"partial_update": ["since", "release"], "foresee": ["since"], "move": ["release"]}

    def create(self, request, *args, **kwargs):
        """Store a standing order and book its first dates."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        series = self.owned(Series())
        meant = serializer.validated_data.pop("overlap_meant", False)
        for name, value in serializer.validated_data.items():
            setattr(series, name, value)
        create_series(series, actor=actor_of(request), now=timezone.now(), overlap_meant=meant)
        location = f"{request.build_absolute_uri(request.path)}{series.pk}/"
        return self.tagged(series, status=201, headers={"Location": location})

    @extend_schema(request=SeriesSerializer, parameters=[SINCE, RELEASE])
    def partial_update(self, request, *args, **kwargs):
        """Change all coming dates, or those from a date on: the answer is then the new order."""
        series, meant = self.wanted()
        options = {"actor": actor_of(request), "now": timezone.now(), "release": self.agreed()}
        change_series(series, since=self.since(), overlap_meant=meant, **options)
        return self.tagged(series)

    @extend_schema(request=SeriesSerializer, responses=ForeseenSerializer, parameters=[SINCE])
    @action(detail=True, methods=["post"])
    def foresee(self, request, *args, **kwargs):
        """Say what a PATCH with this body would do to the booked dates; nothing is written."""
        options = {"actor": actor_of(request), "now": timezone.now(), "dry_run": True}
        series, _meant = self.wanted()
        return Response(_facts(change_series(series, since=self.since(), **options)))

    @extend_schema(responses=NextDatesSerializer)
    @action(detail=True, methods=["get"], pagination_class=None)
    def dates(self, request, *args, **kwargs):
        """Return the next dates, with those that holidays and pauses leave out."""
        series = self.owned(self.get_object())
        (template,) = read_templates(self.company, [series])
        dates = dates_shown(template, today(self.company, timezone.now()))
        return Response({"dates": [{"day": one.day, "left_out": one.left_out} for one in dates]})

    @extend_schema(request=PlaceBody, responses=ForeseenSerializer, parameters=[RELEASE])
    @action(detail=False, methods=["post"])
    def move(self, request, *args, **kwargs):
        """Give a place that has moved to these orders and all their coming dates, or none."""
        body = read_body(PlaceBody, request)
        new = {name: body[name] for name in ("address", "lat", "lon")}

        def values(series: Series) -> dict[str, Any]:
            return {
                f"{end}_{name}": value
                for end in ("pickup", "dropoff")
                if (getattr(series, f"{end}_lat"), getattr(series, f"{end}_lon"))
                == (body["old_lat"], body["old_lon"])
                for name, value in new.items()
            }

        foreseen = change_many(
            self.company,
            set(body["series"]),
            values,
            actor=actor_of(request),
            now=timezone.now(),
            release=self.agreed(),
            dry_run=body["dry_run"],
        )
        return Response(_facts(foreseen))

    def wanted(self) -> tuple[Series, bool]:
        """Return the series with the values of the body, and whether overlaps are meant.

        It has the version as it was read.
        """
        series = self.owned(self.get_object())
        compare_tag(self.request, lambda: etag_of(self.get_serializer(series).data))
        values = changes_of(self, series)
        meant = values.pop("overlap_meant", False)
        for name, value in values.items():
            setattr(series, name, value)
        return series, meant

    def since(self) -> date | None:
        text = self.request.query_params.get("since")
        return parse_day(text, "since") if text else None

    def agreed(self) -> frozenset[int]:
        return frozenset(ids_of(self.request, "release"))


def _facts(foreseen: Any) -> dict[str, Any]:
    return {
        **foreseen.counts(),
        "rows": [row.as_dict() for row in foreseen.rows],
        "broken": [broken_facts(trip) for trip in foreseen.broken],
        "overlaps": [one.as_dict() for one in foreseen.overlaps],
    }


class PauseSerializer(Resource):
    series = InCompany(Series.objects.all(), allow_null=True, required=False)
    client = InCompany(Client.objects.all(), allow_null=True, required=False)
    first_day = DayField()
    last_day = DayField(allow_null=True, required=False)

    class Meta:
        model = Pause
        fields = ["id", "series", "client", "first_day", "last_day", "note"]


class PauseFilter(Filters):
    client = IdFilter("client_id")
    series = IdFilter("series_id")

    class Meta:
        model = Pause
        fields: list[str] = []


class PauseViewSet(Reads, CompanyViewSet):
    """Days without trips of one standing order, or of all of a client who is away."""

    queryset = Pause.objects.all()
    serializer_class = PauseSerializer
    filterset_class = PauseFilter
    roles = {"read": STAFF, "write": PLANNERS}
    orderings = ("-id",)

    def create(self, request, *args, **kwargs):
        """Pause, and cancel the booked dates in it."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        row = self.owned(Pause(**serializer.validated_data))
        pause(row, actor=actor_of(request), now=timezone.now())
        location = f"{request.build_absolute_uri(request.path)}{row.pk}/"
        return self.tagged(row, status=201, headers={"Location": location})

    def destroy(self, request, *args, **kwargs):
        """End the pause, and book the dates that come back."""
        read_body(Body, request)
        row = self.owned(self.get_object())
        self.compare(row)
        end_pause(row, actor=actor_of(request), now=timezone.now())
        return Response(status=204)
