"""Clients, their saved places and their preferred and forbidden drivers."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bookings.models.seals import ERASED
from drivers.db.folding import FoldedField, KeepsFolded
from drivers.db.indexes import Index, PostgresqlIndex, SqliteIndex
from drivers.db.parts import FindsParts
from drivers.db.references import SameOwner
from drivers.db.rules import CHOICE, POSITION, POSITION_OR_NONE, Check, KeptCheck, Unique
from drivers.models import (
    LATITUDE,
    LONGITUDE,
    AsksAboutFarPlaces,
    Company,
    Driver,
    FillsCustomers,
    OfCustomer,
)
from drivers.models.customer import OF_ANOTHER_COMPANY
from drivers.phones import phone_key

RIDE_AT_MOST = 720
RIDE_SAYS = _("The longest ride must be from 1 to 720 minutes, or empty.")


class PhoneKeyField(models.CharField):
    """What the client's telephone number has in common with its other spellings: `phone_key`.

    Written with the number, by `save` and `bulk_create`; an `update` of numbers has to write it.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        options |= {"max_length": 40, "editable": False, "blank": True, "db_default": ""}
        super().__init__(*args, **options)

    def pre_save(self, model_instance: Any, add: bool) -> str:
        key = phone_key(model_instance.phone, model_instance.company.timezone)
        setattr(model_instance, self.attname, key)
        return key


