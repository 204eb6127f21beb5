"""What has to be driven, for whom, and everything that ever happened to it.

Times are stored in UTC. Positions are degrees, WGS 84.
"""

from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bookings.bulk import OneStatementInserts
from drivers.constraints import AppendOnly, NumberedInCommitOrder
from drivers.indexes import Index
from drivers.models import LATITUDE, LONGITUDE, Company, Driver, on_earth, validate_tags


class Client(models.Model):
    """A person who is driven."""

    company = models.ForeignKey(Company, models.PROTECT, db_index=False, related_name="clients")
    name = models.CharField(_("name"), max_length=100)
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    address = models.CharField(_("address"), max_length=200, blank=True)
    lat = models.FloatField(_("latitude"), null=True, blank=True, **LATITUDE)
    lon = models.FloatField(_("longitude"), null=True, blank=True, **LONGITUDE)
    wheelchair = models.BooleanField(_("travels in a wheelchair"), default=False)

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        constraints = [
            models.UniqueConstraint(fields=["company", "name", "phone"], name="client_once"),
            models.CheckConstraint(
                condition=Q(lat__isnull=True, lon__isnull=True)
                | Q(
                    lat__isnull=False,
                    lon__isnull=False,
                    lat__gte=-90,
                    lat__lte=90,
                    lon__gte=-180,
                    lon__lte=180,
                ),
                name="client_on_earth",
            ),
        ]

    def __str__(self):
        return self.name


class DriverPreference(models.Model):
    """Whom a client prefers, and whom a client must not be driven by."""

    class Kind(models.TextChoices):
        PREFERRED = "preferred", _("preferred")
        FORBIDDEN = "forbidden", _("forbidden")

    client = models.ForeignKey(
        Client, models.CASCADE, db_index=False, related_name="driver_preferences"
    )
    driver = models.ForeignKey(Driver, models.CASCADE, related_name="client_preferences")
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)

    class Meta:
        verbose_name = _("driver preference")
        verbose_name_plural = _("driver preferences")
        constraints = [
            models.UniqueConstraint(fields=["client", "driver"], name="driver_preference_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["preferred", "forbidden"]), name="driver_preference_known"
            ),
        ]

    def __str__(self):
        return f"{self.client_id} {self.kind} {self.driver_id}"

    def clean(self):
        if self.client.company_id != self.driver.company_id:
            raise ValidationError({"driver": _("This driver belongs to another company.")})


class Status(models.TextChoices):
    PENDING = "pending", _("pending")
    ACCEPTED = "accepted", _("accepted")
    ASSIGNED = "assigned", _("assigned")
    EN_ROUTE = "en_route", _("driver en route")
    IN_PROGRESS = "in_progress", _("on board")
    COMPLETED = "completed", _("completed")
    CANCELED = "canceled", _("canceled")
    NO_SHOW = "no_show", _("no-show")


TRANSITIONS = {
    Status.PENDING: {Status.ACCEPTED, Status.CANCELED},
    Status.ACCEPTED: {Status.ASSIGNED, Status.CANCELED},
    Status.ASSIGNED: {Status.ACCEPTED, Status.EN_ROUTE, Status.CANCELED},
    Status.EN_ROUTE: {Status.IN_PROGRESS, Status.ASSIGNED, Status.CANCELED, Status.NO_SHOW},
    Status.IN_PROGRESS: {Status.COMPLETED},
    Status.COMPLETED: set(),
    Status.CANCELED: set(),
    Status.NO_SHOW: set(),
}
OPEN_STATUSES = [
    Status.PENDING,
    Status.ACCEPTED,
    Status.ASSIGNED,
    Status.EN_ROUTE,
    Status.IN_PROGRESS,
]
# Under way or over: its particulars can no longer change.
SETTLED_STATUSES = [status for status in Status if status not in OPEN_STATUSES[:3]]

OPEN = Q(is_open=True)


class BookingQuerySet(models.QuerySet):
    def open(self):
        return self.filter(OPEN)

    def on(self, company, day):
        """Restrict to the company's bookings wanted on its local day."""
        start_at, end_at = company.day_bounds(day)
        return self.filter(company=company, scheduled_time__gte=start_at, scheduled_time__lt=end_at)


