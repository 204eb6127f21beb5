"""Route everything under /drive/, the phones of drivers."""

from django.urls import path

from dispatch.drive import views

app_name = "drive"
urlpatterns = [
    path("", views.page, name="page"),
    path("link/<str:secret>/", views.link, name="link"),
    path("sync/", views.sync, name="sync"),
    path("worker.js", views.worker, name="worker"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
]
