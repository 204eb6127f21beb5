"""Invitations into a company: a membership that waits for the invited person."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from drivers.db.references import SameOwner
from drivers.db.rules import CHOICE, Check, Unique
from drivers.models.company import Company
from drivers.models.customer import OF_ANOTHER_COMPANY, Customer
from drivers.models.membership import Role, has_its_customer

# Neither accepted nor withdrawn; it may be over all the same.
WAITING = Q(accepted_at=None, revoked_at=None)


class Invitation(models.Model):
    """An offer to one e-mail address, accepted at most once, until it ends or is withdrawn.

    Only the SHA-256 of the link's key is stored: 256 random bits need no slow hash.
    """

    company = models.ForeignKey(
        Company,
        models.CASCADE,
        db_index=False,
        related_name="invitations",
        verbose_name=_("company"),
    )
    email = models.EmailField(_("e-mail address"), max_length=150)
    role = models.CharField(_("role"), max_length=20, choices=Role)
    customer = models.ForeignKey(
        Customer,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("customer"),
        help_text=_("Of a client system: the customer whose clients and bookings it has."),
    )
    digest = models.CharField(max_length=64, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("invited by"),
    )
    created_at = models.DateTimeField(_("created at"))
    sent_at = models.DateTimeField(_("last sent at"))
    expires_at = models.DateTimeField(_("ends at"))
    accepted_at = models.DateTimeField(_("accepted at"), null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("accepted by"),
    )
    revoked_at = models.DateTimeField(_("withdrawn at"), null=True, blank=True)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            Unique(
                fields=["digest"],
                name="invitation_digest_unique",
                says=_("This key belongs to another invitation."),
                field="digest",
            ),
            Unique(
                fields=["company", "email"],
                condition=WAITING,
                name="invitation_waits_once",
                says=_("This address is invited already. Send that invitation again."),
                field="email",
            ),
            Check(
                condition=Q(role__in=Role.values),
                name="invitation_role_known",
                says=CHOICE,
                field="role",
            ),
            Check(
                condition=Q(sent_at__lt=F("expires_at")),
                name="invitation_ends_later",
                says=_("An invitation must end after it is sent."),
                field="expires_at",
            ),
            has_its_customer("invitation_customer_of_client_system"),
            SameOwner(
                name="invitation_customer_of_company",
                fields=["customer", "company"],
                to_fields=["id", "company"],
                says=OF_ANOTHER_COMPANY,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} ({self.get_role_display()})"

    def is_open(self, now: datetime) -> bool:
        """Return whether it can be accepted at this time."""
        return self.accepted_at is None and self.revoked_at is None and now < self.expires_at
