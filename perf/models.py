"""What was measured, kept: a row for each run of a command that was told to keep it."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    PROFILE = "profile", _("profile of a dispatch")
    DISPATCH = "benchmark_dispatch", _("benchmark of the dispatch")
    INDEXES = "benchmark_indexes", _("benchmark of the indexes")
    LOAD = "load_test", _("load test")
    PLANNER = "planner", _("benchmark of the planner")


class Measurement(models.Model):
    """One result. Only those of one kind, engine, size and machine can be compared.

    `figures` are numbers by name, each of them a line in the charts: a name ends in its unit
    (`total_ms`, `read_ratio`; without one it is a count), and less is better unless it ends in
    `_per_s`. Lists and texts may lie beside them; `indexes` is the table of indexes (see
    `perf.trends.store`).
    """

    kind = models.CharField(_("kind"), max_length=30, choices=Kind)
    commit = models.CharField(_("commit"), max_length=50, blank=True)
    at = models.DateTimeField(_("at"))
    engine = models.CharField(_("database"), max_length=20)
    version = models.CharField(_("version"), max_length=50)
    size = models.PositiveIntegerField(_("bookings"), null=True, blank=True)
    machine = models.CharField(_("machine"), max_length=200)
    figures = models.JSONField(_("figures"), default=dict)

    class Meta:
        verbose_name = _("measurement")
        verbose_name_plural = _("history")  # the name of the page in the admin

    def __str__(self):
        return f"{self.get_kind_display()}, {self.commit or '?'}, {self.at:%Y-%m-%d %H:%M}"


class SampleKind(models.TextChoices):
    DOOR = "door", _("requests of a door")
    STATEMENT = "statement", _("slow statement")
    LOOP = "loop", _("loop")
    WAIT = "wait", _("wait")
    PLAN = "plan", _("plan of a slow statement")


class Sampled(models.Model):
    """What one process sampled of one thing in one hour (see `perf.sampling`); nobody's values.

    `count` are requests of a door, runs of a statement, requests in which a loop or a wait was
    found; `statements` are those sent in them. `buckets` is a histogram of milliseconds
    (`perf.sampling.histogram`). A plan belongs to no process: `hour` is when it was last seen.
    """

    key = models.CharField(max_length=32, unique=True)
    kind = models.CharField(_("kind"), max_length=10, choices=SampleKind)
    release = models.CharField(_("release"), max_length=50, blank=True)
    process = models.CharField(max_length=16, blank=True)
    hour = models.DateTimeField(_("hour"))
    door = models.CharField(_("door"), max_length=200, blank=True)
    place = models.CharField(_("place"), max_length=300, blank=True)
    statement = models.TextField(_("statement"), blank=True)
    count = models.PositiveIntegerField(default=0)
    statements = models.PositiveBigIntegerField(default=0)
    total_ms = models.FloatField(default=0)
    max_ms = models.FloatField(default=0)
    buckets = models.JSONField(default=dict)
    detail = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("sample")
        verbose_name_plural = _("samples")
        indexes = [
            # perf.sampling.compare.read_releases, perf.sampling.store.forget
            models.Index(fields=["release", "hour"], name="idx_sampled_release_hour"),
        ]

    def __str__(self):
        return f"{self.get_kind_display()}, {self.door or self.place}, {self.hour:%Y-%m-%d %H}"
