"""Places of a company that its trips go to often, with what is known about stopping there."""

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from drivers.db.folding import FoldedField, KeepsFolded, fold
from drivers.db.rules import POSITION, Check, Unique
from drivers.models import LATITUDE, LONGITUDE, AsksAboutFarPlaces, Company


class CompanyPlace(AsksAboutFarPlaces):
    """A hospital, a surgery, a day centre: known by its address, however that is spelled.

    A booking from or to this address belongs to it (`bookings.places.own`).
    """

    ENDS = ("",)

    company = models.ForeignKey(
        Company, models.PROTECT, db_index=False, related_name="places", verbose_name=_("company")
    )
    name = models.CharField(_("name"), max_length=100)
    address = models.CharField(
        _("address"),
        max_length=200,
        help_text=_("Bookings from or to this address, in any spelling of case and accents."),
    )
    folded_address = FoldedField()  # the address of a booking is compared with it
    lat = models.FloatField(_("latitude"), **LATITUDE)
    lon = models.FloatField(_("longitude"), **LONGITUDE)
    entrance = models.CharField(
        _("entrance"),
        max_length=100,
        blank=True,
        help_text=_("Where to stop, such as “Entrance B, Rue Gabrielle-Perret-Gentil”."),
    )
    notes = models.TextField(
        _("notes at the door"),
        blank=True,
        help_text=_("What the driver should know there: a door code, a floor, a ramp."),
    )
    boarding_min = models.PositiveSmallIntegerField(
        _("boarding (minutes)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(120)],
        help_text=_(
            "Minutes, 0 to 120. Boarding takes at least so long here. Empty: as everywhere."
        ),
    )
    margin_min = models.PositiveSmallIntegerField(
        _("margin before appointments (minutes)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(120)],
        help_text=_("Minutes, 0 to 120, instead of the company's. Empty: the company's."),
    )

    class Meta:
        verbose_name = _("place")
        verbose_name_plural = _("places")
        constraints = [
            Unique(
                fields=["company", "folded_address"],
                name="company_place_once",
                says=_("Another place of the company has this address."),
                field="address",
            ),
            # What the composite foreign keys of bookings refer to.
            Unique(
                fields=["id", "company"],
                name="company_place_of_company",
                says=_("It belongs to another company."),
            ),
            Check(
                condition=Q(lat__gte=-90, lat__lte=90, lon__gte=-180, lon__lte=180),
                name="company_place_on_earth",
                says=POSITION,
            ),
            Check(
                condition=Q(boarding_min__lte=120) & Q(margin_min__lte=120),
                name="company_place_minutes_sensible",
                says=_("Boarding and margin must be from 0 to 120 minutes."),
            ),
            KeepsFolded(
                name="company_place_folds_address", source="address", folded="folded_address"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        self.folded_address = fold(self.address)  # as the database will: `company_place_once`
        super().clean()
