"""What a changed standing order does to its booked dates: the list, before anything is written.

Values go from the order into a booking in groups (a place, the times, the passengers). A group that
a booking does not have as the old order says was changed by hand: it stays, and the list says so.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q
from django.utils.translation import ngettext

from bookings.events import Changes
from bookings.guards import PLANNED_FIELDS, Broken, HeldTrips, Outcome
from bookings.models import OPEN_STATUSES, Booking, CompanyPlace, Status
from bookings.order import is_wanted_after
from bookings.own_places import ADDRESSES, Ends, other_minutes, places_at
from bookings.pickup_times import INPUTS, pickups
from bookings.series.overlaps import Overlap
from bookings.series.template import Leg, Template
from drivers.db.folding import fold
from drivers.models import Company
from drivers.refused import Refused
from drivers.times import moment

COMING = OPEN_STATUSES[:3]  # not under way
TIMES = ("scheduled_time", "appointment_at")
PLACE_MINUTES = ("pickup_boarding_min", "dropoff_margin_min")
GROUPS = (
    TIMES,
    ("pickup_address", "pickup_lat", "pickup_lon"),
    ("dropoff_address", "dropoff_lat", "dropoff_lon"),
    ("passengers", "wheelchairs"),
    ("may_share",),
    ("max_ride_min",),
    ("needs",),
    ("priority",),
    ("notes",),
)


class DatesBroken(Refused):
    """The changed standing order would break assigned trips, which `trips` lists."""

    code = "series_trips_broken"
    status = 409

    def __init__(self, trips: Sequence[Broken]) -> None:
        self.trips = tuple(trips)
        super().__init__(
            ngettext(
                "This change would break %(count)d assigned trip.",
                "This change would break %(count)d assigned trips.",
                len(self.trips),
            )
            % {"count": len(self.trips)}
        )

    def members(self) -> dict[str, Any]:
        return {"trips": [broken_facts(trip) for trip in self.trips]}


def broken_facts(trip: Broken) -> dict[str, Any]:
    """Return a broken trip for machines; the pickup in UTC."""
    return {
        "assignment": trip.assignment_id,
        "booking": trip.booking_id,
        "driver": trip.driver,
        "pickup_at": moment(trip.pickup_at),
        "why": trip.why,
    }


@dataclass(frozen=True, slots=True)
class Edit:
    """A series as it is, and as it is to be from the date `since` on.

    `heir` says that `after` is another series, to which the dates from then on go over.
    """

    before: Template
    after: Template
    since: date
    heir: bool = False


@dataclass(frozen=True, slots=True)
class DateChange:
    """What becomes of one booking: changes, or it is canceled. `by_hand` are fields that stay.

    With "return_time" the trip has a return already that somebody booked: it gets no other.
    """

    booking: Booking
    edit: Edit | None = None  # None: the change is of a place, whatever order it belongs to
    changes: Changes = field(default_factory=dict)
    by_hand: tuple[str, ...] = ()
    canceled: bool = False
    places: Ends | None = None  # the company's at both ends, if an address changes
    reason: str = ""  # of its event, where no order is named

    @property
    def of_trip(self) -> Changes:
        """Return the changes with those of the minutes of the places, which its trip has."""
        if self.places is None:
            return self.changes
        was = self.booking.pickup_place, self.booking.dropoff_place
        return self.changes | other_minutes(was, self.places)

    def as_dict(self) -> dict[str, Any]:
        """Return the row for machines, moments in UTC."""
        return {
            "booking": self.booking.pk,
            "day": self.booking.series_day,
            "leg": Leg(self.booking.series_leg or Leg.OUTBOUND).name.lower(),
            "scheduled_time": moment(self.booking.scheduled_time),
            "assigned": self.booking.status == Status.ASSIGNED,
            "outcome": self.outcome,
            "changes": sorted(self.changes),
            "by_hand": list(self.by_hand),
        }

    @property
    def outcome(self) -> str:
        if self.canceled:
            return "canceled"
        if self.changes:
            return "changed"
        return "kept" if self.by_hand else "unchanged"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The booked dates that a change touches, in order, and the trips that it breaks.

    `made` is how many bookings were made besides, once it is written; `overlaps` are told before,
    of one order: where its client would be driven twice at once.
    """

    rows: tuple[DateChange, ...]
    broken: tuple[Broken, ...] = ()
    outcomes: Sequence[Outcome] = ()
    made: int = 0
    overlaps: tuple[Overlap, ...] = ()

    def counts(self) -> dict[str, int]:
        """Return how many bookings are changed, canceled, kept as somebody changed them, made."""
        by_outcome: defaultdict[str, int] = defaultdict(int)
        for row in self.rows:
            by_outcome[row.outcome] += 1
        by_hand = sum(bool(row.by_hand) for row in self.rows)
        counted = {name: by_outcome[name] for name in ("changed", "canceled")}
        return counted | {"by_hand": by_hand, "made": self.made}


