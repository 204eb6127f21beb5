"""Trips, assignments and dispatch runs in the API: each use-case one call.

A trip is addressed as its booking; `If-Match` with the booking's ETag covers its assignment
too, and is compared again under the locks.
"""

import django_filters
from django.db.models import FilteredRelation, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.response import Response

from bookings.api import (
    CLIENTS,
    PLANNERS,
    READERS,
    STAFF,
    BookingSerializer,
    BookingViewSet,
    actor_of,
)
from bookings.change import StaleBookingError
from bookings.models import Booking, Status
from dispatch import trips
from dispatch.apply import StalePlan
from dispatch.claim import DayBusy
from dispatch.hand_over import (
    DoubleBooked,
    NoSuchDriver,
    RuleBroken,
    hand_over,
    places,
    quote,
)
from dispatch.load import DONE
from dispatch.models import Assignment, DispatchRun
from dispatch.revert import NotRevertible, revert_run
from dispatch.run import PlanRefused, run_dispatch
from drivers.rest.access import caller_of
from drivers.rest.errors import PreconditionFailed, register
from drivers.rest.filters import PeriodFilterSet, id_filter
from drivers.rest.reading import DayField, MomentField, TextField, WholeField, moment
from drivers.rest.views import CompanyViewSet, Reads, Resource

register(trips.NoSuchTrip, 404, "not_found")
register(trips.NotAssigned, 409, "not_assigned")
register(trips.ImplausibleTime, 400, "invalid", field="at")
register(NoSuchDriver, 400, "does_not_exist", field="driver")
register(DoubleBooked, 409, "double_booked")
register(
    RuleBroken,
    400,
    "rule_broken",
    members=lambda e: {
        "errors": [{"field": "driver", "code": code, "detail": text} for code, text in e.rules]
    },
)
register(StalePlan, 409, "stale_plan")
register(DayBusy, 409, "day_busy")
register(PlanRefused, 409, "plan_refused")
register(NotRevertible, 409, "not_revertible")

LONGEST_SEARCH_S = 60
ASSIGNMENT_FIELDS = [
    "status",
    "planned_pickup_at",
    "planned_dropoff_at",
    "actual_pickup_at",
    "actual_dropoff_at",
    "confirmed",
    "locked",
]


class ReasonSerializer(serializers.Serializer):
    reason = TextField(max_length=200, allow_blank=True, default="")


class AssignSerializer(serializers.Serializer):
    driver = WholeField(min_value=1)
    pickup_at = MomentField(required=False)
    override = TextField(
        max_length=200,
        allow_blank=True,
        default="",
        help_text=gettext_lazy("Why a rule may be broken; lands in the log."),
    )


class ProgressSerializer(serializers.Serializer):
    status = serializers.ChoiceField(
        choices=["assigned", "en_route", "in_progress", "completed", "no_show"]
    )
    at = MomentField(required=False, help_text=gettext_lazy("When it happened; now by default."))
    reason = TextField(max_length=200, allow_blank=True, default="")


class PlaceSerializer(serializers.Serializer):
    driver = serializers.IntegerField(source="driver_id")
    name = serializers.CharField(source="driver")
    pickup_at = MomentField()
    dropoff_at = MomentField()
    detour_s = serializers.IntegerField(help_text=gettext_lazy("More seconds of empty driving."))
    price_s = serializers.IntegerField(help_text=gettext_lazy("What it adds to the objective."))


class PlacesSerializer(serializers.Serializer):
    results = PlaceSerializer(many=True)


class TripSerializer(BookingSerializer):
    """A booking with the id of its assignment."""

    assignment = serializers.IntegerField(allow_null=True, read_only=True)

    class Meta(BookingSerializer.Meta):
        fields = [*BookingSerializer.Meta.fields, "assignment"]
        read_only_fields = [*BookingSerializer.Meta.read_only_fields, "assignment"]


def read_body(serializer_class, request):
    serializer = serializer_class(data=request.data, context={"request": request})
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def trip_action(serializer_class=None, **options):
    """Mark a POST on one booking that answers with the booking."""

    def decorate(view):
        described = extend_schema(request=serializer_class, responses=TripSerializer)(view)
        return action(detail=True, methods=["post"], **options)(described)

    return decorate


