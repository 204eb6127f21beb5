"""Say what happened to bookings without a driver, from the log: 1 query for all of them."""

from collections.abc import Collection
from datetime import date, datetime
from typing import NamedTuple

from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext as _

from bookings.models import Event
from dispatch.models import DispatchRun
from drivers.models import Company

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


def what_happened(company: Company, day: date, booking_ids: Collection[int]) -> dict[int, Happened]:
    """Return the last event of each booking that has one: 1 query, none without bookings."""
    if not booking_ids:
        return {}
    planned = DispatchRun.objects.filter(
        company=OuterRef("company"), day=day, status=DispatchRun.Status.COMPLETED
    ).order_by("-id")
    rows = (
        Event.objects.filter(company=company, booking__any_of=sorted(booking_ids), kind__in=KINDS)
        .annotate(planned_at=Subquery(planned.values("started_at")[:1]))
        .order_by("id")
        .values_list("booking_id", "kind", "at", "reason", "planned_at")
    )
    return {row.booking_id: row for row in map(Happened._make, rows)}


def told(company: Company, day: date, row: Happened | None) -> str:
    """Say it if the booking was released, or the last plan did not know it; else nothing."""
    if row is None:
        return ""
    values = {"at": company.clock(row.at, day), "why": row.reason}
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
