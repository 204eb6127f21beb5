"""The admin's export of the list of bookings, filtered as it is shown."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext_lazy as _

from bookings.sheets import CSV_ROWS_AT_MOST, XLSX_ROWS_AT_MOST, csv_response, xlsx_response

# Times are local to the booking's company, with their offset.
COLUMNS = {
    "reference": "reference",
    "status": "status",
    "scheduled_time": "scheduled_time",
    "appointment_at": "appointment_at",
    "will_call": "will_call",
    "client_name": "client__name",
    "client_phone": "client__phone",
    "pickup_address": "pickup_address",
    "pickup_lat": "pickup_lat",
    "pickup_lon": "pickup_lon",
    "dropoff_address": "dropoff_address",
    "dropoff_lat": "dropoff_lat",
    "dropoff_lon": "dropoff_lon",
    "passengers": "passengers",
    "wheelchairs": "wheelchairs",
    "priority": "priority",
    "needs": "needs",
    "return_of": "return_of__reference",
    "notes": "notes",
    "cancel_reason": "cancel_reason",
}
FORMATS = {"csv": (csv_response, CSV_ROWS_AT_MOST), "xlsx": (xlsx_response, XLSX_ROWS_AT_MOST)}


class ExportsBookings:
    """Adds the export to the admin of bookings: every page of what the list shows."""

    list_after_template = "bookings/export_links.html"

    def get_urls(self):
        view = self.admin_site.admin_view(self.export)
        return [
            path(f"export/{kind}/", view, {"kind": kind}, name=f"bookings_booking_export_{kind}")
            for kind in FORMATS
        ] + super().get_urls()

    def export(self, request, kind):
        """Answer with the filtered list: 2 statements beside those of the list."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        answer, at_most = FORMATS[kind]
        back = redirect(f"../../?{request.GET.urlencode()}")
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return back
        if rows[at_most : at_most + 1].exists():
            self.message_user(
                request,
                _("These are more than %(most)d bookings: filter the list, by day for instance.")
                % {"most": at_most},
                messages.ERROR,
            )
            return back
        return answer(list(COLUMNS), _rows(rows), f"bookings.{kind}")


def _rows(bookings):
    zones = {}
    for zone, company, *values in (
        bookings.select_related(None)
        .values_list("company__timezone", "company_id", *COLUMNS.values())
        .iterator(chunk_size=2_000)
    ):
        local = zones.setdefault(company, ZoneInfo(zone))
        yield [_plain(value, local) for value in values]


def _plain(value, zone):
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="minutes")
    if isinstance(value, list):
        return " ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value
