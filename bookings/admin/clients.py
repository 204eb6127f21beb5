"""Admin pages of clients: home, saved places, preferred drivers, last trips."""

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget

from bookings.admin.doubles import MergesClients
from bookings.admin.exporting import ExportsList
from bookings.admin.list_filters import CustomerFilter
from bookings.admin.privacy import ForgetsClients
from bookings.admin.series import PauseInline, SavesPauses
from bookings.doubles import like
from bookings.events import client_changed, client_created, client_particulars, recipients_of
from bookings.guards import forbidding
from bookings.models import (
    Booking,
    Client,
    DriverPreference,
    Event,
    Reading,
    Recipient,
    SavedPlace,
    Series,
)
from bookings.privacy.readings import last_readings, note_reading
from drivers.admin.base import (
    OfCustomerAdmin,
    RowChoice,
    RowsReadOnce,
    ScopedInline,
)
from drivers.admin.fleet import agreed_trips, tell_released
from drivers.admin.forms import ConfirmsFarPlaces
from drivers.admin.places import PlaceInput
from drivers.companies.actors import admin_actor
from drivers.models import Driver

LAST_TRIPS = 10
DOUBLES_SHOWN = 5


class ClientForm(forms.ModelForm):
    class Meta:
        widgets = {"address": PlaceInput}


class SavedPlaceForm(ConfirmsFarPlaces, forms.ModelForm):
    class Meta:
        widgets = {"address": PlaceInput}

    def _post_clean(self):
        self.instance.far_meant = self.far_meant
        super()._post_clean()

    def _get_validation_exclusions(self):
        # The formset checks that only one place is the usual one.
        return super()._get_validation_exclusions() | {"is_usual"}


class SavedPlaces(RowsReadOnce):
    """The saved places of a client, at most one of them the usual one."""

    def clean(self):
        super().clean()
        if sum(map(self._usual, self.forms)) > 1:
            raise ValidationError(_("Only one place can be the usual one: clear the others."))

    def save(self, commit=True):
        if commit and any(map(self._usual, self.forms)):
            # Clear the others first: the database allows only one.
            SavedPlace.objects.filter(client=self.instance).update(is_usual=False)
            for form in filter(self._usual, self.forms):
                form.has_changed = lambda: True
        return super().save(commit)

    def _usual(self, form):
        values = getattr(form, "cleaned_data", {})
        return bool(values.get("is_usual")) and not values.get("DELETE")


class SavedPlaceInline(ScopedInline):
    model = SavedPlace
    form = SavedPlaceForm
    formset = SavedPlaces
    extra = 0
    ordering = ["-is_usual", "label", "id"]


class DriverPreferenceInline(ScopedInline):
    model = DriverPreference
    extra = 0
    ordering = ["kind", "id"]

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        kwargs["form_class"] = RowChoice
        if not hasattr(request, "drivers_offered"):  # the theme builds the form many times
            rows = Driver.objects.filter(company=request.company)
            request.drivers_offered = rows.order_by("name", "id")
        kwargs["queryset"] = request.drivers_offered
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class RecipientInline(ScopedInline):
    model = Recipient
    extra = 0
    max_num = len(Recipient.Person)
    ordering = ["person", "id"]


