"""URLs of the API: one router, the schema and its documentation."""

from pathlib import Path

from django.http import HttpResponse
from django.urls import include, path, re_path
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.routers import DefaultRouter

from bookings import api as bookings
from dispatch import api as dispatch
from drivers import api as drivers
from drivers.rest.views import NothingHere

router = DefaultRouter()
router.include_root_view = False
for rooms in (drivers, bookings, dispatch):
    rooms.register_routes(router)

OPEN = {"permission_classes": [AllowAny], "authentication_classes": []}
REDOC = SpectacularRedocView.as_view(
    url_name="schema", template_name="dispatchsite/redoc.html", **OPEN
)
SCHEMA = Path(__file__).with_name("openapi.yaml")


@require_safe
def schema(request):
    """Return the committed schema, which is public and therefore not generated per request."""
    return HttpResponse(SCHEMA.read_bytes(), content_type="application/vnd.oai.openapi")


urlpatterns = [
    path("v1/schema/", schema, name="schema"),
    path("v1/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema", **OPEN), name="docs"),
    path("v1/redoc/", REDOC, name="redoc"),
    path("v1/", include(router.urls)),
    re_path("", NothingHere.as_view()),
]
