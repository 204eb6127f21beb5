"""The search of places in the API."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers, viewsets
from rest_framework.response import Response

from bookings.api.roles import READERS
from bookings.places.known import OFFERED
from bookings.places.match import Source
from bookings.places.search import LONGEST, search_places
from drivers.rest.access import caller_of
from drivers.rest.fields import parse_whole
from drivers.rest.schema import whole
from drivers.rest.views import Door

MOST = 20


@extend_schema_serializer(component_name="FoundPlace")
class MatchSerializer(serializers.Serializer):
    address = serializers.CharField()
    lat = serializers.FloatField()
    lon = serializers.FloatField()
    source = serializers.ChoiceField(  # type: ignore[assignment]  # a field's name; REST fields have an attribute of it
        choices=[source.value for source in Source],
        help_text=gettext_lazy(
            "`company`: a home, a saved place or the end of a trip; `register`: the address "
            "register; `geocoder`: the installation's geocoder."
        ),
    )
    is_exact = serializers.BooleanField(
        help_text=gettext_lazy("False: the position of the street, not of a house in it.")
    )
    score = serializers.FloatField(
        help_text=gettext_lazy("How well it fits what was asked: 0 to about 1, the best first.")
    )


@extend_schema_serializer(many=False)
class FoundPlacesSerializer(serializers.Serializer):
    results = MatchSerializer(many=True)


class PlaceViewSet(Door, viewsets.ViewSet):
    """Search places by what somebody types: parts, any order, without accents, misspelled."""

    roles = {"read": READERS}
    params = {"list": ["q", "near", "limit"]}
    serializer_class = FoundPlacesSerializer

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "q",
                {"type": "string", "minLength": 1, "maxLength": LONGEST},
                required=True,
                description="What is typed, such as `rue de lausane 12` or `HUG`.",
            ),
            OpenApiParameter(
                "near",
                str,
                description="Latitude and longitude, degrees, with a comma between: what is near "
                "comes first. By default the company's depot.",
            ),
            OpenApiParameter(
                "limit", whole(1, MOST, OFFERED), description="The maximum number of places."
            ),
        ],
        responses=FoundPlacesSerializer,
    )
    def list(self, request, *args, **kwargs):
        asked = request.query_params
        text = asked.get("q", "").strip()
        if not text or len(text) > LONGEST or "\x00" in text:
            problem = _("Give the words of an address, at most %(most)d letters.")
            raise serializers.ValidationError({"q": problem % {"most": LONGEST}})
        limit = parse_whole(asked.get("limit", str(OFFERED)), "limit", 1, MOST)
        near = _position(asked["near"]) if "near" in asked else None
        caller = caller_of(request)
        found = search_places(caller.company, text, near, limit=limit, customer=caller.customer)
        return Response(FoundPlacesSerializer({"results": found}).data)


def _position(text):
    """Return (lat, lon) of a query parameter, or refuse it."""
    try:
        lat, lon = map(float, text.split(","))
    except ValueError:
        lat = lon = 1e9
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        problem = _("Write latitude and longitude in degrees, such as 46.1936,6.1487.")
        raise serializers.ValidationError({"near": problem})
    return lat, lon