class Booking(models.Model):
    """A trip that somebody wants; `scheduled_time` is the wanted pickup.

    `passengers` counts everybody on board, `wheelchairs` those of them who travel in one.
    `version` grows by one with every change: writers compare it before they write.
    """

    class Priority(models.IntegerChoices):
        NORMAL = 0, _("normal")
        HIGH = 1, _("high")
        URGENT = 2, _("urgent")

    company = models.ForeignKey(Company, models.PROTECT, db_index=False, related_name="bookings")
    client = models.ForeignKey(
        Client, models.PROTECT, null=True, blank=True, related_name="bookings"
    )
    reference = models.CharField(_("reference"), max_length=64, blank=True)
    pickup_address = models.CharField(_("pickup address"), max_length=200, blank=True)
    pickup_lat = models.FloatField(_("pickup latitude"), **LATITUDE)
    pickup_lon = models.FloatField(_("pickup longitude"), **LONGITUDE)
    dropoff_address = models.CharField(_("dropoff address"), max_length=200, blank=True)
    dropoff_lat = models.FloatField(_("dropoff latitude"), **LATITUDE)
    dropoff_lon = models.FloatField(_("dropoff longitude"), **LONGITUDE)
    scheduled_time = models.DateTimeField(_("wanted pickup"))
    appointment_at = models.DateTimeField(_("appointment"), null=True, blank=True)
    passengers = models.PositiveSmallIntegerField(
        _("passengers"), default=1, validators=[MinValueValidator(1)]
    )
    wheelchairs = models.PositiveSmallIntegerField(_("wheelchairs"), default=0)
    needs = models.JSONField(_("needs"), default=list, blank=True, validators=[validate_tags])
    priority = models.PositiveSmallIntegerField(
        _("priority"), choices=Priority, default=Priority.NORMAL
    )
    return_of = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="return_trip"
    )
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.PENDING)
    is_open = models.GeneratedField(
        expression=Q(status__in=OPEN_STATUSES), output_field=models.BooleanField(), db_persist=True
    )
    notes = models.TextField(_("notes"), blank=True)
    cancel_reason = models.CharField(_("cancellation reason"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated at"), default=timezone.now, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = BookingQuerySet.as_manager()

    class Meta:
        verbose_name = _("booking")
        verbose_name_plural = _("bookings")
        indexes = [
            Index(
                fields=["status", "scheduled_time", "company"],
                name="idx_booking_status_scheduled_company",
            ),
            Index(fields=["company", "scheduled_time"], name="idx_booking_company_scheduled"),
            # The admin's and the API's lists of a priority.
            Index(
                fields=["company", "priority", "scheduled_time"],
                name="idx_booking_company_priority",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "reference"],
                condition=~Q(reference=""),
                name="booking_reference_unique",
            ),
            models.CheckConstraint(condition=on_earth("pickup"), name="booking_pickup_on_earth"),
            models.CheckConstraint(condition=on_earth("dropoff"), name="booking_dropoff_on_earth"),
            models.CheckConstraint(
                condition=Q(passengers__gte=1) & Q(passengers__gte=F("wheelchairs")),
                name="booking_passengers_include_wheelchairs",
            ),
            models.CheckConstraint(
                condition=Q(appointment_at__isnull=True)
                | Q(appointment_at__gt=F("scheduled_time")),
                name="booking_appointment_after_pickup",
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="booking_status_known"
            ),
            models.CheckConstraint(condition=Q(priority__lte=2), name="booking_priority_known"),
        ]

    def __str__(self):
        return self.reference or f"#{self.pk}"

    def clean(self):
        if self.client_id and self.client.company_id != self.company_id:
            raise ValidationError({"client": _("This client belongs to another company.")})
        if self.return_of_id and self.return_of.company_id != self.company_id:
            raise ValidationError({"return_of": _("This booking belongs to another company.")})


class Door(models.TextChoices):
    """Through what a change came in."""

    ADMIN = "admin", _("admin")
    API = "api", _("API")
    COMMAND = "command", _("command line")
    WORKER = "worker", _("background worker")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change: a user, or a named machine (token, import, run), through a door."""

    door: Door
    name: str = ""
    user_id: int | None = None


class Event(models.Model):
    """One line of the append-only log: what changed, when, by whom, from what to what.

    Written in the same transaction as the change. `assignment_id` and `run_id` are plain
    numbers, for this app may not know the dispatch app above it. `old` and `new` hold only
    the fields that changed, dates as ISO 8601 in UTC. Nor does the database check the other
    keys: who writes an event holds the row that it is about, and the log may outlive it.
    """

    class Kind(models.TextChoices):
        BOOKING_CREATED = "booking.created", _("booking created")
        BOOKING_CHANGED = "booking.changed", _("booking changed")
        BOOKING_STATUS = "booking.status", _("booking status changed")
        ASSIGNED = "assignment.created", _("assigned")
        ASSIGNMENT_CHANGED = "assignment.changed", _("assignment changed")
        MOVED = "assignment.moved", _("moved to another driver or time")
        RELEASED = "assignment.released", _("released")
        WEBHOOK_DISABLED = "webhook.disabled", _("webhook switched off")

    company = models.ForeignKey(
        Company, models.PROTECT, db_index=False, db_constraint=False, related_name="events"
    )
    booking = models.ForeignKey(
        Booking,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        db_constraint=False,
        related_name="events",
    )
    assignment_id = models.BigIntegerField(_("assignment"), null=True, blank=True)
    run_id = models.BigIntegerField(_("run"), null=True, blank=True)
    kind = models.CharField(_("kind"), max_length=40, choices=Kind)
    at = models.DateTimeField(_("at"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, db_index=False
    )
    actor = models.CharField(_("by"), max_length=100, blank=True)
    door = models.CharField(_("door"), max_length=20, choices=Door)
    old = models.JSONField(_("before"), default=dict, blank=True)
    new = models.JSONField(_("after"), default=dict, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    objects = OneStatementInserts.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            # The change feed of a company, and the history of a booking.
            Index(fields=["company", "id"], name="idx_event_company"),
            Index(fields=["booking", "id"], name="idx_event_booking"),
        ]
        constraints = [
            AppendOnly(name="event_append_only"),
            # Whoever polls "events after 7" misses none.
            NumberedInCommitOrder(name="event_in_commit_order", owner="company"),
        ]

    def __str__(self):
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.kind}"


class ImportFile(models.Model):
    """A file of bookings that somebody looks at before it is imported; for a day at most."""

    company = models.ForeignKey(
        Company, models.CASCADE, db_index=False, related_name="import_files"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_index=False)
    name = models.CharField(max_length=100)
    data = models.BinaryField()
    date_order = models.CharField(max_length=5, blank=True)
    uploaded_at = models.DateTimeField()

    class Meta:
        indexes = [
            # import_files.keep: those of a user, and those too old.
            Index(fields=["uploaded_at"], name="idx_import_file_uploaded"),
        ]

    def __str__(self):
        return self.name


from bookings.webhooks.models import Delivery, Webhook  # noqa: E402,F401  tables of this app
