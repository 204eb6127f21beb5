"""The event log, its actors and channels."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from bookings.models.booking import Booking
from drivers.companies.actors import Door
from drivers.db.bulk import OneStatementInserts
from drivers.db.constraints import AppendOnly, NumberedInCommitOrder
from drivers.db.indexes import Index
from drivers.models import Company
from drivers.times import shown


class Event(models.Model):
    """One entry of the append-only log: what changed, when, by whom, from what to what.

    Written in the same transaction as the change. `assignment_id` and `run_id` are plain numbers,
    because this app does not know the dispatch app above it. `old` and `new` hold only the fields
    that changed, dates as ISO 8601 in UTC. The database does not check the foreign keys: the
    writer of an event has locked its row, and the log may outlive it.
    """

    class Kind(models.TextChoices):
        BOOKING_CREATED = "booking.created", _("booking created")
        BOOKING_CHANGED = "booking.changed", _("booking changed")
        BOOKING_STATUS = "booking.status", _("booking status changed")
        BOOKING_REOPENED = "booking.reopened", _("booked again")
        BOOKING_CORRECTED = "booking.corrected", _("booking status taken back")
        ASSIGNED = "assignment.created", _("assigned")
        ASSIGNMENT_CHANGED = "assignment.changed", _("assignment changed")
        MOVED = "assignment.moved", _("moved to another driver or time")
        RELEASED = "assignment.released", _("released")
        UNDONE = "trip.undone", _("undone")
        WEBHOOK_DISABLED = "webhook.disabled", _("webhook disabled")

    company = models.ForeignKey(
        Company,
        models.PROTECT,
        db_index=False,
        db_constraint=False,
        related_name="events",
        verbose_name=_("company"),
    )
    booking = models.ForeignKey(
        Booking,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        db_constraint=False,
        related_name="events",
        verbose_name=_("booking"),
    )
    assignment_id = models.BigIntegerField(_("assignment"), null=True, blank=True)
    run_id = models.BigIntegerField(_("run"), null=True, blank=True)
    kind = models.CharField(_("kind"), max_length=40, choices=Kind)
    at = models.DateTimeField(_("at"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("user"),
    )
    actor = models.CharField(_("by"), max_length=100, blank=True)
    door = models.CharField(_("channel"), max_length=20, choices=Door)
    old = models.JSONField(_("before"), default=dict, blank=True)
    new = models.JSONField(_("after"), default=dict, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    objects = OneStatementInserts.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            # EventViewSet.list and dispatch.board.queries.last_event: the feed of a company.
            Index(fields=["company", "id"], name="idx_event_company"),
            # dispatch.admin.events.EventAdmin: the list of a company, newest first, and of a day.
            Index(fields=["company", "at", "id"], name="idx_event_company_at"),
            # dispatch.admin.events.EventAdmin and EventViewSet.list: those of a kind, which may be
            # few among millions.
            Index(fields=["company", "kind", "at", "id"], name="idx_event_company_kind"),
            # bookings.history.history_of, EventViewSet.list and dispatch.admin.events.EventAdmin:
            # the events of a booking.
            Index(fields=["booking", "id"], name="idx_event_booking"),
        ]
        constraints = [
            AppendOnly(name="event_append_only"),
            # A reader who asks for "events after 7" misses none.
            NumberedInCommitOrder(name="event_in_commit_order", owner="company"),
        ]

    def __str__(self) -> str:
        return f"{shown(self.at)} {self.get_kind_display()}"
