"""The company, vehicles, drivers, shifts and absences in the API."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from drivers.api.guarded import RELEASE, DeletableViewSet, GuardedViewSet, guarded
from drivers.companies.policy import policy_changed
from drivers.companies.roles import OWNERS
from drivers.fleet.exchange import exchange_vehicles
from drivers.models import (
    Absence,
    Company,
    Driver,
    Shift,
    Vehicle,
    VehicleAbsence,
)
from drivers.rest.access import EVERYBODY, PLANNERS, STAFF, actor_of
from drivers.rest.fields import (
    Body,
    DegreesField,
    TagsField,
    ids_of,
    latitude,
    longitude,
    read_body,
)
from drivers.rest.filters import Filters, IdFilter, MomentFilter, PeriodFilterSet
from drivers.rest.views import (
    Changes,
    CompanyViewSet,
    InCompany,
    Reads,
    Resource,
    changes_of,
    locked_row,
    set_values,
)


class CompanySerializer(Resource):
    depot_lat = latitude(required=False)
    depot_lon = longitude(required=False)
    speed_kmh = DegreesField(min_value=1, max_value=200, required=False)
    circuity = DegreesField(min_value=1, max_value=5, required=False)
    ride_factor = DegreesField(min_value=1, max_value=10, allow_null=True, required=False)

    class Meta:
        model = Company
        fields = [
            "id",
            "name",
            "slug",
            "timezone",
            "depot_lat",
            "depot_lon",
            "pickup_early_min",
            "pickup_late_min",
            "return_late_min",
            "appointment_margin_min",
            "boarding_min",
            "boarding_wheelchair_min",
            "boarding_stretcher_min",
            "alighting_min",
            "speed_kmh",
            "circuity",
            "max_bookings_per_driver",
            "freeze_min",
            "fairness",
            "emergency_cost_min",
            "correction_hours",
            "on_time_early_min",
            "on_time_late_min",
            "forget_after_months",
            "keep_log_months",
            "plan_without_roads",
            "shares_rides",
            "ride_factor",
            "ride_added_min",
            "ride_longest_min",
            "ride_cost_percent",
            "series_days_ahead",
            "holiday_country",
            "holiday_canton",
            "expiry_days",
            "expired_stop",
        ]
        read_only_fields = ["slug", "timezone"]


class OwnCompanyViewSet(Reads, Changes, CompanyViewSet):
    """The caller's company and its planning policy."""

    company_path = "pk"
    queryset = Company.objects.all()
    serializer_class = CompanySerializer
    roles = {"read": EVERYBODY, "write": OWNERS}

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return self.queryset.none()
        return self.queryset.filter(pk=self.company.pk)

    def partial_update(self, request, *args, **kwargs):
        with transaction.atomic():
            company = locked_row(self)
            values = changes_of(self, company)
            set_values(company, values)
            policy_changed(company, values, actor=actor_of(request), now=timezone.now())
        return self.tagged(company)


class VehicleSerializer(Resource):
    skills = TagsField(required=False)
    handover_lat = latitude(allow_null=True, required=False)
    handover_lon = longitude(allow_null=True, required=False)

    class Meta:
        model = Vehicle
        fields = [
            "id",
            "plate",
            "seats",
            "wheelchair_places",
            "other_layouts",
            "skills",
            "insurance_until",
            "inspection_until",
            "handover_lat",
            "handover_lon",
        ]


@guarded
class VehicleViewSet(GuardedViewSet):
    queryset = Vehicle.objects.all()
    serializer_class = VehicleSerializer
    roles = {"read": STAFF, "write": PLANNERS}
    orderings = ("id", "plate")
    search_fields = ["plate"]


class DriverSerializer(Resource):
    changed_by = dict.fromkeys(("last_lat", "last_lon", "last_position_at"), "POST /me/positions/")
    skills = TagsField(required=False)
    vehicle = InCompany(queryset=Vehicle.objects.all(), allow_null=True, required=False)
    home_lat = latitude(allow_null=True, required=False)
    home_lon = longitude(allow_null=True, required=False)

    class Meta:
        model = Driver
        fields = [
            "id",
            "name",
            "phone",
            "vehicle",
            "kind",
            "is_active",
            "is_available",
            "skills",
            "max_bookings",
            "licence_until",
            "permit_until",
            "home_lat",
            "home_lon",
            "last_lat",
            "last_lon",
            "last_position_at",
        ]
        read_only_fields = ["last_lat", "last_lon", "last_position_at"]


class ExchangeSerializer(Body):
    driver = InCompany(queryset=Driver.objects.all(), help_text=_("The other driver."))


