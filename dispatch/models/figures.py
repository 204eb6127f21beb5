"""What each day was like, counted for the reports."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from drivers.db.bulk import OneStatementInserts
from drivers.db.indexes import Index
from drivers.db.rules import Unique
from drivers.models import Company

# Trips by the minutes of their arrival after the requested pickup, and canceled ones by notice.
MINUTES = (
    "early_over_15",
    "early_to_15",
    "within_5",
    "late_to_10",
    "late_to_15",
    "late_to_30",
    "late_to_60",
    "late_over_60",
)
CANCELED = ("canceled_late", "canceled_short", "canceled_ahead")


class DayFigures(models.Model):
    """What a company's day was like, counted once in each `kind` of row.

    A trip counts on the local day of its requested pickup, in the hour of it; hours and
    kilometres of vehicles on the day on which the shift begins. What a kind does not tell apart is
    0: `customer_id`, `driver_id` (also of bookings without one), `hour`. It tells nothing of
    clients; hours and lateness by `driver_id` are data of employees. No foreign key leads out of it
    but the company's: it outlives what it was counted from.

    Metres and seconds are whole numbers. Of the trips: `canceled_late` less than 2 hours before
    the requested pickup, `canceled_short` less than 24, `canceled_ahead` earlier; `unfinished` are
    still open; `untimed` are done and nobody knows when the vehicle arrived; `appointments_missed`
    arrived after theirs. `trip_m` are the direct ways of the trips done, `ride_s` the time on
    board, `wait_s` that of vehicles at the pickup. Of the vehicles: `loaded_m`, `loaded_s` with
    somebody on board, `empty_m` without; `paid_s` are shifts without absences, breaks (`break_s`)
    included.
    """

    class Kind(models.TextChoices):
        DAY = "day", _("day")
        HOUR = "hour", _("hour")
        CUSTOMER = "customer", _("customer")
        CUSTOMER_HOUR = "customer_hour", _("customer and hour")
        DRIVER = "driver", _("driver")
        # Sums of a month's rows of a driver, on its first day: of a year they are too many to add.
        DRIVER_MONTH = "driver_month", _("driver and month")

    company = models.ForeignKey(
        Company, models.CASCADE, db_index=False, related_name="+", verbose_name=_("company")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    day = models.DateField(_("day"))
    customer_id = models.BigIntegerField(_("customer"), default=0)
    driver_id = models.BigIntegerField(_("driver"), default=0)
    hour = models.PositiveSmallIntegerField(_("hour"), default=0)
    booked = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    no_shows = models.IntegerField(default=0)
    canceled_late = models.IntegerField(default=0)
    canceled_short = models.IntegerField(default=0)
    canceled_ahead = models.IntegerField(default=0)
    unfinished = models.IntegerField(default=0)
    on_time = models.IntegerField(default=0)
    early = models.IntegerField(default=0)
    late = models.IntegerField(default=0)
    untimed = models.IntegerField(default=0)
    early_over_15 = models.IntegerField(default=0)
    early_to_15 = models.IntegerField(default=0)
    within_5 = models.IntegerField(default=0)
    late_to_10 = models.IntegerField(default=0)
    late_to_15 = models.IntegerField(default=0)
    late_to_30 = models.IntegerField(default=0)
    late_to_60 = models.IntegerField(default=0)
    late_over_60 = models.IntegerField(default=0)
    appointments = models.IntegerField(default=0)
    appointments_missed = models.IntegerField(default=0)
    passengers = models.IntegerField(default=0)
    wheelchairs = models.IntegerField(default=0)
    trip_m = models.IntegerField(default=0)
    ride_s = models.IntegerField(default=0)
    wait_s = models.IntegerField(default=0)
    loaded_m = models.IntegerField(default=0)
    loaded_s = models.IntegerField(default=0)
    empty_m = models.IntegerField(default=0)
    paid_s = models.IntegerField(default=0)
    break_s = models.IntegerField(default=0)

    objects = OneStatementInserts.as_manager()

    class Meta:
        verbose_name = _("daily figures")
        verbose_name_plural = _("daily figures")
        indexes = [
            # dispatch.reports.read: the figures of a customer.
            Index(
                fields=["company", "kind", "customer_id", "day"], name="idx_figures_customer_day"
            ),
        ]
        constraints = [
            # dispatch.reports.read and refresh: the figures of a period.
            Unique(
                fields=["company", "kind", "day", "customer_id", "driver_id", "hour"],
                name="figures_once",
                says=_("These figures exist already."),
            ),
        ]

    def __str__(self):
        return f"{self.day} {self.kind}"


# The names of what is counted.
MEASURES = tuple(
    field.name for field in DayFigures._meta.local_fields if type(field) is models.IntegerField
)


class FiguresState(models.Model):
    """How far a company's daily figures follow its log: `dispatch.reports.refresh`.

    They know all events up to `last_event_id`, of the days up to `known_until`; those of the
    `stale` days, ISO dates, are to be counted again, and of the `unjudged` ones only what was on
    time. `definitions` are those by which they were
    counted. Writers compare `version`.
    """

    company = models.OneToOneField(
        Company, models.CASCADE, primary_key=True, related_name="+", verbose_name=_("company")
    )
    version = models.PositiveIntegerField(default=0)
    last_event_id = models.BigIntegerField(default=0)
    known_until = models.DateField(null=True)
    stale = models.JSONField(default=list)
    unjudged = models.JSONField(default=list)
    definitions = models.JSONField(default=dict)
    counted_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("figures state")
        verbose_name_plural = _("figures states")

    def __str__(self):
        return f"{self.company_id} {self.last_event_id}"
