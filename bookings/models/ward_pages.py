"""Pages of wards: who arrives at one place of a customer's trips, and who leaves, without login."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from bookings.models.places import CompanyPlace
from drivers.db.references import SameOwner
from drivers.db.rules import Check, Unique
from drivers.models import Company, Customer
from drivers.models.customer import OF_ANOTHER_COMPANY


class WardPage(models.Model):
    """A page with the trips of one customer to and from one place, of today and tomorrow.

    Whoever has its address sees it, until it ends or is revoked. Only the SHA-256 of its key is
    stored: 256 random bits need no slow hash.
    """

    company = models.ForeignKey(
        Company, models.PROTECT, db_index=False, related_name="+", verbose_name=_("company")
    )
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="ward_pages", verbose_name=_("customer")
    )
    place = models.ForeignKey(
        CompanyPlace, models.CASCADE, related_name="ward_pages", verbose_name=_("place")
    )
    shows_names = models.BooleanField(
        _("full names"),
        default=False,
        help_text=_("Otherwise initials. Whoever is shown by name is noted as read, once a day."),
    )
    digest = models.CharField(max_length=64, editable=False)
    made_at = models.DateTimeField(_("made at"))
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        db_index=False,
        related_name="+",
        verbose_name=_("made by"),
    )
    ends_at = models.DateTimeField(_("ends at"))
    opened_at = models.DateTimeField(_("last opened at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    customer_path = "customer"

    class Meta:
        verbose_name = _("page of a ward")
        verbose_name_plural = _("pages of wards")
        default_permissions = ()  # who may change a customer's trips makes and closes them
        constraints = [
            Unique(
                fields=["digest"],
                name="ward_page_digest_unique",
                says=_("This key belongs to another page."),
            ),
            SameOwner(
                name="ward_page_customer_of_company",
                fields=["customer", "company"],
                to_fields=["id", "company"],
                says=OF_ANOTHER_COMPANY,
            ),
            SameOwner(
                name="ward_page_place_of_company",
                fields=["place", "company"],
                to_fields=["id", "company"],
                says=_("This place belongs to another company."),
            ),
            Check(
                condition=Q(made_at__lt=F("ends_at")),
                name="ward_page_ends_later",
                says=_("A page must end after it is made."),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