class ClientAdmin(MergesClients, ForgetsClients, OfCustomerAdmin, ExportsList, SavesPauses):
    """Clients. `dispatch.admin.clients` registers it, because it knows the trips."""

    form = ClientForm
    export_columns = {
        "company": "company__slug",
        "customer": "customer__name",
        "external_id": "external_id",
        "name": "name",
        "phone": "phone",
        "address": "address",
        "lat": "lat",
        "lon": "lon",
        "wheelchair": "wheelchair",
        "may_share": "may_share",
        "max_ride_min": "max_ride_min",
        "notes": "notes",
    }
    list_display = ["shown_name", "phone", "address", "wheelchair", "customer", "company"]
    list_select_related = ["company", "customer"]
    list_filter = [CustomerFilter]
    search_fields = ["searched"]
    ordering = ["folded_name", "id"]
    compressed_fields = True
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("company", "customer"),
                    ("name", "phone"),
                    "external_id",
                    "wheelchair",
                    ("may_share", "max_ride_min"),
                    "notes",
                ]
            },
        ),
        (
            gettext_lazy("Home"),
            {
                "fields": ["address", ("lat", "lon")],
                "description": gettext_lazy(
                    "An address with coordinates, such as 46.1936 and 6.1487, is offered for trips."
                ),
            },
        ),
    ]
    formfield_overrides = {
        models.TextField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 3})}
    }
    change_form_before_template = "bookings/client_actions.html"
    change_form_after_template = "bookings/client_trips.html"

    @admin.display(description=gettext_lazy("name"), ordering="folded_name")
    def shown_name(self, client):
        return client.name

    def get_search_results(self, request, queryset, search_term):
        return queryset.filter(searched__has_parts=search_term), False

    def get_inlines(self, request, obj):
        if not obj:
            return []
        return [SavedPlaceInline, DriverPreferenceInline, RecipientInline, PauseInline]

    def save_model(self, request, obj, form, change):
        # What is logged as the value before is what is stored, not what the page has shown.
        rows = Client.objects.select_for_update(no_key=True)
        form.before = client_particulars(rows.get(pk=obj.pk)) if change else None
        form.recipients = [], []
        super().save_model(request, obj, form, change)

    def save_related(self, request, form, formsets, change):
        """Save, then log the change: last, because logging keeps other writers waiting."""
        super().save_related(request, form, formsets, change)
        client, actor, now = form.instance, admin_actor(request), timezone.now()
        events = (
            [client_created(client, actor=actor, now=now)]
            if form.before is None
            else client_changed(
                client, form.before, actor=actor, now=now, recipients=form.recipients
            )
        )
        if events:
            Event.objects.bulk_create(events)

    def save_formset(self, request, form, formset, change):
        if formset.model is Recipient and formset.has_changed():
            told = recipients_of(form.instance)
            super().save_formset(request, form, formset, change)
            form.recipients = told, recipients_of(form.instance)
            return
        if formset.model is not DriverPreference:
            super().save_formset(request, form, formset, change)
            return
        with forbidding(
            form.instance,
            _newly_forbidden(formset),
            actor=admin_actor(request),
            now=timezone.now(),
            agreed=agreed_trips(request),
        ) as released:
            super().save_formset(request, form, formset, change)
        tell_released(self, request, released)

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        if obj:
            trips = Booking.objects.filter(client=obj).order_by("-id")[:LAST_TRIPS]
            context["trips"] = sorted(trips, key=lambda trip: trip.scheduled_time, reverse=True)
            context["may_book"] = self._has_role(request, self.writing_roles, obj)
            context["may_forget"] = self.may_forget(request, obj) and not obj.is_forgotten
            context["client"] = obj
            self._note_reading(request, obj, context)
            context["doubles"] = like(
                obj.company, obj.customer, obj.name, obj.phone, besides=obj.pk
            )[:DOUBLES_SHOWN]
            series = Series.objects.filter(client=obj).exclude(last_day__lt=timezone.localdate())
            context["series"] = series.order_by("id")
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def _note_reading(self, request, client, context):
        """Note who is shown the page, and show owners who was before: 1 statement each."""
        if self.may_forget(request, client):
            context["readings"] = last_readings(client)
        note_reading(client, Reading.What.PAGE, actor=admin_actor(request), now=timezone.now())


def _newly_forbidden(formset):
    """Return the ids of the drivers whom the submitted preferences forbid, but no stored one."""
    return sorted(
        form.instance.driver_id
        for form in formset.forms
        if form.has_changed()
        and form not in formset.deleted_forms
        and form.instance.kind == DriverPreference.Kind.FORBIDDEN
    )
