"""How the trips of the running day are expected to go: facts that the worker keeps."""

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bookings.models import Booking
from dispatch.models.assignments import Assignment
from drivers.db.bulk import OneStatementInserts
from drivers.db.indexes import Index
from drivers.models import Company

FRESH = timedelta(minutes=2)


def is_foreseen(now: datetime) -> Q:
    """Return the condition of assignments whose expected times are of now."""
    return Q(expected__isnull=False, company__forecast_state__kept_at__gte=now - FRESH)


class ExpectedTrip(models.Model):
    """When an open trip of the running day is expected to begin and end.

    There is one as long as the trip is open (`dispatch.forecast.keep`); `assignment` is who drove
    it when it was written. `late_min` are whole minutes after the pickup window or the appointment,
    0 if in time. `is_late` is what the log has told last: it changes less easily. `is_silent`
    if the driver should have reported, and has reported nothing on this day: nobody knows then.
    """

    company = models.ForeignKey(
        Company, models.CASCADE, db_index=False, related_name="+", verbose_name=_("company")
    )
    booking = models.OneToOneField(
        Booking, models.CASCADE, related_name="expected", verbose_name=_("booking")
    )
    assignment = models.OneToOneField(
        Assignment, models.CASCADE, related_name="expected", verbose_name=_("assignment")
    )
    pickup_at = models.DateTimeField(_("expected pickup"))
    dropoff_at = models.DateTimeField(_("expected dropoff"))
    late_min = models.IntegerField(_("late (minutes)"), default=0)
    is_late = models.BooleanField(_("late"), default=False)
    is_silent = models.BooleanField(_("without a report"), default=False, db_default=False)

    objects = OneStatementInserts.as_manager()

    customer_path = "booking__customer"

    class Meta:
        verbose_name = _("expected trip")
        verbose_name_plural = _("expected trips")
        indexes = [
            # dispatch.forecast.keep: those of a company.
            Index(fields=["company"], name="idx_expected_company"),
        ]

    def __str__(self):
        return f"{self.booking_id} {self.pickup_at:%H:%M}"


class ForecastState(models.Model):
    """Of when a company's expected trips are, and what was known then.

    `event_id` is the last event, `position_at` the last position. One worker at a time has claimed
    the company, since `claimed_at`.
    """

    company = models.OneToOneField(
        Company,
        models.CASCADE,
        primary_key=True,
        related_name="forecast_state",
        verbose_name=_("company"),
    )
    kept_at = models.DateTimeField(null=True)
    event_id = models.BigIntegerField(default=0)
    position_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("forecast state")
        verbose_name_plural = _("forecast states")

    def __str__(self):
        return f"{self.company_id} {self.kept_at}"
