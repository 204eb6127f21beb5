"""Trips, assignments, runs and a driver's own day in the API: each use-case one call."""

from dispatch.api.assignments import AssignmentViewSet
from dispatch.api.errors import register_errors
from dispatch.api.me import MeViewSet, MyTripViewSet
from dispatch.api.quotes import QuoteViewSet
from dispatch.api.runs import RunViewSet
from dispatch.api.trips import TripViewSet


def register_routes(router):
    register_errors()
    router.register("bookings", TripViewSet, basename="booking")
    router.register("assignments", AssignmentViewSet, basename="assignment")
    router.register("dispatch-runs", RunViewSet, basename="run")
    router.register("quotes", QuoteViewSet, basename="quote")
    router.register("me", MeViewSet, basename="me")
    router.register("me/trips", MyTripViewSet, basename="my-trip")
