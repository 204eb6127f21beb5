"""The company's places in the API: entrance, notes at the door, boarding and margin there."""

from django.db import transaction
from django.utils import timezone

from bookings.models import CompanyPlace
from bookings.recompute import change_place, delete_places
from drivers.models import FAR_MEANT
from drivers.rest.access import PLANNERS, STAFF, actor_of
from drivers.rest.fields import latitude, longitude
from drivers.rest.views import (
    Changes,
    CompanyViewSet,
    Creates,
    Deletes,
    Reads,
    Resource,
    changes_of,
    locked_row,
)


class CompanyPlaceSerializer(Resource):
    lat, lon = latitude(), longitude()

    class Meta:
        model = CompanyPlace
        fields = [
            "id",
            "name",
            "address",
            "lat",
            "lon",
            "entrance",
            "notes",
            "boarding_min",
            "margin_min",
        ]


class CompanyPlaceViewSet(Reads, Creates, Changes, Deletes, CompanyViewSet):
    """The company's places: what is known about stopping at an address.

    A booking from or to the address of a place, in any spelling of case and accents, takes its
    minutes, and its driver sees entrance and notes.
    """

    queryset = CompanyPlace.objects.all()
    serializer_class = CompanyPlaceSerializer
    roles = {"read": STAFF, "write": PLANNERS}
    orderings = ("name", "id")
    search_fields = ["name", "folded_address"]

    def insert(self, instance):
        instance.full_clean()
        change_place(instance, actor=actor_of(self.request), now=timezone.now())

    def remove(self, instance):
        delete_places([instance], actor=actor_of(self.request), now=timezone.now())

    def partial_update(self, request, *args, **kwargs):
        with transaction.atomic():
            place = locked_row(self)
            values = dict(changes_of(self, place))
            place.far_meant = values.pop(FAR_MEANT, False)
            for name, value in values.items():
                setattr(place, name, value)
            place.full_clean()
            change_place(place, actor=actor_of(request), now=timezone.now())
        return self.tagged(place)
