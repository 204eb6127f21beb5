"""The company, vehicles, drivers, shifts, absences and tokens in the API."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from drivers.api.guarded import DeletableViewSet, GuardedViewSet, guarded
from drivers.companies.roles import OWNERS
from drivers.companies.tokens import issue_token, revoke_tokens
from drivers.models import (
    Absence,
    ApiToken,
    Company,
    Driver,
    Membership,
    Role,
    Shift,
    Vehicle,
    VehicleAbsence,
)
from drivers.rest.access import EVERYBODY, PLANNERS, STAFF
from drivers.rest.fields import (
    Body,
    DegreesField,
    TagsField,
    TextField,
    WholeField,
    latitude,
    longitude,
    read_body,
)
from drivers.rest.filters import Filters, IdFilter, MomentFilter, PeriodFilterSet
from drivers.rest.views import Changes, CompanyViewSet, InCompany, Reads, Resource, locked_row


class CompanySerializer(Resource):
    depot_lat = latitude(required=False)
    depot_lon = longitude(required=False)
    speed_kmh = DegreesField(min_value=1, max_value=200, required=False)
    circuity = DegreesField(min_value=1, max_value=5, required=False)

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
            "alighting_min",
            "speed_kmh",
            "circuity",
            "max_bookings_per_driver",
            "freeze_min",
            "fairness",
            "emergency_cost_min",
            "correction_hours",
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


class VehicleSerializer(Resource):
    skills = TagsField(required=False)

    class Meta:
        model = Vehicle
        fields = ["id", "plate", "seats", "wheelchair_places", "skills"]


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
            "home_lat",
            "home_lon",
            "last_lat",
            "last_lon",
            "last_position_at",
        ]
        read_only_fields = ["last_lat", "last_lon", "last_position_at"]


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


class TokenSerializer(Resource):
    """A token without its key, which is shown only when the token is issued."""

    member = serializers.IntegerField(source="membership_id", read_only=True)

    class Meta:
        model = ApiToken
        fields = [
            "id",
            "member",
            "name",
            "role",
            "ending",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
        ]
        read_only_fields = fields


class NewTokenSerializer(Body):
    name = TextField(max_length=100)
    member = InCompany(queryset=Membership.objects.all(), required=False)
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    days = WholeField(min_value=1, max_value=366, default=90)


class IssuedTokenSerializer(TokenSerializer):
    key = serializers.CharField(help_text=_("Store it: it cannot be retrieved again."))

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "key"]


class TokenViewSet(Reads, CompanyViewSet):
    """API tokens of the company's members and systems."""

    company_path = "membership__company"
    queryset = ApiToken.objects.all()
    serializer_class = TokenSerializer
    roles = {"read": OWNERS, "write": OWNERS}
    orderings = ("-id",)
    secrets = ("key",)

    @extend_schema(request=NewTokenSerializer, responses={201: IssuedTokenSerializer})
    def create(self, request, *args, **kwargs):
        values = read_body(NewTokenSerializer, request)
        membership = values.get("member") or self._own(request)
        token, key = issue_token(
            membership,
            name=values["name"],
            role=values.get("role"),
            lifetime=timedelta(days=values["days"]),
            now=timezone.now(),
        )
        location = f"{request.build_absolute_uri(request.path)}{token.pk}/"
        answer = {**self.get_serializer(token).data, "key": key}
        return Response(answer, status=201, headers={"Location": location})

    @extend_schema(request=None, responses=TokenSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request, *args, **kwargs):
        read_body(Body, request)
        with transaction.atomic():
            token = locked_row(self)
            revoke_tokens(ApiToken.objects.filter(pk=token.pk), now=timezone.now())
        token.refresh_from_db()
        return self.tagged(token)

    def _own(self, request):
        if request.auth is not None:
            return request.auth.membership
        own = Membership.objects.filter(user=request.user, company=self.company).first()
        if own is None:
            problem = _("Name the member of %(company)s who gets the token.")
            raise serializers.ValidationError({"member": problem % {"company": self.company}})
        return own


def register_routes(router):
    router.register("companies", OwnCompanyViewSet, basename="company")
    router.register("vehicles", VehicleViewSet, basename="vehicle")
    router.register("drivers", DriverViewSet, basename="driver")
    router.register("shifts", ShiftViewSet, basename="shift")
    router.register("absences", AbsenceViewSet, basename="absence")
    router.register("vehicle-absences", VehicleAbsenceViewSet, basename="vehicle-absence")
    router.register("tokens", TokenViewSet, basename="token")
