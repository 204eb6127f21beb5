"""Admin pages of customers."""

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from drivers.admin.base import CompanyScopedAdmin
from drivers.companies.actors import admin_actor
from drivers.companies.customers import margin_changed


class CustomerAdmin(CompanyScopedAdmin):
    """Customers, with links to their clients and trips; registered above, with their pages."""

    list_display = ["name", "kind", "is_default", "shown_trips", "company"]
    list_select_related = ["company"]
    list_filter = ["kind"]
    search_fields = ["name"]
    ordering = ["company__name", "name", "id"]
    readonly_fields = ["is_default", "shown_trips"]
    fieldsets = [
        (None, {"fields": ["company", ("name", "kind"), "is_default", "shown_trips"]}),
        (_("Contact"), {"fields": ["contact", ("phone", "email"), "notes"]}),
        (
            _("Its trips"),
            {
                "fields": [
                    ("pickup_early_min", "pickup_late_min"),
                    ("return_late_min", "margin_min"),
                    ("on_time_early_min", "on_time_late_min"),
                ]
            },
        ),
        (
            _("What its client system must keep to"),
            {
                "fields": [
                    "book_ahead_min",
                    "requires_client",
                    "requires_reference",
                    "requires_appointment",
                ]
            },
        ),
    ]

    @admin.display(description=_("clients and trips"))
    def shown_trips(self, customer):
        if customer.pk is None:
            return "–"
        links = (
            (_("clients"), "bookings_client_changelist", ""),
            (_("trips of today"), "bookings_booking_changelist", ""),
            (_("all trips"), "bookings_booking_changelist", "&day=all"),
        )
        shown = [
            format_html(
                '<a class="text-primary-600 dark:text-primary-500" href="{}?customer={}{}">{}</a>',
                reverse(f"admin:{name}"),
                customer.pk,
                more,
                text,
            )
            for text, name, more in links
        ]
        return format_html("{} · {} · {}", *shown)

    def save_model(self, request, obj, form, change):
        before = form.initial.get("margin_min") if change else obj.margin_min
        super().save_model(request, obj, form, change)
        margin_changed(obj, before, actor=admin_actor(request), now=timezone.now())

    def has_delete_permission(self, request, obj=None):
        """Leave that to the API: the page that asks would read all that the customer has.

        An empty company may be deleted with its default customer.
        """
        with_company = request.resolver_match.url_name == "drivers_company_delete"
        return with_company and super().has_delete_permission(request, obj)
