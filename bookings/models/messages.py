"""Messages to clients and their contacts: what a company sends, to whom, how, and the outbox.

`dispatch.messages` decides what is sent and sends it.
"""

import uuid
from datetime import datetime, time

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, validate_email
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bookings.models.booking import Booking
from bookings.models.clients import Client
from drivers.db.bulk import OneStatementInserts
from drivers.db.indexes import Index
from drivers.db.rules import CHOICE, KeptCheck, Unique
from drivers.models import Company
from drivers.phones import phone_key


class Channel(models.TextChoices):
    SMS = "sms", _("SMS")
    EMAIL = "email", _("e-mail")
    NONE = "none", _("no messages")


class MessageKind(models.TextChoices):
    BOOKED = "booked", _("booked")
    REMINDER = "reminder", _("reminder")
    ON_THE_WAY = "on_the_way", _("on the way")
    LATE = "late", _("late")
    CHANGED = "changed", _("changed")
    CANCELED = "canceled", _("canceled")


def channel_of(address: str) -> Channel:
    """Return the channel that leads to an address."""
    return Channel.EMAIL if "@" in address else Channel.SMS


def number_of(text: str, company: Company) -> str:
    """Return a telephone number as gateways take it, +41791234567; "" if it is none."""
    key = phone_key(text, company.timezone)
    return key if key.startswith("+") else ""


def check_address(address: str, channel: str, company: Company) -> None:
    """Refuse what is no address of the channel. Raises ValidationError."""
    if channel == Channel.EMAIL:
        validate_email(address)
    elif channel == Channel.SMS and not number_of(address, company):
        raise ValidationError(_("Write a telephone number such as +41 79 123 45 67."))


class MessagePolicy(models.Model):
    """Which messages a company sends, and when. Without a row, or while it is off, none.

    Events up to `seen_event_id` were looked at; `reminded_day` is the last day whose clients were
    reminded. Times are the company's local ones.
    """

    company = models.OneToOneField(
        Company, models.CASCADE, related_name="message_policy", verbose_name=_("company")
    )
    is_on = models.BooleanField(
        _("send messages"),
        default=False,
        help_text=_("What happened before this is switched on is told to nobody."),
    )
    test_address = models.CharField(
        _("test address"),
        max_length=254,
        blank=True,
        help_text=_(
            "A telephone number or an e-mail address. While it is set, every message goes there, "
            "and none to a client."
        ),
    )
    language = models.CharField(
        _("language"),
        max_length=10,
        choices=settings.LANGUAGES,
        default="en",
        help_text=_("Of whoever has chosen none."),
    )
    tells_booked = models.BooleanField(_("booked"), default=True)
    tells_reminder = models.BooleanField(_("reminder"), default=True)
    tells_on_the_way = models.BooleanField(_("on the way"), default=True)
    tells_late = models.BooleanField(
        _("late"),
        default=False,
        help_text=_("Only where all drivers report that they have arrived: others seem late."),
    )
    tells_changed = models.BooleanField(_("changed"), default=True)
    tells_canceled = models.BooleanField(_("canceled"), default=True)
    has_pages = models.BooleanField(
        _("page of each trip"),
        default=False,
        db_default=False,
        help_text=_(
            "Messages end with the address of a page that only this client can know: when, which "
            "car, where it is, to cancel the trip, to say “I am ready”."
        ),
    )
    reminder_at = models.TimeField(
        _("reminder at"),
        default=time(17),
        help_text=_("The evening before. From then on the planned times are told."),
    )
    late_min = models.PositiveSmallIntegerField(
        _("late after (minutes)"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(120)],
        help_text=_("Minutes, 1 to 120, that a car is late before the client is told so."),
    )
    quiet_from = models.TimeField(
        _("quiet from"),
        default=time(21),
        help_text=_(
            "Until the quiet hours end only “on the way”, “late”, and what changes or cancels a "
            "trip within three hours, is sent. From and until the same: no quiet hours."
        ),
    )
    quiet_until = models.TimeField(_("quiet until"), default=time(7))
    daily_limit = models.PositiveIntegerField(
        _("messages a day"),
        default=500,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
        help_text=_("1 to 100,000. What is above waits for the next day, or is not sent."),
    )
    on_since = models.DateTimeField(_("on since"), null=True, blank=True, editable=False)
    seen_event_id = models.BigIntegerField(default=0, editable=False)
    reminded_day = models.DateField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("message settings")
        verbose_name_plural = _("message settings")
        constraints = [
            # The validators of the fields say it without a statement, as the choices below.
            KeptCheck(
                condition=Q(late_min__gte=1, late_min__lte=120)
                & Q(daily_limit__gte=1, daily_limit__lte=100_000),
                name="message_policy_sensible",
                says=_("Late after 1 to 120 minutes; 1 to 100,000 messages a day."),
            ),
        ]

    def __str__(self) -> str:
        return str(self.company)

    def clean(self) -> None:
        if self.test_address and self.company_id:
            try:
                check_address(self.test_address, channel_of(self.test_address), self.company)
            except ValidationError as refusal:
                raise ValidationError({"test_address": refusal}) from None
        if self.has_pages and not settings.PUBLIC_URL:
            raise ValidationError(
                {"has_pages": _("Whoever runs this server has not said its address: PUBLIC_URL.")}
            )

    def tells(self, kind: str) -> bool:
        """Return whether the company sends messages of this kind."""
        is_told: bool = getattr(self, f"tells_{kind}")
        return is_told

    def is_quiet(self, now: datetime) -> bool:
        """Return whether it is quiet hours of the company, which is joined."""
        clock = self.company.local(now).time()
        if self.quiet_from <= self.quiet_until:
            return self.quiet_from <= clock < self.quiet_until
        return clock >= self.quiet_from or clock < self.quiet_until


