import json

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.utils.html import format_html
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from perf.models import Measurement
from perf.trends.page import performance_page

# In the theme's looks where the project has it.
Base: type[admin.ModelAdmin] = import_string(
    "unfold.admin.ModelAdmin" if apps.is_installed("unfold") else "django.contrib.admin.ModelAdmin"
)


@admin.register(Measurement)
class MeasurementAdmin(Base):  # type: ignore[valid-type, misc]  # chosen above
    """For superusers: the list is the page "Performance", a row shows its figures.

    Rows may be deleted, never written: commands do that.
    """

    fields = ["kind", "commit", "at", "engine", "version", "size", "machine", "shown_figures"]
    readonly_fields = fields

    def changelist_view(self, request, extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        return performance_page(request, self.admin_site)

    def has_module_permission(self, request):
        return request.user.is_active and request.user.is_superuser

    def has_view_permission(self, request, obj=None):
        return self.has_module_permission(request)

    def has_delete_permission(self, request, obj=None):
        return self.has_module_permission(request)

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    @admin.display(description=_("figures"))
    def shown_figures(self, measurement):
        text = json.dumps(measurement.figures, indent=2, ensure_ascii=False)
        return format_html('<pre style="white-space: pre-wrap">{}</pre>', text)
