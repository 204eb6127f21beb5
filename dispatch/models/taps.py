"""What drivers report on their phones."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from drivers.db.indexes import Index
from drivers.db.rules import Unique
from drivers.models import Device
from drivers.times import shown


class Tap(models.Model):
    """What a driver reported on the phone, and what became of it: each once, by the phone's `key`.

    `at` is the time of the tap by the server's clock: a phone's clock that is wrong was put right
    when the tap arrived, at `received_at`. `booking_id` is a plain number, as the phone sent it.
    `said` is the sentence that the driver was told.
    """

    class Kind(models.TextChoices):
        EN_ROUTE = "en_route", _("driver en route")
        ARRIVED = "arrived", _("arrived at the pickup")
        ON_BOARD = "on_board", _("on board")
        DONE = "done", _("completed")
        NO_SHOW = "no_show", _("no-show")
        CONFIRM = "confirm", _("trip confirmed")
        DECLINE = "decline", _("trip declined")
        BREAK_BEGINS = "break_begins", _("break begun")
        BREAK_ENDS = "break_ends", _("break ended")
        SHIFT_ENDS = "shift_ends", _("shift ended")
        MESSAGE = "message", _("message")
        TAKE_BACK = "take_back", _("taken back")

    class Outcome(models.TextChoices):
        DONE = "done", _("recorded")
        SAME = "same", _("was so already")
        REFUSED = "refused", _("refused")

    device = models.ForeignKey(
        Device, models.CASCADE, db_index=False, related_name="taps", verbose_name=_("phone")
    )
    key = models.CharField(max_length=36, editable=False)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    booking_id = models.BigIntegerField(_("booking"), null=True, blank=True)
    at = models.DateTimeField(_("at"))
    received_at = models.DateTimeField(_("received at"))
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    said = models.TextField(_("answer"), blank=True)

    class Meta:
        verbose_name = _("tap on a phone")
        verbose_name_plural = _("taps on phones")
        indexes = [
            # dispatch.trips.taps.clear_taps: those of long ago.
            Index(fields=["received_at"], name="idx_tap_received"),
        ]
        constraints = [
            Unique(
                fields=["device", "key"],
                name="tap_once",
                says=_("This tap was received already."),
            ),
        ]

    def __str__(self):
        return f"{self.get_kind_display()} {shown(self.at)}"