def foresee(edits: Sequence[Edit], now: datetime) -> list[DateChange]:
    """Return what becomes of the booked dates that are not over or under way: 1 or 2 statements."""
    by_series = {edit.before.series.pk: edit for edit in edits}
    if not by_series:
        return []
    rows = Booking.objects.filter(
        series__any_of=sorted(by_series),
        series_day__gte=min(edit.since for edit in edits),
        series_leg__isnull=False,
        status__in=COMING,
        scheduled_time__gt=now,
    )
    rows = rows.select_related("pickup_place", "dropoff_place")
    rows = rows.order_by("series_day", "series_leg", "id")
    by_hand = Q(return_trip__isnull=False, return_trip__series_leg__isnull=True)
    rows = rows.annotate(returns_by_hand=ExpressionWrapper(by_hand, BooleanField()))
    found = [
        _foresee_one(by_series[row.series_id or 0], row, row.returns_by_hand)
        for row in rows
        if row.series_day and row.series_day >= by_series[row.series_id or 0].since
    ]
    company = edits[0].after.company
    return in_order(with_pickups(company, _at_places(company, found), now))


def _at_places(company: Company, rows: Sequence[DateChange]) -> list[DateChange]:
    """Return the rows with the company's places at new addresses: 1 statement, if any is new."""
    known = places_at(
        company, (row.changes[name][1] for row in rows for name in ADDRESSES & row.changes.keys())
    )

    def place(row: DateChange, end: str) -> CompanyPlace | None:
        if f"{end}_address" in row.changes:
            return known.get(fold(row.changes[f"{end}_address"][1]))
        stays: CompanyPlace | None = getattr(row.booking, f"{end}_place")
        return stays

    return [
        replace(row, places=(place(row, "pickup"), place(row, "dropoff")))
        if ADDRESSES & row.changes.keys()
        else row
        for row in rows
    ]


def _foresee_one(edit: Edit, booking: Booking, returns_by_hand: bool) -> DateChange:
    day, leg = booking.series_day, booking.series_leg
    if day is None or leg is None:
        raise ValueError("a booking without a date of its series")
    before, after = edit.before, edit.after
    if not after.has(day, leg) or before.is_will_call(leg) != after.is_will_call(leg):
        return DateChange(booking, edit, canceled=True, by_hand=_by_hand(edit, booking, day, leg))
    if not before.has(day, leg):  # booked although the order did not say so: all of it is by hand
        return DateChange(booking, edit)
    new = after.values(day, leg)
    changes: Changes = {}
    by_hand: list[str] = []
    for group in GROUPS:
        old = _as_booked(before, booking, day, leg, group)
        wanted = {name: new[name] for name in group if new[name] != old[name]}
        if not wanted:
            continue
        has = {name: getattr(booking, name) for name in group}
        if has == old:
            changes |= {name: (has[name], value) for name, value in wanted.items()}
        elif has != {name: new[name] for name in group}:
            by_hand += wanted
        is_left = group == TIMES and booking.pickup_computed and "appointment_at" in by_hand
        if is_left and has["appointment_at"] == old["appointment_at"] and new["appointment_at"]:
            # The pickup is computed from it: `with_pickups`.
            changes["appointment_at"] = (has["appointment_at"], new["appointment_at"])
            by_hand.remove("appointment_at")
    if returns_by_hand and after.has(day, Leg.RETURN) and not before.has(day, Leg.RETURN):
        by_hand.append("return_time")
    return DateChange(booking, edit, changes, tuple(by_hand))


def _as_booked(
    template: Template, booking: Booking, day: date, leg: int, group: Sequence[str]
) -> dict[str, Any]:
    """Return what the order said of the group when the date was booked.

    After the company has changed its timezone that is one of two; in doubt the company's.
    """
    said = [
        {name: value for name, value in template.values(day, leg, zone).items() if name in group}
        for zone in (template.zones if group == TIMES else template.zones[:1])
    ]
    has = {name: getattr(booking, name) for name in group}

    def like(values: dict[str, Any]) -> int:
        return sum(values[name] == has[name] for name in group)

    return max(said, key=like)


def changed_by_hand(template: Template, booking: Booking) -> tuple[str, ...]:
    """Return the fields of a booked date that are not as its order says. No query."""
    if booking.series_day is None or booking.series_leg is None:
        return ()
    day, leg = booking.series_day, booking.series_leg
    if leg == Leg.RETURN and template.series.return_time is None:
        return ()
    return _others(template, booking, day, leg)


def _others(template: Template, booking: Booking, day: date, leg: int) -> tuple[str, ...]:
    old = {
        name: value
        for group in GROUPS
        for name, value in _as_booked(template, booking, day, leg, group).items()
    }
    return tuple(name for name in old if getattr(booking, name) != old[name])