class TripViewSet(BookingViewSet):
    """Bookings: created once by reference, changed with `If-Match`, never deleted."""

    serializer_class = TripSerializer
    expandable = ("client", "assignment", "driver")
    roles = {
        "read": READERS,
        "write": PLANNERS | CLIENTS,
        "accept": PLANNERS,
        "no_show": PLANNERS,
        "progress": PLANNERS,
        "assign": PLANNERS,
        "release": PLANNERS,
        "candidates": STAFF,
    }
    params = {**BookingViewSet.params, "candidates": ["top"]}

    @trip_action(ReasonSerializer)
    def accept(self, request, *args, **kwargs):
        """Take a pending booking on."""
        return self.done(trips.accept, "version", **read_body(ReasonSerializer, request))

    @trip_action(ReasonSerializer)
    def cancel(self, request, *args, **kwargs):
        """Cancel the booking and free its driver. Twice is fine."""
        return self.done(trips.cancel, "version", **read_body(ReasonSerializer, request))

    @trip_action(ReasonSerializer, url_path="no-show")
    def no_show(self, request, *args, **kwargs):
        """Note that the client did not come."""
        values = read_body(ReasonSerializer, request)
        return self.done(trips.report_progress, "assignment_id", Status.NO_SHOW, **values)

    @trip_action(ProgressSerializer)
    def progress(self, request, *args, **kwargs):
        """Report how far the trip is, with the real time."""
        values = dict(read_body(ProgressSerializer, request))
        status = Status(values.pop("status"))
        return self.done(trips.report_progress, "assignment_id", status, **values)

    @trip_action(AssignSerializer)
    def assign(self, request, *args, **kwargs):
        """Give the trip to a driver, if the rules allow it or are overridden with a reason."""
        values = dict(read_body(AssignSerializer, request))
        return self.done(hand_over, "assignment_id", values.pop("driver"), **values)

    @trip_action(ReasonSerializer)
    def release(self, request, *args, **kwargs):
        """Take the trip from its driver; it waits for another."""
        return self.done(trips.release, "assignment_id", **read_body(ReasonSerializer, request))

    @extend_schema(
        parameters=[OpenApiParameter("top", int, description="How many: 1 to 20, 3 by default.")],
        responses=PlacesSerializer,
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def candidates(self, request, *args, **kwargs):
        """The best drivers who could take the trip, with the time and the price of each."""
        text = request.query_params.get("top", "3")
        if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= 20):
            raise ValidationError({"top": [_("A whole number from 1 to 20.")]})
        found = places(self.company, int(self.kwargs["pk"]), now=timezone.now(), top=int(text))
        return Response({"results": PlaceSerializer(found, many=True).data})

    def done(self, use_case, compared, *args, **options):
        """Do it to this booking, if it is as `If-Match` says, and answer with the booking."""
        if "If-Match" in self.request.headers:
            row = self.matched()
            seen = {"version": row["version"], "assignment_id": row["current__id"] or 0}
            options[compared] = seen[compared]
        try:
            use_case(
                self.company,
                int(self.kwargs["pk"]),
                *args,
                actor=actor_of(self.request),
                now=timezone.now(),
                **options,
            )
        except StaleBookingError:
            if "If-Match" in self.request.headers:
                raise PreconditionFailed from None
            raise
        return self.one(int(self.kwargs["pk"]))

    def with_relations(self, queryset):
        """Join the assignment that is open or was driven: there is one at most."""
        condition = Q(assignments__is_open=True) | Q(assignments__status__in=sorted(DONE))
        return queryset.alias(current=FilteredRelation("assignments", condition=condition))

    def columns(self, expand):
        found = [*super().columns(expand), "current__id", "current__updated_at"]
        if {"assignment", "driver"} & set(expand):
            found += ["current__driver_id", *(f"current__{name}" for name in ASSIGNMENT_FIELDS)]
        if "driver" in expand:
            found += [f"current__driver__{name}" for name in ("name", "phone")]
            found.append("current__driver__vehicle__plate")
        return found

    def represent(self, row, expand):
        data = super().represent(row, expand)
        data["assignment"] = row["current__id"]
        if data["assignment"] and {"assignment", "driver"} & set(expand):
            shown = {"id": row["current__id"], "driver": row["current__driver_id"]}
            for name in ASSIGNMENT_FIELDS:
                value = row[f"current__{name}"]
                shown[name] = moment(value) if name.endswith("_at") else value
            if "driver" in expand:
                shown["driver"] = {
                    "id": row["current__driver_id"],
                    "name": row["current__driver__name"],
                    "phone": row["current__driver__phone"],
                    "plate": row["current__driver__vehicle__plate"],
                }
            data["assignment"] = shown
        return data

    def shown_names(self):
        return TripSerializer.Meta.fields

    def tag_of(self, row):
        changed_at = row["current__updated_at"]
        stamp = int(changed_at.timestamp() * 1_000_000) if changed_at else 0
        return f'"{row["version"]}-{row["current__id"] or 0}-{stamp}"'


