"""Assignments in the API, including superseded ones."""

from contextlib import contextmanager, nullcontext

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action

from bookings.api.roles import READERS
from dispatch.api.request_serializers import AssignSerializer, ReasonSerializer
from dispatch.api.trip_serializers import ASSIGNMENT_FIELDS
from dispatch.ledger import lock_drivers
from dispatch.models import Assignment
from dispatch.trips import decisions
from dispatch.trips.assign import assign
from drivers.rest.access import PLANNERS, actor_of, caller_of
from drivers.rest.fields import read_body
from drivers.rest.filters import IdFilter, PeriodFilterSet, TruthFilter
from drivers.rest.views import CompanyViewSet, Reads, Resource


class AssignmentSerializer(Resource):
    """Who drives a booking, and when."""

    booking = serializers.IntegerField(source="booking_id")
    driver = serializers.IntegerField(source="driver_id")
    run = serializers.IntegerField(source="run_id", allow_null=True)
    explanation = serializers.DictField(
        help_text=gettext_lazy("Why this driver; empty for client systems, as `run` is null.")
    )

    class Meta:
        model = Assignment
        fields = [
            "id",
            "booking",
            "driver",
            "run",
            *ASSIGNMENT_FIELDS,
            "explanation",
            "created_at",
            "updated_at",
        ]

    def to_representation(self, instance):
        data = super().to_representation(instance)
        if caller_of(self.context["request"]).customer:
            hidden = {"explanation": {}, "run": None}  # they tell of other drivers and trips
            data |= {name: value for name, value in hidden.items() if name in data}
        return data


class AssignmentFilter(PeriodFilterSet):
    """`from` and `until` filter by the planned pickup."""

    moment = "planned_pickup_at"
    booking = IdFilter("booking_id")
    driver = IdFilter("driver_id")
    run = IdFilter("run_id")
    open = TruthFilter(field_name="is_open")

    class Meta:
        model = Assignment
        fields = ["status", "locked", "confirmed"]


class AssignmentViewSet(Reads, CompanyViewSet):
    """Assignments, including superseded ones, which are the history."""

    queryset = Assignment.objects.all()
    serializer_class = AssignmentSerializer
    filterset_class = AssignmentFilter
    orderings = ("-planned_pickup_at",)
    roles = {"read": READERS, "write": PLANNERS}

    def get_queryset(self):
        """Return the assignments of the scope, a customer's by company too.

        They have no customer of their own to begin an index with: so the newest of the company
        are read until a page is full, or the few bookings of a small customer are looked up.
        """
        rows = super().get_queryset()
        return rows.filter(company=self.company) if self.customer else rows

    def known_params(self):
        """Return the filters: a client system has none by the run, which it is not told."""
        return super().known_params() - ({"run"} if self.customer else set())

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request, *args, **kwargs):
        """Record that the driver, or the client, has confirmed the trip."""
        return self.done(decisions.confirm, **read_body(ReasonSerializer, request))

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def lock(self, request, *args, **kwargs):
        """Lock the trip to its driver and time, so that no run moves it."""
        return self.done(decisions.lock, **read_body(ReasonSerializer, request))

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def unlock(self, request, *args, **kwargs):
        """Unlock the trip, so that runs may move it again."""
        return self.done(decisions.unlock, **read_body(ReasonSerializer, request))

    @extend_schema(request=AssignSerializer)
    @action(detail=True, methods=["post"])
    def reassign(self, request, *args, **kwargs):
        """Assign the trip to another driver or time; returns the new assignment.

        Breaking a rule requires `override`, moving a locked trip requires `lock` (409 `locked`).
        """
        values = dict(read_body(AssignSerializer, request))
        return self.done(assign, values.pop("driver"), **values)

    def done(self, use_case, *args, **options):
        """Call the use-case, provided this is still the trip's open assignment."""
        with self.held(args) if "If-Match" in self.request.headers else nullcontext():
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

    @contextmanager
    def held(self, drivers):
        """Lock the drivers, so that what `If-Match` is compared with stays: 2 statements."""
        with transaction.atomic():
            rows = self.get_queryset().filter(pk=self.kwargs["pk"])
            lock_drivers(self.company, {*rows.values_list("driver_id", flat=True), *drivers})
            yield
