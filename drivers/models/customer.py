"""Customers: the hospitals, homes, brokers and private persons for whom a company drives."""

from collections.abc import Iterable
from typing import Any

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from drivers.db.rules import CHOICE, Check, KeptCheck, Unique
from drivers.models.company import Company

MOST_AHEAD_MIN = 30 * 24 * 60
OWN_WINDOW = ("pickup_early_min", "pickup_late_min", "return_late_min")
OwnWindow = tuple[int | None, int | None, int | None]  # the values of these; None: the company's
OF_ANOTHER_COMPANY = _("This customer belongs to another company.")


class Customer(models.Model):
    """A party inside a company that owns clients and bookings.

    A client system belongs to one customer and sees the rows of that one only. Every company has
    one default customer, made with it by the database: it owns what names no other.
    """

    class Kind(models.TextChoices):
        HOSPITAL = "hospital", _("hospital")
        HOME = "home", _("home")
        BROKER = "broker", _("broker")
        PRIVATE = "private", _("private")
        OTHER = "other", _("other")

    company = models.ForeignKey(
        Company, models.CASCADE, db_index=False, related_name="customers", verbose_name=_("company")
    )
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(
        _("kind"), max_length=20, choices=Kind, default=Kind.OTHER, db_default=Kind.OTHER
    )
    is_default = models.BooleanField(
        _("default"),
        default=False,
        db_default=False,
        editable=False,
        help_text=_("Owns the clients and bookings that name no other customer."),
    )

    customer_path = "pk"

    contact = models.CharField(
        _("contact"), max_length=100, blank=True, db_default="", help_text=_("Whom to ask.")
    )
    phone = models.CharField(_("phone"), max_length=40, blank=True, db_default="")
    email = models.EmailField(_("email address"), blank=True, db_default="")
    notes = models.TextField(_("notes"), blank=True, db_default="")
    book_ahead_min = models.PositiveIntegerField(
        _("book ahead (minutes)"),
        default=0,
        db_default=0,
        validators=[MaxValueValidator(MOST_AHEAD_MIN)],
        help_text=_(
            "Minutes, 0 to 43200. How long before the pickup its client system may still book, and "
            "change or cancel; dispatchers always may."
        ),
    )
    margin_min = models.PositiveSmallIntegerField(
        _("margin before appointments (minutes)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(120)],
        help_text=_(
            "Minutes, 0 to 120, instead of the company's; a place's own comes first. Empty: the "
            "company's."
        ),
    )
    pickup_early_min = models.PositiveSmallIntegerField(
        _("early pickup (minutes)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(720)],
        help_text=_(
            "Minutes, 0 to 720. An outbound client may be picked up this long before the requested "
            "time. Empty: as the company says."
        ),
    )
    pickup_late_min = models.PositiveSmallIntegerField(
        _("late pickup (minutes)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(720)],
        help_text=_(
            "Minutes, 0 to 720. An outbound client may be picked up this long after the requested "
            "time. Empty: as the company says."
        ),
    )
    return_late_min = models.PositiveSmallIntegerField(
        _("late return (minutes)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(720)],
        help_text=_(
            "Minutes, 0 to 720. A client going home may wait this long and is never picked up "
            "early. Empty: as the company says."
        ),
    )
    on_time_early_min = models.PositiveSmallIntegerField(
        _("on time: early (minutes)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(720)],
        help_text=_(
            "Minutes, 0 to 720, before the requested time that still count as on time in reports. "
            "Empty: the company's."
        ),
    )
    on_time_late_min = models.PositiveSmallIntegerField(
        _("on time: late (minutes)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(720)],
        help_text=_(
            "Minutes, 0 to 720, after the requested time that still count as on time in reports. "
            "Empty: the company's."
        ),
    )
    requires_client = models.BooleanField(
        _("requires a client"),
        default=False,
        db_default=False,
        help_text=_("Its client system must name the client of every booking."),
    )
    requires_reference = models.BooleanField(
        _("requires a reference"),
        default=False,
        db_default=False,
        help_text=_("Its client system must give every booking a reference."),
    )
    requires_appointment = models.BooleanField(
        _("requires an appointment"),
        default=False,
        db_default=False,
        help_text=_(
            "Its client system must say when the client must arrive, except on the way back."
        ),
    )

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        constraints = [
            Unique(
                fields=["company", "name"],
                name="customer_name_unique",
                says=_("Another customer of the company has this name."),
                field="name",
            ),
            Unique(
                fields=["company"],
                condition=Q(is_default=True),
                name="customer_one_is_default",
                says=_("The company already has a default customer."),
            ),
            # What the composite foreign keys of clients, bookings and members refer to.
            Unique(
                fields=["id", "company"],
                name="customer_of_company",
                says=OF_ANOTHER_COMPANY,
            ),
            Check(
                condition=Q(book_ahead_min__lte=MOST_AHEAD_MIN),
                name="customer_ahead_sensible",
                says=_("The time ahead must be from 0 to 43200 minutes."),
                field="book_ahead_min",
            ),
            Check(
                condition=Q(margin_min__isnull=True) | Q(margin_min__lte=120),
                name="customer_margin_sensible",
                says=_("The margin must be from 0 to 120 minutes."),
                field="margin_min",
            ),
            KeptCheck(
                condition=(Q(pickup_early_min__isnull=True) | Q(pickup_early_min__lte=720))
                & (Q(pickup_late_min__isnull=True) | Q(pickup_late_min__lte=720))
                & (Q(return_late_min__isnull=True) | Q(return_late_min__lte=720)),
                name="customer_windows_sensible",
                says=_(
                    "Early pickups, late pickups and late returns must be from 0 to 720 minutes."
                ),
            ),
            Check(
                condition=Q(kind__in=["hospital", "home", "broker", "private", "other"]),
                name="customer_kind_known",
                says=CHOICE,
                field="kind",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def own_window(self) -> OwnWindow:
        """Return the customer's minutes around a wanted pickup, None where it has none."""
        return self.pickup_early_min, self.pickup_late_min, self.return_late_min


class FillsCustomers(models.QuerySet):
    """Let `bulk_create` give rows their customer as `save` does."""

    def bulk_create(self, objs: Iterable[Any], *args: Any, **options: Any) -> list[Any]:
        objs = list(objs)
        for row in objs:
            row.take_customer()
        return super().bulk_create(objs, *args, **options)


class OfCustomer(models.Model):
    """A row that a customer owns: the one it names, else the default one of its company.

    The owner never changes.
    """

    customer_path = "customer"

    customer = models.ForeignKey(
        Customer, models.PROTECT, db_index=False, related_name="+", verbose_name=_("customer")
    )

    class Meta:
        abstract = True

    def save(self, *args: Any, **options: Any) -> None:
        self.take_customer()
        super().save(*args, **options)

    def take_customer(self) -> None:
        """Name the default customer if none is named: 1 statement for each instance of company."""
        if self.customer_id is None and self.company_id is not None:
            self.customer = self.company.default_customer

    def clean_fields(self, exclude: Iterable[str] | None = None) -> None:
        self.take_customer()
        known = not self._state.adding or type(self).customer.is_cached(self)
        super().clean_fields({*(exclude or ()), *(["customer"] if known else [])})
