"""Transport companies and their planning policy."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from datetime import timezone as fixed_zone
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from drivers.db.references import HasDefaultCustomer
from drivers.db.rules import POSITION, Check, KeptCheck, Unique
from drivers.models.values import LATITUDE, LONGITUDE, FromOrZero, on_earth, validate_timezone
from drivers.public_holidays import validate_calendar
from drivers.times import clock

STRETCHER = "stretcher"  # the need of a trip with somebody who lies


# For how long a company may say that its log is kept: not less than a year and its accounts.
LOG_MONTHS = (13, 240)


class Company(models.Model):
    """A transport company, and the policy its plans follow."""

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(_("short name"), max_length=50, db_index=False)
    timezone = models.CharField(_("timezone"), max_length=64, validators=[validate_timezone])
    depot_lat = models.FloatField(_("depot latitude"), **LATITUDE)
    depot_lon = models.FloatField(_("depot longitude"), **LONGITUDE)
    pickup_early_min = models.PositiveSmallIntegerField(
        _("early pickup (minutes)"),
        default=10,
        validators=[MaxValueValidator(720)],
        help_text=_(
            "Minutes, 0 to 720. An outbound client may be picked up this long before the requested "
            "time."
        ),
    )
    pickup_late_min = models.PositiveSmallIntegerField(
        _("late pickup (minutes)"),
        default=15,
        validators=[MaxValueValidator(720)],
        help_text=_(
            "Minutes, 0 to 720. An outbound client may be picked up this long after the requested "
            "time."
        ),
    )
    return_late_min = models.PositiveSmallIntegerField(
        _("late return (minutes)"),
        default=30,
        validators=[MaxValueValidator(720)],
        help_text=_(
            "Minutes, 0 to 720. A client going home may wait this long and is never picked up "
            "early."
        ),
    )
    appointment_margin_min = models.PositiveSmallIntegerField(
        _("margin before appointments (minutes)"),
        default=5,
        validators=[MaxValueValidator(120)],
        help_text=_(
            "Minutes, 0 to 120. A run plans arrivals this long before the appointment, unless a "
            "trip would be left out for it."
        ),
    )
    boarding_min = models.PositiveSmallIntegerField(
        _("boarding (minutes)"),
        default=3,
        validators=[MaxValueValidator(120)],
        help_text=_("Minutes, 0 to 120. From the arrival at the pickup until the vehicle leaves."),
    )
    boarding_wheelchair_min = models.PositiveSmallIntegerField(
        _("boarding with a wheelchair (minutes)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(120)],
        help_text=_(
            "Minutes, 0 to 120. Boarding of whoever travels in a wheelchair. Empty: as for others."
        ),
    )
    boarding_stretcher_min = models.PositiveSmallIntegerField(
        _("boarding on a stretcher (minutes)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(120)],
        help_text=_(
            "Minutes, 0 to 120. Boarding of trips with the need “stretcher”. Empty: as for others."
        ),
    )
    alighting_min = models.PositiveSmallIntegerField(
        _("alighting (minutes)"),
        default=2,
        validators=[MaxValueValidator(120)],
        help_text=_("Minutes, 0 to 120. From the arrival at the dropoff until the driver is free."),
    )
    speed_kmh = models.FloatField(
        _("speed (km/h)"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(200)],
        help_text=_(
            "Kilometres an hour, 1 to 200. Average on the road, stops at lights included; "
            "too high a value makes every trip late."
        ),
    )
    circuity = models.FloatField(
        _("detour of the roads (factor)"),
        default=1.35,
        validators=[MinValueValidator(1), MaxValueValidator(5)],
        help_text=_(
            "A factor, 1 to 5. How much longer the roads are than the straight line: 1.35 turns "
            "10 km as the crow flies into 13.5 km. Too low a value makes trips late, too high a "
            "value lets drivers wait."
        ),
    )
    # The factors of the newest TrafficVersion, here so that reading a company has them.
    traffic = models.JSONField(_("traffic"), default=list, blank=True, editable=False)
    max_bookings_per_driver = models.PositiveSmallIntegerField(
        _("bookings per driver and day"),
        default=14,
        validators=[MinValueValidator(1), MaxValueValidator(200)],
        help_text=_("Trips, 1 to 200. A driver's own number takes precedence."),
    )
    freeze_min = models.PositiveSmallIntegerField(
        _("freeze (minutes)"),
        default=30,
        validators=[MaxValueValidator(1440)],
        help_text=_(
            "Minutes, 0 to 1440. A run does not move a trip whose pickup is closer than this; a "
            "dispatcher can."
        ),
    )
    fairness = models.PositiveIntegerField(
        _("even workload (weight)"),
        default=10,
        validators=[MaxValueValidator(3600)],
        help_text=_(
            "0 to 3600. The higher, the more evenly trips are shared out, and the more is driven "
            "without passengers. A trip goes to a driver with 2 trips instead of one with 12 if "
            "that costs at most 3 minutes more at 10, 20 minutes at 60; 0 ignores the workload."
        ),
    )
    emergency_cost_min = models.PositiveSmallIntegerField(
        _("cost of a reserve driver (minutes)"),
        default=60,
        validators=[MaxValueValidator(1440)],
        help_text=_(
            "Minutes, 0 to 1440. A reserve driver drives only what nobody else can, or where it "
            "saves more than this much driving without passengers."
        ),
    )
    correction_hours = models.PositiveSmallIntegerField(
        _("corrections (hours)"),
        default=24,
        db_default=24,
        validators=[MaxValueValidator(720)],
        help_text=_(
            "Hours, 0 to 720. A dispatcher may take back “completed”, “no-show” and a cancellation "
            "for so long; 0 never."
        ),
    )
    plan_without_roads = models.BooleanField(
        _("plan without the road server"),
        default=False,
        db_default=False,
        help_text=_(
            "If the road server fails, a run goes on with the driving times it knows and the "
            "straight line for the others, and says so. Otherwise it is refused."
        ),
    )

    on_time_early_min = models.PositiveSmallIntegerField(
        _("on time: early (minutes)"),
        default=10,
        db_default=10,
        validators=[MaxValueValidator(720)],
        help_text=_(
            "Minutes, 0 to 720. In reports, a trip whose vehicle is at the pickup at most this "
            "long before the requested time is on time."
        ),
    )
    on_time_late_min = models.PositiveSmallIntegerField(
        _("on time: late (minutes)"),
        default=15,
        db_default=15,
        validators=[MaxValueValidator(720)],
        help_text=_(
            "Minutes, 0 to 720. In reports, a trip whose vehicle is at the pickup at most this "
            "long after the requested time is on time."
        ),
    )
    keep_log_months = models.PositiveSmallIntegerField(
        _("keep the log (months)"),
        default=0,
        db_default=0,
        validators=[FromOrZero(LOG_MONTHS[0]), MaxValueValidator(LOG_MONTHS[1])],
        help_text=_(
            "Months, 13 to 240, or 0 for ever. The log of trips that were over for so long is "
            "deleted, with the assignments that came to nothing; trips, who drove them when, and "
            "reports stay. This cannot be undone."
        ),
    )
    forget_after_months = models.PositiveSmallIntegerField(
        _("forget clients (months)"),
        default=0,
        db_default=0,
        validators=[MaxValueValidator(240)],
        help_text=_(
            "Months, 0 to 240. A client without trips for so long is forgotten, and trips as old "
            "without a client lose addresses, notes and references; 0 never. This cannot be "
            "undone: manage.py forget_expired --dry-run tells who it would be."
        ),
    )
    series_days_ahead = models.PositiveSmallIntegerField(
        _("standing orders ahead (days)"),
        default=14,
        db_default=14,
        validators=[MaxValueValidator(366)],
        help_text=_(
            "Days, 0 to 366. The trips of standing orders are booked this long before they are "
            "driven."
        ),
    )
    holiday_country = models.CharField(
        _("country of the holidays"),
        max_length=2,
        blank=True,
        default="",
        db_default="",
        help_text=_("A code such as CH. Standing orders may leave out its public holidays."),
    )
    holiday_canton = models.CharField(
        _("canton of the holidays"),
        max_length=12,
        blank=True,
        default="",
        db_default="",
        help_text=_("A code such as GE; empty for the holidays of the whole country."),
    )
    expiry_days = models.PositiveSmallIntegerField(
        _("warning before papers expire (days)"),
        default=30,
        db_default=30,
        validators=[MaxValueValidator(366)],
        help_text=_(
            "Days, 0 to 366. The roster and the lists of drivers and vehicles warn so long before "
            "a licence, permit, insurance or inspection expires."
        ),
    )
    expired_stop = models.BooleanField(
        _("no trips with expired papers"),
        default=False,
        db_default=False,
        help_text=_(
            "Whether a driver or vehicle with an expired paper is given no trips from that day on."
        ),
    )

    shares_rides = models.BooleanField(
        _("shared rides"),
        default=False,
        db_default=False,
        help_text=_(
            "Whether several clients may be in one vehicle at a time. Of clients and bookings that "
            "may not ride with others, nobody else is on board."
        ),
    )
    ride_factor = models.FloatField(
        _("longest ride (factor)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(10)],
        help_text=_(
            "1 to 10. A client is on board at most so many times as long as the direct ride: with "
            "1.5, at most 30 minutes instead of 20. Empty for no such limit."
        ),
    )
    ride_added_min = models.PositiveSmallIntegerField(
        _("longer ride (minutes)"),
        null=True,
        blank=True,
        default=15,
        db_default=15,
        validators=[MaxValueValidator(720)],
        help_text=_(
            "Minutes, 0 to 720. A client is on board at most so much longer than the direct ride: "
            "with 15, at most 35 minutes instead of 20. Empty for no such limit. Of several limits "
            "the smallest holds."
        ),
    )
    ride_longest_min = models.PositiveSmallIntegerField(
        _("longest ride (minutes)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(720)],
        help_text=_(
            "Minutes, 1 to 720. No client is on board for longer, but for a direct ride that takes "
            "longer. Empty for no such limit."
        ),
    )
    ride_cost_percent = models.PositiveSmallIntegerField(
        _("price of riding longer (percent)"),
        default=10,
        db_default=10,
        validators=[MaxValueValidator(1000)],
        help_text=_(
            "Percent, 0 to 1000. At 10, a client rides 10 minutes longer if that saves more than 1 "
            "minute of driving; at 100, if it saves more than 10."
        ),
    )

    class Meta:
        verbose_name = _("company")
        verbose_name_plural = _("companies")
        constraints = [
            Unique(
                fields=["slug"],
                name="company_slug_unique",
                says=_("Another company has this short name: choose a different one."),
                field="slug",
            ),
            Check(
                condition=on_earth("depot"),
                name="company_depot_on_earth",
                says=POSITION,
            ),
            Check(
                condition=Q(speed_kmh__gt=0, speed_kmh__lte=200),
                name="company_speed_sensible",
                says=_("The speed must be above 0 and at most 200 km/h."),
                field="speed_kmh",
            ),
            Check(
                condition=Q(circuity__gte=1, circuity__lte=5),
                name="company_circuity_sensible",
                says=_("The detour of the roads must be from 1 to 5."),
                field="circuity",
            ),
            Check(
                condition=Q(pickup_early_min__lte=720)
                & Q(pickup_late_min__lte=720)
                & Q(return_late_min__lte=720),
                name="company_windows_sensible",
                says=_(
                    "Early pickups, late pickups and late returns must be from 0 to 720 minutes."
                ),
            ),
            Check(
                condition=Q(appointment_margin_min__lte=120),
                name="company_margin_sensible",
                says=_("The margin before appointments must be from 0 to 120 minutes."),
                field="appointment_margin_min",
            ),
            Check(
                condition=Q(boarding_min__lte=120)
                & Q(boarding_wheelchair_min__lte=120)
                & Q(boarding_stretcher_min__lte=120)
                & Q(alighting_min__lte=120),
                name="company_boarding_sensible",
                says=_("Boarding and alighting must be from 0 to 120 minutes."),
            ),
            Check(
                condition=Q(max_bookings_per_driver__gte=1, max_bookings_per_driver__lte=200)
                & Q(freeze_min__lte=1440)
                & Q(fairness__lte=3600)
                & Q(emergency_cost_min__lte=1440),
                name="company_policy_sensible",
                says=_(
                    "Bookings per driver must be from 1 to 200, the freeze and the cost of a "
                    "reserve driver from 0 to 1440 minutes, the weight of an "
                    "even workload from 0 to 3600."
                ),
            ),
            Check(
                condition=Q(correction_hours__lte=720),
                name="company_corrections_sensible",
                says=_("Corrections must be from 0 to 720 hours."),
                field="correction_hours",
            ),
            HasDefaultCustomer(name="company_has_default_customer"),
            KeptCheck(
                condition=Q(keep_log_months=0)
                | Q(keep_log_months__gte=LOG_MONTHS[0], keep_log_months__lte=LOG_MONTHS[1]),
                name="company_keeps_log_sensibly",
                says=_("The log is kept for 13 to 240 months, or for ever: 0."),
                field="keep_log_months",
            ),
            KeptCheck(
                condition=Q(forget_after_months__lte=240),
                name="company_forgets_sensibly",
                says=_("Clients are forgotten after 1 to 240 months, or never: 0."),
                field="forget_after_months",
            ),
            KeptCheck(
                condition=Q(on_time_early_min__lte=720, on_time_late_min__lte=720),
                name="company_on_time_sensible",
                says=_("What counts as on time must be from 0 to 720 minutes."),
                field="on_time_late_min",
            ),
            KeptCheck(
                condition=Q(series_days_ahead__lte=366),
                name="company_days_ahead_sensible",
                says=_("Standing orders are booked 0 to 366 days ahead."),
                field="series_days_ahead",
            ),
            Check(
                condition=Q(expiry_days__lte=366),
                name="company_expiry_sensible",
                says=_("The warning before papers expire must be from 0 to 366 days."),
                field="expiry_days",
            ),
            Check(
                condition=(Q(ride_factor__isnull=True) | Q(ride_factor__gte=1, ride_factor__lte=10))
                & (Q(ride_added_min__isnull=True) | Q(ride_added_min__lte=720))
                & (
                    Q(ride_longest_min__isnull=True)
                    | Q(ride_longest_min__gte=1, ride_longest_min__lte=720)
                )
                & Q(ride_cost_percent__lte=1000),
                name="company_rides_sensible",
                says=_(
                    "Of shared rides, the factor must be from 1 to 10, the minutes from 0 to 720, "
                    "the price of riding longer from 0 to 1000 percent."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        validate_calendar(self.holiday_country, self.holiday_canton)
        super().clean()

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @cached_property
    def default_customer(self) -> Any:
        """The owner of what names no other customer: 1 statement."""
        return self.customers.get(is_default=True)

    def boarding(
        self, *, passengers: int, wheelchairs: int, needs: Iterable[str], at_place: int | None
    ) -> int:
        """Return the minutes from the arrival at the pickup until the vehicle leaves.

        The longest that anyone on board takes, and at least `at_place`, the place's own minutes.
        A wheelchair user or a passenger on a stretcher takes the company's minutes for them.
        """
        on_stretcher = STRETCHER in needs
        own = []
        if wheelchairs:
            own.append(self.boarding_wheelchair_min)
        if on_stretcher:
            own.append(self.boarding_stretcher_min)
        if passengers > wheelchairs + on_stretcher:
            own.append(None)  # somebody walks
        minutes = [self.boarding_min if own_min is None else own_min for own_min in own]
        return max(minutes if at_place is None else [*minutes, at_place])

    def margin(self, at_place: int | None) -> int:
        """Return the minutes before an appointment: `at_place`, the place's own, or the usual."""
        return self.appointment_margin_min if at_place is None else at_place

    def day_bounds(self, day: date) -> tuple[datetime, datetime]:
        """Return the start and the end of a local day in UTC: 23 to 25 hours apart."""
        start = datetime.combine(day, time.min, self.zone)
        end = datetime.combine(day + timedelta(days=1), time.min, self.zone)
        return start.astimezone(UTC), end.astimezone(UTC)

    def is_same_day(self, moment: datetime, other: datetime) -> bool:
        """Return whether two moments are on one local day."""
        return self.local(moment).date() == self.local(other).date()

    def clock(self, moment: datetime, day: date | None = None) -> str:
        """Write the local clock time (`drivers.times.clock`), with the date if it is not `day`."""
        local = moment.astimezone(self.zone)
        if day is None or local.date() == day:
            return clock(local)
        return f"{clock(local)} ({date_format(local, 'MONTH_DAY_FORMAT')})"

    def day_and_clock(self, moment: datetime) -> str:
        """Write the local day and clock time: 2026-06-17 08:30."""
        local = moment.astimezone(self.zone)
        return f"{local.date()} {clock(local)}"

    def local(self, moment: datetime) -> datetime:
        """Return the moment in local time, with the offset it has then.

        Not with the zone: Python compares and subtracts the clocks of two times in one zone, and in
        the night that is an hour longer 02:50 in summer time is before 02:10 in winter time.
        """
        local = moment.astimezone(self.zone)
        offset, name = cast(timedelta, local.utcoffset()), cast(str, local.tzname())
        return local.replace(tzinfo=fixed_zone(offset, name))
