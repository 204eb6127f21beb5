"""Standing orders: trips that come back in a rhythm of weeks, and when they pause."""

from collections.abc import Collection, Iterable
from datetime import date, time
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from bookings.models.clients import RIDE_AT_MOST, RIDE_SAYS, Client
from drivers.db.indexes import Index
from drivers.db.references import SameOwner
from drivers.db.rules import CHOICE, POSITION, Check, KeptCheck, Unique
from drivers.models import (
    LATITUDE,
    LONGITUDE,
    AsksAboutFarPlaces,
    Company,
    Driver,
    OfCustomer,
    on_earth,
    validate_tags,
)
from drivers.models.customer import OF_ANOTHER_COMPANY
from drivers.times import YEARS

FIRST, LAST = date(YEARS.start, 1, 1), date(YEARS.stop - 1, 12, 31)
EVERY_DAY = 2**7 - 1
COUNT_AT_MOST = 1_000
DAYS_IN_YEARS = _("Choose days in the years from 2000 to 2099.")


def mask_of(weekdays: Iterable[int]) -> int:
    """Return the weekdays, 0 for Monday, as the number that a series keeps."""
    return sum(1 << day for day in set(weekdays))


def short_day(weekday: int) -> str:
    """Write a weekday in the reader's language, short: "Mon"; 0 is Monday."""
    return date_format(date(2001, 1, 1 + weekday), "D")  # 2001 began with a Monday


