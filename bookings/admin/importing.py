"""Admin pages that import a file of bookings: upload, preview, confirm."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.template.defaultfilters import filesizeformat
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanWidget,
)

from bookings.admin.placing import chosen_places, sent_choices, shown_choices
from bookings.importing.import_bookings import import_bookings
from bookings.importing.rows import OPTIONAL, REQUIRED, UNREAD
from bookings.importing.uploads import (
    UPLOAD_AT_MOST,
    choices_of,
    choose_places,
    files_of,
    store_upload,
)
from bookings.models import ImportFile
from bookings.parsing import DAY_FIRST, MONTH_FIRST
from bookings.sheets import csv_response
from drivers.admin.fleet import AGREED, PK
from drivers.admin.pages import admin_page
from drivers.companies.actors import admin_actor
from drivers.companies.roles import WRITING_ROLES, companies_of
from drivers.models import Company, Customer
from drivers.refused import Refused

SHOWN = 100
TOLD = 20
# In the address of a preview: whether it is one with the broken trips released. In its form: the
# assignments that it listed, since agreeing to these is no agreement to others.
RELEASE = "release_broken"


class FileForm(forms.Form):
    """A file, and whose rows it has."""

    company = forms.ModelChoiceField(
        Company.objects.none(), label=_("Company"), widget=UnfoldAdminSelectWidget
    )
    customer = forms.ModelChoiceField(
        Customer.objects.none(),
        label=_("Customer"),
        required=False,
        help_text=_(
            "Whose bookings and references these are. If empty, those of the customers that rows "
            "name, else of the default one."
        ),
        widget=UnfoldAdminSelectWidget,
    )
    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV or Excel (.xlsx), at most %(size)s.")
        % {"size": filesizeformat(UPLOAD_AT_MOST)},
        widget=UnfoldAdminFileFieldWidget,
    )

    def __init__(self, *args, companies, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["company"].queryset = companies
        customers = Customer.objects.filter(company__in=companies).select_related("company")
        field: Any = self.fields["customer"]
        field.queryset = customers.order_by("company__name", "name", "id")
        field.label_from_instance = lambda row: f"{row} · {row.company}"

    def clean(self):
        values: Any = super().clean()
        company, customer = values.get("company"), values.get("customer")
        if company and customer and customer.company_id != company.pk:
            self.add_error("customer", _("This customer belongs to another company."))
        return values

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > UPLOAD_AT_MOST:
            raise forms.ValidationError(
                _("The file has %(size)s: split it into files of at most %(most)s.")
                % {"size": filesizeformat(file.size), "most": filesizeformat(UPLOAD_AT_MOST)}
            )
        return file


class UploadForm(FileForm):
    """A file of bookings."""

    date_order = forms.ChoiceField(
        label=_("Dates like 05/06/2026"),
        choices=[
            ("", _("are rejected as ambiguous")),
            (DAY_FIRST, _("begin with the day")),
            (MONTH_FIRST, _("begin with the month")),
        ],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    release_broken = forms.BooleanField(
        label=_("Release the trips that a row breaks"),
        help_text=_(
            "They need a driver again, and the preview lists them. Without this, such rows are "
            "left out."
        ),
        required=False,
        widget=UnfoldBooleanWidget,
    )


class ImportsBookings:
    """Add the pages to the admin of bookings; nothing is written before the user confirms."""

    actions_list = ["upload"]

    def get_urls(self):
        wrap = self.admin_site.admin_view
        return [
            path(
                "import/<int:import_file>/",
                wrap(self.preview_import),
                name="bookings_booking_import",
            ),
            path(
                "import/<int:import_file>/errors/",
                wrap(self.import_errors),
                name="bookings_booking_import_errors",
            ),
            *super().get_urls(),
        ]

    @action(description=_("Import a file"), url_path="import", icon="upload", permissions=["add"])
    def upload(self, request):
        companies = companies_of(request.user, WRITING_ROLES).order_by("name", "id")
        form = UploadForm(
            request.POST or None,
            request.FILES or None,
            companies=companies,
            initial={"company": request.company},
        )
        if form.is_valid():
            values = form.cleaned_data
            stored = store_upload(
                values["company"],
                request.user,
                values["file"],
                customer=values["customer"],
                date_order=values["date_order"],
                now=timezone.now(),
            )
            preview = reverse("admin:bookings_booking_import", args=[stored.pk])
            return redirect(f"{preview}?{RELEASE}=1" if values["release_broken"] else preview)
        return admin_page(
            self,
            request,
            "bookings/import_upload.html",
            title=_("Import bookings"),
            form=form,
            required=REQUIRED,
            optional=OPTIONAL,
            unread=UNREAD,
        )

    def preview_import(self, request, import_file):
        file = self._file(request, import_file)
        if request.method == "POST" and "discard" in request.POST:
            file.delete()
            self.message_user(request, _("Nothing was imported."))
            return redirect("admin:bookings_booking_changelist")
        sent = sent_choices(request.POST)
        wrong = sent is not None and not sent.is_valid()
        if sent is not None and not wrong:
            choose_places(file, chosen_places(sent))
            if "choose" in request.POST:
                return redirect(request.get_full_path())
        confirmed = request.method == "POST" and not wrong
        result = refusal = None
        try:
            result = self._import(
                request,
                file,
                dry_run=not confirmed,
                skip_invalid=not confirmed or "skip_invalid" in request.POST,
                release_broken=_agreed(request, confirmed=confirmed),
            )
        except Refused as refused:
            refusal = refused
        if confirmed and result and not result.refused:
            file.delete()
            rows = (*result.broken, *result.released)[:TOLD]
            told = [(result.summary(), messages.SUCCESS)]
            for text, level in [*told, *((str(row), messages.WARNING) for row in rows)]:
                self.message_user(request, text, level)
            return redirect("admin:bookings_booking_changelist")
        return admin_page(
            self,
            request,
            "bookings/import_preview.html",
            title=_("Import %(file)s into %(company)s") % {
                "file": file.name,
                "company": f"{file.company} · {file.customer}" if file.customer else file.company,
            },
            status=refusal.status if refusal else 200,
            file=file,
            skip_variant="default" if result and result.addresses else "primary",
            choose_variant="primary" if result and result.bad_rows else "default",
            places=_places(file, result, sent if wrong else None),
            result=result,
            refusal=refusal,
            to_write=result.created + result.updated if result else 0,
            errors=table_of(result.errors[:SHOWN], ERROR_COLUMNS) if result else None,
            skipped=table_of(result.skipped[:SHOWN], SKIPPED_COLUMNS) if result else None,
            broken=_broken(result.broken) if result else None,
            released=_broken(result.released) if result else None,
            agreed=AGREED,
            far=table_of(result.far_away[:SHOWN], FAR_COLUMNS) if result else None,
            overlapping=(
                table_of(result.overlapping[:SHOWN], OVERLAP_COLUMNS) if result else None
            ),
            assignments=[row.trip.assignment_id for row in result.released] if result else [],
            sample=_sample(file.company, result) if result else None,
            shown=SHOWN,
        )  # fmt: skip

    def import_errors(self, request, import_file):
        """Return all errors as a CSV file."""
        file = self._file(request, import_file)
        errors = self._import(request, file, dry_run=True, skip_invalid=True).errors
        rows = (error.as_dict().values() for error in errors)
        return csv_response(["line", "column", "value", "message"], rows, "errors.csv")

    def _file(self, request, pk):
        if not self.has_add_permission(request):
            raise PermissionDenied
        return get_object_or_404(files_of(request.user), pk=pk)

    def _import(self, request, file: ImportFile, *, dry_run, skip_invalid, release_broken=False):
        return import_bookings(
            file.company,
            bytes(file.data),
            actor=admin_actor(request),
            now=timezone.now(),
            filename=file.name,
            dry_run=dry_run,
            skip_invalid=skip_invalid,
            release_broken=release_broken,
            order=file.date_order or None,
            choices=choices_of(file),
            customer=file.customer,
        )


def _places(file, result, sent):
    """Return the formset of the file's addresses without positions: the one sent if it is wrong."""
    if sent is not None:
        return sent.with_offers(result.addresses if result else ())
    return shown_choices(file.company, result.addresses) if result and result.addresses else None


