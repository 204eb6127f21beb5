"""Serializers, columns and filters of bookings in the API."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from bookings.events import PARTICULARS
from bookings.models import RIDE_AT_MOST, Booking, Client
from bookings.pickup_times import needs_one
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

    customer = WholeField(
        source="customer_id",
        min_value=1,
        required=False,
        help_text=gettext_lazy(
            "Who owns the booking: that of the client, else the default customer, if it is left "
            "out. It never changes."
        ),
    )
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
        allow_null=True,
        required=False,
        help_text=gettext_lazy(
            "The requested pickup time; of a new booking not before yesterday. Omitted or null "
            "with an appointment: computed from it, see `pickup_computed`."
        ),
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
    overlap_meant = TruthField(
        required=False,
        help_text=gettext_lazy(
            "The trip is for somebody else of the client's name. Without it, one at the same time "
            "as another trip of the client is refused as `overlaps`, and no plan drives both at "
            "once."
        ),
    )
    passengers = WholeField(min_value=1, max_value=100, required=False)
    wheelchairs = WholeField(min_value=0, max_value=100, required=False)
    may_share = TruthField(
        required=False,
        help_text=gettext_lazy(
            "Whether others may be in the vehicle; true if it is left out. It matters where the "
            "company shares vehicles and the client `may_share` too."
        ),
    )
    max_ride_min = WholeField(
        min_value=1,
        max_value=RIDE_AT_MOST,
        allow_null=True,
        required=False,
        help_text=gettext_lazy(
            "How many minutes the client may be on board if others ride along, instead of what the "
            "client's record or the company says. The direct ride is always allowed."
        ),
    )
    needs = TagsField(required=False)
    notes = TextField(max_length=2000, allow_blank=True, required=False)

    class Meta:
        model = Booking
        fields = [
            "id",
            "customer",
            *PARTICULARS,
            "series",
            "series_day",
            "created_at",
            "updated_at",
            "version",
        ]
        read_only_fields = [
            "id", "pickup_computed", "status", "cancel_reason", "series", "series_day",
            "created_at", "updated_at", "version",
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
        if wanted_at is None and (arrive_by is None or now("will_call")):
            raise serializers.ValidationError({"scheduled_time": needs_one()})
        if arrive_by and wanted_at and arrive_by <= wanted_at:
            problem = _("The appointment must be after the pickup.")
            raise serializers.ValidationError({"appointment_at": problem})
        return values


def require_relations(scope, values):
    """Refuse a client or an outbound trip that the caller does not have: 1 statement for each.

    One of another company or customer is refused with the same words as one that does not exist.
    """
    missing = {}
    for name, model, problem in (
        ("client", Client, _("Client not found.")),
        ("return_of", Booking, _("Booking not found.")),
    ):
        wanted = values.get(name)
        if wanted and not scope.of(model.objects.filter(pk=wanted)).exists():
            missing[name] = [ErrorDetail(problem, "does_not_exist")]
    if missing:
        raise serializers.ValidationError(missing)


BOOKING_COLUMNS = [
    f"{name}_id" if name in ("customer", "client", "return_of", "series") else name
    for name in BookingSerializer.Meta.fields
]
BOOKING_FIELDS = list(zip(BookingSerializer.Meta.fields, BOOKING_COLUMNS, strict=True))
CLIENT_COLUMNS = [f"client__{name}" for name in ("name", "phone", "wheelchair")]
# What `?expand=series` reads: the order as `changed_by_hand` compares it.
SERIES_COLUMNS = [
    f"series__{name}"
    for name in (
        "weekdays", "every_weeks", "first_day", "last_day", "count", "skips_holidays",
        "pickup_time", "appointment_time", "return_time", "return_will_call", "pickup_address",
        "pickup_lat", "pickup_lon", "dropoff_address", "dropoff_lat", "dropoff_lon", "passengers",
        "wheelchairs", "needs", "priority", "notes", "booked_zone",
    )
]  # fmt: skip
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
    customer = IdFilter("customer_id", says="Only those of this customer.")

    class Meta:
        model = Booking
        fields = ["status", "priority", "reference"]
