"""Read what has changed since the figures were counted last: the marks of days to count again."""

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Min

from bookings.models import Booking, Event
from dispatch.models import DayFigures, FiguresState
from dispatch.reports.routes import AFTER_SHIFT
from dispatch.reports.trips import DAY, NONE, OnTime
from drivers.fleet.handovers import HANDOVER_WITHIN
from drivers.models import SHIFT_AT_MOST, Company, Customer, Driver, RosterChange

MARKS = 20_000  # events, and notes of shifts, that are read at once


class Marks(NamedTuple):
    """What has changed since the figures were counted last, and up to where that was read.

    `days` are to be counted again, and of the `unjudged` only what was on time.
    """

    days: set[date]
    unjudged: set[date]
    last_event_id: int
    roster_ids: list[int]
    definitions: dict[str, Any]
    is_all: bool


def read_marks(company: Company, state: FiguresState, today: date) -> Marks:
    """Return what has changed: 3 queries, and 1 for a changed roster or definition."""
    definitions, late_min = _definitions(company)
    if state.known_until is None:
        return _first_marks(company, today, definitions)
    events = (
        Event.objects.filter(company=company, id__gt=state.last_event_id)
        .order_by("id")
        .values_list("id", "old__scheduled_time", "booking__scheduled_time")[:MARKS]
    )
    told = list(events)
    moments = {now for _id, _before, now in told if now}
    moments |= {datetime.fromisoformat(before) for _id, before, _now in told if before}
    # A trip may be planned so much later, in a shift that begins on the next day.
    later = timedelta(minutes=late_min)
    days = {company.local(at + after).date() for at in moments for after in (NONE, later)}
    of_company = Driver.objects.filter(company=company)
    changes = list(
        RosterChange.objects.filter(driver_id__in=of_company.values("id"))
        .order_by("id")
        .values_list("id", "start_at", "end_at")[:MARKS]
    )
    if changes:
        first = _first_day(company, today)
        for _id, start_at, end_at in changes:
            days |= _touched(company, start_at, end_at, first, today)
    if definitions["zone"] != state.definitions["zone"]:  # every trip may be of another day
        days |= _all_days(_first_day(company, today) - DAY, today)
    days |= _all_days(state.known_until + DAY, today)
    return Marks(
        {day for day in days if day <= today},
        _judged_anew(company, state.definitions, definitions),
        told[-1][0] if told else state.last_event_id,
        [pk for pk, _start_at, _end_at in changes],
        definitions,
        len(told) < MARKS and len(changes) < MARKS,
    )


def _judged_anew(company: Company, before: dict[str, Any], after: dict[str, Any]) -> set[date]:
    """Return the days of customers who have another definition of on time: 1 query, or none."""
    known = (before.keys() & after.keys()) - {"zone"}
    differ = sorted(int(key) for key in known if before[key] != after[key])
    if not differ:
        return set()
    rows = DayFigures.objects.filter(
        company=company, kind=DayFigures.Kind.CUSTOMER, customer_id__in=differ
    )
    return set(rows.order_by().values_list("day", flat=True).distinct())


def _first_marks(company: Company, today: date, definitions: dict[str, Any]) -> Marks:
    """Return all days since the first booking, which are counted for the first time."""
    # Not Max(): PostgreSQL may look for that from the end of all companies' events.
    last = Event.objects.filter(company=company).order_by("-id").values_list("id", flat=True)
    days = _all_days(_first_day(company, today), today)
    return Marks(days, set(), last.first() or 0, [], definitions, False)


def _first_day(company: Company, today: date) -> date:
    """Return the day of the company's first booking: 1 query."""
    found = Booking.objects.filter(company=company).aggregate(first=Min("scheduled_time"))
    return company.local(found["first"]).date() if found["first"] else today


def _all_days(first: date, last: date) -> set[date]:
    return {first + number * DAY for number in range((last - first).days + 1)}


def _touched(
    company: Company, start_at: datetime, end_at: datetime, first: date, last: date
) -> set[date]:
    """Return the days whose figures a shift or an absence in this period may change.

    Those of the shift before and of the one after, too: where they end and begin is the way of a
    vehicle that is handed over.
    """
    since = company.local(start_at - HANDOVER_WITHIN - SHIFT_AT_MOST).date()
    until = company.local(end_at + max(AFTER_SHIFT, HANDOVER_WITHIN)).date()
    return _all_days(max(since, first), min(until, last))


def _definitions(company: Company) -> tuple[dict[str, Any], int]:
    """Return (by what is counted, the end of the longest pickup window in minutes): 1 query.

    Counted is by the timezone, and by what is on time for every customer.
    """
    late = [company.pickup_late_min, company.return_late_min]
    found: dict[str, Any] = {"zone": company.timezone}
    for customer in Customer.objects.filter(company=company).order_by("id"):
        early_min, late_min = customer.on_time_early_min, customer.on_time_late_min
        found[str(customer.pk)] = [
            company.on_time_early_min if early_min is None else early_min,
            company.on_time_late_min if late_min is None else late_min,
        ]
        late += [minutes for minutes in customer.own_window[1:] if minutes is not None]
    return found, max(late)


def on_time_of(definitions: dict[str, Any]) -> dict[int, OnTime]:
    return {int(key): OnTime(*value) for key, value in definitions.items() if key != "zone"}