class Series(AsksAboutFarPlaces, OfCustomer):
    """A standing order: a trip of a client, with its way back, on certain weekdays.

    Times are local times of the company, which its bookings keep whatever the clocks do.
    `weekdays` is a number of seven bits, Monday the lowest. The order ends after `last_day`, or
    after `count` dates, of which those left out count too. The way back is at `return_time`, or,
    with `return_will_call`, when the client calls, at that time at the earliest. `driver` is whom
    the planner prefers for it. `booked_zone` is the company's timezone when the order was last
    written, which its booked dates have; the next ones have the company's. See `bookings.series`.
    """

    ENDS = ("pickup_", "dropoff_")
    known: Collection[str] = ()  # relations that stand in the database as they are here

    company = models.ForeignKey(
        Company, models.PROTECT, db_index=False, related_name="series", verbose_name=_("company")
    )
    client = models.ForeignKey(
        Client,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="series",
        verbose_name=_("client"),
    )
    weekdays = models.PositiveSmallIntegerField(_("weekdays"))
    every_weeks = models.PositiveSmallIntegerField(
        _("every so many weeks"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(52)],
        help_text=_("1 for every week, 2 for every other week, counted from the first day."),
    )
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(
        _("last day"), null=True, blank=True, help_text=_("Leave empty for no end.")
    )
    count = models.PositiveSmallIntegerField(
        _("number of dates"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(COUNT_AT_MOST)],
        help_text=_("Instead of a last day. Dates that are left out count too."),
    )
    skips_holidays = models.BooleanField(
        _("not on public holidays"),
        default=False,
        help_text=_("The holidays are those of the company's country and canton."),
    )
    pickup_time = models.TimeField(_("pickup"))
    appointment_time = models.TimeField(_("appointment"), null=True, blank=True)
    return_time = models.TimeField(
        _("return"), null=True, blank=True, help_text=_("Leave empty for no return trip.")
    )
    return_will_call = models.BooleanField(
        _("return when the client calls"),
        default=False,
        help_text=_("The return time is then the earliest one."),
    )
    pickup_address = models.CharField(_("pickup address"), max_length=200, blank=True)
    pickup_lat = models.FloatField(_("pickup latitude"), **LATITUDE)
    pickup_lon = models.FloatField(_("pickup longitude"), **LONGITUDE)
    dropoff_address = models.CharField(_("dropoff address"), max_length=200, blank=True)
    dropoff_lat = models.FloatField(_("dropoff latitude"), **LATITUDE)
    dropoff_lon = models.FloatField(_("dropoff longitude"), **LONGITUDE)
    passengers = models.PositiveSmallIntegerField(
        _("passengers"), default=1, validators=[MinValueValidator(1)]
    )
    wheelchairs = models.PositiveSmallIntegerField(_("wheelchairs"), default=0)
    may_share = models.BooleanField(
        _("may ride with others"),
        default=True,
        db_default=True,
        help_text=_(
            "Whether others may be in the vehicle, if the company shares vehicles. No for trips "
            "that must be alone, such as those of an infectious client."
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
        _("priority"), choices=[(0, _("normal")), (1, _("high")), (2, _("urgent"))], default=0
    )
    notes = models.TextField(_("notes"), blank=True)
    driver = models.ForeignKey(
        Driver,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="series",
        verbose_name=_("preferred driver"),
        help_text=_("Whom the planner prefers, where it costs little."),
    )
    booked_zone = models.CharField(max_length=64, blank=True, default="", editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated at"), default=timezone.now, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("standing order")
        verbose_name_plural = _("standing orders")
        indexes = [
            # bookings.series.make.make_ahead, and the lists of SeriesAdmin and SeriesViewSet.
            Index(fields=["company", "id"], name="idx_series_company"),
        ]
        constraints = [
            SameOwner(
                name="series_customer_of_company",
                fields=["customer", "company"],
                to_fields=["id", "company"],
                says=OF_ANOTHER_COMPANY,
            ),
            SameOwner(
                name="series_client_of_customer",
                fields=["client", "customer"],
                to_fields=["id", "customer"],
                says=_("This client belongs to another customer."),
            ),
            # What the composite foreign keys of pauses and bookings refer to.
            Unique(
                fields=["id", "company"],
                name="series_of_company",
                says=_("It belongs to another company."),
            ),
            KeptCheck(
                condition=Q(weekdays__gte=1, weekdays__lte=EVERY_DAY),
                name="series_has_weekdays",
                says=_("Choose at least one weekday."),
                field="weekdays",
            ),
            KeptCheck(
                condition=Q(every_weeks__gte=1, every_weeks__lte=52),
                name="series_weeks_sensible",
                says=_("Repeat every 1 to 52 weeks."),
                field="every_weeks",
            ),
            KeptCheck(
                condition=Q(first_day__gte=FIRST, first_day__lte=LAST)
                & (Q(last_day__isnull=True) | Q(last_day__lte=LAST)),
                name="series_days_known",
                says=DAYS_IN_YEARS,
                field="first_day",
            ),
            KeptCheck(
                condition=Q(count__isnull=True)
                | Q(count__gte=1, count__lte=COUNT_AT_MOST, last_day__isnull=True),
                name="series_ends_once",
                says=_("Enter a last day or a number of dates from 1 to 1000, not both."),
                field="count",
            ),
            KeptCheck(
                condition=Q(appointment_time__isnull=True)
                | Q(appointment_time__gt=F("pickup_time")),
                name="series_appointment_after_pickup",
                says=_("The appointment must be after the pickup, on the same day."),
                field="appointment_time",
            ),
            KeptCheck(
                condition=Q(return_time__isnull=True)
                | (
                    Q(return_time__gt=F("pickup_time"))
                    & (Q(appointment_time__isnull=True) | Q(return_time__gt=F("appointment_time")))
                ),
                name="series_return_after_appointment",
                says=_("The return must be after the pickup and the appointment, on the same day."),
                field="return_time",
            ),
            KeptCheck(
                condition=Q(return_will_call=False) | Q(return_time__isnull=False),
                name="series_will_call_has_a_time",
                says=_("Enter the earliest time at which the client may call."),
                field="return_time",
            ),
            KeptCheck(condition=on_earth("pickup"), name="series_pickup_on_earth", says=POSITION),
            KeptCheck(condition=on_earth("dropoff"), name="series_dropoff_on_earth", says=POSITION),
            KeptCheck(
                condition=Q(passengers__gte=1) & Q(passengers__gte=F("wheelchairs")),
                name="series_passengers_include_wheelchairs",
                says=_(
                    "Must be at least the number of wheelchairs: wheelchair users are passengers."
                ),
                field="passengers",
            ),
            KeptCheck(
                condition=Q(max_ride_min__isnull=True)
                | Q(max_ride_min__gte=1, max_ride_min__lte=RIDE_AT_MOST),
                name="series_ride_sensible",
                says=RIDE_SAYS,
                field="max_ride_min",
            ),
            KeptCheck(
                condition=Q(priority__lte=2),
                name="series_priority_known",
                says=CHOICE,
                field="priority",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}: {self.in_words()}" if self.pk else self.in_words()

    @property
    def weekday_numbers(self) -> list[int]:
        """The weekdays in order, 0 for Monday."""
        return [day for day in range(7) if (self.weekdays or 0) >> day & 1]

    def in_words(self) -> str:
        """Say the rhythm in plain words: "every Mon, Wed, Fri 08:00, back 12:30". No query."""
        if self.weekdays == EVERY_DAY:
            days = gettext("day")
        elif self.weekdays == EVERY_DAY >> 2:
            days = gettext("working day")
        else:
            days = ", ".join(map(short_day, self.weekday_numbers))
        weeks = self.every_weeks or 1
        text = ngettext(
            "every %(days)s %(time)s", "every %(weeks)d weeks on %(days)s %(time)s", weeks
        ) % {"weeks": weeks, "days": days, "time": _clock(self.pickup_time)}
        if self.return_time:
            back = gettext("back on call from %(time)s")
            if not self.return_will_call:
                back = gettext("back %(time)s")
            text = f"{text}, {back % {'time': _clock(self.return_time)}}"
        return text

    def take_customer(self) -> None:
        """Name the client's customer, else the default one."""
        if self.customer_id is None and self.client:
            self.customer_id = self.client.customer_id
        super().take_customer()

    def clean(self) -> None:
        for name in ("client", "driver"):
            other = getattr(self, name) if name not in self.known else None
            if other and other.company_id != self.company_id:
                messages = {
                    "client": _("This client belongs to another company."),
                    "driver": _("This driver belongs to another company."),
                }
                raise ValidationError({name: messages[name]})
        if wrong := self._wrong():
            raise ValidationError(wrong)
        super().clean()

    def _wrong(self) -> dict[str, Any]:
        """Return {field: sentence} of what the constraints refuse: each would be a statement."""
        says = {rule.name: getattr(rule, "says", "") for rule in self._meta.constraints}
        pickup, appointment, back = self.pickup_time, self.appointment_time, self.return_time
        rules = (
            ("weekdays", "series_has_weekdays", not self.weekdays),
            ("count", "series_ends_once", self.count and self.last_day),
            ("passengers", "series_passengers_include_wheelchairs",
             (self.wheelchairs or 0) > (self.passengers or 1)),
            ("appointment_time", "series_appointment_after_pickup",
             pickup and appointment and appointment <= pickup),
            ("return_time", "series_return_after_appointment",
             back and any(at and back <= at for at in (pickup, appointment))),
            ("return_time", "series_will_call_has_a_time", self.return_will_call and not back),
        )  # fmt: skip
        wrong = {field: says[rule] for field, rule, broken in rules if broken}
        if self.first_day and self.last_day and self.last_day < self.first_day:
            wrong["last_day"] = _("The last day is before the first day.")
        days = [day for day in (self.first_day, self.last_day) if day]
        if any(not FIRST <= day <= LAST for day in days):
            wrong["first_day"] = DAYS_IN_YEARS
        return wrong


class Pause(models.Model):
    """Days without trips, both inclusive: of one standing order, or of all of a client.

    A skipped date is a pause of one day; without `last_day` it goes on until it is ended.
    """

    company = models.ForeignKey(
        Company, models.PROTECT, db_index=False, related_name="pauses", verbose_name=_("company")
    )
    series = models.ForeignKey(
        Series,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="pauses",
        verbose_name=_("standing order"),
    )
    client = models.ForeignKey(
        Client,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="pauses",
        verbose_name=_("client"),
    )
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(
        _("last day"), null=True, blank=True, help_text=_("Leave empty for no end.")
    )
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("pause")
        verbose_name_plural = _("pauses")
        indexes = [
            # bookings.series.template.read_pauses.
            Index(fields=["company", "last_day"], name="idx_pause_company_last_day"),
        ]
        constraints = [
            SameOwner(
                name="pause_series_of_company",
                fields=["series", "company"],
                to_fields=["id", "company"],
                says=_("It belongs to another company."),
            ),
            Check(
                condition=Q(series__isnull=False, client__isnull=True)
                | Q(series__isnull=True, client__isnull=False),
                name="pause_of_one",
                says=_("Choose a standing order or a client, not both."),
            ),
            Check(
                condition=Q(first_day__gte=FIRST, first_day__lte=LAST)
                & (Q(last_day__isnull=True) | Q(last_day__lte=LAST)),
                name="pause_days_known",
                says=DAYS_IN_YEARS,
                field="first_day",
            ),
            Check(
                condition=Q(last_day__isnull=True) | Q(last_day__gte=F("first_day")),
                name="pause_ends_after_start",
                says=_("The last day is before the first day."),
                field="last_day",
            ),
        ]

    def __str__(self) -> str:
        first = date_format(self.first_day, "SHORT_DATE_FORMAT")
        if self.last_day == self.first_day:
            return first
        last = date_format(self.last_day, "SHORT_DATE_FORMAT") if self.last_day else "…"
        return f"{first} – {last}"

    def clean(self) -> None:
        if self.company_id is None:  # on a page of its parent, which gives it the company
            return
        for name in ("series", "client"):
            other = getattr(self, name)
            if other and other.company_id != self.company_id:
                raise ValidationError({name: _("It belongs to another company.")})


def _clock(value: Any) -> str:
    return f"{value:%H:%M}" if isinstance(value, time) else "…"
