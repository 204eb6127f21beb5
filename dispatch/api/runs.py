"""Dispatch runs in the API: plan a day, look first, take it back."""

import django_filters
from django.utils import timezone
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from bookings.api.roles import actor_of
from dispatch.models import DispatchRun
from dispatch.revert import revert_run
from dispatch.run import run_dispatch
from drivers.rest.access import PLANNERS, STAFF
from drivers.rest.reading import DayField, WholeField, read_body
from drivers.rest.views import CompanyViewSet, Reads, Resource

LONGEST_SEARCH_S = 60


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
