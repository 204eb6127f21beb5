"""Describe why a booking has no driver, and what would help, in the reader's language.

The planner explains itself in codes, with parameters in seconds of the day; here they become
sentences with the company's clock times.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from dispatch.day import off_road
from dispatch.day.day import Day
from dispatch.day.rows import BookingRow
from dispatch.day.trips import pickup_window
from dispatch.planner.explain.reasons import Reason
from dispatch.planner.explain.sentences import SENTENCES
from dispatch.planner.rules.rule import Breach
from dispatch.planner.stretches import BESIDE
from drivers.models import Company

# Why a booking is excluded from planning, and what would help; codes of `Day.left_out`.
EXCLUDED = {
    "not_accepted": gettext_noop("The booking has not been accepted yet."),
    "will_call": gettext_noop(
        "The pickup time is not known yet: the client will call when they are ready."
    ),
    "window_passed": gettext_noop("The pickup window ended at %(latest_s)s."),
    "before_arrival": gettext_noop(
        "The client cannot arrive from the outbound trip by %(latest_s)s, when the pickup window "
        "of the return trip ends."
    ),
    "two_places": gettext_noop(
        "%(client)s also has trip %(trip)s, wanted at %(wanted_s)s, and cannot be driven twice at "
        "the same time."
    ),
    "under_way": gettext_noop(
        "%(client)s is still under way with %(driver)s on trip %(trip)s until %(until_s)s."
    ),
}
SUGGESTIONS = {
    "off_road": gettext_noop("Correct the place on the booking."),
    "not_connected": gettext_noop("Correct the places on the booking, or the depot's."),
    "not_accepted": gettext_noop("Accept or cancel the booking, then plan again."),
    "will_call": gettext_noop("Choose “Ready now” when the client calls."),
    "before_arrival": gettext_noop(
        "Agree with the client on a later return trip, or an earlier outbound trip."
    ),
    "two_places": gettext_noop(
        "Agree a new time for one of the two trips, or say on the booking that it is for another "
        "person of that name."
    ),
    "window_passed": gettext_noop("Agree a new time with the client, or cancel the booking."),
}
# What no run says any more, but older ones have stored.
FORMER = {
    "off_road": gettext_noop("The pickup or the dropoff is more than a kilometre from any road."),
    "not_connected": gettext_noop(
        "No road leads from the depot to the pickup, from there to the dropoff, and back."
    ),
    "costs_more": gettext_noop(
        "%(driver)s could take it at %(pickup_s)s, but at %(price_min)s min of empty driving "
        "that costs more than leaving it out (%(unserved_min)s min)."
    ),
    "insert": gettext_noop("%(driver)s picks up at %(pickup_s)s."),
    "over_cap": gettext_noop("%(driver)s takes one trip more than allowed, at %(pickup_s)s."),
    "later": gettext_noop(
        "%(driver)s picks up %(change_min)s min later than the window allows, at %(pickup_s)s."
    ),
    "earlier": gettext_noop(
        "%(driver)s picks up %(change_min)s min earlier than the window allows, at %(pickup_s)s."
    ),
    "arrive_late": gettext_noop(
        "%(driver)s picks up at %(pickup_s)s and arrives %(change_min)s min after the "
        "appointment, at %(arrival_s)s."
    ),
    "start_earlier": gettext_noop(
        "%(driver)s starts %(change_min)s min earlier, at %(from_s)s, and picks up at %(pickup_s)s."
    ),
    "end_later": gettext_noop(
        "%(driver)s ends %(change_min)s min later, at %(until_s)s, and picks up at %(pickup_s)s."
    ),
    "instead_of": gettext_noop(
        "%(driver)s picks up at %(pickup_s)s instead of driving trip %(trip)s."
    ),
    "extra_vehicle": gettext_noop(
        "One more vehicle (seats: %(seats)s, wheelchair places: %(wheelchairs)s) is on duty "
        "from %(from_s)s to %(until_s)s."
    ),
    "extra_skilled": gettext_noop(
        "One more driver who can do this (%(needs)s; seats: %(seats)s, wheelchair places: "
        "%(wheelchairs)s) is on duty from %(from_s)s to %(until_s)s."
    ),
}
# The sentence of every code that is stored.
STORED = (
    SENTENCES
    | EXCLUDED
    | off_road.SENTENCES
    | FORMER
    | {f"then_{code}": text for code, text in SUGGESTIONS.items()}
)

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unassigned:
    """A booking without a driver: the reason, and the drivers who come closest.

    `suggestion` is what would help a booking that was excluded from planning; for the others
    `dispatch.trips.advice` finds it on the day as it stands. `said` is the same as codes with
    values, for `translated`; it is stored under this name.
    """

    booking: int
    reference: str
    reason: str
    detail: str
    blockers: tuple[str, ...] = ()
    suggestion: str | None = None
    said: Values = field(default_factory=dict)

    def as_dict(self) -> Values:
        return {
            "booking": self.booking,
            "reference": self.reference,
            "reason": self.reason,
            "detail": self.detail,
            "blockers": list(self.blockers),
            "suggestion": self.suggestion,
            "said": self.said,
        }


def translated(row: Values, name: Callable[[str], str] = str) -> Values:
    """Return a stored row of an unassigned booking with its sentences in the reader's language.

    `name` gives what to call a trip by its reference, which is what runs store. Old rows without
    codes keep the language they were written in.
    """
    codes = row.get("said")
    return row | _sentences(codes, name) if codes else row


def _sentences(codes: Values, name: Callable[[str], str] = str) -> Values:
    return {
        "detail": _sentence(name, codes["detail"]),
        "blockers": [_sentence(name, blocker) for blocker in codes["blockers"]],
        "suggestion": _sentence(name, codes["suggestion"]) if codes["suggestion"] else None,
    }


def _sentence(name: Callable[[str], str], said: tuple[str, Values]) -> str:
    code, values = said
    trips = {key: _named(name, values[key]) for key in ("trip", "next_trip") if key in values}
    return _(STORED[code]) % (values | trips)


def _named(name: Callable[[str], str], trip: str) -> str:
    """Return what to call a trip, or several that ride together."""
    found = name(trip)
    return BESIDE.join(map(name, trip.split(BESIDE))) if found == trip else found


def say(company: Company, day: date, breach: Breach) -> str:
    """Return the sentence of a broken rule; parameters in `_s` become the company's clock times."""
    return _(breach.sentence.text) % _values(company, day, breach.values)


