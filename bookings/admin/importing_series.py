"""Admin pages that import a file of standing orders: upload, preview, confirm."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from bookings.admin.importing import ERROR_COLUMNS, SHOWN, FileForm, table_of
from bookings.import_series import OPTIONAL, REQUIRED, import_series
from bookings.importing.uploads import files_of, store_upload
from drivers.admin.base import CompanyScopedAdmin
from drivers.admin.pages import admin_page
from drivers.companies.actors import admin_actor
from drivers.companies.roles import WRITING_ROLES, companies_of
from drivers.refused import Refused


class SeriesUploadForm(FileForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["customer"].help_text = _(
            "Whose standing orders these are. If empty, those of the customers that rows name, "
            "else of the default one."
        )


class ImportsSeries(CompanyScopedAdmin):
    """Add the pages to the admin of standing orders; nothing is written before it is confirmed."""

    actions_list = ["upload"]

    def get_urls(self):
        wrap = self.admin_site.admin_view
        return [
            path(
                "import/<int:orders_file>/",
                wrap(self.preview_import),
                name="bookings_series_import",
            ),
            *super().get_urls(),
        ]

    @action(description=_("Import a file"), url_path="import", icon="upload", permissions=["add"])
    def upload(self, request):
        form = SeriesUploadForm(
            request.POST or None,
            request.FILES or None,
            companies=companies_of(request.user, WRITING_ROLES).order_by("name", "id"),
            initial={"company": request.company},
        )
        if form.is_valid():
            values = form.cleaned_data
            stored = store_upload(
                values["company"],
                request.user,
                values["file"],
                customer=values["customer"],
                now=timezone.now(),
            )
            return redirect(reverse("admin:bookings_series_import", args=[stored.pk]))
        return admin_page(
            self,
            request,
            "bookings/import_series_upload.html",
            title=_("Import standing orders"),
            form=form,
            required=REQUIRED,
            optional=OPTIONAL,
        )

    def preview_import(self, request, orders_file):
        if not self.has_add_permission(request):
            raise PermissionDenied
        file = get_object_or_404(files_of(request.user), pk=orders_file)
        if request.method == "POST" and "discard" in request.POST:
            file.delete()
            self.message_user(request, _("Nothing was imported."))
            return redirect("admin:bookings_series_changelist")
        confirmed = request.method == "POST"
        result = refusal = None
        try:
            result = import_series(
                file.company,
                bytes(file.data),
                actor=admin_actor(request),
                now=timezone.now(),
                customer=file.customer,
                dry_run=not confirmed,
            )
        except Refused as refused:
            refusal = refused
        if confirmed and result and not result.errors:
            file.delete()
            self.message_user(request, result.summary(), messages.SUCCESS)
            return redirect("admin:bookings_series_changelist")
        return admin_page(
            self,
            request,
            "bookings/import_series_preview.html",
            title=_("Import %(file)s into %(company)s")
            % {
                "file": file.name,
                "company": f"{file.company} · {file.customer}" if file.customer else file.company,
            },
            status=refusal.status if refusal else 200,
            result=result,
            refusal=refusal,
            errors=table_of(result.errors[:SHOWN], ERROR_COLUMNS) if result else None,
            shown=SHOWN,
        )