class Client(AsksAboutFarPlaces, OfCustomer):
    """A person who is transported for a customer.

    `external_id` is the customer's own id of the person: it tells two people of one name apart.
    """

    ENDS = ("",)

    company = models.ForeignKey(
        Company, models.PROTECT, db_index=False, related_name="clients", verbose_name=_("company")
    )
    external_id = models.CharField(
        _("customer's own id"),
        max_length=64,
        blank=True,
        db_default="",
        help_text=_(
            "How the customer calls this person, such as a patient number. It tells two people of "
            "one name apart."
        ),
    )
    name = models.CharField(_("name"), max_length=100)
    folded_name = FoldedField()  # orders the lists
    searched = FoldedField()  # name, phone and address: what searches compare
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    phone_key = PhoneKeyField()
    address = models.CharField(_("address"), max_length=200, blank=True)
    lat = models.FloatField(_("latitude"), null=True, blank=True, **LATITUDE)
    lon = models.FloatField(_("longitude"), null=True, blank=True, **LONGITUDE)
    wheelchair = models.BooleanField(_("travels in a wheelchair"), default=False)
    may_share = models.BooleanField(
        _("may ride with others"),
        default=True,
        db_default=True,
        help_text=_("Whether others may be in the vehicle, if the company shares vehicles."),
    )
    max_ride_min = models.PositiveSmallIntegerField(
        _("longest ride (minutes)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(RIDE_AT_MOST)],
        help_text=_(
            "Minutes, 1 to 720, that the client may be on board if others ride along, such as 45. "
            "Empty: as the company says. The direct ride is always allowed."
        ),
    )
    notes = models.TextField(
        _("notes"),
        blank=True,
        db_default="",
        help_text=_("What dispatchers and drivers should know."),
    )

    objects = FillsCustomers.as_manager()

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        indexes = [
            # The lists of ClientAdmin, BooksByTelephone and ClientViewSet, in this order. SQLite
            # finds words of one or two letters without the table.
            PostgresqlIndex(fields=["company", "folded_name"], name="idx_client_company_folded"),
            SqliteIndex(
                fields=["company", "folded_name", "searched"], name="idx_client_company_searched"
            ),
            # The lists of a customer in ClientViewSet and CustomerAdmin, in this order.
            Index(fields=["customer", "folded_name"], name="idx_client_customer_folded"),
            # bookings.doubles: who of a customer has the same telephone number.
            Index(
                fields=["customer", "phone_key"],
                condition=~Q(phone_key=""),
                name="idx_client_customer_phone",
            ),
        ]
        constraints = [
            Unique(
                fields=["customer", "name", "phone"],
                condition=Q(external_id=""),
                name="client_once",
                says=_(
                    "Another client of the customer has this name and phone: give each the "
                    "customer's own id to tell them apart."
                ),
                field="name",
            ),
            Unique(
                fields=["customer", "external_id"],
                condition=~Q(external_id=""),
                name="client_external_id_once",
                says=_("Another client of the customer has this id."),
                field="external_id",
            ),
            # What the composite foreign key of bookings refers to.
            Unique(
                fields=["id", "customer"],
                name="client_of_customer",
                says=_("This client belongs to another customer."),
            ),
            SameOwner(
                name="client_customer_of_company",
                fields=["customer", "company"],
                to_fields=["id", "company"],
                says=OF_ANOTHER_COMPANY,
            ),
            # The validators of the field say it without a statement.
            KeptCheck(
                condition=Q(max_ride_min__isnull=True)
                | Q(max_ride_min__gte=1, max_ride_min__lte=RIDE_AT_MOST),
                name="client_ride_sensible",
                says=RIDE_SAYS,
                field="max_ride_min",
            ),
            Check(
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
                says=POSITION_OR_NONE,
            ),
            KeepsFolded(name="client_folds_name", source="name", folded="folded_name"),
            KeepsFolded(
                name="client_folds_searched",
                source=("name", "phone", "address"),
                folded="searched",
            ),
            FindsParts(name="client_parts", field="searched"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name_when_forgotten(self) -> str:
        return f"{ERASED} {self.pk}"

    @property
    def is_forgotten(self) -> bool:
        """Whether this is what remains of a person who was forgotten (`bookings.privacy`)."""
        return self.name == self.name_when_forgotten

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **options: Any) -> None:
        if update_fields is not None and "phone" in update_fields:
            update_fields = {*update_fields, "phone_key"}
        super().save(*args, update_fields=update_fields, **options)


class SavedPlace(AsksAboutFarPlaces):
    """A place that a client travels to or from, besides home; at most one is the usual one."""

    ENDS = ("",)
    customer_path = "client__customer"

    client = models.ForeignKey(
        Client, models.CASCADE, db_index=False, related_name="places", verbose_name=_("client")
    )
    label = models.CharField(_("name"), max_length=50)
    address = models.CharField(_("address"), max_length=200)
    lat = models.FloatField(_("latitude"), **LATITUDE)
    lon = models.FloatField(_("longitude"), **LONGITUDE)
    is_usual = models.BooleanField(
        _("usual"), default=False, help_text=_("The client's trips start here by default.")
    )

    class Meta:
        verbose_name = _("saved place")
        verbose_name_plural = _("saved places")
        constraints = [
            Unique(
                fields=["client", "label"],
                name="saved_place_once",
                says=_("The client already has a saved place with this name."),
                field="label",
            ),
            Unique(
                fields=["client"],
                condition=Q(is_usual=True),
                name="saved_place_one_is_usual",
                says=_("Only one place can be the usual one: clear the others."),
                field="is_usual",
            ),
            Check(
                condition=Q(lat__gte=-90, lat__lte=90, lon__gte=-180, lon__lte=180),
                name="saved_place_on_earth",
                says=POSITION,
            ),
        ]

    def __str__(self) -> str:
        return self.label

    def depot_owner(self) -> Company | None:
        return self.client.company if self.client_id else None


class DriverPreference(models.Model):
    """A driver whom a client prefers or must not be driven by."""

    class Kind(models.TextChoices):
        PREFERRED = "preferred", _("preferred")
        FORBIDDEN = "forbidden", _("forbidden")

    client = models.ForeignKey(
        Client,
        models.CASCADE,
        db_index=False,
        related_name="driver_preferences",
        verbose_name=_("client"),
    )
    driver = models.ForeignKey(
        Driver, models.CASCADE, related_name="client_preferences", verbose_name=_("driver")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)

    class Meta:
        verbose_name = _("driver preference")
        verbose_name_plural = _("driver preferences")
        constraints = [
            Unique(
                fields=["client", "driver"],
                name="driver_preference_once",
                says=_("The client already has a preference for this driver."),
                field="driver",
            ),
            Check(
                condition=Q(kind__in=["preferred", "forbidden"]),
                name="driver_preference_known",
                says=CHOICE,
                field="kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.client_id} {self.kind} {self.driver_id}"

    def clean(self) -> None:
        if self.driver_id and self.client.company_id != self.driver.company_id:
            raise ValidationError({"driver": _("This driver belongs to another company.")})
