"""Members of a company, their roles, API tokens and idempotency keys."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from drivers.db.references import SameOwner
from drivers.db.rules import CHOICE, Check, Unique
from drivers.models.company import Company
from drivers.models.customer import OF_ANOTHER_COMPANY, Customer


class Role(models.TextChoices):
    OWNER = "owner", _("owner")
    DISPATCHER = "dispatcher", _("dispatcher")
    VIEWER = "viewer", _("viewer")
    DRIVER = "driver", _("driver")
    CLIENT_API = "client_api", _("client system")


OF_CLIENT_SYSTEMS = _("A client system has one customer, other roles have none.")


def has_its_customer(name: str) -> Check:
    """Return the rule that client systems have a customer, and nobody else has."""
    return Check(
        condition=Q(role=Role.CLIENT_API, customer__isnull=False)
        | (~Q(role=Role.CLIENT_API) & Q(customer__isnull=True)),
        name=name,
        says=OF_CLIENT_SYSTEMS,
        field="customer",
    )


class Membership(models.Model):
    """The role of a user in a company; a client system acts for one customer."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        db_index=False,
        related_name="memberships",
        verbose_name=_("user"),
    )
    company = models.ForeignKey(
        Company, models.CASCADE, related_name="memberships", verbose_name=_("company")
    )
    role = models.CharField(_("role"), max_length=20, choices=Role)
    customer = models.ForeignKey(
        Customer,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="memberships",
        verbose_name=_("customer"),
        help_text=_("Of a client system: the customer whose clients and bookings it has."),
    )

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            Unique(
                fields=["user", "company"],
                name="membership_once",
                says=_("This user is already a member of the company."),
                field="user",
            ),
            Check(
                condition=Q(role__in=Role.values),
                name="membership_role_known",
                says=CHOICE,
                field="role",
            ),
            has_its_customer("membership_customer_of_client_system"),
            SameOwner(
                name="membership_customer_of_company",
                fields=["customer", "company"],
                to_fields=["id", "company"],
                says=OF_ANOTHER_COMPANY,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} #{self.pk}"


# The roles that a member of each role may give to a token.
GRANTABLE_ROLES = {
    Role.OWNER: {Role.OWNER, Role.DISPATCHER, Role.VIEWER, Role.CLIENT_API},
    Role.DISPATCHER: {Role.DISPATCHER, Role.VIEWER, Role.CLIENT_API},
    Role.VIEWER: {Role.VIEWER},
    Role.DRIVER: {Role.DRIVER},
    Role.CLIENT_API: {Role.CLIENT_API},
}


class ApiToken(models.Model):
    """A key to the API for one user or system, one company and one role, or one customer of it.

    Only the SHA-256 of the key is stored: 256 random bits need no slow hash. The token ends at
    `expires_at` or `revoked_at`, with the membership, or when the member's role no longer grants
    the token's role. What it is replaced by, or issues, is valid until `renewable_until` at most.
    """

    membership = models.ForeignKey(
        Membership, models.CASCADE, related_name="tokens", verbose_name=_("membership")
    )
    role = models.CharField(_("role"), max_length=20, choices=Role)
    customer = models.ForeignKey(
        Customer,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="tokens",
        verbose_name=_("customer"),
    )
    name = models.CharField(_("name"), max_length=100)
    digest = models.CharField(max_length=64, editable=False)
    ending = models.CharField(_("ends with"), max_length=4, editable=False)
    created_at = models.DateTimeField(_("created at"))
    expires_at = models.DateTimeField(_("expires at"))
    renewable_until = models.DateTimeField(
        _("renewable until"),
        null=True,  # of one that the release before has issued beside this one
        help_text=_("What replaces it ends then at the latest, and a person issues a new one."),
    )
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    replaces = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("replaces"),
    )
    last_used_at = models.DateTimeField(
        _("last used at"), null=True, blank=True, help_text=_("Accurate to the hour.")
    )

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        constraints = [
            Unique(
                fields=["digest"],
                name="api_token_digest_unique",
                says=_("This key belongs to another token."),
                field="digest",
            ),
            Check(
                condition=Q(created_at__lt=F("expires_at")),
                name="api_token_expires_later",
                says=_("A token must expire after it is created."),
                field="expires_at",
            ),
            Check(
                condition=Q(expires_at__lte=F("renewable_until")),
                name="api_token_expires_while_renewable",
                says=_("A token must expire while it can be renewed."),
                field="expires_at",
            ),
            Check(
                condition=Q(role__in=Role.values),
                name="api_token_role_known",
                says=CHOICE,
                field="role",
            ),
            has_its_customer("api_token_customer_of_client_system"),
        ]

    def __str__(self) -> str:
        return f"{self.name} …{self.ending}"


class StoredAnswer(models.Model):
    """The response to the first request with an idempotency key.

    `caller` is the token or the user, `fingerprint` a digest of the request. While the request
    is in progress there is no `status`.
    """

    company = models.ForeignKey(
        Company, models.CASCADE, db_index=False, related_name="+", verbose_name=_("company")
    )
    caller = models.CharField(max_length=40)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    begun_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.JSONField(null=True)

    class Meta:
        verbose_name = _("stored answer")
        verbose_name_plural = _("stored answers")
        constraints = [
            Unique(
                fields=["company", "caller", "key"],
                name="stored_answer_key_unique",
                says=_("This idempotency key has been used already."),
                field="key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.caller} {self.key} {self.status or ''}"
