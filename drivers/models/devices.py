"""The phones of drivers, each let in by a link that can be used once."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from drivers.db.rules import Check, Unique
from drivers.models.fleet import Driver


class Device(models.Model):
    """A phone that shows its driver's day at /drive/, without a password.

    It begins as a link, which the first phone that opens it uses up, until `link_ends_at`. From
    then on the phone has a key of its own. Only the SHA-256 of link and key are stored: 256 random
    bits need no slow hash. A phone that was not seen for `FORGOTTEN_AFTER` is let in no more.
    """

    FORGOTTEN_AFTER = timedelta(days=90)

    driver = models.ForeignKey(
        Driver, models.CASCADE, related_name="devices", verbose_name=_("driver")
    )
    name = models.CharField(_("name"), max_length=60, blank=True)
    link_digest = models.CharField(max_length=64, editable=False)
    link_ends_at = models.DateTimeField(_("link expires at"))
    digest = models.CharField(max_length=64, null=True, editable=False)
    made_at = models.DateTimeField(_("link made at"))
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("link made by"),
    )
    paired_at = models.DateTimeField(_("connected at"), null=True, blank=True)
    last_seen_at = models.DateTimeField(_("last seen at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("driver's phone")
        verbose_name_plural = _("drivers' phones")
        constraints = [
            Unique(
                fields=["link_digest"],
                name="device_link_unique",
                says=_("This link belongs to another phone."),
            ),
            Unique(
                fields=["digest"],
                name="device_digest_unique",
                says=_("This key belongs to another phone."),
            ),
            Check(
                condition=Q(made_at__lt=F("link_ends_at")),
                name="device_link_ends_later",
                says=_("A link must expire after it is made."),
            ),
            Check(
                condition=Q(paired_at=None, digest=None)
                | Q(paired_at__isnull=False, digest__isnull=False),
                name="device_has_key_once_connected",
                says=_("A phone has a key from when it is connected."),
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"#{self.pk}"
