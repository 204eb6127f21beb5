"""The driver's own day in the API: trips, progress, positions, availability."""

from copy import copy

from django.db.models import Case, CharField, Exists, F, JSONField, OuterRef, Subquery, When
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.response import Response

from bookings.models import Status
from dispatch.api.request_serializers import HappenedSerializer, ProgressSerializer
from dispatch.day.travel_times import whence
from dispatch.models import Assignment, DispatchRun, of_day
from dispatch.trips import decisions, progress
from dispatch.trips.driver_day import TRIP_COLUMNS, note_position
from drivers.fleet.changes import changing
from drivers.models import Driver, Shift
from drivers.rest.access import DRIVERS, actor_of, caller_of
from drivers.rest.fields import (
    Body,
    MomentField,
    TruthField,
    latitude,
    longitude,
    moment,
    parse_day,
    read_body,
)
from drivers.rest.views import Door

MOST_POSITIONS = 1_000


class AvailabilitySerializer(Body):
    is_available = TruthField()


@extend_schema_serializer(many=False)
class MeSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    is_available = serializers.BooleanField()
    vehicle = serializers.CharField(
        allow_null=True,
        help_text=gettext_lazy("The plate in the shift that is on or comes next, else the usual."),
    )


class MyTripSerializer(serializers.Serializer):
    booking = serializers.IntegerField()
    assignment = serializers.IntegerField()
    status = serializers.ChoiceField(choices=Status.choices)
    planned_pickup_at = MomentField()
    planned_dropoff_at = MomentField()
    arrived_at = MomentField(allow_null=True)
    actual_pickup_at = MomentField(allow_null=True)
    actual_dropoff_at = MomentField(allow_null=True)
    confirmed = serializers.BooleanField()
    reference = serializers.CharField()
    client = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True)
    pickup_address = serializers.CharField()
    pickup_entrance = serializers.CharField(
        allow_null=True, help_text=gettext_lazy("Of the company's place at this address.")
    )
    pickup_door_notes = serializers.CharField(
        allow_null=True, help_text=gettext_lazy("What to know at the door of this place.")
    )
    pickup_lat = serializers.FloatField()
    pickup_lon = serializers.FloatField()
    dropoff_address = serializers.CharField()
    dropoff_entrance = serializers.CharField(
        allow_null=True, help_text=gettext_lazy("Of the company's place at this address.")
    )
    dropoff_door_notes = serializers.CharField(
        allow_null=True, help_text=gettext_lazy("What to know at the door of this place.")
    )
    dropoff_lat = serializers.FloatField()
    dropoff_lon = serializers.FloatField()
    appointment_at = MomentField(allow_null=True)
    passengers = serializers.IntegerField()
    wheelchairs = serializers.IntegerField()
    notes = serializers.CharField()


class MyDaySerializer(serializers.Serializer):
    day = serializers.DateField()
    driving = serializers.CharField(
        help_text=gettext_lazy(
            "Where the driving times of the plan come from: `straight_line`, `roads`, `last_known` "
            "or `mixed`."
        )
    )
    trips = MyTripSerializer(many=True)


class PositionSerializer(Body):
    at = MomentField()
    lat, lon = latitude(), longitude()


class PositionsSerializer(Body):
    positions = PositionSerializer(many=True, allow_empty=False, max_length=MOST_POSITIONS)


