"""Read the last plan and the last event of a board."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import Subquery

from bookings.models import Event
from dispatch.models import DispatchRun


class RunRow(NamedTuple):
    id: int
    started_at: datetime
    finished_at: datetime | None
    unassigned: list


def read_last(company, day):
    """Return (number of the company's latest event, last completed run of the day): 1 query.

    The number is 0 before the first event, and the run None if there is none, which takes a second
    query. Read it before the rest, so that polling for later events misses none.
    """
    events = Event.objects.filter(company=company).order_by("-id").values_list("id", flat=True)
    runs = DispatchRun.objects.filter(
        company=company, day=day, status=DispatchRun.Status.COMPLETED
    ).order_by("-id")
    found = runs.values_list(*RunRow._fields, Subquery(events[:1])).first()
    if found is None:
        return events.first() or 0, None
    *row, event = found
    return event or 0, RunRow._make(row)
