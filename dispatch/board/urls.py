"""Everything under /admin/board/, behind the admin's login."""

from django.contrib import admin
from django.urls import include, path, register_converter

from dispatch.board import views
from dispatch.board.action_urls import action_urls
from drivers.days import day_of

app_name = "board"


class DayConverter:
    """A date as 2026-06-17."""

    regex = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value):
        return day_of(value)

    def to_url(self, value):
        return value.isoformat()


register_converter(DayConverter, "day")

guarded = admin.site.admin_view
urlpatterns = [
    path("", guarded(views.open_board), name="open"),
    path("<slug:company>/<day:day>/", guarded(views.board_day), name="day"),
    path("<slug:company>/<day:day>/board/", guarded(views.board_fragment), name="fragment"),
    path("<slug:company>/<day:day>/map/", guarded(views.board_map), name="map"),
    path("<slug:company>/<day:day>/manifests/", guarded(views.manifests), name="manifests"),
    path("<slug:company>/news/", guarded(views.board_news), name="news"),
    path("<slug:company>/", include(action_urls(guarded))),
]
