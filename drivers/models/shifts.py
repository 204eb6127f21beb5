"""Shifts with their vehicles, weekly shift templates and absences of drivers."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from drivers.db.constraints import NoOverlap
from drivers.db.indexes import Index, PostgresqlIndex
from drivers.db.noted import NotesPeriods
from drivers.db.rules import CHOICE, Check, Unique
from drivers.models.fleet import Driver, Vehicle
from drivers.models.values import SHIFT_AT_MOST, within_years
from drivers.times import shown_period


class OneDriver(NoOverlap):
    """No vehicle is in two shifts at once; who has it, and when, is said."""

    def message_for(self, other: "Shift") -> str:
        return driven_by(other)


def driven_by(shift: "Shift") -> str:
    """Say who has the vehicle of a shift, and when."""
    return gettext("%(driver)s drives %(vehicle)s: %(period)s.") % {
        "vehicle": shift.vehicle,
        "driver": shift.driver,
        "period": shown_period(shift.start_at, shift.end_at),
    }


def refuse_foreign_vehicle(driver_id: int | None, vehicle_id: int | None) -> None:
    """Raise ValidationError if the vehicle is not of the driver's company: 1 query, or none."""
    if driver_id is None or vehicle_id is None:
        return
    if not Vehicle.objects.filter(pk=vehicle_id, company__drivers=driver_id).exists():
        raise ValidationError({"vehicle": _("This vehicle belongs to another company.")})


