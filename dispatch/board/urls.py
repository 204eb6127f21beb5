"""Route everything under /admin/board/, behind the admin's login."""

from django.contrib import admin
from django.urls import include, path, register_converter

from dispatch.board import advice_views, edit_views, run_views, trip_views, views
from drivers.times import day_of

app_name = "board"


class DayConverter:
    """A date as 2026-06-17."""

    regex = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value):
        return day_of(value)

    def to_url(self, value):
        return value.isoformat()


register_converter(DayConverter, "day")

TRIPS = [
    ("", trip_views.detail, "booking"),
    ("road/", trip_views.road, "road"),
    ("candidates/", trip_views.candidates, "candidates"),
    ("advice/", advice_views.suggestion, "suggestion"),
    ("look/", trip_views.preview, "look"),
    ("assign/", trip_views.assign_trip, "assign"),
    ("swap/", trip_views.swap_trips, "swap"),
    ("change/", trip_views.change, "change"),
    ("edit/", edit_views.edit, "edit"),
    ("time/", edit_views.new_time, "new_time"),
]
RUNS = [
    ("", run_views.show, "run"),
    ("apply/", run_views.apply, "apply"),
    ("discard/", run_views.discard, "discard"),
    ("revert/", run_views.revert, "revert"),
]

guarded = admin.site.admin_view
actions = [
    *(path(f"booking/<int:booking>/{end}", guarded(v), name=name) for end, v, name in TRIPS),
    path("driver/<int:driver>/sick/", guarded(trip_views.sick), name="sick"),
    path("<day:day>/runs/", guarded(run_views.toolbar), name="runs"),
    path("<day:day>/plan/", guarded(run_views.plan), name="plan"),
    path("<day:day>/undo/", guarded(run_views.undo_by_hand), name="undo"),
    *(path(f"run/<int:run>/{end}", guarded(v), name=name) for end, v, name in RUNS),
]
urlpatterns = [
    path("", guarded(views.open_board), name="open"),
    path("<slug:company>/<day:day>/", guarded(views.board_day), name="day"),
    path("<slug:company>/<day:day>/board/", guarded(views.board_fragment), name="fragment"),
    path("<slug:company>/<day:day>/advice/", guarded(advice_views.day_advice), name="advice"),
    path("<slug:company>/<day:day>/map/", guarded(views.board_map), name="map"),
    path("<slug:company>/<day:day>/roads/", guarded(views.board_roads), name="roads"),
    path("<slug:company>/<day:day>/manifests/", guarded(views.manifests), name="manifests"),
    path("<slug:company>/news/", guarded(views.board_news), name="news"),
    path("<slug:company>/", include(actions)),
]
