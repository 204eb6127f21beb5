"""Book the same trip on other days, at the same local time of the company."""

from collections.abc import Iterable, Sequence
from copy import copy
from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from bookings import parsing
from bookings.events import booking_created
from bookings.models import Actor, Booking, Event, Status
from bookings.order import is_wanted_after, out_of_order
from bookings.overlaps import Ride, ask, lasts, overlapping, question, read_rides
from bookings.own_places import boarding_at, recognise
from bookings.pickup_times import pickups
from drivers.db.bulk import insert_columns
from drivers.models import Company
from drivers.models.far_places import Entered, Meant, far_places_of, questions

DAYS_AT_MOST = 100
AHEAD = timedelta(days=366)
Times = list[tuple[datetime | None, datetime | None]]  # (pickup, appointment)
# Fields that are not copied; the reference is the client system's, which does not know the copy.
OWN = {
    "id", "reference", "scheduled_time", "appointment_at", "return_of", "status", "is_open",
    "cancel_reason", "created_at", "updated_at", "version", "series", "series_day", "series_leg",
}  # fmt: skip


def duplicate(
    booking: Booking,
    days: Iterable[date],
    *,
    actor: Actor,
    now: datetime,
    way_back: Booking | None = None,
    far_meant: Meant = False,
    overlap_meant: bool = False,
) -> list[Booking]:
    """Book copies on the days, each with its return trip if one is given; return the outbound ones.

    All or none: 6 statements, 5 without return trip. Copies are accepted, will-calls stay pending.
    Raises ValidationError for "days" that are past or too many, on which a clock change skips or
    repeats the time, if a place far from the depot is not `far_meant`, or another trip of the
    client at the same time not `overlap_meant`.
    """
    days = sorted(set(days))
    with transaction.atomic():
        _check(booking.company, days, now)
        _ask_if_far([booking, *([way_back] if way_back else [])], far_meant)
        recognise(booking.company, [booking, *([way_back] if way_back else [])])
        times, faults = _times(booking, days)
        times = _computed(booking, times)
        back_times: Times = []
        if way_back is not None:
            back_times, back_faults = _times(way_back, days, offset_from=booking)
            faults += back_faults or _out_of_order(days, times, back_times, way_back)
        if faults:
            raise ValidationError({"days": faults})
        if not overlap_meant:
            _ask_if_driven(
                days, [(booking, times), *([(way_back, back_times)] if way_back else [])]
            )
        there = _insert(booking, times, now, overlap_meant=overlap_meant)
        back: list[Booking] = []
        if way_back:
            back = _insert(way_back, back_times, now, return_of=there, overlap_meant=overlap_meant)
        Event.objects.bulk_create(
            [booking_created(made, actor=actor, now=now) for made in [*there, *back]]
        )
    return there


def _check(company: Company, days: list[date], now: datetime) -> None:
    today = company.local(now).date()
    if not days:
        raise ValidationError({"days": _("Choose at least one day.")})
    if len(days) > DAYS_AT_MOST:
        message = _("%(count)d days are too many: choose at most %(most)d.")
        raise ValidationError({"days": message % {"count": len(days), "most": DAYS_AT_MOST}})
    if days[0] < today or days[-1] > today + AHEAD:
        message = _("Choose days from %(today)s to %(last)s.")
        shown = {"today": date_format(today), "last": date_format(today + AHEAD)}
        raise ValidationError({"days": message % shown})


def _ask_if_far(bookings: list[Booking], meant: Meant) -> None:
    faults: dict[str, ValidationError] = {}  # by their text: the way back has the same places
    entered = [Entered(vars(row), meant=meant) for row in bookings]
    for row, asked in zip(
        bookings, far_places_of(bookings[0].company, entered, Booking.ENDS), strict=True
    ):
        faults |= {asked[name]: error for name, error in questions(asked, vars(row)).items()}
    if faults:
        raise ValidationError({"days": [faults[text] for text in sorted(faults)]})


