"""The fleet: whose it is, who drives what, and when they work.

Times are stored in UTC; a company's day is a day in its own timezone. Periods are half-open.
Positions are degrees, WGS 84. Durations carry their unit.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from drivers import lookups  # noqa: F401  registers `any_of`
from drivers.constraints import NoOverlap
from drivers.indexes import Index

SHIFT_AT_MOST = timedelta(hours=24)

LATITUDE = {"validators": [MinValueValidator(-90), MaxValueValidator(90)]}
LONGITUDE = {"validators": [MinValueValidator(-180), MaxValueValidator(180)]}


def on_earth(prefix, *, optional=False):
    """Return the condition that a position's two columns lie on the globe, or are both empty."""
    inside = Q(
        **{
            f"{prefix}_lat__gte": -90,
            f"{prefix}_lat__lte": 90,
            f"{prefix}_lon__gte": -180,
            f"{prefix}_lon__lte": 180,
        }
    )
    if not optional:
        return inside
    empty = Q(**{f"{prefix}_lat__isnull": True, f"{prefix}_lon__isnull": True})
    known = Q(**{f"{prefix}_lat__isnull": False, f"{prefix}_lon__isnull": False})
    return empty | (known & inside)


def validate_timezone(name):
    if name not in available_timezones():
        raise ValidationError(
            _("“%(name)s” is not a timezone; use an IANA name such as Europe/Zurich."),
            params={"name": name},
        )


def validate_tags(value):
    """Accept a list of short lower-case words, each once."""
    if (
        not isinstance(value, list)
        or not all(isinstance(tag, str) and tag and tag == tag.strip().lower() for tag in value)
        or len(set(value)) != len(value)
    ):
        raise ValidationError(
            _("Write a list of different lower-case words, such as [“stretcher”, “oxygen”].")
        )


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
            "Minutes, 0 to 720. An outbound client may be picked up this much before the wanted "
            "time."
        ),
    )
    pickup_late_min = models.PositiveSmallIntegerField(
        _("late pickup (minutes)"),
        default=15,
        validators=[MaxValueValidator(720)],
        help_text=_(
            "Minutes, 0 to 720. An outbound client may wait this long after the wanted time."
        ),
    )
    return_late_min = models.PositiveSmallIntegerField(
        _("late return (minutes)"),
        default=30,
        validators=[MaxValueValidator(720)],
        help_text=_(
            "Minutes, 0 to 720. A client going home may wait this long; nobody goes home early."
        ),
    )
    boarding_min = models.PositiveSmallIntegerField(
        _("boarding (minutes)"),
        default=3,
        validators=[MaxValueValidator(120)],
        help_text=_("Minutes, 0 to 120. From the arrival at the pickup until the car leaves."),
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
            "too high a number makes every trip late."
        ),
    )
    circuity = models.FloatField(
        _("circuity"),
        default=1.35,
        validators=[MinValueValidator(1), MaxValueValidator(5)],
        help_text=_(
            "A factor, 1 to 5. Road distance over straight distance: 1.35 makes 10 km in the air "
            "13.5 km on the road."
        ),
    )
    max_bookings_per_driver = models.PositiveSmallIntegerField(
        _("bookings per driver and day"),
        default=14,
        validators=[MinValueValidator(1), MaxValueValidator(200)],
        help_text=_("Trips, 1 to 200. A driver's own number goes before it."),
    )
    freeze_min = models.PositiveSmallIntegerField(
        _("freeze (minutes)"),
        default=30,
        validators=[MaxValueValidator(1440)],
        help_text=_(
            "Minutes, 0 to 1440. No run moves a trip whose pickup is nearer than this; people may."
        ),
    )
    fairness = models.PositiveIntegerField(
        _("weight of fairness"),
        default=10,
        validators=[MaxValueValidator(3600)],
        help_text=_(
            "Seconds of empty driving, 0 to 3600, that more even loads are worth; 0 ignores "
            "fairness."
        ),
    )
    emergency_cost_min = models.PositiveSmallIntegerField(
        _("cost of an emergency driver (minutes)"),
        default=60,
        validators=[MaxValueValidator(1440)],
        help_text=_(
            "Minutes of empty driving, 0 to 1440, that leaving an emergency driver at home is "
            "worth."
        ),
    )

    class Meta:
        verbose_name = _("company")
        verbose_name_plural = _("companies")
        constraints = [
            models.UniqueConstraint(fields=["slug"], name="company_slug_unique"),
            models.CheckConstraint(condition=on_earth("depot"), name="company_depot_on_earth"),
            models.CheckConstraint(
                condition=Q(speed_kmh__gt=0, speed_kmh__lte=200), name="company_speed_sensible"
            ),
            models.CheckConstraint(
                condition=Q(circuity__gte=1, circuity__lte=5), name="company_circuity_sensible"
            ),
            models.CheckConstraint(
                condition=Q(pickup_early_min__lte=720)
                & Q(pickup_late_min__lte=720)
                & Q(return_late_min__lte=720),
                name="company_windows_sensible",
            ),
            models.CheckConstraint(
                condition=Q(boarding_min__lte=120) & Q(alighting_min__lte=120),
                name="company_boarding_sensible",
            ),
            models.CheckConstraint(
                condition=Q(max_bookings_per_driver__gte=1, max_bookings_per_driver__lte=200)
                & Q(freeze_min__lte=1440)
                & Q(fairness__lte=3600)
                & Q(emergency_cost_min__lte=1440),
                name="company_policy_sensible",
            ),
        ]

    def __str__(self):
        return self.name

    @cached_property
    def zone(self):
        return ZoneInfo(self.timezone)

    def day_bounds(self, day: date) -> tuple[datetime, datetime]:
        """Return the start and the end of a local day in UTC: 23 to 25 hours apart."""
        start = datetime.combine(day, time.min, self.zone)
        end = datetime.combine(day + timedelta(days=1), time.min, self.zone)
        return start.astimezone(UTC), end.astimezone(UTC)

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)


