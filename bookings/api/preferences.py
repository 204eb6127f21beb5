"""Preferred and forbidden drivers of clients in the API, for the company's own people."""

from contextlib import contextmanager

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view

from bookings.api.client_places import KeepsClient
from bookings.guards import forbidding
from bookings.models import Client, DriverPreference
from drivers.api.guarded import RELEASE
from drivers.models import Driver
from drivers.rest.access import PLANNERS, STAFF, actor_of
from drivers.rest.fields import ids_of
from drivers.rest.filters import Filters, IdFilter
from drivers.rest.views import (
    CompanyViewSet,
    Creates,
    Deletes,
    InCompany,
    Reads,
    Resource,
    changes_of,
    locked_row,
    set_values,
)


class PreferenceSerializer(KeepsClient, Resource):
    client = InCompany(queryset=Client.objects.all())
    driver = InCompany(queryset=Driver.objects.all())

    class Meta:
        model = DriverPreference
        fields = ["id", "client", "driver", "kind"]


class PreferenceFilter(Filters):
    client = IdFilter("client_id", says="Only those of this client.")
    driver = IdFilter("driver_id")

    class Meta:
        model = DriverPreference
        fields = ["kind"]


@extend_schema_view(
    create=extend_schema(parameters=[RELEASE]), partial_update=extend_schema(parameters=[RELEASE])
)
class PreferenceViewSet(Reads, Creates, Deletes, CompanyViewSet):
    """Preferred and forbidden drivers of clients.

    To forbid a driver who has planned trips of the client answers 409 with the list; sent again
    with `?release=` and the ids of exactly these assignments, it releases them.
    """

    company_path = "client__company"
    queryset = DriverPreference.objects.all()
    serializer_class = PreferenceSerializer
    filterset_class = PreferenceFilter
    roles = {"read": STAFF, "write": PLANNERS}
    params = {name: ["release"] for name in ("create", "partial_update")}

    def insert(self, instance):
        with self._forbidding(instance):
            super().insert(instance)

    def partial_update(self, request, *args, **kwargs):
        read = self.get_object()
        self.compare(read)
        values = changes_of(self, read)
        for name, value in values.items():
            setattr(read, name, value)
        with self._forbidding(read):
            preference = locked_row(self)
            set_values(preference, values)
        return self.tagged(preference)

    @contextmanager
    def _forbidding(self, wanted):
        """Guard the change to this preference, if it forbids the driver."""
        forbids = wanted.kind == DriverPreference.Kind.FORBIDDEN
        with forbidding(
            wanted.client,
            [wanted.driver_id] if forbids else [],
            actor=actor_of(self.request),
            now=timezone.now(),
            agreed=ids_of(self.request, "release"),
        ):
            yield
