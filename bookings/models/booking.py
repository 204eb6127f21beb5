"""Bookings and their statuses."""

from datetime import date

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bookings.models.clients import Client
from drivers.db.indexes import Index
from drivers.db.rules import CHOICE, POSITION, Check, Unique
from drivers.models import (
    LATITUDE,
    LONGITUDE,
    AsksAboutFarPlaces,
    Company,
    on_earth,
    validate_tags,
    within_years,
)


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
# What a correction by hand leads back to: dispatch/trips/correct.py. A booking that was canceled
# while it was pending becomes pending again, and only a will-call goes back from accepted.
CORRECTIONS = {
    Status.ACCEPTED: Status.PENDING,
    Status.EN_ROUTE: Status.ASSIGNED,
    Status.IN_PROGRESS: Status.EN_ROUTE,
    Status.COMPLETED: Status.IN_PROGRESS,
    Status.NO_SHOW: Status.EN_ROUTE,
    Status.CANCELED: Status.ACCEPTED,
}
OPEN_STATUSES = [
    Status.PENDING,
    Status.ACCEPTED,
    Status.ASSIGNED,
    Status.EN_ROUTE,
    Status.IN_PROGRESS,
]
WAITING_STATUSES = OPEN_STATUSES[:2]  # without a driver
DRIVEN_STATUSES = [Status.COMPLETED, Status.NO_SHOW]  # somebody drove there
# Started or ended: the details can no longer be changed.
SETTLED_STATUSES = [status for status in Status if status not in OPEN_STATUSES[:3]]

OPEN = Q(is_open=True)


class BookingQuerySet(models.QuerySet["Booking"]):
    def open(self) -> "BookingQuerySet":
        return self.filter(OPEN)

    def on(self, company: Company, day: date) -> "BookingQuerySet":
        """Restrict to the company's bookings with a requested pickup on its local day."""
        start_at, end_at = company.day_bounds(day)
        return self.filter(company=company, scheduled_time__gte=start_at, scheduled_time__lt=end_at)


class Booking(AsksAboutFarPlaces):
    """A requested trip; `scheduled_time` is the requested pickup.

    `passengers` counts everyone on board, `wheelchairs` those who travel in a wheelchair.
    `version` grows by one with every change: writers compare it before they write. The time of a
    `will_call` is not known until the client calls: `scheduled_time` is the earliest, and the
    booking stays pending, so that it is not planned.
    """

    class Priority(models.IntegerChoices):
        NORMAL = 0, _("normal")
        HIGH = 1, _("high")
        URGENT = 2, _("urgent")

    ENDS = ("pickup_", "dropoff_")

    company = models.ForeignKey(
        Company, models.PROTECT, db_index=False, related_name="bookings", verbose_name=_("company")
    )
    client = models.ForeignKey(
        Client,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="bookings",
        verbose_name=_("client"),
    )
    reference = models.CharField(_("reference"), max_length=64, blank=True)
    pickup_address = models.CharField(_("pickup address"), max_length=200, blank=True)
    pickup_lat = models.FloatField(_("pickup latitude"), **LATITUDE)
    pickup_lon = models.FloatField(_("pickup longitude"), **LONGITUDE)
    dropoff_address = models.CharField(_("dropoff address"), max_length=200, blank=True)
    dropoff_lat = models.FloatField(_("dropoff latitude"), **LATITUDE)
    dropoff_lon = models.FloatField(_("dropoff longitude"), **LONGITUDE)
    scheduled_time = models.DateTimeField(_("requested pickup"))
    appointment_at = models.DateTimeField(_("appointment"), null=True, blank=True)
    will_call = models.BooleanField(_("will call"), default=False, db_default=False)
    passengers = models.PositiveSmallIntegerField(
        _("passengers"), default=1, validators=[MinValueValidator(1)]
    )
    wheelchairs = models.PositiveSmallIntegerField(_("wheelchairs"), default=0)
    needs = models.JSONField(_("needs"), default=list, blank=True, validators=[validate_tags])
    priority = models.PositiveSmallIntegerField(
        _("priority"), choices=Priority, default=Priority.NORMAL
    )
    return_of = models.OneToOneField(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="return_trip",
        verbose_name=_("return of"),
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
            # BookingAdmin's list of a status, and dispatch.runs.apply, which checks the status of
            # the bookings it updates.
            Index(
                fields=["status", "scheduled_time", "company"],
                name="idx_booking_status_scheduled_company",
            ),
            # BookingQuerySet.on, as in dispatch.day.queries.read_trips and read_preferences,
            # dispatch.board.queries and dispatch.manifest.read_manifest; the lists of BookingAdmin
            # and BookingViewSet, by time.
            Index(fields=["company", "scheduled_time"], name="idx_booking_company_scheduled"),
            # The lists of BookingAdmin and BookingViewSet filtered by priority.
            Index(
                fields=["company", "priority", "scheduled_time"],
                name="idx_booking_company_priority",
            ),
            # BookingViewSet, by `updated_since`.
            Index(fields=["company", "updated_at"], name="idx_booking_company_updated"),
        ]
        constraints = [
            Unique(
                fields=["company", "reference"],
                condition=~Q(reference=""),
                name="booking_reference_unique",
                says=_("Another booking of the company has this reference."),
                field="reference",
            ),
            Check(
                condition=on_earth("pickup"),
                name="booking_pickup_on_earth",
                says=POSITION,
            ),
            Check(
                condition=on_earth("dropoff"),
                name="booking_dropoff_on_earth",
                says=POSITION,
            ),
            Check(
                condition=Q(passengers__gte=1) & Q(passengers__gte=F("wheelchairs")),
                name="booking_passengers_include_wheelchairs",
                says=_(
                    "Must be at least the number of wheelchairs: wheelchair users are passengers."
                ),
                field="passengers",
            ),
            Check(
                condition=Q(appointment_at__isnull=True)
                | Q(appointment_at__gt=F("scheduled_time")),
                name="booking_appointment_after_pickup",
                says=_("The appointment must be after the pickup."),
                field="appointment_at",
            ),
            within_years("booking_scheduled_in_years", "scheduled_time"),
            within_years("booking_appointment_in_years", "appointment_at"),
            Check(
                condition=Q(status__in=Status.values),
                name="booking_status_known",
                says=CHOICE,
                field="status",
            ),
            Check(
                condition=Q(priority__lte=2),
                name="booking_priority_known",
                says=CHOICE,
                field="priority",
            ),
            Check(
                condition=Q(will_call=False) | Q(status__in=[Status.PENDING, Status.CANCELED]),
                name="booking_will_call_is_not_planned",
                violation_error_message=_(
                    "A will-call stays pending until the client is ready and its time is known."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.reference or f"#{self.pk}"

    def clean(self) -> None:
        if self.client and self.client.company_id != self.company_id:
            raise ValidationError({"client": _("This client belongs to another company.")})
        if self.return_of and self.return_of.company_id != self.company_id:
            raise ValidationError({"return_of": _("This booking belongs to another company.")})
        super().clean()
