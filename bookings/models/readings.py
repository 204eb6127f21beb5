"""Who has read what is stored of a client, when, and where."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from drivers.companies.actors import Door
from drivers.db.constraints import KeptLog
from drivers.db.indexes import Index
from drivers.models import Company
from drivers.times import shown

DAYS_KEPT = 400  # a year, and time to ask about it


class Reading(models.Model):
    """Somebody was shown the data of one client. It is only added to, and deleted when it is old.

    `client_id` is a plain number: the row outlives the client, and moves with no merge. Lists,
    boards and manifests, which show names of many, are not noted; pages without login that show
    names are.
    """

    class What(models.TextChoices):
        PAGE = "page", _("page")
        EXPORT = "export", _("everything stored")
        API = "api", _("API")
        WARD = "ward", _("page of a ward")

    company = models.ForeignKey(
        Company, models.PROTECT, db_index=False, related_name="+", verbose_name=_("company")
    )
    client_id = models.BigIntegerField(_("client"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
        verbose_name=_("user"),
    )
    actor = models.CharField(_("by"), max_length=100, blank=True)
    door = models.CharField(_("channel"), max_length=20, choices=Door)
    what = models.CharField(_("what"), max_length=10, choices=What)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("reading")
        verbose_name_plural = _("readings")
        indexes = [
            # bookings.privacy.readings.last_readings: those of a client, the newest first.
            Index(fields=["client_id", "id"], name="idx_reading_client"),
            # bookings.privacy.readings.clear_readings: those of long ago.
            Index(fields=["at"], name="idx_reading_at"),
        ]
        constraints = [
            KeptLog(name="reading_append_only", days=DAYS_KEPT),
        ]

    def __str__(self) -> str:
        return f"#{self.client_id} {shown(self.at)}"
