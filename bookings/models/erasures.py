"""Which people were forgotten, when, and at whose word."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bookings.models.clients import Client
from drivers.companies.actors import Door
from drivers.db.rules import Unique
from drivers.models import Company


class Erasure(models.Model):
    """The forgetting of one client: what remains as its proof, and where it goes on if it stopped.

    Bookings up to `last_booking_id`, in order of id, are erased already; `counts` are how many rows
    of each kind. Until `done_at` the client is not forgotten.
    """

    company = models.ForeignKey(
        Company, models.PROTECT, db_index=False, related_name="+", verbose_name=_("company")
    )
    client = models.ForeignKey(
        Client, models.CASCADE, db_index=False, related_name="erasures", verbose_name=_("client")
    )
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
    reason = models.CharField(_("reason"), max_length=200)
    begun_at = models.DateTimeField(_("begun at"))
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)
    last_booking_id = models.BigIntegerField(default=0, editable=False)
    counts = models.JSONField(_("erased"), default=dict, blank=True)

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        constraints = [
            # bookings.privacy.forget.begin: two people at once begin one.
            Unique(
                fields=["client"],
                condition=Q(done_at__isnull=True),
                name="erasure_one_at_a_time",
                says=_("This client is being forgotten already."),
                field="client",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.client_id}"
