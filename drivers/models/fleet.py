"""Drivers and their vehicles."""

from contextlib import suppress

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from drivers.db.folding import FoldedField, KeepsFolded
from drivers.db.indexes import Index
from drivers.db.rules import CHOICE, POSITION_OR_NONE, Check, Unique
from drivers.models.company import Company
from drivers.models.far_places import AsksAboutFarPlaces
from drivers.models.layouts import (
    Layout,
    all_layouts,
    read_layouts,
    validate_layouts,
    written,
)
from drivers.models.values import LATITUDE, LONGITUDE, on_earth, validate_tags, within_years


class Vehicle(AsksAboutFarPlaces):
    """A car: `seats` ordinary seats beside `wheelchair_places`, driver not counted.

    Where its places fold, that is the usual layout, and it may have one of `other_layouts` instead.
    One driver hands it over to the next at the handover place, without one at the depot.
    """

    ENDS = ("handover_",)

    company = models.ForeignKey(
        Company, models.PROTECT, db_index=False, related_name="vehicles", verbose_name=_("company")
    )
    plate = models.CharField(_("plate"), max_length=20)
    seats = models.PositiveSmallIntegerField(_("seats"), default=4)
    wheelchair_places = models.PositiveSmallIntegerField(_("wheelchair places"), default=0)
    other_layouts = models.CharField(
        _("other layouts"),
        max_length=60,
        blank=True,
        default="",
        db_default="",
        validators=[validate_layouts],
        help_text=_(
            "Where seats fold: seats + wheelchair places of each other layout, such as 2+1, 0+2. "
            "Whoever is on board at a time fits one layout."
        ),
    )
    skills = models.JSONField(_("equipment"), default=list, blank=True, validators=[validate_tags])
    insurance_until = models.DateField(
        _("insured until"), null=True, blank=True, help_text=_("The last day of the insurance.")
    )
    inspection_until = models.DateField(
        _("inspected until"),
        null=True,
        blank=True,
        help_text=_("The last day for which the inspection is valid."),
    )
    handover_lat = models.FloatField(_("handover latitude"), null=True, blank=True, **LATITUDE)
    handover_lon = models.FloatField(_("handover longitude"), null=True, blank=True, **LONGITUDE)

    class Meta:
        verbose_name = _("vehicle")
        verbose_name_plural = _("vehicles")
        constraints = [
            Unique(
                fields=["company", "plate"],
                name="vehicle_plate_unique",
                says=_("Another vehicle of the company has this plate."),
                field="plate",
            ),
            Check(
                condition=Q(seats__lte=100, wheelchair_places__lte=20),
                name="vehicle_size_sensible",
                says=_("A vehicle has at most 100 seats and 20 wheelchair places."),
            ),
            Check(
                condition=on_earth("handover", optional=True),
                name="vehicle_handover_on_earth",
                says=POSITION_OR_NONE,
            ),
        ]

    def __str__(self) -> str:
        return self.plate

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """Return the (seats, wheelchair places) that it may have at a time, the usual first."""
        return all_layouts(self.seats, self.wheelchair_places, self.other_layouts)

    def clean(self) -> None:
        with suppress(ValidationError):  # of which the field itself speaks
            self.other_layouts = written(read_layouts(self.other_layouts))
        super().clean()


AVAILABLE = Q(is_active=True, is_available=True)


class DriverQuerySet(models.QuerySet["Driver"]):
    def available(self) -> "DriverQuerySet":
        return self.filter(AVAILABLE)


class Driver(AsksAboutFarPlaces):
    """A person who drives; `is_active` is employed, `is_available` can be planned now."""

    class Kind(models.TextChoices):
        REGULAR = "regular", _("regular")
        EMERGENCY = "emergency", _("reserve")

    ENDS = ("home_",)

    company = models.ForeignKey(
        Company, models.PROTECT, db_index=False, related_name="drivers", verbose_name=_("company")
    )
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="driver",
        verbose_name=_("user"),
    )
    name = models.CharField(_("name"), max_length=100)
    folded_name = FoldedField()  # what searches compare
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    vehicle = models.ForeignKey(
        Vehicle,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="drivers",
        verbose_name=_("vehicle"),
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind, default=Kind.REGULAR)
    is_active = models.BooleanField(_("active"), default=True)
    is_available = models.BooleanField(_("available"), default=True)
    skills = models.JSONField(_("skills"), default=list, blank=True, validators=[validate_tags])
    max_bookings = models.PositiveSmallIntegerField(
        _("bookings per day"),
        null=True,
        blank=True,
        help_text=_("Leave empty to use the company's number."),
    )
    licence_until = models.DateField(
        _("licence until"), null=True, blank=True, help_text=_("The last day of the licence.")
    )
    permit_until = models.DateField(
        _("permit until"),
        null=True,
        blank=True,
        help_text=_("The last day of the permit to transport passengers."),
    )
    home_lat = models.FloatField(_("home latitude"), null=True, blank=True, **LATITUDE)
    home_lon = models.FloatField(_("home longitude"), null=True, blank=True, **LONGITUDE)
    last_lat = models.FloatField(_("last latitude"), null=True, blank=True, **LATITUDE)
    last_lon = models.FloatField(_("last longitude"), null=True, blank=True, **LONGITUDE)
    last_position_at = models.DateTimeField(_("last position at"), null=True, blank=True)

    objects = DriverQuerySet.as_manager()

    class Meta:
        verbose_name = _("driver")
        verbose_name_plural = _("drivers")
        indexes = [
            # dispatch.day.queries.read_drivers and lock_drivers: the drivers a plan may use.
            Index(fields=["company"], condition=AVAILABLE, name="idx_driver_company_available"),
            # dispatch.forecast.rows.read_drivers and the lists of DriverAdmin and DriverViewSet.
            Index(fields=["company", "name"], name="idx_driver_company_name"),
        ]
        constraints = [
            Check(
                condition=on_earth("home", optional=True),
                name="driver_home_on_earth",
                says=POSITION_OR_NONE,
            ),
            Check(
                condition=on_earth("last", optional=True),
                name="driver_last_on_earth",
                says=POSITION_OR_NONE,
            ),
            Check(
                condition=Q(kind__in=["regular", "emergency"]),
                name="driver_kind_known",
                says=CHOICE,
                field="kind",
            ),
            within_years("driver_last_position_in_years", "last_position_at"),
            KeepsFolded(name="driver_folds_name", source="name", folded="folded_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.vehicle and self.company_id and self.vehicle.company_id != self.company_id:
            raise ValidationError({"vehicle": _("This vehicle belongs to another company.")})
        super().clean()
