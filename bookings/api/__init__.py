"""Clients, bookings and events in the API.

Lists of bookings are read as plain values, not as models: a page of 100 is one statement without
an object per row. `dispatch.api` adds the assignments and the actions on trips.
"""

from bookings.api.client_places import ClientPlaceViewSet
from bookings.api.clients import ClientViewSet
from bookings.api.company_places import CompanyPlaceViewSet
from bookings.api.events import EventViewSet
from bookings.api.places import PlaceViewSet
from bookings.api.preferences import PreferenceViewSet
from bookings.api.series import PauseViewSet, SeriesViewSet
from bookings.api.webhooks import DeliveryViewSet, WebhookViewSet


def register_routes(router):
    router.register("clients", ClientViewSet, basename="client")
    router.register("client-places", ClientPlaceViewSet, basename="client-place")
    router.register("driver-preferences", PreferenceViewSet, basename="driver-preference")
    router.register("company-places", CompanyPlaceViewSet, basename="company-place")
    router.register("events", EventViewSet, basename="event")
    router.register("places", PlaceViewSet, basename="place")
    router.register("pauses", PauseViewSet, basename="pause")
    router.register("series", SeriesViewSet, basename="series")
    router.register("webhooks", WebhookViewSet, basename="webhook")
    router.register("webhook-deliveries", DeliveryViewSet, basename="delivery")
