"""Saved places of clients in the API: where they travel from and to, besides home."""

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail, ValidationError

from bookings.api.roles import READERS, WRITERS
from bookings.models import Client, Reading, SavedPlace
from bookings.privacy.readings import note_reading
from drivers.rest.access import actor_of
from drivers.rest.fields import latitude, longitude
from drivers.rest.filters import Filters, IdFilter
from drivers.rest.views import (
    Changes,
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


class KeepsClient:
    # No stored row is given to another client. (A docstring would be told of each in the schema.)
    instance: Any

    def validate_client(self, client):
        if self.instance is not None and client != self.instance.client:
            raise ValidationError(
                [ErrorDetail(_("The client cannot change: leave it out."), "fixed")]
            )
        return client


class ClientPlaceSerializer(KeepsClient, Resource):
    client = InCompany(queryset=Client.objects.all())
    lat, lon = latitude(), longitude()

    class Meta:
        model = SavedPlace
        fields = ["id", "client", "label", "address", "lat", "lon", "is_usual"]


class OfClientFilter(Filters):
    client = IdFilter("client_id", says="Only those of this client.")

    class Meta:
        model = SavedPlace
        fields = ["is_usual"]


class ClientPlaceViewSet(Reads, Creates, Changes, Deletes, CompanyViewSet):
    """Saved places of clients. A place that is made the usual one takes that from the other."""

    company_path = "client__company"
    queryset = SavedPlace.objects.all()
    serializer_class = ClientPlaceSerializer
    filterset_class = OfClientFilter
    roles = {"read": READERS, "write": WRITERS}

    def retrieve(self, request, *args, **kwargs):
        place = self.get_object()
        about = {"actor": actor_of(request), "now": timezone.now()}
        note_reading(place.client, Reading.What.API, **about)
        return self.tagged(place)

    def insert(self, instance):
        with transaction.atomic():
            self._make_room(instance.client_id, instance.is_usual)
            super().insert(instance)

    def partial_update(self, request, *args, **kwargs):
        with transaction.atomic():
            place = locked_row(self)
            values = changes_of(self, place)
            self._make_room(place.client_id, values.get("is_usual"))
            set_values(place, values)
        return self.tagged(place)

    def _make_room(self, client_id, is_usual):
        """Take from the client's other places that one is the usual one, if a new one is."""
        if is_usual:
            Client.objects.select_for_update(no_key=True).get(pk=client_id)
            SavedPlace.objects.filter(client=client_id, is_usual=True).update(is_usual=False)
