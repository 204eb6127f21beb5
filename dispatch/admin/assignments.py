"""The page of assignments, and the manifests as files."""

from django.contrib import admin
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.admin.list_filters import DayFilter
from bookings.sheets import csv_response, xlsx_response
from dispatch.admin.trip_search import FindsByTrip
from dispatch.manifest import CSV_COLUMNS, read_manifest
from dispatch.models import Assignment
from drivers.admin.base import ListsOneCompany
from drivers.companies.roles import companies_of
from drivers.times import day_of

SHEETS = {"csv": csv_response, "xlsx": xlsx_response}
Status = Assignment.Status


class PickupDayFilter(DayFilter):
    field = "planned_pickup_at"


class StatusFilter(admin.SimpleListFilter):
    """One status, or all; without a choice, those that no other assignment has superseded."""

    title = gettext_lazy("status")
    parameter_name = "status"

    def lookups(self, request, model_admin):
        return [("all", _("all, with the superseded")), *Status.choices]

    def choices(self, changelist):
        first, *others = super().choices(changelist)
        return [first | {"display": _("all but superseded")}, *others]

    def queryset(self, request, queryset):
        value = self.value()
        if value == "all":
            return queryset
        if value in Status.values:
            return queryset.filter(status=value)
        # Not a list of the other statuses, which would read each of them in an index of its own.
        return queryset.exclude(status=Status.SUPERSEDED)


@admin.register(Assignment)
class AssignmentAdmin(ListsOneCompany, FindsByTrip):
    list_display = [
        "planned_pickup_at",
        "planned_dropoff_at",
        "trip",
        "driver",
        "status",
        "marks",
    ]
    list_select_related = ["booking__client", "driver"]
    list_filter = [PickupDayFilter, StatusFilter, "locked"]
    sortable_by = ["planned_pickup_at"]
    ordering = ["-planned_pickup_at", "-id"]
    list_max_show_all = 0

    @admin.display(description=gettext_lazy("trip"))
    def trip(self, assignment):
        booking = assignment.booking
        return format_html(
            '<a class="underline" href="{}">{}</a> {}',
            reverse("admin:bookings_booking_change", args=[booking.pk]),
            booking.client or booking,
            booking if booking.client else "",
        )

    @admin.display(description=gettext_lazy("marks"))
    def marks(self, assignment):
        names = [_("confirmed")] if assignment.confirmed else []
        names += [_("locked")] if assignment.locked else []
        return get_text_list(names, _("and"))

    def get_urls(self):
        view = self.admin_site.admin_view(self.manifest)
        return [
            path(
                f"manifest/<slug:company>/<str:day>/{kind}/",
                view,
                {"kind": kind},
                name=f"dispatch_assignment_manifest_{kind}",
            )
            for kind in SHEETS
        ] + super().get_urls()

    def manifest(self, request, company, day, kind):
        """Return the stops of a company-day as CSV or Excel: 3 statements besides the login's."""
        company = get_object_or_404(companies_of(request.user, self.reading_roles), slug=company)
        try:
            day = day_of(day)
        except ValueError as error:
            raise Http404(_("Enter the day as YYYY-MM-DD, such as 2026-06-17.")) from error
        manifest = read_manifest(company, day)
        return SHEETS[kind](CSV_COLUMNS, manifest.rows(), f"{company.slug}-{day}.{kind}")
