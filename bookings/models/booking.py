"""Bookings and their statuses."""

from datetime import date

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bookings.models.clients import RIDE_AT_MOST, RIDE_SAYS, Client
from bookings.models.places import CompanyPlace
from bookings.models.series import Series
from drivers.db.indexes import Index
from drivers.db.references import SameOwner
from drivers.db.rules import CHOICE, POSITION, Check, KeptCheck, Unique
from drivers.models import (
    LATITUDE,
    LONGITUDE,
    AsksAboutFarPlaces,
    Company,
    FillsCustomers,
    OfCustomer,
    on_earth,
    validate_tags,
    within_years,
)
from drivers.models.customer import OF_ANOTHER_COMPANY


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


class BookingQuerySet(FillsCustomers):
    def open(self) -> "BookingQuerySet":
        return self.filter(OPEN)

    def on(self, company: Company, day: date) -> "BookingQuerySet":
        """Restrict to the company's bookings with a requested pickup on its local day."""
        start_at, end_at = company.day_bounds(day)
        return self.filter(company=company, scheduled_time__gte=start_at, scheduled_time__lt=end_at)


class Booking(AsksAboutFarPlaces, OfCustomer):
    """A requested trip; `scheduled_time` is the requested pickup.

    With `pickup_computed` nobody has asked for it: it follows from the appointment, and follows
    when that changes, or what it was computed from (`bookings.pickup_times`).
    `passengers` counts everyone on board, `wheelchairs` those who travel in a wheelchair.
    `version` grows by one with every change: writers compare it before they write. The time of a
    `will_call` is not known until the client calls: `scheduled_time` is the earliest, and the
    booking stays pending, so that it is not planned. With `overlap_meant` it is for another person
    than the client's other trips, which may be at the same time.

    A booking made by a standing order keeps the order (`series`), its date and which of the two
    trips it is: the database allows one of each, so that none is made twice. One that the order
    itself has canceled has no `series_leg` any more: its date may be booked again.
    """

    class Priority(models.IntegerChoices):
        NORMAL = 0, _("normal")
        HIGH = 1, _("high")
        URGENT = 2, _("urgent")

    class Leg(models.IntegerChoices):
        OUTBOUND = 0, _("outbound trip")
        RETURN = 1, _("return trip")

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
    # The places of the company with these addresses: `bookings.places.own` sets them.
    pickup_place = models.ForeignKey(
        CompanyPlace,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        related_name="+",
        verbose_name=_("place of the pickup"),
    )
    dropoff_place = models.ForeignKey(
        CompanyPlace,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        related_name="+",
        verbose_name=_("place of the dropoff"),
    )
    scheduled_time = models.DateTimeField(_("requested pickup"))
    pickup_computed = models.BooleanField(
        _("pickup computed from the appointment"), default=False, db_default=False, editable=False
    )
    appointment_at = models.DateTimeField(_("appointment"), null=True, blank=True)
    will_call = models.BooleanField(_("will call"), default=False, db_default=False)
    overlap_meant = models.BooleanField(
        _("another person"),
        default=False,
        db_default=False,
        help_text=_(
            "The trip is for somebody else of that name: it may be at the same time as others of "
            "the client."
        ),
    )
    passengers = models.PositiveSmallIntegerField(
        _("passengers"), default=1, validators=[MinValueValidator(1)]
    )
    wheelchairs = models.PositiveSmallIntegerField(_("wheelchairs"), default=0)
    may_share = models.BooleanField(
        _("may ride with others"),
        default=True,
        db_default=True,
        help_text=_(
            "Whether others may be in the vehicle, if the company shares vehicles. No for a trip "
            "that must be alone, such as one with an infectious client."
        ),
    )
    max_ride_min = models.PositiveSmallIntegerField(
        _("longest ride (minutes)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(RIDE_AT_MOST)],
        help_text=_(
            "Minutes, 1 to 720, that the client may be on board if others ride along. Empty: as "
            "for the client, or else as the company says. The direct ride is always allowed."
        ),
    )
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
    series = models.ForeignKey(
        Series,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        editable=False,
        related_name="bookings",
        verbose_name=_("standing order"),
    )
    series_day = models.DateField(
        _("date of the standing order"), null=True, blank=True, editable=False
    )
    series_leg = models.PositiveSmallIntegerField(
        _("leg of the standing order"), choices=Leg, null=True, blank=True, editable=False
    )
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
            # dispatch.forecast.rows and dispatch.manifest.read_manifest; the lists of BookingAdmin
            # and BookingViewSet, by time.
            Index(fields=["company", "scheduled_time"], name="idx_booking_company_scheduled"),
            # The lists of BookingAdmin and BookingViewSet filtered by priority.
            Index(
                fields=["company", "priority", "scheduled_time"],
                name="idx_booking_company_priority",
            ),
            # Deleting a CompanyPlace, whose bookings keep their addresses.
            Index(
                fields=["pickup_place"],
                condition=Q(pickup_place__isnull=False),
                name="idx_booking_pickup_place",
            ),
            Index(
                fields=["dropoff_place"],
                condition=Q(dropoff_place__isnull=False),
                name="idx_booking_dropoff_place",
            ),
            # BookingViewSet, by `updated_since`.
            Index(fields=["company", "updated_at"], name="idx_booking_company_updated"),
            # The same lists of a customer: BookingViewSet for a client system, CustomerAdmin.
            Index(fields=["customer", "scheduled_time"], name="idx_booking_customer_scheduled"),
            Index(fields=["customer", "updated_at"], name="idx_booking_customer_updated"),
        ]
        constraints = [
            Unique(
                fields=["customer", "reference"],
                condition=~Q(reference=""),
                name="booking_reference_unique",
                says=_("Another booking of the customer has this reference."),
                field="reference",
            ),
            SameOwner(
                name="booking_customer_of_company",
                fields=["customer", "company"],
                to_fields=["id", "company"],
                says=OF_ANOTHER_COMPANY,
            ),
            SameOwner(
                name="booking_client_of_customer",
                fields=["client", "customer"],
                to_fields=["id", "customer"],
                says=_("This client belongs to another customer."),
            ),
            *(
                SameOwner(
                    name=f"booking_{end}_place_of_company",
                    fields=[f"{end}_place", "company"],
                    to_fields=["id", "company"],
                    says=_("This place belongs to another company."),
                )
                for end in ("pickup", "dropoff")
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
            # The validators of the field say it without a statement.
            KeptCheck(
                condition=Q(max_ride_min__isnull=True)
                | Q(max_ride_min__gte=1, max_ride_min__lte=RIDE_AT_MOST),
                name="booking_ride_sensible",
                says=RIDE_SAYS,
                field="max_ride_min",
            ),
            Check(
                condition=Q(appointment_at__isnull=True, pickup_computed=False)
                | Q(appointment_at__isnull=False, appointment_at__gt=F("scheduled_time")),
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
            SameOwner(
                name="booking_series_of_company",
                fields=["series", "company"],
                to_fields=["id", "company"],
                says=_("This standing order belongs to another company."),
            ),
            # bookings.series reads the bookings of a standing order by it.
            Unique(
                fields=["series", "series_day", "series_leg"],
                name="booking_once_a_date_of_series",
                says=_("This date of the standing order is booked already."),
            ),
            KeptCheck(
                condition=Q(series__isnull=True, series_day__isnull=True, series_leg__isnull=True)
                | Q(series__isnull=False, series_day__isnull=False),
                name="booking_series_has_its_day",
                says=_("A booking of a standing order has its date, another one has none."),
            ),
            KeptCheck(
                condition=Q(series_leg__isnull=True) | Q(series_leg__lte=1),
                name="booking_series_leg_known",
                says=CHOICE,
            ),
        ]

    def __str__(self) -> str:
        return self.reference or f"#{self.pk}"

    def take_customer(self) -> None:
        """Name the client's customer, else the default one, if none is named."""
        if self.customer_id is None and self.client:
            self.customer_id = self.client.customer_id
        super().take_customer()

    def clean(self) -> None:
        if self.client and self.client.company_id != self.company_id:
            raise ValidationError({"client": _("This client belongs to another company.")})
        if self.return_of and self.return_of.company_id != self.company_id:
            raise ValidationError({"return_of": _("This booking belongs to another company.")})
        if self.return_of and self.return_of.customer_id != self.customer_id:
            raise ValidationError({"return_of": _("This booking belongs to another customer.")})
        super().clean()
