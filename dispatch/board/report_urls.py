"""Route everything under /admin/reports/, behind the admin's login."""

from django.contrib import admin
from django.urls import path

from dispatch.board import driven_views, report_views

app_name = "reports"

guarded = admin.site.admin_view
urlpatterns = [
    path("", guarded(report_views.open_reports), name="open"),
    path("<slug:company>/", guarded(report_views.report), name="report"),
    path("<slug:company>/driven/", guarded(driven_views.driven), name="driven"),
    *(
        path(f"<slug:company>/{what}/{kind}/", guarded(view), {"kind": kind}, name=f"{what}_{kind}")
        for kind in ("csv", "xlsx")
        for what, view in (
            ("figures", report_views.figures_file),
            ("driven", driven_views.driven_file),
        )
    ),
]