def _times(
    booking: Booking, days: list[date], *, offset_from: Booking | None = None
) -> tuple[Times, list[str]]:
    """Return [(pickup, appointment)] on the days, and the errors of times that do not exist.

    A pickup or an appointment after midnight keeps its distance in days from the first pickup.
    """
    company = booking.company
    first = company.local((offset_from or booking).scheduled_time).date()
    times: Times = []
    faults: list[str] = []
    for day in days:
        moments: list[datetime | None] = []
        for at in (booking.scheduled_time, booking.appointment_at):
            if at is None:
                moments.append(None)
                continue
            local = company.local(at)
            wanted = datetime.combine(day + (local.date() - first), local.time())
            try:
                moments.append(parsing.moment(wanted.isoformat(), zone=company.zone))
            except parsing.BadValueError as error:
                moments.append(None)
                shown = {"day": date_format(day), "clock": f"{local:%H:%M}", "error": error}
                faults.append(_("%(day)s at %(clock)s: %(error)s.") % shown)
        times.append((moments[0], moments[1]))
    return times, faults


def _computed(booking: Booking, times: Times) -> Times:
    """Return the times with the pickups that their appointments ask for, if they are computed."""
    copies = [copy(booking) for _pickup, due_at in times if booking.pickup_computed and due_at]
    if len(copies) < len(times):  # typed, or a time that does not exist is refused later
        return times
    for made, (_pickup, due_at) in zip(copies, times, strict=True):
        made.appointment_at = due_at
    found = pickups(booking.company, copies)
    return [(at or was, due_at) for at, (was, due_at) in zip(found, times, strict=True)]


def _out_of_order(days: list[date], times: Times, back: Times, way_back: Booking) -> list[str]:
    """Return an error for each day on which the return trip is not after the outbound trip."""
    return [
        _("%(day)s: %(error)s") % {"day": date_format(day), "error": out_of_order()}
        for day, (there_at, appointment_at), (back_at, _none) in zip(days, times, back, strict=True)
        if there_at
        and back_at
        and not is_wanted_after(back_at, there_at, appointment_at, will_call=way_back.will_call)
    ]


def _ask_if_driven(days: Sequence[date], trips: Iterable[tuple[Booking, Times]]) -> None:
    """Ask about the days on which the client has another trip at the time: 1 statement."""
    rides = []
    for n, (row, times) in enumerate(trips):
        if row.client_id is None or row.will_call or row.overlap_meant:
            continue
        takes = lasts(row.company, vars(row), at_place=boarding_at(row.pickup_place))
        rides += [
            Ride((n, day), row.client_id, "", "", at, at + takes)
            for day, (at, _appointment) in zip(days, times, strict=True)
            if at
        ]
    if not rides:
        return
    company, client_id = row.company, rides[0].person
    found = overlapping(rides, read_rides(company, Q(client=client_id), rides))
    message = _("%(day)s: %(error)s")
    asked = [
        (message % {"day": date_format(key[1]), "error": question(company, other)}, other)
        for key, other in found.items()
        if isinstance(key, tuple) and isinstance(other.key, int)
    ]
    if asked:
        raise ask({"days": asked})


def _insert(
    booking: Booking,
    times: Times,
    now: datetime,
    *,
    return_of: Sequence[Booking] = (),
    overlap_meant: bool,
) -> list[Booking]:
    """Insert the copies of one booking and return them: 1 statement."""
    fields = [f for f in Booking._meta.concrete_fields if f.name not in OWN]
    shared = {field.attname: getattr(booking, field.attname) for field in fields}
    shared |= {
        "status": Status.PENDING if booking.will_call else Status.ACCEPTED,
        "created_at": now,
        "updated_at": now,
        "overlap_meant": overlap_meant or booking.overlap_meant,
    }
    own: dict[str, list[Any]] = {
        "scheduled_time": [at for at, _appointment in times],
        "appointment_at": [at for _pickup, at in times],
    }
    if return_of:
        own["return_of_id"] = [made.pk for made in return_of]
    made = insert_columns(Booking, shared, own)
    rows = zip(*own.values(), strict=True)
    return [
        Booking(pk=pk, **shared, **dict(zip(own, row, strict=True)))
        for pk, row in zip(made, rows, strict=True)
    ]
