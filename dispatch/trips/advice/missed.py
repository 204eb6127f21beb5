"""Say why nobody drives a booking whose pickup window has passed: what the plan in time found."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import NamedTuple

from django.utils.translation import gettext as _

from dispatch.day.reasons import EXCLUDED, Values, translated
from dispatch.models import DispatchRun
from drivers.models import Company

# The code of what a plan says of a booking that it came too late for.
PASSED = "window_passed"
# How many plans are looked at, from the last one back.
PLANS = 4


class Missed(NamedTuple):
    """When the booking was last changed, None if unknown, and the end of its pickup window."""

    changed_at: datetime | None
    latest_at: datetime


class LeftOut(NamedTuple):
    """What the plan of this moment said of a booking, as it is stored."""

    planned_at: datetime
    row: Values


def left_out(company: Company, day: date, missed: Mapping[int, Missed]) -> dict[int, LeftOut]:
    """Return what the last plan in time said of each booking: 1 query, none without bookings.

    A plan is in time for a booking if it began after its last change, and before its window ended.
    """
    if not missed:
        return {}
    runs = DispatchRun.objects.filter(
        company=company,
        day=day,
        status=DispatchRun.Status.COMPLETED,
        started_at__lte=max(one.latest_at for one in missed.values()),
    ).order_by("-id")
    found: dict[int, LeftOut] = {}
    for started_at, unassigned in runs.values_list("started_at", "unassigned")[:PLANS]:
        for row in unassigned:
            one = missed.get(row["booking"])
            if one and row["booking"] not in found and in_time(row, started_at, one):
                found[row["booking"]] = LeftOut(started_at, row)
    return found


def in_time(row: Values, planned_at: datetime, missed: Missed) -> bool:
    """Return whether the plan that stored this row could have placed the booking."""
    known = missed.changed_at is None or missed.changed_at <= planned_at
    return known and planned_at <= missed.latest_at and row.get("reason") != PASSED


def why_missed(
    company: Company,
    day: date,
    latest_at: datetime,
    found: LeftOut | None,
    name: Callable[[str], str] = str,
) -> str:
    """Say what the plan found, and when the window ended; `name` is that of `translated`."""
    ended = _(EXCLUDED[PASSED]) % {"latest_s": company.clock(latest_at, day)}
    if found is None:
        return ended
    values = {
        "at": company.clock(found.planned_at, day),
        "why": translated(found.row, name)["detail"],
    }
    return f"{_('The plan of %(at)s left it out: %(why)s') % values} {ended}"