class Shift(models.Model):
    """A driver's working time, at most 24 hours, with a break planned inside its window.

    `vehicle` is the car of the whole shift: without one, nobody can be driven. A shift made of a
    `driver`, by keywords that do not name it, takes the driver's. `break_at` is the start of the
    break in the plan.
    """

    driver = models.ForeignKey(
        Driver, models.CASCADE, db_index=False, related_name="shifts", verbose_name=_("driver")
    )
    vehicle = models.ForeignKey(
        Vehicle,
        models.PROTECT,
        db_index=False,
        null=True,
        blank=True,
        related_name="shifts",
        verbose_name=_("vehicle"),
    )
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
            # dispatch.day.queries.read_drivers, dispatch.forecast.rows.read_shifts and
            # dispatch.manifest.read_manifest: the shifts of drivers that overlap a day.
            Index(fields=["driver", "end_at"], name="idx_shift_driver_end"),
            # OneDriver and its trigger on SQLite, and drivers.fleet.changes: the shifts of a
            # vehicle that have not ended. drivers.fleet.handovers: those before and after a shift.
            Index(fields=["vehicle", "end_at"], name="idx_shift_vehicle_end"),
            # The lists of ShiftAdmin and ShiftViewSet, by time. SQLite sorts faster than it reads
            # this.
            PostgresqlIndex(fields=["start_at"], name="idx_shift_start"),
        ]
        constraints = [
            NoOverlap(name="shift_no_overlap", owner="driver", start="start_at", end="end_at"),
            OneDriver(
                name="shift_vehicle_no_overlap",
                owner="vehicle",
                start="start_at",
                end="end_at",
                field="vehicle",
            ),
            Check(
                condition=Q(start_at__lt=F("end_at")),
                name="shift_starts_before_end",
                says=_("The end must be after the start."),
                field="end_at",
            ),
            NotesPeriods(
                name="shift_changes_noted",
                into="drivers_rosterchange",
                fields=["driver", "start_at", "end_at"],
                besides=["break_min", "vehicle"],
            ),
            within_years("shift_start_in_years", "start_at"),
            within_years("shift_end_in_years", "end_at"),
            within_years("shift_break_from_in_years", "break_from_at"),
            within_years("shift_break_until_in_years", "break_until_at"),
            Check(
                condition=Q(end_at__lte=F("start_at") + SHIFT_AT_MOST),
                name="shift_within_24_hours",
                says=_("A shift must end within 24 hours of its start."),
                field="end_at",
            ),
            Check(
                condition=Q(break_min=0)
                | Q(
                    break_from_at__isnull=False,
                    break_until_at__isnull=False,
                    break_from_at__gte=F("start_at"),
                    break_until_at__lte=F("end_at"),
                    break_from_at__lt=F("break_until_at"),
                ),
                name="shift_break_inside",
                says=_(
                    "A break needs a time window inside the shift: give both “break not before” "
                    "and “break ends by”, or 0 minutes."
                ),
            ),
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        driver = kwargs.get("driver")
        if driver is not None and not kwargs.keys() & {"vehicle", "vehicle_id"}:
            kwargs["vehicle_id"] = driver.vehicle_id
        super().__init__(*args, **kwargs)

    def __str__(self) -> str:
        return shown_period(self.start_at, self.end_at)

    def clean(self) -> None:
        earliest, latest = self.break_from_at, self.break_until_at
        if earliest and latest and latest - earliest < timedelta(minutes=self.break_min):
            raise ValidationError({"break_min": _("The break is longer than its time window.")})
        refuse_foreign_vehicle(self.driver_id, self.vehicle_id)


class RosterChange(models.Model):
    """A period in which a driver's shifts or absences have changed: the database notes each.

    For those who count hours of past days (`dispatch.reports.refresh`), who delete what they have
    seen. Without foreign keys: it outlives what it tells of.
    """

    driver_id = models.BigIntegerField()
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()

    class Meta:
        indexes = [
            # dispatch.reports.refresh: the changes of a company's drivers.
            Index(fields=["driver_id"], name="idx_rosterchange_driver"),
        ]

    def __str__(self) -> str:
        return shown_period(self.start_at, self.end_at)


class Weekday(models.IntegerChoices):
    """The days of the week, numbered as `date.weekday()` does."""

    MONDAY = 0, _("Monday")
    TUESDAY = 1, _("Tuesday")
    WEDNESDAY = 2, _("Wednesday")
    THURSDAY = 3, _("Thursday")
    FRIDAY = 4, _("Friday")
    SATURDAY = 5, _("Saturday")
    SUNDAY = 6, _("Sunday")


class ShiftTemplate(models.Model):
    """A driver's shift on a weekday, in the company's local time, from which shifts are created.

    An end that is not after the start is on the next day. See `drivers.fleet.fill_weeks`.
    """

    driver = models.ForeignKey(
        Driver,
        models.CASCADE,
        db_index=False,
        related_name="shift_templates",
        verbose_name=_("driver"),
    )
    vehicle = models.ForeignKey(
        Vehicle,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="shift_templates",
        verbose_name=_("vehicle"),
        help_text=_("Leave empty for the driver's vehicle."),
    )
    weekday = models.PositiveSmallIntegerField(_("weekday"), choices=Weekday)
    start = models.TimeField(_("start"))
    end = models.TimeField(
        _("end"), help_text=_("A time that is not after the start is on the next day.")
    )
    break_min = models.PositiveSmallIntegerField(
        _("break (minutes)"), default=0, help_text=_("0 means no break.")
    )
    break_from = models.TimeField(
        _("break not before"),
        null=True,
        blank=True,
        help_text=_("Leave empty for the start of the shift."),
    )
    break_until = models.TimeField(
        _("break ends by"),
        null=True,
        blank=True,
        help_text=_("Leave empty for the end of the shift."),
    )

    class Meta:
        verbose_name = _("weekly shift")
        verbose_name_plural = _("weekly shifts")
        constraints = [
            Unique(
                fields=["driver", "weekday", "start"],
                name="shift_template_once",
                violation_error_message=_(
                    "The driver already has a shift that starts at this time."
                ),
            ),
            Check(
                condition=Q(weekday__lte=6),
                name="shift_template_weekday_known",
                says=CHOICE,
                field="weekday",
            ),
            Check(
                condition=~Q(start=F("end")),
                name="shift_template_not_empty",
                violation_error_message=_("The end must differ from the start."),
            ),
            Check(
                condition=Q(break_min__lte=480),
                name="shift_template_break_sensible",
                says=_("A break must be from 0 to 480 minutes."),
                field="break_min",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.start:%H:%M}–{self.end:%H:%M}"

    def clean(self) -> None:
        refuse_foreign_vehicle(self.driver_id, self.vehicle_id)


class Absence(models.Model):
    """A period in which a driver does not work; it overrides the shifts."""

    class Reason(models.TextChoices):
        HOLIDAY = "holiday", _("holiday")
        SICK = "sick", _("sick")
        TRAINING = "training", _("training")
        OTHER = "other", _("other")

    driver = models.ForeignKey(
        Driver, models.CASCADE, db_index=False, related_name="absences", verbose_name=_("driver")
    )
    start_at = models.DateTimeField(_("start"))
    end_at = models.DateTimeField(_("end"))
    reason = models.CharField(_("reason"), max_length=20, choices=Reason, default=Reason.OTHER)
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("absence")
        verbose_name_plural = _("absences")
        indexes = [
            # dispatch.day.queries.read_drivers and dispatch.forecast.rows.read_absences: the
            # absences that have not ended when a day starts.
            Index(fields=["driver", "end_at"], name="idx_absence_driver_end"),
        ]
        constraints = [
            Check(
                condition=Q(start_at__lt=F("end_at")),
                name="absence_starts_before_end",
                says=_("The end must be after the start."),
                field="end_at",
            ),
            NotesPeriods(
                name="absence_changes_noted",
                into="drivers_rosterchange",
                fields=["driver", "start_at", "end_at"],
            ),
            within_years("absence_start_in_years", "start_at"),
            within_years("absence_end_in_years", "end_at"),
        ]

    def __str__(self) -> str:
        return shown_period(self.start_at, self.end_at)
