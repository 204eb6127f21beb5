"""Weekly shifts of drivers in the API, and the weeks that are filled from them."""

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from drivers.fleet.fill_weeks import WEEKS_AT_MOST, copy_week, fill_weeks
from drivers.models import Driver, ShiftTemplate, Vehicle
from drivers.rest.access import PLANNERS, STAFF
from drivers.rest.fields import Body, DayField, MomentField, TruthField, WholeField, read_body
from drivers.rest.filters import Filters, IdFilter
from drivers.rest.views import Changes, CompanyViewSet, Creates, Deletes, InCompany, Reads, Resource

DRIVERS_AT_MOST = 1_000
SHOWN = 100


class PatternSerializer(Resource):
    """A driver's shift on a weekday, in the company's local time."""

    driver = InCompany(queryset=Driver.objects.all())
    vehicle = InCompany(
        queryset=Vehicle.objects.all(),
        allow_null=True,
        required=False,
        help_text=_("Null for the driver's vehicle."),
    )

    class Meta:
        model = ShiftTemplate
        fields = [
            "id",
            "driver",
            "vehicle",
            "weekday",
            "start",
            "end",
            "break_min",
            "break_from",
            "break_until",
        ]
        extra_kwargs = {"weekday": {"help_text": _("0 is Monday, 6 is Sunday.")}}


class PatternFilter(Filters):
    driver = IdFilter("driver_id")

    class Meta:
        model = ShiftTemplate
        fields = ["weekday"]


class WeeksSerializer(Body):
    week = DayField(help_text=_("Any day of the first week to fill."))
    weeks = WholeField(min_value=1, max_value=WEEKS_AT_MOST, default=1)
    drivers = serializers.ListField(
        child=WholeField(min_value=1),
        max_length=DRIVERS_AT_MOST,
        required=False,
        help_text=_("Ids; all active drivers if it is left out. Others are no drivers here."),
    )
    copy_of = DayField(
        required=False,
        help_text=_("Any day of a week whose shifts are repeated, instead of the weekly shifts."),
    )
    dry_run = TruthField(default=False)


class LeftOutSerializer(serializers.Serializer):
    driver = serializers.CharField()
    start_at = MomentField()
    why = serializers.CharField()


class FilledSerializer(serializers.Serializer):
    created = serializers.IntegerField(help_text=_("Shifts made, or to be made in a dry run."))
    already = serializers.IntegerField(help_text=_("Shifts that are there with these times."))
    left_out = serializers.IntegerField()
    why = LeftOutSerializer(many=True, help_text=_("The first 100 of those left out."))
    dry_run = serializers.BooleanField()


class PatternViewSet(Reads, Creates, Changes, Deletes, CompanyViewSet):
    """Weekly shifts of drivers, from which the shifts of weeks are made."""

    company_path = "driver__company"
    queryset = ShiftTemplate.objects.all()
    serializer_class = PatternSerializer
    filterset_class = PatternFilter
    roles = {"read": STAFF, "write": PLANNERS}

    @extend_schema(request=WeeksSerializer, responses=FilledSerializer, filters=False)
    @action(detail=False, methods=["post"], pagination_class=None)
    def fill(self, request, *args, **kwargs):
        """Make the shifts of coming weeks; what is there stays, and asked again makes none."""
        values = read_body(WeeksSerializer, request)
        drivers = values.get("drivers")
        if drivers is None:
            rows = Driver.objects.filter(company=self.company, is_active=True)
            drivers = list(rows.values_list("id", flat=True))
        options = {"now": timezone.now(), "dry_run": values["dry_run"]}
        week, weeks = values["week"], values["weeks"]
        if source := values.get("copy_of"):
            filled = copy_week(self.company, drivers, source, week, weeks, **options)
        else:
            filled = fill_weeks(self.company, drivers, week, weeks, **options)
        return Response(
            {
                "created": len(filled.created),
                "already": filled.already,
                "left_out": len(filled.left_out),
                "why": LeftOutSerializer(filled.left_out[:SHOWN], many=True).data,
                "dry_run": filled.dry_run,
            }
        )
