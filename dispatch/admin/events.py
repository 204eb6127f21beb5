"""The page of the log: what happened, to which trip, who did it and when."""

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from bookings.admin.list_filters import DayFilter
from bookings.history import NOTHING, lines_of
from bookings.models import Event
from dispatch.admin.trip_search import FindsByTrip
from drivers.admin.base import ListsOneCompany, ReadsPage

TOLD_IN_FULL = (Event.Kind.BOOKING_CHANGED, Event.Kind.CLIENT_CHANGED)


class EventDayFilter(DayFilter):
    """The day on which it happened."""

    field = "at"

    def lookups(self, request, model_admin):
        return [
            ("today", _("Today")),
            ("yesterday", _("Yesterday")),
            ("past", _("Last 7 days")),
        ]


@admin.register(Event)
class EventAdmin(ReadsPage, ListsOneCompany, FindsByTrip):
    list_display = ["at", "what", "trip", "who"]
    list_select_related = ["user", "booking__client"]
    list_filter = [EventDayFilter, "kind"]
    sortable_by = ["at"]
    ordering = ["-at", "-id"]
    list_max_show_all = 0
    fieldsets = [
        (None, {"fields": ["at", "what", "trip", "who"]}),
        (
            _("For developers"),
            {
                "fields": ["id", "kind", "door", "run_id", "assignment_id", "old", "new", "reason"],
                "classes": ["collapse"],
            },
        ),
    ]

    def read_page(self, request, rows):
        """Tell the events of the page: 3 statements at most."""
        for event, line in zip(rows, lines_of(request.company, rows, changes=True), strict=True):
            event.line = line

    def get_object(self, request, object_id, from_field=None):
        event = super().get_object(request, object_id, from_field)
        if event is not None:
            [event.line] = lines_of(request.company, [event], changes=True)
        return event

    @admin.display(description=_("what happened"))
    def what(self, event):
        changes = event.line.changes if event.kind in TOLD_IN_FULL else []
        parts = [f"{c.field}: {c.new}" if c.old == NOTHING else f"{c.field}: {c.old} → {c.new}"
                 for c in changes]  # fmt: skip
        parts += [f"“{event.line.reason}”"] if event.line.reason else []
        return format_html(
            "<strong>{}</strong>{}", event.line.what, "".join(f" · {p}" for p in parts)
        )

    @admin.display(description=_("trip"))
    def trip(self, event):
        booking = event.booking
        if booking is None:
            return None
        at = date_format(timezone.localtime(booking.scheduled_time), "SHORT_DATETIME_FORMAT")
        return format_html(
            '<a class="underline" href="{}">{}</a> {}',
            reverse("admin:bookings_booking_change", args=[booking.pk]),
            booking.client or booking,
            at,
        )

    @admin.display(description=_("by"))
    def who(self, event):
        line = event.line
        return line.who if line.who == line.door else f"{line.who} ({line.door})"
