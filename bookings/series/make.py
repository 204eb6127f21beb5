"""Book the dates of standing orders ahead, each once.

The database has one booking for each leg of a date (`booking_once_a_date_of_series`): whoever books
it a second time writes nothing, also at the same moment or after having died half-way. A booking
that was canceled by hand keeps its date, so that it is not booked again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from bookings.events import booking_created, plain_values
from bookings.models import Actor, Booking, CompanyPlace, Event, Series, Status
from bookings.own_places import places_at
from bookings.series.template import COLUMNS, Leg, Template, Values, read_templates
from drivers.db.bulk import insert_copies
from drivers.db.folding import fold
from drivers.models import Company

CHUNK = 200  # series of one transaction
DATES_SHOWN = 28
KEY = ("series_id", "series_day", "series_leg")
Slot = tuple[int, date, int]


@dataclass(frozen=True, slots=True)
class Made:
    """How many bookings were made, of how many series that were looked at."""

    bookings: int
    series: int


@dataclass(frozen=True, slots=True)
class DateShown:
    """A date of a rhythm; `left_out` is the holiday that leaves it out, "pause", or ""."""

    day: date
    left_out: str


def horizon(company: Company, now: datetime, days_ahead: int | None = None) -> tuple[date, date]:
    """Return the first and the last local day that are booked ahead, both inclusive."""
    today = company.local(now).date()
    ahead = company.series_days_ahead if days_ahead is None else days_ahead
    return today, today + timedelta(days=ahead)


def make_ahead(
    company: Company, *, actor: Actor, now: datetime, days_ahead: int | None = None
) -> Made:
    """Book what is missing of the company's standing orders within its horizon.

    `days_ahead` instead of the company's number. One transaction for each CHUNK of series, with 3
    statements, and 4 more if anything is missing; 1 statement finds the series.
    """
    first, _last = horizon(company, now, days_ahead)
    rows = Series.objects.filter(company=company).exclude(last_day__lt=first).order_by("id")
    ids = list(rows.values_list("id", flat=True))
    made = 0
    for start in range(0, len(ids), CHUNK):
        with transaction.atomic():
            series = lock_series(company, ids[start : start + CHUNK])
            templates = read_templates(company, series, first)
            made += book(company, templates, actor=actor, now=now, days_ahead=days_ahead)
    return Made(made, len(ids))


def lock_series(company: Company, ids: Iterable[int]) -> list[Series]:
    """Lock series in order of id, before drivers and bookings: 1 statement."""
    rows = Series.objects.select_for_update(no_key=True).filter(
        company=company, id__any_of=sorted(ids)
    )
    return list(rows.order_by("id"))


def book(
    company: Company,
    templates: Sequence[Template],
    *,
    actor: Actor,
    now: datetime,
    days_ahead: int | None = None,
) -> int:
    """Book what is missing of these locked series; return how many bookings: 1 to 5 statements.

    A pickup that is over is not booked any more, nor the way back of a trip that was canceled or
    that has one already, which somebody booked by hand.
    """
    first, last = horizon(company, now, days_ahead)
    known = _read_known([one.series.pk for one in templates], first, last)
    there: list[tuple[Slot, Template, Values]] = []
    back: list[tuple[Slot, Template, Values]] = []
    one_way = {
        slot for slot, (_pk, status, back) in known.items() if back or status == Status.CANCELED
    }
    for template in templates:
        pk, returns = template.series.pk, template.series.return_time is not None
        for day in template.days(first, last):
            pickup_at, appointment_at, back_at = template.times(day)
            slot, slot_back = (pk, day, int(Leg.OUTBOUND)), (pk, day, int(Leg.RETURN))
            if pickup_at <= now:
                continue
            if slot not in known:
                times = {"scheduled_time": pickup_at, "appointment_at": appointment_at}
                there.append((slot, template, times))
            if returns and slot_back not in known and slot not in one_way:
                times = {"scheduled_time": back_at, "appointment_at": None}
                back.append((slot_back, template, times))
    if not there and not back:
        return 0
    ids = {slot: pk for slot, (pk, *_) in known.items()}
    ends = ("pickup_address", "dropoff_address")
    places = places_at(
        company,
        (getattr(one.series, end) for _slot, one, _times in (*there, *back) for end in ends),
    )
    made = _insert(there, ids, now, places)
    made |= _insert(back, ids, now, places)
    _log(company, [*there, *back], made, ids, actor, now)
    return len(made)


def _read_known(series_ids: Collection[int], first: date, last: date) -> dict[Slot, Any]:
    """Return {(series, day, leg): (booking, status, its return)} of what is booked: 1 statement."""
    rows = Booking.objects.filter(
        series__any_of=sorted(series_ids),
        series_day__gte=first,
        series_day__lte=last,
        series_leg__isnull=False,
    )
    columns = rows.values_list("id", "status", "return_trip", *KEY)
    return {tuple(slot): (pk, status, back) for pk, status, back, *slot in columns}


def _insert(
    rows: Sequence[tuple[Slot, Template, Values]],
    ids: dict[Slot, int],
    now: datetime,
    places: Mapping[str, CompanyPlace],
) -> dict[Slot, int]:
    """Insert bookings of one leg, and add their ids to `ids`: 1 statement, or none."""
    if not rows:
        return {}
    leg = rows[0][0][2]
    columns: dict[str, list[Any]] = {
        "series_id": [slot[0] for slot, _template, _times in rows],
        "series_day": [slot[1] for slot, _template, _times in rows],
        "scheduled_time": [times["scheduled_time"] for _slot, _template, times in rows],
        "appointment_at": [times["appointment_at"] for _slot, _template, times in rows],
        "will_call": [template.is_will_call(leg) for _slot, template, _times in rows],
        "status": [_status(template, leg) for _slot, template, _times in rows],
    }
    for end in ("pickup", "dropoff"):
        address = COLUMNS[leg][f"{end}_address"]
        known = {
            template.series.pk: places.get(fold(getattr(template.series, address)))
            for _slot, template, _times in rows
        }
        columns[f"{end}_place_id"] = [
            place.pk if (place := known[series]) else None for series in columns["series_id"]
        ]
    if leg == Leg.RETURN:
        columns["return_of_id"] = [
            ids.get((series, day, int(Leg.OUTBOUND))) for (series, day, _leg), _t, _times in rows
        ]
    made = insert_copies(
        Booking,
        Series,
        of=columns["series_id"],
        copied=COLUMNS[leg],
        shared={"series_leg": leg, "created_at": now, "updated_at": now},
        columns=columns,
        unless=KEY,
    )
    found = {(series, day, leg): pk for pk, series, day, leg in made}
    ids |= found
    return found


def _status(template: Template, leg: int) -> str:
    return Status.PENDING if template.is_will_call(leg) else Status.ACCEPTED


def _log(
    company: Company,
    rows: Sequence[tuple[Slot, Template, Values]],
    made: dict[Slot, int],
    ids: dict[Slot, int],
    actor: Actor,
    now: datetime,
) -> None:
    """Write the events of the bookings made, outbound trips first: 1 statement."""
    same: dict[tuple[int, int], Event] = {}
    new, reasons, booking_ids = [], [], []
    for slot, template, times in rows:
        if slot not in made:  # somebody else has booked it at the same moment
            continue
        series_id, day, leg = slot
        event = same.get((series_id, leg))
        if event is None:
            reason = origin(template.series)
            sample = _sample(template, leg)
            event = booking_created(sample, actor=actor, now=now, reason=reason)
            same[series_id, leg] = event
        own = {name: at for name, at in times.items() if at is not None}
        if leg == Leg.RETURN:
            own["return_of"] = ids[series_id, day, int(Leg.OUTBOUND)]
        new.append({**event.new, **plain_values(own)})
        reasons.append(event.reason)
        booking_ids.append(made[slot])
    if not new:
        return
    shared = {
        "company_id": company.pk,
        "kind": Event.Kind.BOOKING_CREATED,
        "at": now,
        "user_id": actor.user_id,
        "actor": actor.name,
        "door": actor.door,
        "old": {},
    }
    columns: dict[str, list[Any]] = {"booking_id": booking_ids, "new": new, "reason": reasons}
    Event.objects.bulk_create_columns(shared, columns)


def origin(series: Series) -> str:
    """Return the reason that the events of a series have."""
    return _("standing order %(series)s") % {"series": series}


def _sample(template: Template, leg: int) -> Booking:
    """Return a booking with all values of a leg but its times."""
    values = {name: getattr(template.series, column) for name, column in COLUMNS[leg].items()}
    return Booking(**values, will_call=template.is_will_call(leg), status=_status(template, leg))


def dates_shown(template: Template, first: date) -> list[DateShown]:
    """Return the next dates of an order from `first` on, with those that are left out: no query."""
    days = template.rhythm.days(first, first + timedelta(days=366))
    return [DateShown(day, template.why_left_out(day)) for day in days[:DATES_SHOWN]]
