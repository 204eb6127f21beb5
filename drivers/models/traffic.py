"""Traffic factors: how much slower drives are by the hour of the week, in versions."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from drivers.db.indexes import Index
from drivers.db.rules import CHOICE, Check
from drivers.models.company import Company

DAYS, HOURS = 7, 24  # Monday first, hours local to the company
LEAST, MOST = 0.5, 3.0


def validate_factors(value: Any) -> None:
    """Raise ValidationError unless the value is [] or a week of factors: 7 lists of 24."""
    if value == []:
        return
    if (
        not isinstance(value, list)
        or len(value) != DAYS
        or not all(isinstance(day, list) and len(day) == HOURS for day in value)
    ):
        raise ValidationError(_("Traffic needs 7 days of 24 factors each, or none at all."))
    for day in value:
        for factor in day:
            if not isinstance(factor, float | int) or not LEAST <= factor <= MOST:
                raise ValidationError(
                    _("A traffic factor must be from %(least)s to %(most)s, not “%(value)s”."),
                    params={"least": LEAST, "most": MOST, "value": factor},
                )


class TrafficVersion(models.Model):
    """The traffic factors of a company from one moment on; the newest are those of its plans.

    Rows are never changed: to restore an earlier version is a new one. `factors` are 7 lists of
    24, or [] for free roads. Of learned ones, `learned` says from what: {"from": day, "until": day,
    "rides": number, "left_out": number, "counts": 7 x 24 rides, "within": 7 x 24 half widths of the
    95 % intervals}.
    """

    class Source(models.TextChoices):
        LEARNED = "learned", _("learned from completed trips")
        EDITED = "edited", _("entered by hand")
        RESTORED = "restored", _("restored")

    company = models.ForeignKey(
        Company, models.CASCADE, db_index=False, related_name="+", verbose_name=_("company")
    )
    made_at = models.DateTimeField(_("made at"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("user"),
    )
    actor = models.CharField(_("by"), max_length=100, blank=True)
    source = models.CharField(_("source"), max_length=20, choices=Source)
    factors = models.JSONField(_("factors"), validators=[validate_factors])
    learned = models.JSONField(_("learned from"), default=dict, blank=True)

    class Meta:
        verbose_name = _("traffic")
        verbose_name_plural = _("traffic")
        indexes = [
            # The versions of a company: dispatch.admin.traffic.
            Index(fields=["company", "id"], name="idx_traffic_company"),
        ]
        constraints = [
            Check(
                condition=Q(source__in=["learned", "edited", "restored"]),
                name="traffic_source_known",
                says=CHOICE,
                field="source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.made_at:%Y-%m-%d} {self.get_source_display()}"
