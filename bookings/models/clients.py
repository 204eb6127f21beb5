"""Clients, their saved places and their preferred and forbidden drivers."""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from drivers.db.folding import FoldedField, KeepsFolded
from drivers.db.indexes import PostgresqlIndex, SqliteIndex
from drivers.db.parts import FindsParts
from drivers.db.rules import CHOICE, POSITION, POSITION_OR_NONE, Check, Unique
from drivers.models import LATITUDE, LONGITUDE, AsksAboutFarPlaces, Company, Driver


class Client(AsksAboutFarPlaces):
    """A person who is transported."""

    ENDS = ("",)

    company = models.ForeignKey(
        Company, models.PROTECT, db_index=False, related_name="clients", verbose_name=_("company")
    )
    name = models.CharField(_("name"), max_length=100)
    folded_name = FoldedField()  # orders the lists
    searched = FoldedField()  # name, phone and address: what searches compare
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    address = models.CharField(_("address"), max_length=200, blank=True)
    lat = models.FloatField(_("latitude"), null=True, blank=True, **LATITUDE)
    lon = models.FloatField(_("longitude"), null=True, blank=True, **LONGITUDE)
    wheelchair = models.BooleanField(_("travels in a wheelchair"), default=False)
    notes = models.TextField(
        _("notes"),
        blank=True,
        db_default="",
        help_text=_("What dispatchers and drivers should know."),
    )

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
        ]
        constraints = [
            Unique(
                fields=["company", "name", "phone"],
                name="client_once",
                says=_("Another client of the company has this name and phone."),
                field="name",
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


class SavedPlace(AsksAboutFarPlaces):
    """A place that a client travels to or from, besides home; at most one is the usual one."""

    ENDS = ("",)

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