class AssignmentSerializer(Resource):
    """Who drives a booking, and when."""

    booking = serializers.IntegerField(source="booking_id")
    driver = serializers.IntegerField(source="driver_id")
    run = serializers.IntegerField(source="run_id", allow_null=True)
    explanation = serializers.DictField()

    class Meta:
        model = Assignment
        fields = [
            "id",
            "booking",
            "driver",
            "run",
            "status",
            "planned_pickup_at",
            "planned_dropoff_at",
            "actual_pickup_at",
            "actual_dropoff_at",
            "confirmed",
            "locked",
            "explanation",
            "created_at",
            "updated_at",
        ]


class AssignmentFilter(PeriodFilterSet):
    """`from` and `until` are about the planned pickup."""

    moment = "planned_pickup_at"
    booking = id_filter("booking")
    driver = id_filter("driver")
    run = id_filter("run")
    open = django_filters.BooleanFilter(field_name="is_open")

    class Meta:
        model = Assignment
        fields = ["status", "locked", "confirmed"]


class AssignmentViewSet(Reads, CompanyViewSet):
    """Assignments, the superseded ones too: they are the history."""

    queryset = Assignment.objects.all()
    serializer_class = AssignmentSerializer
    filterset_class = AssignmentFilter
    orderings = ("-planned_pickup_at", "id")
    roles = {"read": READERS, "write": PLANNERS}

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request, *args, **kwargs):
        """Note that the driver, or the client, knows of the trip."""
        return self.done(trips.confirm, **read_body(ReasonSerializer, request))

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def lock(self, request, *args, **kwargs):
        """Keep the trip with its driver and at its time: no run moves it."""
        return self.done(trips.lock, **read_body(ReasonSerializer, request))

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def unlock(self, request, *args, **kwargs):
        """Let runs move the trip again."""
        return self.done(trips.unlock, **read_body(ReasonSerializer, request))

    @extend_schema(request=AssignSerializer)
    @action(detail=True, methods=["post"])
    def reassign(self, request, *args, **kwargs):
        """Give the trip to another driver, or another time; answers with the new assignment."""
        values = dict(read_body(AssignSerializer, request))
        return self.done(hand_over, values.pop("driver"), **values)

    def done(self, use_case, *args, **options):
        """Do it to the trip while this is its open assignment."""
        assignment = self.get_object()
        trip = use_case(
            self.company,
            assignment.booking_id,
            *args,
            actor=actor_of(self.request),
            now=timezone.now(),
            assignment_id=assignment.id,
            **options,
        )
        return self.tagged(trip.assignment)


class RunSerializer(Resource):
    """One attempt to plan a day."""

    reverts = serializers.IntegerField(source="reverts_id", allow_null=True)
    settings = serializers.DictField()
    metrics = serializers.DictField()
    timings = serializers.DictField()
    unassigned = serializers.ListField(child=serializers.DictField())

    class Meta:
        model = DispatchRun
        fields = [
            "id",
            "day",
            "trigger",
            "reverts",
            "status",
            "started_at",
            "finished_at",
            "settings",
            "metrics",
            "timings",
            "unassigned",
        ]


