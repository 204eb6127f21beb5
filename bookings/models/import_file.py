"""Uploaded files of bookings."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from drivers.db.indexes import Index
from drivers.models import Company, Customer


class ImportFile(models.Model):
    """A file of bookings between preview and import, kept for a day at most."""

    company = models.ForeignKey(
        Company,
        models.CASCADE,
        db_index=False,
        related_name="import_files",
        verbose_name=_("company"),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, verbose_name=_("user")
    )
    customer = models.ForeignKey(
        Customer, models.CASCADE, db_index=False, null=True, verbose_name=_("customer")
    )
    name = models.CharField(max_length=100)
    data = models.BinaryField()
    date_order = models.CharField(max_length=5, blank=True)
    # Which places its addresses are, as far as somebody has chosen: {folded address: place}.
    places = models.JSONField(default=dict, blank=True)
    uploaded_at = models.DateTimeField()

    class Meta:
        verbose_name = _("imported file")
        verbose_name_plural = _("imported files")
        indexes = [
            # bookings.importing.uploads.store_upload: the expired files.
            Index(fields=["uploaded_at"], name="idx_import_file_uploaded"),
        ]

    def __str__(self) -> str:
        return self.name
