"""Pages of vehicles, drivers, shifts and absences.

`dispatch.admin.fleet` registers them, because it knows the trips. New rows belong to the current
company: its rows are offered, and times are in its timezone.
"""

import re
from contextlib import contextmanager

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from drivers.admin.base import CompanyScopedAdmin, RowChoice, ScopedInline
from drivers.admin.devices import HasPhones
from drivers.admin.fields import WallClockField, WordsField
from drivers.admin.places import place_search
from drivers.admin.roster import LeadsToRoster, ShowsRoster
from drivers.admin.weeks import FillsWeeks
from drivers.companies.actors import admin_actor
from drivers.companies.members import MembersRefused, require_let_go
from drivers.companies.roles import companies_of
from drivers.fleet.changes import changing
from drivers.fleet.exchange import exchange_vehicles
from drivers.fleet.expiring import expiring
from drivers.models import Company, Role, ShiftTemplate, Vehicle
from drivers.refused import Refused

PK = re.compile("[0-9]{1,18}")
AGREED = "release"  # the form's field with the ids of the assignments that may be released


def agreed_trips(request):
    """Return the ids of the assignments that the user agreed to release."""
    return [int(pk) for pk in request.POST.getlist(AGREED) if PK.fullmatch(pk)]


def tell_released(model_admin, request, released):
    """Tell the user how many trips were released by a change, if any."""
    if released:
        text = ngettext(
            "%(count)d trip was released: it needs a driver again.",
            "%(count)d trips were released: they need a driver again.",
            len(released),
        )
        model_admin.message_user(request, text % {"count": len(released)}, messages.WARNING)


def warned(row, names):
    """Say which of the row's papers have expired, or will soon."""
    company = row.company
    today = company.local(timezone.now()).date()
    until = {name: getattr(row, name) for name in names}
    return ", ".join(expiring(company, today, **until))


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
            # Who drives for another company is not offered: a refusal would tell of it.
            kwargs["queryset"] = model.objects.filter(
                models.Q(driver=None) | models.Q(driver__company__in=here),
                memberships__company__in=here,
                memberships__role=Role.DRIVER,
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


class GuardedAdmin(FleetAdmin):
    """Rows that decide which trips a driver can drive: their changes pass the guards."""

    def save_model(self, request, obj, form, change):
        read = list(self.model.objects.filter(pk=obj.pk)) if change else []
        with self._changing(request, read, obj):
            super().save_model(request, obj, form, change)

    def delete_model(self, request, obj):
        with self._changing(request, [obj], None):
            super().delete_model(request, obj)

    def delete_queryset(self, request, queryset):
        with self._changing(request, list(queryset), None):
            super().delete_queryset(request, queryset)

    @contextmanager
    def _changing(self, request, read, row):
        with changing(
            read,
            row,
            actor=admin_actor(request),
            now=timezone.now(),
            agreed=agreed_trips(request),
            reason=gettext("%(what)s changed") % {"what": self.opts.verbose_name},
        ) as change:
            yield
        tell_released(self, request, change.gave_way)


class VehicleForm(forms.ModelForm):
    handover_address = place_search()


class VehicleAdmin(GuardedAdmin):
    form = VehicleForm
    list_display = [
        "plate",
        "seats",
        "wheelchair_places",
        "other_layouts",
        "equipment",
        "papers",
        "company",
    ]
    list_select_related = ["company"]
    list_filter = ["wheelchair_places"]
    search_fields = ["plate"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "company",
                    "plate",
                    ("seats", "wheelchair_places", "other_layouts"),
                    "skills",
                ]
            },
        ),
        (_("Papers"), {"fields": [("insurance_until", "inspection_until")]}),
        (
            _("Handover"),
            {
                "fields": ["handover_address", ("handover_lat", "handover_lon")],
                "description": _(
                    "Where one driver hands the vehicle over to the next: shifts of two drivers, "
                    "one after the other, end and begin there. Left empty: at the depot."
                ),
            },
        ),
    ]
    ordering = ["plate", "id"]

    @display(description=_("papers"))
    def papers(self, vehicle):
        names = ("insurance_until", "inspection_until")
        return warned(vehicle, names)

    @display(description=_("equipment"))
    def equipment(self, vehicle):
        return ", ".join(vehicle.skills)


class ShiftTemplateInline(ScopedInline):
    model = ShiftTemplate
    fields = [
        "weekday",
        "start",
        "end",
        "vehicle",
        "break_min",
        "break_from",
        "break_until",
    ]
    formfield_overrides = {
        models.TimeField: {"form_class": WallClockField, "widget": UnfoldAdminTextInputWidget}
    }
    extra = 0
    ordering = ["weekday", "start", "id"]
    tab = True

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        kwargs["form_class"] = RowChoice
        if not hasattr(request, "vehicles_offered"):  # the theme builds the form many times
            rows = Vehicle.objects.filter(company=request.company)
            request.vehicles_offered = rows.order_by("plate", "id")
        kwargs["queryset"] = request.vehicles_offered
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class DriverForm(forms.ModelForm):
    home_address = place_search()

    def clean_user(self):
        """Refuse another member for a driver who is one; the instance is as stored until then."""
        user = self.cleaned_data["user"]
        if user is not None and user.pk != self.instance.user_id:
            try:
                require_let_go(self.instance)
            except MembersRefused as refusal:
                raise ValidationError(str(refusal)) from refusal
        return user


