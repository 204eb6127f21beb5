"""Webhooks and the deliveries of events to them."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bookings.models.event import Event
from drivers.db.bulk import OneStatementInserts
from drivers.db.indexes import Index
from drivers.db.references import SameOwner
from drivers.db.rules import CHOICE, Check, Unique
from drivers.models import Company, Customer
from drivers.models.customer import OF_ANOTHER_COMPANY

DUE = Q(status="pending")


class Webhook(models.Model):
    """A URL of a company's own system, or of a customer's, which receives that one's events only.

    `kinds` are the events it receives, empty for all; `payload` says whether whole or by their ids.

    Events up to `seen_event_id` have become deliveries. The secret is derived from `salt` and
    SECRET_KEY (see `signing`); the previous one is valid until `previous_until`.
    """

    class Payload(models.TextChoices):
        FULL = "full", _("the whole event")
        THIN = "thin", _("ids and kind only")

    company = models.ForeignKey(
        Company, models.CASCADE, db_index=False, related_name="webhooks", verbose_name=_("company")
    )
    customer = models.ForeignKey(
        Customer,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="webhooks",
        verbose_name=_("customer"),
    )
    url = models.CharField(_("address"), max_length=500)
    kinds = models.JSONField(_("kinds of events"), default=list, blank=True)
    payload = models.CharField(
        _("payload"),
        max_length=10,
        choices=Payload,
        default=Payload.FULL,
        db_default=Payload.FULL,
    )
    is_active = models.BooleanField(_("active"), default=True)
    disabled_reason = models.CharField(_("reason disabled"), max_length=200, blank=True)
    salt = models.CharField(max_length=32, editable=False)
    previous_salt = models.CharField(max_length=32, blank=True, editable=False)
    previous_until = models.DateTimeField(null=True, blank=True, editable=False)
    seen_event_id = models.BigIntegerField(default=0, editable=False)
    rests_until = models.DateTimeField(_("paused until"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created at"))

    customer_path = "customer"

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        indexes = [
            # bookings.webhooks.worker.queue_deliveries, and the list of WebhookViewSet.
            Index(fields=["company", "id"], name="idx_webhook_company"),
        ]
        constraints = [
            SameOwner(
                name="webhook_customer_of_company",
                fields=["customer", "company"],
                to_fields=["id", "company"],
                says=OF_ANOTHER_COMPANY,
            ),
            Check(
                condition=Q(payload__in=["full", "thin"]),
                name="webhook_payload_known",
                says=CHOICE,
                field="payload",
            ),
        ]

    def __str__(self) -> str:
        return self.url


class DeliveryQuerySet(OneStatementInserts):
    def due(self, now):
        resting = Q(webhook__rests_until__gt=now)
        return self.filter(DUE, due_at__lte=now, webhook__is_active=True).exclude(resting)


class Delivery(models.Model):
    """The delivery of one event to one webhook; the body is built from the event when it is sent.

    While a worker sends it, `due_at` is when others may try: if the worker dies, nothing is lost.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("pending")
        DELIVERED = "delivered", _("delivered")
        FAILED = "failed", _("failed")

    webhook = models.ForeignKey(
        Webhook,
        models.CASCADE,
        db_index=False,
        related_name="deliveries",
        verbose_name=_("webhook"),
    )
    event = models.ForeignKey(
        Event, models.PROTECT, db_index=False, related_name="+", verbose_name=_("event")
    )
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    due_at = models.DateTimeField(_("due at"))
    created_at = models.DateTimeField(_("created at"))
    last_at = models.DateTimeField(_("last attempt at"), null=True, blank=True)
    last_code = models.PositiveSmallIntegerField(_("status code"), null=True, blank=True)
    last_ms = models.PositiveIntegerField(_("milliseconds"), null=True, blank=True)
    last_error = models.CharField(_("error"), max_length=200, blank=True)

    objects = DeliveryQuerySet.as_manager()

    customer_path = "webhook__customer"

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        indexes = [
            # bookings.webhooks.worker.claim_deliveries: the first that is due of each webhook.
            Index(fields=["webhook", "due_at"], condition=DUE, name="idx_delivery_due"),
            # bookings.webhooks.worker.clear_deliveries: the expired deliveries.
            Index(fields=["created_at"], name="idx_delivery_created"),
        ]
        constraints = [
            Unique(
                fields=["webhook", "event"],
                name="delivery_once",
                says=_("This event already has a delivery to the webhook."),
                field="event",
            ),
            Check(
                condition=Q(status__in=["pending", "delivered", "failed"]),
                name="delivery_status_known",
                says=CHOICE,
                field="status",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} → {self.webhook_id} {self.get_status_display()}"
