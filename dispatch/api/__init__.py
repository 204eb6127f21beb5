"""The API of trips, assignments, runs, quotes, and the driver's own day."""

from dispatch.api.assignments import AssignmentViewSet
from dispatch.api.me import MeViewSet, MyTripViewSet
from dispatch.api.quotes import QuoteViewSet
from dispatch.api.reports import ReportViewSet
from dispatch.api.runs import RunViewSet
from dispatch.api.trips import TripViewSet


def register_routes(router):
    router.register("bookings", TripViewSet, basename="booking")
    router.register("assignments", AssignmentViewSet, basename="assignment")
    router.register("dispatch-runs", RunViewSet, basename="run")
    router.register("quotes", QuoteViewSet, basename="quote")
    router.register("reports", ReportViewSet, basename="report")
    router.register("me", MeViewSet, basename="me")
    router.register("me/trips", MyTripViewSet, basename="my-trip")