class Recipient(models.Model):
    """How a client is told, if not at the client's own telephone, or whom else to tell.

    A client without a row is told by SMS at their telephone number.
    """

    class Person(models.TextChoices):
        CLIENT = "client", _("client")
        CONTACT = "contact", _("contact")

    client = models.ForeignKey(
        Client,
        models.CASCADE,
        db_index=False,
        related_name="recipients",
        verbose_name=_("client"),
    )
    person = models.CharField(_("who"), max_length=10, choices=Person, default=Person.CLIENT)
    channel = models.CharField(_("by"), max_length=10, choices=Channel, default=Channel.SMS)
    address = models.CharField(
        _("number or e-mail address"),
        max_length=254,
        blank=True,
        help_text=_("Empty for the client's own telephone number."),
    )
    language = models.CharField(
        _("language"), max_length=10, choices=settings.LANGUAGES, blank=True
    )

    customer_path = "client__customer"

    class Meta:
        verbose_name = _("message recipient")
        verbose_name_plural = _("message recipients")
        constraints = [
            Unique(
                fields=["client", "person"],
                name="recipient_once",
                says=_("Say once how the client and once how the contact is told."),
                field="person",
            ),
            KeptCheck(
                condition=Q(person__in=["client", "contact"], channel__in=Channel.values),
                name="recipient_known",
                says=CHOICE,
                field="channel",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_person_display()}: {self.get_channel_display()}"

    def clean(self) -> None:
        needed = self.channel == Channel.EMAIL or self.person == self.Person.CONTACT
        try:
            if self.channel != Channel.NONE and (self.address or needed):
                check_address(self.address, self.channel, self.client.company)
        except ValidationError as refusal:
            raise ValidationError({"address": refusal}) from None


WAITS = Q(status="waiting")


def new_key() -> str:
    return uuid.uuid4().hex


class Message(models.Model):
    """One message to one person about one trip, or that there was nothing to tell.

    `occasion` is what it was made for, such as an event: there is one for each person. A worker
    claims it when it is due, and decides what it tells (`kind`, `text`, `told`) from what stands
    then. While it is sent, `due_at` is when others may try. The gateway knows it by its `key`.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")
        DROPPED = "dropped", _("nothing to tell")

    company = models.ForeignKey(
        Company, models.PROTECT, db_index=False, related_name="+", verbose_name=_("company")
    )
    booking = models.ForeignKey(
        Booking, models.PROTECT, db_index=False, related_name="messages", verbose_name=_("booking")
    )
    client = models.ForeignKey(
        Client, models.PROTECT, db_index=False, related_name="messages", verbose_name=_("client")
    )
    person = models.CharField(_("to"), max_length=10, choices=Recipient.Person)
    occasion = models.CharField(max_length=40, editable=False)
    # Of the event that it was made for; empty for others.
    cause = models.CharField(max_length=40, blank=True, editable=False)
    key = models.CharField(max_length=32, default=new_key, editable=False)
    kind = models.CharField(_("message"), max_length=20, choices=MessageKind, blank=True)
    channel = models.CharField(_("by"), max_length=10, choices=Channel, blank=True)
    address = models.CharField(_("address"), max_length=254, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    text = models.TextField(_("text"), blank=True)
    # What the person knows once it is sent: see dispatch.messages.decide.
    told = models.JSONField(default=dict, blank=True, editable=False)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.WAITING)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    due_at = models.DateTimeField(_("next attempt"))
    created_at = models.DateTimeField(_("created at"))
    first_at = models.DateTimeField(_("first attempt"), null=True, blank=True)
    done_at = models.DateTimeField(_("at"), null=True, blank=True)

    objects = OneStatementInserts.as_manager()

    customer_path = "booking__customer"

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        indexes = [
            # dispatch.messages.claim: what is due of a company, oldest first.
            Index(fields=["company", "due_at"], condition=WAITS, name="idx_message_due"),
            # dispatch.messages.claim: whether an earlier one to the same person waits.
            Index(fields=["client", "person", "id"], condition=WAITS, name="idx_message_person"),
            # dispatch.messages.claim: how many a company has sent today.
            Index(fields=["company", "first_at"], name="idx_message_company_first"),
            # dispatch.admin.messages.MessageAdmin: a company's list, newest first.
            Index(fields=["company", "id"], name="idx_message_company"),
            # dispatch.messages.worker.clear_messages: those of long ago.
            Index(fields=["created_at"], name="idx_message_created"),
            # bookings.privacy: what a client was told.
            Index(fields=["client"], name="idx_message_client"),
        ]
        constraints = [
            # Its index also finds the messages of a trip: bookings.history, dispatch.messages.
            Unique(
                fields=["booking", "person", "occasion"],
                name="message_once",
                says=_("This person has a message of this occasion already."),
            ),
            KeptCheck(
                condition=Q(status__in=["waiting", "sent", "failed", "dropped"]),
                name="message_status_known",
                says=CHOICE,
                field="status",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display() or self.pk} {self.get_status_display()}"
