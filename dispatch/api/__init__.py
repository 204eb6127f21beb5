"""Trips, assignments, runs and a driver's own day in the API: each use-case one call."""

from dispatch.api import errors  # noqa: F401  says what becomes of the use-cases' exceptions
from dispatch.api.assignments import AssignmentViewSet
from dispatch.api.me import MeViewSet, MyTripViewSet
from dispatch.api.quotes import QuoteViewSet
from dispatch.api.runs import RunViewSet
from dispatch.api.trips import TripViewSet


def register_routes(router):
    router.register("bookings", TripViewSet, basename="booking")
    router.register("assignments", AssignmentViewSet, basename="assignment")
    router.register("dispatch-runs", RunViewSet, basename="run")
    router.register("quotes", QuoteViewSet, basename="quote")
    router.register("me", MeViewSet, basename="me")
    router.register("me/trips", MyTripViewSet, basename="my-trip")
