"""The pages of messages: what was sent to whom, and what the company sends."""

from django.contrib import admin
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from bookings.models import Message, MessagePolicy, MessageText
from dispatch.messages.policy import save_policy
from drivers.admin.base import (
    CompanyScopedAdmin,
    ListsOneCompany,
    ReadOnlyAdmin,
    RowChoice,
    ScopedInline,
)
from drivers.admin.fields import WallClockField
from drivers.companies.roles import OWNERS
from drivers.models import Customer


class StatusFilter(admin.SimpleListFilter):
    """One status, or all; without a choice, those that had something to tell."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request, model_admin):
        return [("all", _("all")), *Message.Status.choices]

    def choices(self, changelist):
        first, *others = super().choices(changelist)
        return [first | {"display": _("all but those with nothing to tell")}, *others]

    def queryset(self, request, queryset):
        value = self.value()
        if value == "all":
            return queryset
        if value in Message.Status.values:
            return queryset.filter(status=value)
        return queryset.exclude(status=Message.Status.DROPPED)


@admin.register(Message)
class MessageAdmin(ListsOneCompany, ReadOnlyAdmin):
    list_display = ["at", "trip", "person", "kind", "channel", "status", "reason", "attempts"]
    list_select_related = ["booking", "client"]
    list_filter = [StatusFilter, "kind"]
    ordering = ["-id"]
    list_max_show_all = 0
    fields = ["at", "trip", "person", "kind", "channel", "address", "text", "status", "reason",
              "attempts", "due_at"]  # fmt: skip

    @admin.display(description=_("at"))
    def at(self, message):
        return message.done_at or message.first_at or message.created_at

    @admin.display(description=_("trip"))
    def trip(self, message):
        at = date_format(
            timezone.localtime(message.booking.scheduled_time), "SHORT_DATETIME_FORMAT"
        )
        return format_html(
            '<a class="underline" href="{}">{}</a> {}',
            reverse("admin:bookings_booking_change", args=[message.booking_id]),
            message.client,
            at,
        )


class MessageTextInline(ScopedInline):
    model = MessageText
    extra = 0
    fields = ["customer", "kind", "language", "text"]
    ordering = ["customer__name", "kind", "language", "id"]

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "customer":
            kwargs["form_class"] = RowChoice
            if not hasattr(request, "customers_offered"):  # the theme builds the form many times
                rows = Customer.objects.filter(company=request.company)
                request.customers_offered = rows.order_by("name", "id")
            kwargs["queryset"] = request.customers_offered
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(MessagePolicy)
class MessagePolicyAdmin(CompanyScopedAdmin):
    """What a company sends, which its owners decide."""

    writing_roles = OWNERS
    list_display = ["company", "is_on", "test_address", "language"]
    list_select_related = ["company"]
    ordering = ["company__name", "id"]
    inlines = [MessageTextInline]
    compressed_fields = True
    fieldsets = [
        (None, {"fields": ["company", "is_on", "test_address", "language"]}),
        (
            _("What is told"),
            {
                "fields": [
                    ("tells_booked", "tells_changed", "tells_canceled"),
                    ("tells_reminder", "reminder_at"),
                    "tells_on_the_way",
                    ("tells_late", "late_min"),
                    "has_pages",
                ]
            },
        ),
        (_("Limits"), {"fields": [("quiet_from", "quiet_until"), "daily_limit"]}),
    ]
    formfield_overrides = {
        models.TimeField: {"form_class": WallClockField, "widget": UnfoldAdminTextInputWidget}
    }

    def save_model(self, request, obj, form, change):
        save_policy(obj, now=timezone.now())

    def has_delete_permission(self, request, obj=None):
        return False
