"""The runs of the planner. `day` is a day in the company's timezone."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from drivers.db.indexes import Index
from drivers.db.rules import CHOICE, Between, Check, Unique
from drivers.models import IN_YEARS, Company
from drivers.times import EARLIEST, LATEST

# Runs that only compare, whatever has become of them; as `DispatchRun.is_comparison`.
COMPARISON = Q(settings__has_key="what_if")


class DispatchRun(models.Model):
    """One attempt to plan a company's day.

    While it is `running` it holds the day: a conditional unique constraint excludes other runs.
    Who works on it has its `lease`, until `claim_ends_at` unless that is renewed. A preview does
    not hold the day: it is `planning`, then a `preview` until it is applied (then it runs) or
    discarded. What only asks “what if” (`runs.comparison`) is `planning`, then
    `compared` for good.
    """

    class Status(models.TextChoices):
        RUNNING = "running", _("running")
        COMPLETED = "completed", _("completed")
        FAILED = "failed", _("failed")
        PLANNING = "planning", _("preview under way")
        PREVIEW = "preview", _("preview")
        DISCARDED = "discarded", _("discarded")
        COMPARED = "compared", _("comparison")

    UNDER_WAY = (Status.RUNNING, Status.PLANNING)

    class Trigger(models.TextChoices):
        ADMIN = "admin", _("admin")
        API = "api", _("API")
        COMMAND = "command", _("command line")
        WORKER = "worker", _("background worker")

    company = models.ForeignKey(
        Company, models.PROTECT, db_index=False, related_name="runs", verbose_name=_("company")
    )
    day = models.DateField(_("day"))
    trigger = models.CharField(_("trigger"), max_length=20, choices=Trigger)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("user"),
    )
    actor = models.CharField(_("by"), max_length=100, blank=True)
    reverts = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, db_index=False, verbose_name=_("takes back")
    )
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.RUNNING)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    claim_ends_at = models.DateTimeField(_("claim ends at"))
    # Of who works on it; empty while it waits for a worker.
    lease = models.CharField(max_length=120, blank=True, editable=False)
    # Of the sentences that a worker writes: of who asked for the run.
    language = models.CharField(
        max_length=10, blank=True, default="", db_default="", editable=False
    )
    # How often a worker has begun with it.
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    settings = models.JSONField(_("settings used"), default=dict, blank=True)
    metrics = models.JSONField(_("metrics"), default=dict, blank=True)
    unassigned = models.JSONField(_("unassigned"), default=list, blank=True)
    timings = models.JSONField(_("timings"), default=dict, blank=True)
    # {"phase": ..., "bookings": ...} of a run in the background.
    progress = models.JSONField(_("progress"), default=dict, blank=True)
    # The rest of its report: drivers and notices; or what was compared.
    outcome = models.JSONField(_("outcome"), default=dict, blank=True)
    previous_breaks = models.JSONField(default=dict, editable=False)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("dispatch run")
        verbose_name_plural = _("dispatch runs")
        indexes = [
            # The runs of a day: board.queries.read_last, board.run_views.toolbar,
            # manifest.read_manifest.
            Index(fields=["company", "day", "id"], name="idx_run_company_day"),
        ]
        constraints = [
            Unique(
                fields=["company", "day"],
                condition=Q(status="running"),
                name="run_one_at_a_time",
                says=_("Another run of this day is under way."),
                field="day",
            ),
            Check(
                condition=Q(
                    status__in=[
                        "running",
                        "completed",
                        "failed",
                        "planning",
                        "preview",
                        "discarded",
                        "compared",
                    ]
                ),
                name="run_status_known",
                says=CHOICE,
                field="status",
            ),
            Between(
                name="run_day_in_years",
                field="day",
                first=EARLIEST.date(),
                end=LATEST.date(),
                says=IN_YEARS,
            ),
        ]

    def __str__(self):
        return (
            f"#{self.pk} {date_format(self.day, 'SHORT_DATE_FORMAT')} {self.get_status_display()}"
        )

    @property
    def is_under_way(self):
        return self.status in self.UNDER_WAY

    @property
    def is_comparison(self):
        """Say whether it only compares, whatever has become of it."""
        return "what_if" in self.settings

    @property
    def started_clock(self):
        """Return when it started, local to the company (join it): people know a plan by that."""
        return self.company.clock(self.started_at, self.day)


class StoredPlan(models.Model):
    """The plan of a preview, and what it was made from; deleted when it is applied or discarded.

    `trips` are [booking, driver, pickup, dropoff], in seconds of the day, `breaks` are {shift:
    start}, and `seal` is described in `runs.previews`.
    """

    run = models.OneToOneField(
        DispatchRun,
        models.CASCADE,
        primary_key=True,
        related_name="stored_plan",
        verbose_name=_("run"),
    )
    trips = models.JSONField()
    breaks = models.JSONField()
    seal = models.JSONField()

    class Meta:
        verbose_name = _("stored plan")
        verbose_name_plural = _("stored plans")

    def __str__(self):
        return str(_("plan of run #%(run)s")) % {"run": self.pk}
