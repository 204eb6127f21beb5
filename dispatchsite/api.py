"""The API's addresses: one router, the schema, and its documentation."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
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

urlpatterns = [
    path("v1/schema/", SpectacularAPIView.as_view(**OPEN), name="schema"),
    path("v1/docs/", SpectacularSwaggerView.as_view(url_name="schema", **OPEN), name="docs"),
    path("v1/", include(router.urls)),
    re_path("", NothingHere.as_view()),
]