def _by_hand(edit: Edit, booking: Booking, day: date, leg: int) -> tuple[str, ...]:
    """Return what a booking that is about to be canceled has from a person."""
    if not edit.before.has(day, leg):
        return ()
    return _others(edit.before, booking, day, leg)


def with_pickups(company: Company, rows: Sequence[DateChange], now: datetime) -> list[DateChange]:
    """Return the rows with the pickups that somebody let be computed, computed again. No query.

    One that would be over, or that no way leads to, stays as it is.
    """
    asked = {
        row.booking.pk: _as_it_will_be(row)
        for row in rows
        if row.booking.pickup_computed and row.of_trip.keys() & {*INPUTS, *PLACE_MINUTES}
    }
    asked = {pk: booking for pk, booking in asked.items() if booking.appointment_at is not None}
    found = dict(zip(asked, pickups(company, list(asked.values())), strict=True))
    return [_with_pickup(row, found[row.booking.pk], now) if row.booking.pk in found else row
            for row in rows]  # fmt: skip


def _as_it_will_be(row: DateChange) -> Booking:
    booking = copy(row.booking)
    for name, (_old, new) in row.changes.items():
        setattr(booking, name, new)
    if row.places is not None:
        booking.pickup_place, booking.dropoff_place = row.places
    return booking


def _with_pickup(row: DateChange, at: datetime | None, now: datetime) -> DateChange:
    was = row.booking.scheduled_time
    if at is None or at <= now or at == was:
        return row
    return replace(row, changes=row.changes | {"scheduled_time": (was, at)})


def in_order(rows: list[DateChange]) -> list[DateChange]:
    """Leave the times of a pair as they are where its return would not be after its trip there.

    The other trip of a pair is among the rows, or stands as it is: `return_of` and `return_trip`
    of the bookings are read already, where it may. No query.
    """
    by_booking = {row.booking.pk: row for row in rows}
    kept: set[int] = set()
    for row in rows:
        for there, back in _pairs(row, by_booking):
            if there.canceled or back.canceled:
                continue
            there_at, appointment_at = (_new(there, name) for name in TIMES)
            back_at = _new(back, "scheduled_time")
            will_call = back.booking.will_call
            if not is_wanted_after(back_at, there_at, appointment_at, will_call=will_call):
                kept |= {there.booking.pk, back.booking.pk}
    return [_with_its_times(row) if row.booking.pk in kept else row for row in rows]


def _pairs(
    row: DateChange, by_booking: Mapping[int, DateChange]
) -> Iterator[tuple[DateChange, DateChange]]:
    """Yield (there, back) of a row and the trips that it is linked to."""
    booking, read = row.booking, row.booking._state.fields_cache
    there = by_booking.get(booking.return_of_id or 0)
    if there is None and read.get("return_of"):
        there = DateChange(read["return_of"])
    if there is not None:
        yield there, row
    back = read.get("return_trip")
    if back is not None and back.pk not in by_booking and back.status in COMING:
        yield row, DateChange(back)


def _new(row: DateChange, name: str) -> Any:
    return row.changes[name][1] if name in row.changes else getattr(row.booking, name)


def _with_its_times(row: DateChange) -> DateChange:
    left = {name: values for name, values in row.changes.items() if name not in TIMES}
    stay = tuple(name for name in row.changes if name in TIMES)
    return replace(row, changes=left, by_hand=row.by_hand + stay)


def trips_of(rows: Iterable[DateChange]) -> list[int]:
    """Return the assigned bookings that are canceled or change what their trips depend on."""
    return [
        row.booking.pk
        for row in rows
        if row.booking.status == Status.ASSIGNED
        and (row.canceled or row.of_trip.keys() & PLANNED_FIELDS)
    ]


def settle(
    rows: Sequence[DateChange], held: Sequence[HeldTrips], release: bool | Collection[int]
) -> tuple[list[Outcome], list[Broken]]:
    """Return what becomes of the trips, and those that break without having been agreed to.

    `release` are the assignments that may be released, or True for all. To release one may break
    others: all are checked again.
    """
    wanted = {row.booking.pk: row.of_trip for row in rows if not row.canceled and row.changes}
    trips = set(trips_of(rows)) & wanted.keys()
    changes = {pk: wanted[pk] for pk in trips}
    released: set[int] = set()
    while True:
        outcomes = [trip.check(changes, released) for trip in held]
        broken = [one for outcome in outcomes for one in outcome.broken]
        refused = [one for one in broken if release is not True and not _agreed(one, release)]
        if refused or not broken:
            return outcomes, refused
        released |= {one.booking_id for one in broken}


def _agreed(trip: Broken, release: bool | Collection[int]) -> bool:
    return not isinstance(release, bool) and trip.assignment_id in release


def today(company: Company, now: datetime) -> date:
    return company.local(now).date()
