"""Pages of vehicles, drivers, shifts and absences.

`dispatch.admin.fleet` registers them, because it knows the trips. New rows belong to the current
company: its rows are offered, and times are in its timezone.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from drivers.admin.base import CompanyScopedAdmin, ScopedInline
from drivers.admin.fields import WordsField
from drivers.admin.weeks import FillsWeeks
from drivers.companies.roles import companies_of
from drivers.models import Company, Role, ShiftTemplate


class FleetAdmin(CompanyScopedAdmin):
    formfield_overrides = {
        models.JSONField: {"form_class": WordsField, "widget": UnfoldAdminTextInputWidget}
    }

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        model, here = db_field.remote_field.model, self._here(request)
        if model is Company:
            kwargs["queryset"] = here
            kwargs["initial"] = request.company
        elif db_field.name == "user":
            kwargs["queryset"] = model.objects.filter(
                memberships__company__in=here, memberships__role=Role.DRIVER
            ).order_by("username", "id")
        else:
            kwargs["queryset"] = model._default_manager.filter(company__in=here).order_by(
                *self.choices_by[db_field.name]
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def _here(self, request):
        """Return the current company, as a queryset that is empty if the user may not write."""
        return companies_of(request.user, self.writing_roles).filter(
            pk=request.company.pk if request.company else None
        )


class VehicleAdmin(FleetAdmin):
    list_display = ["plate", "seats", "wheelchair_places", "equipment", "company"]
    list_select_related = ["company"]
    list_filter = ["wheelchair_places"]
    search_fields = ["plate"]
    ordering = ["plate", "id"]

    @display(description=_("equipment"))
    def equipment(self, vehicle):
        return ", ".join(vehicle.skills)


class ShiftTemplateInline(ScopedInline):
    model = ShiftTemplate
    extra = 0
    ordering = ["weekday", "start", "id"]
    tab = True


class DriverAdmin(FillsWeeks, FleetAdmin):
    choices_by = {"vehicle": ["plate", "id"]}
    list_display = ["name", "phone", "kind", "vehicle", "is_active", "is_available", "company"]
    list_select_related = ["vehicle", "company"]
    list_filter = ["kind", "is_active", "is_available"]
    search_fields = ["name", "phone"]
    ordering = ["name", "id"]
    inlines = [ShiftTemplateInline]
    fieldsets = [
        (None, {"fields": ["company", "name", "phone", "vehicle", "kind"]}),
        (
            _("Planning"),
            {"fields": [("is_active", "is_available"), "skills", "max_bookings"]},
        ),
        (_("Home position"), {"fields": [("home_lat", "home_lon")], "classes": ["collapse"]}),
        (
            _("Driver app"),
            {
                "fields": ["user"],
                "description": _(
                    "The member with the role driver who reports this driver's trips."
                ),
                "classes": ["collapse"],
            },
        ),
    ]


class ShiftAdmin(FleetAdmin):
    company_path = "driver__company"
    choices_by = {"driver": ["name", "id"]}
    list_display = ["driver", "start_at", "end_at", "break_min", "break_at"]
    list_select_related = ["driver"]
    list_filter = ["start_at"]
    search_fields = ["driver__name"]
    ordering = ["-start_at", "-id"]
    fields = [
        "driver",
        "start_at",
        "end_at",
        "break_min",
        "break_from_at",
        "break_until_at",
    ]


class AbsenceAdmin(FleetAdmin):
    company_path = "driver__company"
    choices_by = {"driver": ["name", "id"]}
    list_display = ["driver", "start_at", "end_at", "reason", "note"]
    list_select_related = ["driver"]
    list_filter = ["reason", "start_at"]
    search_fields = ["driver__name"]
    ordering = ["-start_at", "-id"]
    fields = ["driver", "start_at", "end_at", "reason", "note"]
