"""Clients in the API."""

from drf_spectacular.utils import extend_schema_serializer

from bookings.api.roles import READERS, WRITERS
from bookings.models import Client
from drivers.rest.fields import latitude, longitude
from drivers.rest.filters import Filters
from drivers.rest.views import (
    Changes,
    CompanyViewSet,
    Creates,
    Reads,
    Resource,
)


@extend_schema_serializer(component_name="ClientRecord")  # generators have a Client of their own
class ClientSerializer(Resource):
    lat = latitude(allow_null=True, required=False)
    lon = longitude(allow_null=True, required=False)

    class Meta:
        model = Client
        fields = ["id", "name", "phone", "address", "lat", "lon", "wheelchair"]


class ClientFilter(Filters):
    class Meta:
        model = Client
        fields = ["name", "phone", "wheelchair"]


class ClientViewSet(Reads, Creates, Changes, CompanyViewSet):
    """Clients: the people who are transported."""

    queryset = Client.objects.all()
    serializer_class = ClientSerializer
    filterset_class = ClientFilter
    roles = {"read": READERS, "write": WRITERS}
    orderings = ("name", "id")
    ordered_by = {"name": "folded_name"}
    search_fields = ["searched"]

    def search(self, rows, words):
        return rows.filter(searched__has_parts=words)
