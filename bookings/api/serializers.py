"""Serializers, columns and filters of bookings in the API."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from bookings.events import PARTICULARS
from bookings.models import Booking, Client
from drivers.rest.fields import (
    MomentField,
    TagsField,
    TextField,
    TruthField,
    WholeField,
    latitude,
    longitude,
)
from drivers.rest.filters import DayFilter, IdFilter, IdsFilter, MomentFilter, PeriodFilterSet
from drivers.rest.views import (
    Resource,
)


class BookingSerializer(Resource):
    """A requested trip. Its status is changed by separate endpoints, not by PATCH."""

    client = WholeField(min_value=1, allow_null=True, required=False)
    return_of = WholeField(min_value=1, allow_null=True, required=False)
    reference = TextField(
        max_length=64,
        allow_blank=True,
        required=False,
        help_text=gettext_lazy(
            "Your own id for the booking; sending it twice creates one booking."
        ),
    )
    pickup_lat, pickup_lon = latitude(), longitude()
    dropoff_lat, dropoff_lon = latitude(), longitude()
    scheduled_time = MomentField(
        help_text=gettext_lazy("The requested pickup time; of a new booking not before yesterday.")
    )
    appointment_at = MomentField(
        allow_null=True, required=False, help_text=gettext_lazy("When the client must arrive.")
    )
    will_call = TruthField(
        required=False,
        help_text=gettext_lazy(
            "The client will call when ready; `scheduled_time` is the earliest pickup. "
            "The booking is not planned until `ready/` is called."
        ),
    )
    passengers = WholeField(min_value=1, max_value=100, required=False)
    wheelchairs = WholeField(min_value=0, max_value=100, required=False)
    needs = TagsField(required=False)
    notes = TextField(max_length=2000, allow_blank=True, required=False)

    class Meta:
        model = Booking
        fields = ["id", *PARTICULARS, "created_at", "updated_at", "version"]
        read_only_fields = [
            "id", "status", "cancel_reason", "created_at", "updated_at", "version",
        ]  # fmt: skip

    def validate(self, values):
        def now(name, default=None):
            return values.get(name, getattr(self.instance, name, default))

        if now("wheelchairs", 0) > now("passengers", 1):
            problem = _(
                "Must be at least the number of wheelchairs: wheelchair users are passengers."
            )
            raise serializers.ValidationError({"passengers": problem})
        wanted_at, arrive_by = now("scheduled_time"), now("appointment_at")
        if arrive_by and wanted_at and arrive_by <= wanted_at:
            problem = _("The appointment must be after the pickup.")
            raise serializers.ValidationError({"appointment_at": problem})
        return values


def require_relations(company, values):
    """Refuse a client or an outbound trip that the company does not have: 1 statement for each.

    One of another company is refused with the same words as one that does not exist.
    """
    missing = {}
    for name, model, problem in (
        ("client", Client, _("Client not found.")),
        ("return_of", Booking, _("Booking not found.")),
    ):
        wanted = values.get(name)
        if wanted and not model.objects.filter(company=company, pk=wanted).exists():
            missing[name] = [ErrorDetail(problem, "does_not_exist")]
    if missing:
        raise serializers.ValidationError(missing)


BOOKING_COLUMNS = [
    {"client": "client_id", "return_of": "return_of_id"}.get(name, name)
    for name in BookingSerializer.Meta.fields
]
BOOKING_FIELDS = list(zip(BookingSerializer.Meta.fields, BOOKING_COLUMNS, strict=True))
CLIENT_COLUMNS = [f"client__{name}" for name in ("name", "phone", "wheelchair")]
EXPAND = OpenApiParameter(
    "expand", str, description="Related resources to return in full, separated by commas."
)


class BookingFilter(PeriodFilterSet):
    """`from` and `until` restrict the requested pickup."""

    moment = "scheduled_time"
    ids = IdsFilter("id")
    day = DayFilter("scheduled_time")
    updated_since = MomentFilter(
        field_name="updated_at",
        lookup_expr="gte",
        help_text="Only those changed at this time or later; best with `ordering=updated_at`.",
    )
    client = IdFilter("client_id", says="Only those of this client.")

    class Meta:
        model = Booking
        fields = ["status", "priority", "reference"]
