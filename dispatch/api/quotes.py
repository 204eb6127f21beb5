"""Who could drive a trip, when, at what price."""

from django.utils import timezone
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.response import Response

from bookings.api.serializers import BookingSerializer
from bookings.models import Booking, Status
from dispatch.trips.assign import (
    quote,
)
from drivers.rest.access import CLIENTS, PLANNERS, caller_of
from drivers.rest.fields import MomentField, read_body


class PlaceSerializer(serializers.Serializer):
    driver = serializers.IntegerField(source="driver_id")
    name = serializers.CharField(source="driver")
    pickup_at = MomentField()
    dropoff_at = MomentField()
    detour_s = serializers.IntegerField(help_text=gettext_lazy("More seconds of empty driving."))
    price_s = serializers.IntegerField(help_text=gettext_lazy("What it adds to the objective."))


class PlacesSerializer(serializers.Serializer):
    results = PlaceSerializer(many=True)


class QuoteViewSet(viewsets.ViewSet):
    """Could this trip be served, by whom and when? Nothing is stored."""

    roles = {"create": PLANNERS | CLIENTS}
    serializer_class = BookingSerializer

    @extend_schema(request=BookingSerializer, responses={200: PlacesSerializer})
    def create(self, request, *args, **kwargs):
        values = dict(read_body(BookingSerializer, request))
        relations = {f"{name}_id": values.pop(name, None) for name in ("client", "return_of")}
        booking = Booking(status=Status.ACCEPTED, **values, **relations)
        found = quote(caller_of(request).company, booking, now=timezone.now())
        return Response({"results": PlaceSerializer(found, many=True).data})