def _values(company: Company, day: date, detail: Mapping[str, Any]) -> dict[str, str]:
    return {name: _value(company, day, name, value) for name, value in detail.items()}


def clock(company: Company, day: date, at: int | datetime) -> str:
    """Return the local clock time of a moment or a second of the day, dated if of another day."""
    if isinstance(at, int):
        at = company.day_bounds(day)[0] + timedelta(seconds=at)
    return company.clock(at, day)


def _value(company: Company, day: date, name: str, value: object) -> str:
    if name.endswith("_s") and isinstance(value, int | datetime):
        return clock(company, day, value)
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(sorted(value))
    return str(value)


def describe_reason(day: Day, reason: Reason) -> Unassigned:
    """Return the planner's reason in sentences."""
    breaches = [blocker.breach for blocker in reason.blockers]
    blockers = [_code(day, row.sentence.key, row.values) for row in breaches]
    if blockers and reason.trip_id in day.beside:
        blockers.insert(0, _beside(day, reason.trip_id))
    return _unassigned(
        day.bookings[reason.trip_id],
        reason.code,
        {
            "detail": _code(day, reason.code, reason.detail),
            "blockers": blockers,
            "suggestion": None,
        },
    )


def describe_excluded(day: Day, booking_id: int, code: str) -> Unassigned:
    """Return in sentences why a booking was excluded from planning."""
    row = day.bookings[booking_id]
    latest_at = pickup_window(day.company, row)[1]
    values = {"latest_s": clock(day.company, day.day, latest_at)}
    detail: list[object] = [code, values]
    if code == "two_places":
        detail = _beside(day, booking_id)
    elif code in (off_road.OFF_ROAD, off_road.NOT_CONNECTED):
        found = off_road.unreached(day.company, day.problem.travel, [row]).get(booking_id)
        detail = [found.key, found.values] if found else detail
    codes = {"detail": detail, "blockers": [], "suggestion": [f"then_{code}", {}]}
    return _unassigned(row, code, codes)


def _beside(day: Day, booking_id: int) -> list[object]:
    """Return the sentence of the person's other trip, which leaves this one less time, or none."""
    other_id = day.beside[booking_id]
    other = day.bookings.get(other_id) or day.neighbours[other_id]
    values = {"client": other.client_name or "", "trip": other.label}
    if other.driver_id is None:
        return _code(day, "two_places", values | {"wanted_s": other.scheduled_time})
    until_at = other.actual_dropoff_at or other.planned()[1]
    rows = day.drivers.get(other.driver_id)
    driver = rows[0].name if rows else f"#{other.driver_id}"
    return _code(day, "under_way", values | {"driver": driver, "until_s": until_at})


def _code(day: Day, code: str, detail: Mapping[str, Any]) -> list[object]:
    return [str(code), _values(day.company, day.day, detail)]


def _unassigned(row: BookingRow, code: str, codes: Values) -> Unassigned:
    sentences = _sentences(codes)
    return Unassigned(
        booking=row.id,
        reference=row.label,
        reason=str(code),
        detail=sentences["detail"],
        blockers=tuple(sentences["blockers"]),
        suggestion=sentences["suggestion"],
        said=codes,
    )
