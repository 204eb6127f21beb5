"""Admin pages of the company's places: entrance, notes at the door, boarding and margin there."""

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from bookings.admin.moved import MovesPlaces
from bookings.models import CompanyPlace
from bookings.recompute import change_place, delete_places
from drivers.admin.places import PlaceInput
from drivers.companies.actors import admin_actor

# What the planned times of trips were computed with.
TIMING = {"address", "boarding_min", "margin_min"}


class CompanyPlaceForm(forms.ModelForm):
    class Meta:
        widgets = {"address": PlaceInput}


@admin.register(CompanyPlace)
class CompanyPlaceAdmin(MovesPlaces):
    form = CompanyPlaceForm
    change_form_before_template = "bookings/place_moves.html"
    list_display = ["name", "address", "entrance", "boarding_min", "margin_min", "company"]
    list_select_related = ["company"]
    search_fields = ["name", "folded_address"]
    ordering = ["name", "id"]
    compressed_fields = True
    fieldsets = [
        (None, {"fields": ["company", "name", "address", ("lat", "lon")]}),
        (_("At the door"), {"fields": ["entrance", "notes"]}),
        (_("Minutes"), {"fields": [("boarding_min", "margin_min")]}),
    ]
    formfield_overrides = {
        models.TextField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 3})}
    }

    def save_model(self, request, obj, form, change):
        change_place(obj, actor=admin_actor(request), now=timezone.now())
        if change and TIMING.intersection(form.changed_data):
            text = _(
                "Trips that are planned already keep the times of the old durations: "
                "plan the coming days again."
            )
            self.message_user(request, text, messages.WARNING)

    def delete_model(self, request, obj):
        delete_places([obj], actor=admin_actor(request), now=timezone.now())

    def delete_queryset(self, request, queryset):
        places = list(queryset.select_related("company"))
        delete_places(places, actor=admin_actor(request), now=timezone.now())
