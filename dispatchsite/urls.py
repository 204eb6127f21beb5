from django.apps import apps
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from dispatch.board.views import home
from dispatchsite.search import search
from drivers.companies.current import choose_company

# The board is a page of the admin, "admin:board:day", and the first one that dispatchers see.
admin_urls = [
    path("", admin.site.admin_view(home), name="index"),
    path("board/", include("dispatch.board.urls")),
    path("search/", admin.site.admin_view(search), name="search"),
    *(url for url in admin.site.get_urls() if getattr(url, "name", "") not in ("index", "search")),
]
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("company/<slug:company>/", choose_company, name="choose_company"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", (admin_urls, "admin", admin.site.name)),
    path("api/", include("dispatchsite.api")),
]
if apps.is_installed("silk"):
    urlpatterns.append(path("silk/", include("silk.urls", namespace="silk")))
if apps.is_installed("debug_toolbar"):
    urlpatterns.append(path("__debug__/", include("debug_toolbar.urls")))