class RunRequestSerializer(serializers.Serializer):
    day = DayField()
    preview = serializers.BooleanField(
        default=False, help_text=gettext_lazy("Only plan and report; nothing is written.")
    )
    time_limit_s = WholeField(
        min_value=0,
        max_value=LONGEST_SEARCH_S,
        allow_null=True,
        default=None,
        help_text=gettext_lazy("Seconds to search; by default what the size of the day asks for."),
    )
    seed = WholeField(min_value=0, max_value=2**31 - 1, default=0)


class ReportSerializer(serializers.Serializer):
    """What a run did, or would do."""

    run = serializers.IntegerField(allow_null=True)
    company = serializers.CharField()
    day = serializers.DateField()
    status = serializers.ChoiceField(choices=["preview", "completed"])
    bookings = serializers.IntegerField()
    assigned = serializers.IntegerField()
    unassigned = serializers.ListField(child=serializers.DictField())
    metrics = serializers.DictField()
    changes = serializers.DictField(child=serializers.IntegerField())
    drivers = serializers.ListField(child=serializers.DictField())
    notices = serializers.ListField(child=serializers.CharField())
    statements = serializers.IntegerField()
    timings = serializers.DictField()


class RunFilter(django_filters.FilterSet):
    class Meta:
        model = DispatchRun
        fields = ["day", "status"]


class RunViewSet(Reads, CompanyViewSet):
    """Dispatch runs: plan a day, look first, take it back."""

    queryset = DispatchRun.objects.all()
    serializer_class = RunSerializer
    filterset_class = RunFilter
    orderings = ("-id",)
    roles = {"read": STAFF, "write": PLANNERS}

    @extend_schema(
        request=RunRequestSerializer,
        responses={200: ReportSerializer, 201: ReportSerializer},
    )
    def create(self, request, *args, **kwargs):
        """Plan a day: 201 with the report of what was written, 200 for a preview."""
        values = dict(read_body(RunRequestSerializer, request))
        report = run_dispatch(
            self.company,
            values.pop("day"),
            now=timezone.now(),
            actor=actor_of(request),
            **values,
        )
        if report.run is None:
            return Response(report.as_dict())
        return self.written(report, request.path)

    @extend_schema(request=None, responses={201: ReportSerializer})
    @action(detail=True, methods=["post"])
    def revert(self, request, *args, **kwargs):
        """Restore what stood before the run, as far as the rules allow."""
        run = self.get_queryset().filter(pk=self.kwargs["pk"]).first()
        if run is None:
            raise NotFound
        run.company = self.company
        report = revert_run(run, now=timezone.now(), actor=actor_of(request))
        return self.written(report, request.path.rsplit("/", 3)[0] + "/")

    def written(self, report, path):
        location = self.request.build_absolute_uri(f"{path}{report.run}/")
        return Response(report.as_dict(), status=201, headers={"Location": location})


class QuoteViewSet(viewsets.ViewSet):
    """Could this trip be served, by whom and when? Nothing is stored."""

    roles = {"create": PLANNERS | CLIENTS}
    serializer_class = BookingSerializer

    @extend_schema(request=BookingSerializer, responses=PlacesSerializer)
    def create(self, request, *args, **kwargs):
        values = dict(read_body(BookingSerializer, request))
        relations = {f"{name}_id": values.pop(name, None) for name in ("client", "return_of")}
        booking = Booking(status=Status.ACCEPTED, **values, **relations)
        found = quote(caller_of(request).company, booking, now=timezone.now())
        return Response({"results": PlaceSerializer(found, many=True).data})


def register_routes(router):
    router.register("bookings", TripViewSet, basename="booking")
    router.register("assignments", AssignmentViewSet, basename="assignment")
    router.register("dispatch-runs", RunViewSet, basename="run")
    router.register("quotes", QuoteViewSet, basename="quote")
