"""Export of the admin's lists as CSV or Excel, filtered as shown."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext_lazy as _

from bookings.sheets import CSV_ROWS_AT_MOST, XLSX_ROWS_AT_MOST, csv_response, xlsx_response
from drivers.db.pages import in_pages

FORMATS = {"csv": (csv_response, CSV_ROWS_AT_MOST), "xlsx": (xlsx_response, XLSX_ROWS_AT_MOST)}


class ExportsList:
    """Add an export of the whole filtered list to the admin of a model.

    `export_columns` are {name of the column: path from the model}. Times are local to the row's
    company, with their UTC offset.
    """

    export_columns = {}
    list_after_template = "bookings/export_links.html"

    def get_urls(self):
        view = self.admin_site.admin_view(self.export)
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [
            path(f"export/{kind}/", view, {"kind": kind}, name=f"{name}_{kind}") for kind in FORMATS
        ] + super().get_urls()

    def export(self, request, kind):
        """Return the filtered list as a file: 2 statements more than the list, and 1 a page."""
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
                _("The list has more than %(most)d rows: filter it, for example by day.")
                % {"most": at_most},
                messages.ERROR,
            )
            return back
        name = self.opts.model_name
        return answer(list(self.export_columns), self._exported(rows), f"{name}s.{kind}")

    def _exported(self, rows):
        zones = {}
        company = self.company_path
        columns = (f"{company}__timezone", f"{company}_id", *self.export_columns.values())
        for zone, company_id, *values in in_pages(rows.select_related(None), *columns):
            local = zones.setdefault(company_id, ZoneInfo(zone))
            yield [_plain(value, local) for value in values]


class ExportsBookings(ExportsList):
    """Export bookings in columns that an import reads, except status and cancel_reason."""

    export_columns = {
        "customer": "customer__name",
        "reference": "reference",
        "status": "status",
        "scheduled_time": "scheduled_time",
        "appointment_at": "appointment_at",
        "will_call": "will_call",
        "overlap_meant": "overlap_meant",
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
        "may_share": "may_share",
        "max_ride_min": "max_ride_min",
        "priority": "priority",
        "needs": "needs",
        "return_of": "return_of__reference",
        "notes": "notes",
        "cancel_reason": "cancel_reason",
    }


def _plain(value, zone):
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="minutes")
    if isinstance(value, list):
        return " ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value
