"""Say what happened to bookings without a driver, from the log: 1 query for all of them."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext as _

from bookings.models import Event
from dispatch.day.load import Day
from dispatch.day.reasons import clock
from dispatch.models import DispatchRun

KINDS = (
    Event.Kind.BOOKING_CREATED,
    Event.Kind.BOOKING_CHANGED,
    Event.Kind.BOOKING_STATUS,
    Event.Kind.RELEASED,
)


class Happened(NamedTuple):
    """The last event of a booking that a plan could know of, and when the last plan was made."""

    booking_id: int
    kind: str
    at: datetime
    reason: str
    planned_at: datetime | None


def what_happened(day: Day, booking_ids: Collection[int]) -> dict[int, str]:
    """Return a sentence for each booking that was released, or that the last plan did not know."""
    if not booking_ids:
        return {}
    planned = DispatchRun.objects.filter(
        company=OuterRef("company"), day=day.day, status=DispatchRun.Status.COMPLETED
    ).order_by("-id")
    rows = (
        Event.objects.filter(
            company=day.company, booking__any_of=sorted(booking_ids), kind__in=KINDS
        )
        .annotate(planned_at=Subquery(planned.values("started_at")[:1]))
        .order_by("id")
        .values_list("booking_id", "kind", "at", "reason", "planned_at")
    )
    last = {row.booking_id: row for row in map(Happened._make, rows)}
    return {i: text for i, row in last.items() if (text := _sentence(day, row))}


def _sentence(day: Day, row: Happened) -> str:
    values = {"at": clock(day.company, day.day, row.at), "why": row.reason}
    if row.kind == Event.Kind.RELEASED:
        if row.reason:
            return _("Lost its driver at %(at)s: %(why)s") % values
        return _("Lost its driver at %(at)s.") % values
    if row.planned_at is None:
        return _("The day has not been planned yet.")
    if row.at <= row.planned_at:
        return ""
    if row.kind == Event.Kind.BOOKING_CREATED:
        return _("Booked at %(at)s, after the last plan.") % values
    return _("Changed at %(at)s, after the last plan.") % values
