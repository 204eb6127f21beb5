"""Absences of vehicles: the workshop, an inspection."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from drivers.db.indexes import Index
from drivers.db.rules import Check
from drivers.models.fleet import Vehicle
from drivers.models.values import within_years
from drivers.times import shown_period


class VehicleAbsence(models.Model):
    """A period in which a vehicle cannot be driven; it overrides the shifts that name it."""

    class Reason(models.TextChoices):
        WORKSHOP = "workshop", _("workshop")
        INSPECTION = "inspection", _("inspection")
        OTHER = "other", _("other")

    vehicle = models.ForeignKey(
        Vehicle, models.CASCADE, db_index=False, related_name="absences", verbose_name=_("vehicle")
    )
    start_at = models.DateTimeField(_("start"))
    end_at = models.DateTimeField(_("end"))
    reason = models.CharField(_("reason"), max_length=20, choices=Reason, default=Reason.WORKSHOP)
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("vehicle absence")
        verbose_name_plural = _("vehicle absences")
        indexes = [
            # dispatch.day.queries.read_drivers and dispatch.forecast.rows.read_absences: the
            # absences of a vehicle that have not ended when a day starts.
            Index(fields=["vehicle", "end_at"], name="idx_vehicle_absence_end"),
        ]
        constraints = [
            Check(
                condition=Q(start_at__lt=F("end_at")),
                name="vehicle_absence_starts_before_end",
                says=_("The end must be after the start."),
                field="end_at",
            ),
            within_years("vehicle_absence_start_in_years", "start_at"),
            within_years("vehicle_absence_end_in_years", "end_at"),
        ]

    def __str__(self) -> str:
        return shown_period(self.start_at, self.end_at)