ERROR_COLUMNS = {
    "line": _("Line"),
    "column": _("Column"),
    "value": _("Value"),
    "message": _("How to correct it"),
}
SKIPPED_COLUMNS = {"line": _("Line"), "reference": _("Reference"), "reason": _("Why")}
OVERLAP_COLUMNS = {
    "line": _("Line"),
    "reference": _("Reference"),
    "question": _("Is it for somebody else?"),
}
FAR_COLUMNS = {"line": _("Line"), "reference": _("Reference"), "question": _("Is it right?")}


def table_of(rows, columns):
    """Return the rows for Unfold's table component, or None if there are none."""
    rows = [[row.as_dict()[name] for name in columns] for row in rows]
    return {"headers": list(columns.values()), "rows": rows} if rows else None


def _broken(rows):
    """Return the rows that break trips for Unfold's table component, or None."""
    headers = [_("Line"), _("Trip"), _("Driver"), _("Planned pickup"), _("Why")]
    found = [
        [row.line, row.reference, row.trip.driver, row.clock, row.trip.why] for row in rows[:SHOWN]
    ]
    return {"headers": headers, "rows": found} if found else None


def _agreed(request, *, confirmed):
    """Return which trips may be released: in a preview all or none, then those it listed."""
    if not confirmed:
        return RELEASE in request.GET
    listed = request.POST.get(AGREED, "").split(",")
    return {int(pk) for pk in listed if PK.fullmatch(pk)}


def _sample(company, result):
    rows = [
        [
            row.line,
            row.reference,
            _("changed: %(fields)s") % {"fields": ", ".join(differing)} if differing else _("new"),
            company.day_and_clock(row.values["scheduled_time"]),
            row.customer.name,
            row.client[0] if row.client else "",
            row.values.get("pickup_address", ""),
            row.values.get("dropoff_address", ""),
        ]
        for row, differing in result.sample
    ]
    headers = [
        _("Line"),
        _("Reference"),
        _("Change"),
        _("Requested pickup"),
        _("Customer"),
        _("Client"),
        _("From"),
        _("To"),
    ]
    return {"headers": headers, "rows": rows} if rows else None