class DriverAdmin(HasPhones, FillsWeeks, GuardedAdmin):
    form = DriverForm
    choices_by = {"vehicle": ["plate", "id"]}
    list_display = [
        "name", "phone", "kind", "vehicle", "papers", "is_active", "is_available", "company",
    ]  # fmt: skip
    list_select_related = ["vehicle", "company"]
    list_filter = ["kind", "is_active", "is_available"]
    search_fields = ["folded_name", "phone"]
    ordering = ["name", "id"]
    actions = [*FillsWeeks.actions, "exchange_vehicles"]
    inlines = [ShiftTemplateInline]
    fieldsets = [
        (None, {"fields": ["company", "name", "phone", "vehicle", "kind"]}),
        (
            _("Planning"),
            {"fields": [("is_active", "is_available"), "skills", "max_bookings"]},
        ),
        (_("Papers"), {"fields": [("licence_until", "permit_until")]}),
        (
            _("Home position"),
            {"fields": ["home_address", ("home_lat", "home_lon")], "classes": ["collapse"]},
        ),
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

    @display(description=_("papers"))
    def papers(self, driver):
        return warned(driver, ("licence_until", "permit_until"))

    @admin.action(description=_("Exchange the vehicles of two drivers"), permissions=["change"])
    def exchange_vehicles(self, request, queryset):
        chosen = list(queryset.select_related("vehicle").order_by("id")[:3])
        if len(chosen) != 2:
            text = gettext("Choose exactly two drivers, who exchange their vehicles.")
            self.message_user(request, text, messages.ERROR)
            return
        one, other = chosen
        try:
            exchange_vehicles(one, other, actor=admin_actor(request), now=timezone.now())
        except Refused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return
        # The two are as they were.
        text = gettext("%(one)s now has %(vehicle)s, %(other)s has %(theirs)s.") % {
            "one": one,
            "other": other,
            "vehicle": other.vehicle or gettext("no vehicle"),
            "theirs": one.vehicle or gettext("no vehicle"),
        }
        self.message_user(request, text, messages.SUCCESS)


class ShiftForm(forms.ModelForm):
    """A new shift that names no vehicle is driven with the driver's."""

    class Meta:
        help_texts = {
            "vehicle": _("Left empty in a new shift: the driver's. Without a vehicle: no trips."),
        }

    def clean(self):
        super().clean()
        values = self.cleaned_data
        driver = values.get("driver")
        if self.instance._state.adding and driver and "vehicle" in values:
            values["vehicle"] = values["vehicle"] or driver.vehicle
        return values


class WithoutVehicle(admin.SimpleListFilter):
    """The shifts that somebody has to give a vehicle."""

    title = _("vehicle")
    parameter_name = "without_vehicle"

    def lookups(self, request, model_admin):
        return [("1", _("no vehicle"))]

    def queryset(self, request, queryset):
        return queryset.filter(vehicle=None) if self.value() == "1" else queryset


class ShiftAdmin(ShowsRoster, LeadsToRoster, GuardedAdmin):
    company_path = "driver__company"
    form = ShiftForm
    choices_by = {"driver": ["name", "id"], "vehicle": ["plate", "id"]}
    list_display = ["driver", "vehicle", "start_at", "end_at", "break_min", "break_at"]
    list_select_related = ["driver", "vehicle"]
    list_filter = ["start_at", WithoutVehicle]
    search_fields = ["driver__folded_name", "vehicle__plate"]
    ordering = ["-start_at", "-id"]
    fields = [
        "driver",
        "vehicle",
        "start_at",
        "end_at",
        "break_min",
        "break_from_at",
        "break_until_at",
    ]


class AbsenceAdmin(LeadsToRoster, GuardedAdmin):
    company_path = "driver__company"
    choices_by = {"driver": ["name", "id"]}
    list_display = ["driver", "start_at", "end_at", "reason", "note"]
    list_select_related = ["driver"]
    list_filter = ["reason", "start_at"]
    search_fields = ["driver__folded_name"]
    ordering = ["-start_at", "-id"]
    fields = ["driver", "start_at", "end_at", "reason", "note"]


class VehicleAbsenceAdmin(GuardedAdmin):
    company_path = "vehicle__company"
    choices_by = {"vehicle": ["plate", "id"]}
    list_display = ["vehicle", "start_at", "end_at", "reason", "note"]
    list_select_related = ["vehicle"]
    list_filter = ["reason", "start_at"]
    search_fields = ["vehicle__plate"]
    ordering = ["-start_at", "-id"]
    fields = ["vehicle", "start_at", "end_at", "reason", "note"]
