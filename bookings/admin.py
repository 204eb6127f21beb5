from django.contrib import admin, messages
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from bookings.acting import admin_actor
from bookings.change import (
    SettledBookingError,
    StaleBookingError,
    StatusRefusedError,
    save_booking,
)
from bookings.export_admin import ExportsBookings
from bookings.import_admin import ImportsBookings
from bookings.models import (
    SETTLED_STATUSES,
    Booking,
    Client,
    Delivery,
    Event,
    Status,
    Webhook,
)
from drivers.scoped import CompanyScopedAdmin, ReadOnlyAdmin

REFUSALS = (SettledBookingError, StaleBookingError, StatusRefusedError)


@admin.register(Client)
class ClientAdmin(CompanyScopedAdmin):
    list_display = ["name", "phone", "address", "wheelchair", "company"]
    list_select_related = ["company"]
    search_fields = ["name", "phone"]
    ordering = ["name", "id"]


@admin.register(Booking)
class BookingAdmin(ImportsBookings, ExportsBookings, CompanyScopedAdmin):
    """Bookings are never deleted: they are canceled, and stay in the log."""

    list_display = ["reference", "scheduled_time", "client", "passengers", "wheelchairs", "status"]
    list_select_related = ["client"]
    list_filter = ["status", "priority"]
    search_fields = ["reference"]
    ordering = ["-scheduled_time", "-id"]
    autocomplete_fields = ["client"]
    raw_id_fields = ["return_of"]
    readonly_fields = ["status", "version", "created_at", "updated_at"]

    actions = ["accept"]

    def has_delete_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        settled = obj is not None and obj.status in SETTLED_STATUSES
        return not settled and super().has_change_permission(request, obj)

    def changeform_view(self, request, *args, **kwargs):
        try:
            return super().changeform_view(request, *args, **kwargs)
        except REFUSALS as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return redirect(request.path)

    def save_model(self, request, obj, form, change):
        if not change:
            obj.status = Status.ACCEPTED  # who writes it down here takes it on
        save_booking(obj, actor=admin_actor(request), now=timezone.now())

    @admin.action(description=_("Accept the selected bookings"), permissions=["change"])
    def accept(self, request, queryset):
        accepted = 0
        for booking in queryset.filter(status=Status.PENDING):
            booking.status = Status.ACCEPTED
            try:
                save_booking(booking, actor=admin_actor(request), now=timezone.now())
            except REFUSALS as refusal:
                self.message_user(request, str(refusal), messages.ERROR)
            else:
                accepted += 1
        done = ngettext("%(count)d booking accepted.", "%(count)d bookings accepted.", accepted)
        self.message_user(request, done % {"count": accepted})


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ["at", "kind", "booking", "actor", "door", "old", "new"]
    list_select_related = ["booking"]
    ordering = ["-id"]


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    """Owners make and change them over the API, which shows the secret once."""

    list_display = ["url", "is_active", "disabled_reason", "rests_until", "company"]
    list_select_related = ["company"]
    ordering = ["company", "id"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    company_path = "webhook__company"
    list_display = ["event_id", "webhook", "status", "attempts", "last_code", "last_ms", "last_at"]
    list_select_related = ["webhook"]
    list_filter = ["status"]
    ordering = ["-id"]