class DriverFilter(Filters):
    class Meta:
        model = Driver
        fields = ["kind", "is_active", "is_available"]


@guarded
class DriverViewSet(GuardedViewSet):
    queryset = Driver.objects.all()
    serializer_class = DriverSerializer
    filterset_class = DriverFilter
    roles = {"read": STAFF, "write": PLANNERS}
    orderings = ("name", "id")
    search_fields = ["folded_name", "phone"]

    @extend_schema(
        request=ExchangeSerializer,
        responses={200: DriverSerializer(many=True)},
        parameters=[RELEASE],
        filters=False,
    )
    @action(detail=True, methods=["post"], url_path="exchange-vehicle", pagination_class=None)
    def exchange_vehicle(self, request, *args, **kwargs):
        """Exchange the vehicles of two drivers, and of their shifts that have not begun."""
        driver = self.read_row()
        other = read_body(ExchangeSerializer, request)["driver"]
        drivers, _released = exchange_vehicles(
            driver,
            other,
            actor=actor_of(request),
            now=timezone.now(),
            agreed=ids_of(request, "release"),
        )
        return Response(self.get_serializer(drivers, many=True).data)


class ShiftSerializer(Resource):
    changed_by = {"break_at": "POST /dispatch-runs/"}
    driver = InCompany(queryset=Driver.objects.all())
    vehicle = InCompany(
        queryset=Vehicle.objects.all(),
        allow_null=True,
        required=False,
        help_text=_("The driver's if a new shift does not name one; null for none."),
    )

    class Meta:
        model = Shift
        fields = [
            "id",
            "driver",
            "vehicle",
            "start_at",
            "end_at",
            "break_min",
            "break_from_at",
            "break_until_at",
            "break_at",
        ]
        read_only_fields = ["break_at"]

    def validate(self, attrs):
        if self.instance is None:
            attrs.setdefault("vehicle", attrs["driver"].vehicle)
        return attrs


class OverlapFilter(PeriodFilterSet):
    """Periods that overlap [`from`, `until`)."""

    @classmethod
    def get_filters(cls):
        return super().get_filters() | {
            "from": MomentFilter(field_name="end_at", lookup_expr="gt"),
            "until": MomentFilter(field_name="start_at", lookup_expr="lt"),
        }


class DutyFilter(OverlapFilter):
    """Periods of drivers that overlap [`from`, `until`)."""

    driver = IdFilter("driver_id")


class ShiftFilter(DutyFilter):
    """Shifts that overlap [`from`, `until`)."""

    vehicle = IdFilter("vehicle_id")


@guarded
class ShiftViewSet(DeletableViewSet):
    company_path = "driver__company"
    queryset = Shift.objects.all()
    serializer_class = ShiftSerializer
    filterset_class = ShiftFilter
    roles = {"read": STAFF, "write": PLANNERS}
    orderings = ("start_at", "id")


class AbsenceSerializer(Resource):
    driver = InCompany(queryset=Driver.objects.all())

    class Meta:
        model = Absence
        fields = ["id", "driver", "start_at", "end_at", "reason", "note"]


@guarded
class AbsenceViewSet(DeletableViewSet):
    company_path = "driver__company"
    queryset = Absence.objects.all()
    serializer_class = AbsenceSerializer
    filterset_class = DutyFilter
    roles = {"read": STAFF, "write": PLANNERS}
    orderings = ("start_at", "id")


class VehicleAbsenceSerializer(Resource):
    vehicle = InCompany(queryset=Vehicle.objects.all())

    class Meta:
        model = VehicleAbsence
        fields = ["id", "vehicle", "start_at", "end_at", "reason", "note"]


class VehicleAbsenceFilter(OverlapFilter):
    """Absences that overlap [`from`, `until`)."""

    vehicle = IdFilter("vehicle_id")


@guarded
class VehicleAbsenceViewSet(DeletableViewSet):
    company_path = "vehicle__company"
    queryset = VehicleAbsence.objects.all()
    serializer_class = VehicleAbsenceSerializer
    filterset_class = VehicleAbsenceFilter
    roles = {"read": STAFF, "write": PLANNERS}
    orderings = ("start_at", "id")


def register_routes(router):
    router.register("companies", OwnCompanyViewSet, basename="company")
    router.register("vehicles", VehicleViewSet, basename="vehicle")
    router.register("drivers", DriverViewSet, basename="driver")
    router.register("shifts", ShiftViewSet, basename="shift")
    router.register("absences", AbsenceViewSet, basename="absence")
    router.register("vehicle-absences", VehicleAbsenceViewSet, basename="vehicle-absence")
