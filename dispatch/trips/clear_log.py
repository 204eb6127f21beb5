"""Delete the log of trips that are long over, where a company keeps it for so many months only.

Of a trip all events go at once, so that what the log tells stays whole, with the assignments that
came to nothing. Trips, who drove them when, and daily figures stay. A trip whose log has anything
newer keeps all of it.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Exists, OuterRef, Q

from bookings.models import OPEN_STATUSES, Booking, Delivery, Event
from dispatch.day.rows import DONE
from dispatch.models import Assignment
from drivers.models import Company
from drivers.times import EARLIEST

MONTH = timedelta(days=365.25 / 12)
PAGE = 2_000  # events that are read at once
MOST = 200_000  # events of a company in one call; the next one goes on
# The database's clock judges too, and may differ from that of this machine.
AN_HOUR = timedelta(hours=1)


class Cleared(NamedTuple):
    """How many events and assignments of a company were deleted."""

    company: Company
    events: int
    assignments: int


def clear_log(*, now: datetime, most: int = MOST) -> Iterator[Cleared]:
    """Delete what companies keep no longer; yield what was done, where something was.

    At most about `most` events of a company, the oldest first. Killed, the next call goes on: each
    page of events is a transaction, of 7 statements at most.
    """
    for company in Company.objects.filter(keep_log_months__gt=0).order_by("id"):
        until = now - company.keep_log_months * MONTH - AN_HOUR
        events, assignments = _of_trips(company, until, most)
        events += _of_the_company(company, until, most)
        if events or assignments:
            yield Cleared(company, events, assignments)


def _of_trips(company: Company, until: datetime, most: int) -> tuple[int, int]:
    """Delete the log of trips, page by page; return how many events and assignments.

    What has to stay does not count, or much of it would hide what comes after for ever.
    """
    events = assignments = 0
    at, event_id = EARLIEST, 0
    while events < most:
        rows = Event.objects.filter(
            Q(at__gt=at) | Q(id__gt=event_id),
            company=company,
            at__gte=at,
            at__lt=until,
            booking__isnull=False,
        ).order_by("at", "id")
        page = list(rows.values_list("at", "id", "booking_id")[:PAGE])
        if not page:
            break
        at, event_id = page[-1][:2]
        with transaction.atomic():
            over = _over({booking_id for _at, _id, booking_id in page if booking_id}, until)
            # `delete` would read all of them first, to find deliveries: these have none.
            events += Event.objects.filter(booking__any_of=over)._raw_delete(DEFAULT_DB_ALIAS)
            vain = Assignment.objects.filter(booking__any_of=over, is_open=False)
            assignments += vain.exclude(status__in=sorted(DONE)).delete()[0]
    return events, assignments


def _over(booking_ids: Collection[int], until: datetime) -> list[int]:
    """Return those of the bookings, locked, whose whole log is older: at most 3 statements."""
    ended = Booking.objects.filter(id__any_of=sorted(booking_ids), scheduled_time__lt=until)
    ended = ended.exclude(status__in=OPEN_STATUSES).order_by("id")
    ids = list(ended.select_for_update(no_key=True).values_list("id", flat=True))
    events = Event.objects.filter(booking__any_of=ids)
    newer = set(events.filter(at__gte=until).values_list("booking_id", flat=True))
    to_send = Delivery.objects.filter(event__booking__any_of=ids)
    newer |= set(to_send.values_list("event__booking_id", flat=True))
    return [pk for pk in ids if pk not in newer]


def _of_the_company(company: Company, until: datetime, most: int) -> int:
    """Delete the older events that are of no trip, such as of clients: 2 statements a page."""
    deleted = 0
    while deleted < most:
        rows = Event.objects.filter(
            ~Exists(Delivery.objects.filter(event=OuterRef("pk"))),
            company=company,
            booking=None,
            at__lt=until,
        )
        ids = list(rows.order_by("at", "id").values_list("id", flat=True)[:PAGE])
        if not ids:
            break
        deleted += Event.objects.filter(id__any_of=ids)._raw_delete(DEFAULT_DB_ALIAS)
    return deleted
