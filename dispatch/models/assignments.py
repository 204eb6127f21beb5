"""Who drives what: the assignments that runs and people made. Times are stored in UTC."""

from datetime import date, timedelta

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from bookings.models import Booking
from dispatch.models.runs import DispatchRun
from drivers.db.bulk import OneStatementInserts
from drivers.db.constraints import NoOverlap
from drivers.db.indexes import Index, SqliteIndex
from drivers.db.rules import CHOICE, Check, Unique
from drivers.models import Company, Driver, within_years

OPEN_ASSIGNMENT_STATUSES = ["planned", "en_route", "in_progress"]
OPEN = Q(is_open=True)


class AssignmentQuerySet(OneStatementInserts):
    def open(self) -> "AssignmentQuerySet":
        return self.filter(OPEN)


def of_day(company: Company, day: date) -> Q:
    """Return the condition of the trips of a local day, which is that of the wanted pickup.

    As `Booking.objects.on`. The indexes are by the planned pickup, which is less than a day away
    from the wanted one.
    """
    start_at, end_at = company.day_bounds(day)
    return Q(
        booking__scheduled_time__gte=start_at,
        booking__scheduled_time__lt=end_at,
        planned_pickup_at__gte=start_at - timedelta(days=1),
        planned_pickup_at__lt=end_at + timedelta(days=1),
    )


class Assignment(models.Model):
    """A driver assigned to a booking. Rows are superseded: they are the history.

    They are deleted only with the log of a trip that is long over (`trips.clear_log`).

    `planned_pickup_at` is the start of boarding, `planned_dropoff_at` the arrival at the dropoff;
    `arrived_at` is when the driver arrived at the pickup. `sequence` is the planned pickup in
    seconds since the day's start, so that a trip inserted between others renumbers no row.
    `superseded_by` is the run that ended the assignment.

    Trips in which clients ride together are one stretch of their driver, from empty to empty:
    `stretch` is its number (`day.stretches`). Only trips of one stretch may overlap. A trip alone
    is a stretch of its own and has no number.
    """

    class Status(models.TextChoices):
        PLANNED = "planned", _("planned")
        EN_ROUTE = "en_route", _("driver en route")
        IN_PROGRESS = "in_progress", _("on board")
        COMPLETED = "completed", _("completed")
        CANCELED = "canceled", _("canceled")
        NO_SHOW = "no_show", _("no-show")
        SUPERSEDED = "superseded", _("superseded")

    # No foreign key checks on both, to save a look-up for each row: the company is the booking's,
    # and whoever writes for a run completes that row in the same transaction, or writes nothing.
    company = models.ForeignKey(
        Company,
        models.PROTECT,
        db_index=False,
        db_constraint=False,
        related_name="assignments",
        verbose_name=_("company"),
    )
    run = models.ForeignKey(
        DispatchRun,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        db_constraint=False,
        related_name="assignments",
        verbose_name=_("run"),
    )
    booking = models.ForeignKey(
        Booking,
        models.PROTECT,
        db_index=False,
        related_name="assignments",
        verbose_name=_("booking"),
    )
    driver = models.ForeignKey(
        Driver, models.PROTECT, db_index=False, related_name="assignments", verbose_name=_("driver")
    )
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.PLANNED)
    is_open = models.GeneratedField(
        expression=Q(status__in=OPEN_ASSIGNMENT_STATUSES),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    sequence = models.IntegerField(_("sequence"))
    planned_pickup_at = models.DateTimeField(_("planned pickup"))
    planned_dropoff_at = models.DateTimeField(_("planned dropoff"))
    arrived_at = models.DateTimeField(_("arrived at the pickup"), null=True, blank=True)
    actual_pickup_at = models.DateTimeField(_("actual pickup"), null=True, blank=True)
    actual_dropoff_at = models.DateTimeField(_("actual dropoff"), null=True, blank=True)
    confirmed = models.BooleanField(_("confirmed"), default=False)
    locked = models.BooleanField(_("locked"), default=False)
    stretch = models.BigIntegerField(_("shared stretch"), null=True, editable=False)
    explanation = models.JSONField(_("explanation"), default=dict, blank=True)
    superseded_by = models.ForeignKey(
        DispatchRun,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="superseded",
        verbose_name=_("superseded by"),
    )
    created_at = models.DateTimeField(_("created at"))
    updated_at = models.DateTimeField(_("updated at"))

    objects = AssignmentQuerySet.as_manager()

    customer_path = "booking__customer"

    class Meta:
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")
        indexes = [
            # The assignments of a booking: day.queries.read_bookings, trips.locking.locked_trip.
            Index(fields=["booking", "-created_at"], name="idx_assignment_booking_created"),
            # What a run assigned: admin.run_page.changes_of, runs.revert.revert_run.
            Index(fields=["run", "status"], name="idx_assignment_run_status"),
            # The trips around a day: day.queries.day_and_around. A company's list, newest first:
            # admin.assignments.AssignmentAdmin, api.assignments.AssignmentViewSet.
            Index(
                fields=["company", "planned_pickup_at", "id"], name="idx_assignment_company_pickup"
            ),
            # A company's list filtered by status: admin.assignments.AssignmentAdmin.
            Index(
                fields=["company", "status", "planned_pickup_at", "id"],
                name="idx_assignment_company_status",
            ),
            # The trips of a driver: trips.driver_sick.report_sick, api.me.MeViewSet.day,
            # trips.fleet_changes.change_of_fleet.
            Index(fields=["driver", "planned_pickup_at"], name="idx_assignment_driver_pickup"),
            # The trigger against double booking on SQLite: drivers.db.constraints.NoOverlap.
            SqliteIndex(
                fields=["driver", "planned_pickup_at"],
                condition=OPEN,
                name="idx_assignment_open_driver",
            ),
            # What a run superseded: runs.revert.revert_run, admin.run_page.changes_of.
            Index(
                fields=["superseded_by"],
                condition=Q(superseded_by__isnull=False),
                name="idx_assignment_superseded_by",
            ),
        ]
        constraints = [
            Unique(
                fields=["booking"],
                condition=OPEN,
                name="assignment_one_open_per_booking",
                says=_("The booking already has a driver."),
                field="booking",
            ),
            NoOverlap(
                name="assignment_no_double_booking",
                owner="driver",
                start="planned_pickup_at",
                end="planned_dropoff_at",
                only="is_open",
                together="stretch",
                violation_error_message=_("The driver has another trip at this time."),
            ),
            Check(
                condition=Q(planned_pickup_at__lte=F("planned_dropoff_at")),
                name="assignment_pickup_before_dropoff",
                says=_("The dropoff must not be before the pickup."),
                field="planned_dropoff_at",
            ),
            within_years("assignment_arrived_in_years", "arrived_at"),
            within_years("assignment_pickup_in_years", "actual_pickup_at"),
            within_years("assignment_dropoff_in_years", "actual_dropoff_at"),
            Check(
                condition=Q(
                    status__in=[
                        *OPEN_ASSIGNMENT_STATUSES,
                        "completed",
                        "canceled",
                        "no_show",
                        "superseded",
                    ]
                ),
                name="assignment_status_known",
                says=CHOICE,
                field="status",
            ),
        ]

    def __str__(self):
        return f"{self.booking_id} → {self.driver_id} {self.get_status_display()}"