class MeViewSet(Door, viewsets.ViewSet):
    """The driver whose token makes the request."""

    roles = {"read": DRIVERS, "write": DRIVERS}
    params = {"day": ["day"]}
    tagged_reads = ("list", "day")
    brief_callers = ("positions",)

    def mine(self):
        """Return the queryset of the driver: empty if the user is not a driver of the company."""
        company = caller_of(self.request).company
        return Driver.objects.filter(company=company, user=self.request.user, is_active=True)

    def me(self):
        """Return the driver: 1 statement. Raises NotFound."""
        driver = self.mine().first()
        if driver is None:
            raise NotFound(_("You are not a driver of this company."))
        return driver

    def driver_id(self):
        return self.me().pk

    @extend_schema(responses=MeSerializer)
    def list(self, request):
        """Show the driver of this token."""
        shifts = Shift.objects.filter(driver=OuterRef("pk"), end_at__gt=timezone.now())
        next_one = shifts.order_by("start_at", "id").values("vehicle__plate")[:1]
        plate = Case(
            When(Exists(shifts), then=Subquery(next_one)),
            default=F("vehicle__plate"),
            output_field=CharField(),
        )
        row = self.mine().values("id", "name", "is_available", plate=plate).first()
        if row is None:
            raise NotFound(_("You are not a driver of this company."))
        row["vehicle"] = row.pop("plate")
        return Response(row)

    @extend_schema(request=AvailabilitySerializer, responses=MeSerializer)
    @action(detail=False, methods=["post"])
    def availability(self, request):
        """Set whether the driver is available for planning.

        A driver who has trips asks the dispatcher, who releases them: 409 with the list.
        """
        values = read_body(AvailabilitySerializer, request)
        driver = self.me()
        wanted = copy(driver)
        wanted.is_available = values["is_available"]
        with changing([driver], wanted, actor=actor_of(request), now=timezone.now()):
            wanted.save(update_fields=["is_available"])
        return self.list(request)

    @extend_schema(
        parameters=[
            OpenApiParameter("day", OpenApiTypes.DATE, description="A date; today by default.")
        ],
        responses=MyDaySerializer,
    )
    @action(detail=False, methods=["get"])
    def day(self, request):
        """List the driver's trips of a day, in order of pickup: 1 statement."""
        company = caller_of(request).company
        text = request.query_params.get("day")
        day = parse_day(text) if text is not None else company.local(timezone.now()).date()
        rows = (
            Assignment.objects.filter(
                of_day(company, day), company=company, driver__user=request.user
            )
            .exclude(status__in=[Assignment.Status.SUPERSEDED, Assignment.Status.CANCELED])
            .order_by("planned_pickup_at", "id")
        )
        runs = DispatchRun.objects.filter(
            company=company, day=day, status=DispatchRun.Status.COMPLETED
        )
        of_plan = runs.order_by("-id").values("metrics__driving")[:1]
        rows = rows.annotate(driving=Subquery(of_plan, output_field=JSONField()))
        columns = [*TRIP_COLUMNS.values(), "driving"]
        found = list(rows.values_list(*columns))
        planned = found[0][-1] if found else None
        trips = [
            {
                name: moment(value) if name.endswith("_at") else value
                for name, value in zip(TRIP_COLUMNS, row, strict=True)
            }
            for *row, _driving in found
        ]
        by = planned["by"] if planned else whence(company)
        return Response({"day": day.isoformat(), "driving": by, "trips": trips})

    @extend_schema(request=PositionsSerializer, responses={204: None})
    @action(detail=False, methods=["post"])
    def positions(self, request):
        """Report positions; the newest counts. One statement besides the token's."""
        if not isinstance(request.data, dict):
            raise ValidationError({"positions": [_("Send an object with a list of positions.")]})
        rows = read_body(PositionsSerializer, request)["positions"]
        positions = [(row["at"], row["lat"], row["lon"]) for row in rows]
        if max(positions)[0] > timezone.now() + progress.CLOCK_AHEAD:
            raise ValidationError({"positions": [_("The time is in the future.")]})
        note_position(self.mine(), positions)
        return Response(status=204)


class MyTripViewSet(Door, viewsets.ViewSet):
    """The driver's reports about a trip, addressed by its booking."""

    roles = {"write": DRIVERS}
    lookup_value_regex = "[0-9]{1,18}"
    driver_id = MeViewSet.driver_id
    me = MeViewSet.me
    mine = MeViewSet.mine

    @extend_schema(request=ProgressSerializer, responses=MyTripSerializer)
    @action(detail=True, methods=["post"])
    def progress(self, request, pk):
        """Report the progress of one of the driver's trips, with the actual time.

        409 `too_early` more than 4 hours before the planned pickup.
        """
        values = dict(read_body(ProgressSerializer, request))
        return self.done(progress.report_progress, pk, Status(values.pop("status")), **values)

    @extend_schema(request=HappenedSerializer, responses=MyTripSerializer)
    @action(detail=True, methods=["post"])
    def arrive(self, request, pk):
        """Report the arrival at the pickup, now or at a given time."""
        return self.done(progress.arrive, pk, **read_body(HappenedSerializer, request))

    @extend_schema(request=None, responses=MyTripSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request, pk):
        """Confirm the trip."""
        read_body(Body, request)
        return self.done(decisions.confirm, pk)

    def done(self, use_case, booking_id, *args, **values):
        """Call the use-case on the driver's own trip, and return the trip."""
        use_case(
            caller_of(self.request).company,
            int(booking_id),
            *args,
            driver_id=self.driver_id(),
            actor=actor_of(self.request),
            now=timezone.now(),
            **values,
        )
        return self.one(booking_id)

    def one(self, booking_id):
        row = (
            Assignment.objects.filter(driver__user=self.request.user, booking_id=booking_id)
            .order_by("-id")
            .values_list(*TRIP_COLUMNS.values())
            .first()
        )
        return Response(
            {
                name: moment(value) if name.endswith("_at") else value
                for name, value in zip(TRIP_COLUMNS, row, strict=True)
            }
        )