class Role(models.TextChoices):
    OWNER = "owner", _("owner")
    DISPATCHER = "dispatcher", _("dispatcher")
    VIEWER = "viewer", _("viewer")
    DRIVER = "driver", _("driver")
    CLIENT_API = "client_api", _("client system")


class Membership(models.Model):
    """What a user may do in a company."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, related_name="memberships"
    )
    company = models.ForeignKey(Company, models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=20, choices=Role)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["user", "company"], name="membership_once"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self):
        return f"{self.user_id} {self.role} {self.company_id}"


class Vehicle(models.Model):
    """A car: `seats` ordinary seats beside `wheelchair_places`, driver not counted."""

    company = models.ForeignKey(Company, models.PROTECT, db_index=False, related_name="vehicles")
    plate = models.CharField(_("plate"), max_length=20)
    seats = models.PositiveSmallIntegerField(_("seats"), default=4)
    wheelchair_places = models.PositiveSmallIntegerField(_("wheelchair places"), default=0)
    skills = models.JSONField(_("equipment"), default=list, blank=True, validators=[validate_tags])

    class Meta:
        verbose_name = _("vehicle")
        verbose_name_plural = _("vehicles")
        constraints = [
            models.UniqueConstraint(fields=["company", "plate"], name="vehicle_plate_unique"),
            models.CheckConstraint(
                condition=Q(seats__lte=100, wheelchair_places__lte=20), name="vehicle_size_sensible"
            ),
        ]

    def __str__(self):
        return self.plate


AVAILABLE = Q(is_active=True, is_available=True)


class DriverQuerySet(models.QuerySet):
    def available(self):
        return self.filter(AVAILABLE)


class Driver(models.Model):
    """A person who drives; `is_active` is employed, `is_available` can be planned now."""

    class Kind(models.TextChoices):
        REGULAR = "regular", _("regular")
        EMERGENCY = "emergency", _("emergency")

    company = models.ForeignKey(Company, models.PROTECT, db_index=False, related_name="drivers")
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="driver"
    )
    name = models.CharField(_("name"), max_length=100)
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    vehicle = models.ForeignKey(
        Vehicle, models.PROTECT, null=True, blank=True, related_name="drivers"
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind, default=Kind.REGULAR)
    is_active = models.BooleanField(_("active"), default=True)
    is_available = models.BooleanField(_("available"), default=True)
    skills = models.JSONField(_("skills"), default=list, blank=True, validators=[validate_tags])
    max_bookings = models.PositiveSmallIntegerField(
        _("bookings per day"),
        null=True,
        blank=True,
        help_text=_("Empty: the company's number."),
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
            # rows.read_drivers: the drivers a plan may use.
            Index(fields=["company"], condition=AVAILABLE, name="idx_driver_company_available"),
            # Everything else that lists a company's drivers, the others included.
            Index(fields=["company", "name"], name="idx_driver_company_name"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=on_earth("home", optional=True), name="driver_home_on_earth"
            ),
            models.CheckConstraint(
                condition=on_earth("last", optional=True), name="driver_last_on_earth"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["regular", "emergency"]), name="driver_kind_known"
            ),
        ]

    def __str__(self):
        return self.name

    def clean(self):
        if self.vehicle_id and self.company_id and self.vehicle.company_id != self.company_id:
            raise ValidationError({"vehicle": _("This vehicle belongs to another company.")})


class Shift(models.Model):
    """A driver's working time, at most 24 hours, with a break planned inside its window.

    `break_at` is the start that the plan gave the break.
    """

    driver = models.ForeignKey(Driver, models.CASCADE, db_index=False, related_name="shifts")
    start_at = models.DateTimeField(_("start"))
    end_at = models.DateTimeField(_("end"))
    break_min = models.PositiveSmallIntegerField(_("break (minutes)"), default=0)
    break_from_at = models.DateTimeField(_("break not before"), null=True, blank=True)
    break_until_at = models.DateTimeField(_("break ends by"), null=True, blank=True)
    break_at = models.DateTimeField(_("planned break"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("shift")
        verbose_name_plural = _("shifts")
        indexes = [
            # rows.read_drivers: the shifts that touch a day, and the lists of a driver's shifts.
            Index(fields=["driver", "end_at"], name="idx_shift_driver_end"),
        ]
        constraints = [
            NoOverlap(name="shift_no_overlap", owner="driver", start="start_at", end="end_at"),
            models.CheckConstraint(
                condition=Q(start_at__lt=F("end_at")), name="shift_starts_before_end"
            ),
            models.CheckConstraint(
                condition=Q(end_at__lte=F("start_at") + SHIFT_AT_MOST), name="shift_within_24_hours"
            ),
            models.CheckConstraint(
                condition=Q(break_min=0)
                | Q(
                    break_from_at__isnull=False,
                    break_until_at__isnull=False,
                    break_from_at__gte=F("start_at"),
                    break_until_at__lte=F("end_at"),
                    break_from_at__lt=F("break_until_at"),
                ),
                name="shift_break_inside",
            ),
        ]

    def __str__(self):
        return f"{self.driver_id}: {self.start_at:%Y-%m-%d %H:%M}–{self.end_at:%H:%M} UTC"

    def clean(self):
        window = self.break_from_at and self.break_until_at
        if window and self.break_until_at - self.break_from_at < timedelta(minutes=self.break_min):
            raise ValidationError(
                {"break_min": _("The break is longer than the time it must lie in.")}
            )


class Weekday(models.IntegerChoices):
    """As `date.weekday()` counts."""

    MONDAY = 0, _("Monday")
    TUESDAY = 1, _("Tuesday")
    WEDNESDAY = 2, _("Wednesday")
    THURSDAY = 3, _("Thursday")
    FRIDAY = 4, _("Friday")
    SATURDAY = 5, _("Saturday")
    SUNDAY = 6, _("Sunday")


class ShiftTemplate(models.Model):
    """What a driver works on a weekday, in the company's clock times: shifts are made of it.

    An end that is not after the start is on the next day. See `drivers.weeks`.
    """

    driver = models.ForeignKey(
        Driver, models.CASCADE, db_index=False, related_name="shift_templates"
    )
    weekday = models.PositiveSmallIntegerField(_("weekday"), choices=Weekday)
    start = models.TimeField(_("start"))
    end = models.TimeField(
        _("end"), help_text=_("Not after the start: the shift ends on the next day.")
    )
    break_min = models.PositiveSmallIntegerField(
        _("break (minutes)"), default=0, help_text=_("0: no break is planned.")
    )
    break_from = models.TimeField(
        _("break not before"), null=True, blank=True, help_text=_("Empty: from the start.")
    )
    break_until = models.TimeField(
        _("break ends by"), null=True, blank=True, help_text=_("Empty: by the end.")
    )

    class Meta:
        verbose_name = _("weekly shift")
        verbose_name_plural = _("weekly shifts")
        constraints = [
            models.UniqueConstraint(
                fields=["driver", "weekday", "start"],
                name="shift_template_once",
                violation_error_message=_("The driver already begins a shift at this time."),
            ),
            models.CheckConstraint(
                condition=Q(weekday__lte=6), name="shift_template_weekday_known"
            ),
            models.CheckConstraint(
                condition=~Q(start=F("end")),
                name="shift_template_not_empty",
                violation_error_message=_("The end must differ from the start."),
            ),
            models.CheckConstraint(
                condition=Q(break_min__lte=480), name="shift_template_break_sensible"
            ),
        ]

    def __str__(self):
        return f"{self.driver_id}: {self.get_weekday_display()} {self.start:%H:%M}–{self.end:%H:%M}"


class Absence(models.Model):
    """A time in which a driver does not work, whatever the shifts say."""

    class Reason(models.TextChoices):
        HOLIDAY = "holiday", _("holiday")
        SICK = "sick", _("sick")
        TRAINING = "training", _("training")
        OTHER = "other", _("other")

    driver = models.ForeignKey(Driver, models.CASCADE, db_index=False, related_name="absences")
    start_at = models.DateTimeField(_("start"))
    end_at = models.DateTimeField(_("end"))
    reason = models.CharField(_("reason"), max_length=20, choices=Reason, default=Reason.OTHER)
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("absence")
        verbose_name_plural = _("absences")
        indexes = [
            # rows.read_drivers: the absences that have not ended when a day starts.
            Index(fields=["driver", "end_at"], name="idx_absence_driver_end"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(start_at__lt=F("end_at")), name="absence_starts_before_end"
            ),
        ]

    def __str__(self):
        return f"{self.driver_id}: {self.start_at:%Y-%m-%d %H:%M}–{self.end_at:%Y-%m-%d %H:%M} UTC"


NARROWER = {
    Role.OWNER: {Role.OWNER, Role.DISPATCHER, Role.VIEWER, Role.CLIENT_API},
    Role.DISPATCHER: {Role.DISPATCHER, Role.VIEWER, Role.CLIENT_API},
    Role.VIEWER: {Role.VIEWER},
    Role.DRIVER: {Role.DRIVER},
    Role.CLIENT_API: {Role.CLIENT_API},
}


class ApiToken(models.Model):
    """A key to the API: of one user or machine, for one company, in one role.

    Only the SHA-256 of the key is stored: 256 random bits need no slow hash. It ends with
    `expires_at`, `revoked_at`, the membership, or when the membership no longer covers the role.
    """

    membership = models.ForeignKey(Membership, models.CASCADE, related_name="tokens")
    role = models.CharField(_("role"), max_length=20, choices=Role)
    name = models.CharField(_("name"), max_length=100)
    digest = models.CharField(max_length=64, editable=False)
    ending = models.CharField(_("ends with"), max_length=4, editable=False)
    created_at = models.DateTimeField(_("created at"))
    expires_at = models.DateTimeField(_("expires at"))
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    last_used_at = models.DateTimeField(
        _("last used at"), null=True, blank=True, help_text=_("To the hour.")
    )

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        constraints = [
            models.UniqueConstraint(fields=["digest"], name="api_token_digest_unique"),
            models.CheckConstraint(
                condition=Q(created_at__lt=F("expires_at")), name="api_token_expires_later"
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="api_token_role_known"),
        ]

    def __str__(self):
        return f"{self.name} …{self.ending}"


from drivers.stored_answers import StoredAnswer  # noqa: E402,F401  a table of this app
