"""Advise on trips as the day stands now: who could drive, why nobody does, and what would help.

The day is loaded as for an assignment by hand: nothing is frozen, absences, breaks, positions and
the clock count, and the other trips are at their told times.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from bookings.models import WAITING_STATUSES, Booking, Status
from bookings.own_places import recognise
from bookings.pickup_times import settle_pickup
from bookings.save import StatusRefusedError
from dispatch.day.day import Day
from dispatch.day.keeping import BY_HAND
from dispatch.day.load import load_problem
from dispatch.day.off_road import unreached
from dispatch.day.queries import preferences_of
from dispatch.day.reasons import Unassigned, describe_excluded, describe_reason
from dispatch.day.rows import BookingRow
from dispatch.day.travel_times import driving, say_driving
from dispatch.day.trip_names import name_of
from dispatch.day.trips import pickup_window
from dispatch.planner.explain.reasons import reason_of
from dispatch.trips.advice.extra_vehicles import ExtraVehicle, extra_vehicles
from dispatch.trips.advice.ideas import Ground, ideas
from dispatch.trips.advice.missed import PASSED, LeftOut, Missed, left_out, why_missed
from dispatch.trips.advice.sentences import about_vehicle, sentence
from dispatch.trips.advice.suggestion import Change, Kind, Suggestion
from dispatch.trips.advice.what_happened import Happened, told, what_happened
from dispatch.trips.advice.work_out import carried_out, work_out
from dispatch.trips.assign import ASSIGNABLE, load_trip
from dispatch.trips.candidates import Candidate, candidates_for
from dispatch.trips.linked_trips import apart
from dispatch.trips.problems import whole_trip_of, with_names
from drivers.models import Company

SUGGESTIONS = 3  # of one trip, each of another kind


@dataclass(frozen=True, slots=True)
class Advised:
    """A suggestion with its sentence."""

    suggestion: Suggestion
    text: str


@dataclass(frozen=True, slots=True)
class Advice:
    """What can be said of one trip: who could drive it, best first, and what would help.

    `why` it has no driver, None if it has one; `happened` is what the log says of that. `driving`
    is where its drives come from, see `dispatch.day.travel_times.driving`.
    """

    row: BookingRow
    candidates: tuple[Candidate, ...]
    why: Unassigned | None
    driving: dict[str, Any]
    happened: str = ""
    suggestions: tuple[Advised, ...] = ()
    vehicle: str = ""

    @property
    def driving_text(self) -> str:
        return say_driving(self.driving)


@dataclass(frozen=True, slots=True)
class DayAdvice:
    """The advice of all trips of the `day` without a driver, the most urgent first.

    `vehicles` are said once for all the trips that one more vehicle would serve.
    """

    day: Day
    trips: tuple[Advice, ...]
    vehicles: tuple[str, ...]


def advise(
    company: Company, booking_id: int, *, now: datetime, top: int = 3, most: int = SUGGESTIONS
) -> Advice:
    """Advise on one trip: 5 statements, 6 if it was missed.

    Raises NoSuchTrip, or StatusRefusedError if it is over.
    """
    day, row = load_trip(company, booking_id, now, named=True)
    _require_plannable(row)
    return _advice(day, row, top, most)


def advise_day(company: Company, at: date, *, now: datetime) -> DayAdvice:
    """Advise on all trips of the day that have no driver: 4 statements, 5 if one was missed.

    Each has one suggestion. They can be followed one after the other: where the best one of a trip
    contradicts that of a more urgent trip, the next best is given, and if all do, the best one with
    the names of those trips.
    """
    return advise_open(with_names(load_problem(company, at, now=now, leeway=BY_HAND)))


def advise_open(day: Day) -> DayAdvice:
    """Advise on all trips of a loaded day that have no driver: 1 statement, 2 if one was missed."""
    rows = sorted(_open(day), key=lambda row: (-row.priority, row.scheduled_time, row.id))
    happened = what_happened(day.company, day.day, [row.id for row in rows])
    found_before = _left_out(day, rows, happened)
    ground = Ground(day, tuple(row for row in rows if row.status == Status.ACCEPTED))
    found = dict(_compatible(ground))
    unhelped = [
        trip
        for i, trip in ground.trips.items()
        if i not in found or found[i].kind == Kind.INSTEAD_OF
    ]
    trips = tuple(
        Advice(
            row,
            (),
            _why(ground, row, found_before),
            driving(day.problem.travel),
            told(day.company, day.day, happened.get(row.id)),
            tuple(_said(day, [found[row.id]])) if row.id in found else (),
        )
        for row in rows
    )
    vehicles = extra_vehicles(day, unhelped)
    return DayAdvice(day, trips, tuple(about_vehicle(day, one) for one in vehicles))


def quote(company: Company, booking: Booking, *, now: datetime, top: int = 3) -> Advice:
    """Find the drivers who could take a booking that is not stored: 7 statements at most.

    As `advise`, but nothing is raised, and nothing has happened.
    """
    day, row = imagined(company, booking, now=now)
    return _advice(day, row, top, 1, log=False)


def imagined(company: Company, booking: Booking, *, now: datetime) -> tuple[Day, BookingRow]:
    """Return the day with a booking that is not stored, and its row: 7 statements at most.

    Without a pickup it gets the one that its appointment asks for: raises ValidationError.
    """
    booking.company = company
    booking.take_customer()
    recognise(company, [booking])
    settle_pickup(booking, now=now)
    at = company.local(booking.scheduled_time).date()
    day = load_problem(company, at, now=now, leeway=BY_HAND)
    values = {name: getattr(booking, name, None) for name in BookingRow._fields}
    highest = max(day.bookings | day.neighbours, default=0)
    values |= {
        "id": highest + 1,
        "version": 1,
        "pickup_boarding_min": booking.pickup_place and booking.pickup_place.boarding_min,
        "dropoff_margin_min": _margin(booking),
        "early_min": booking.customer.pickup_early_min,
        "late_min": booking.customer.pickup_late_min,
        "return_late_min": booking.customer.return_late_min,
        "series_driver_id": booking.series and booking.series.driver_id,
        "may_share": booking.may_share,
    }
    if company.shares_rides and booking.client:
        values["client_may_share"] = booking.client.may_share
        values["client_max_ride_min"] = booking.client.max_ride_min
    row = BookingRow._make(values.values())
    day = replace(day, bookings=day.bookings | {row.id: row})
    if row.client_id:  # the day has the preferences of the clients who have booked it already
        preferences = day.preferences | preferences_of(row.client_id)
        day = replace(day, preferences=preferences)
    return day, row


def _margin(booking: Booking) -> int | None:
    """Return the minutes of the place where the booking goes, else those of its customer."""
    place = booking.dropoff_place
    at_place = place.margin_min if place else None
    if at_place is not None or booking.customer_id is None:
        return at_place
    return booking.customer.margin_min


def why_not(day: Day, row: BookingRow) -> Unassigned | None:
    """Return why no driver could take a booking of an imagined day. No query."""
    return _why(Ground(day, (row,)), row, {})


def _advice(day: Day, row: BookingRow, top: int, most: int, *, log: bool = True) -> Advice:
    lost = not row.standing() and unreached(day.company, day.problem.travel, [row])
    found = () if lost else candidates_for(day, row, top=top)
    if row.standing():
        return Advice(row, found, None, driving(day.problem.travel))
    happened = what_happened(day.company, day.day, [row.id]) if log else {}
    ground = Ground(day, (row,))
    suggestions = () if lost else tuple(_best(ground, row, most))
    why = None if found else _why(ground, row, _left_out(day, [row], happened) if log else {})
    vehicles: tuple[ExtraVehicle, ...] = ()
    if not lost and (not suggestions or suggestions[0].kind == Kind.INSTEAD_OF):
        vehicles = extra_vehicles(day, ground.trips.values())
    vehicle = about_vehicle(day, vehicles[0]) if vehicles else ""
    said = tuple(_said(day, suggestions))
    if why and (texts := [one.text for one in said] or [vehicle]) and texts[0]:
        why = replace(why, suggestion=texts[0])
    happened_text = told(day.company, day.day, happened.get(row.id))
    by = driving(day.problem.travel)
    return Advice(row, found, why, by, happened_text, said, vehicle)


def _best(ground: Ground, row: BookingRow, most: int) -> Iterator[Suggestion]:
    """Yield the first suggestion of each kind that holds, `most` of them at most."""
    kinds: set[Kind] = set()
    for change in ideas(ground, row):
        if len(kinds) == most:
            return
        if change.kind not in kinds and (found := work_out(ground.day, change)):
            kinds.add(change.kind)
            yield found


def _compatible(ground: Ground) -> Iterator[tuple[int, Suggestion]]:
    """Yield (booking, suggestion) of every trip that has one; see `advise_day`."""
    after = ground.day
    chosen: list[Suggestion] = []
    for row in ground.rows:
        first: Suggestion | None = None
        for change in ideas(ground, row):
            found = work_out(ground.day, change)
            if found is None:
                continue
            later = work_out(after, change) if chosen else found
            if later and later.consequences() == found.consequences():
                first = found
                chosen.append(found)
                after = carried_out(after, later)
                break
            first = first or replace(found, excluded_by=tuple(_rivals(chosen, found)))
        if first:
            yield row.id, first


def _rivals(chosen: Iterable[Suggestion], found: Suggestion) -> Iterator[str]:
    """Yield the trips whose suggestions concern the same drivers or trips."""
    own = concerned(found)
    for other in chosen:
        if own & concerned(other):
            yield other.trip


def concerned(found: Suggestion) -> set[tuple[str, int]]:
    change: Change = found.change
    drivers = {change.driver_id, change.other_driver_id or change.driver_id}
    trips = {booking_id for booking_id, _version, _assignment in found.touched}
    return {("driver", i) for i in drivers} | {("trip", i) for i in trips}


def _said(day: Day, found: Iterable[Suggestion]) -> Iterator[Advised]:
    return (Advised(one, sentence(day, one)) for one in found)


def _left_out(
    day: Day, rows: Iterable[BookingRow], happened: Mapping[int, Happened]
) -> dict[int, LeftOut]:
    """Return what the last plan in time said of the trips that were missed."""
    missed = {}
    for row in rows:
        latest_at = pickup_window(day.company, row)[1]
        if row.status != Status.PENDING and latest_at < day.now:
            last = happened.get(row.id)
            missed[row.id] = Missed(last and last.at, latest_at)
    return left_out(day.company, day.day, missed)


def _why(ground: Ground, row: BookingRow, found: Mapping[int, LeftOut]) -> Unassigned | None:
    """Return why the trip has no driver as the day stands, None if one has room for it."""
    day = ground.day
    if row.status == Status.PENDING:
        return describe_excluded(day, row.id, "will_call" if row.will_call else "not_accepted")
    latest_at = pickup_window(day.company, row)[1]
    if latest_at < day.now:
        why = describe_excluded(day, row.id, PASSED)
        detail = why_missed(day.company, day.day, latest_at, found.get(row.id), partial(_name, day))
        return replace(why, detail=detail)
    beside = apart(day, row, whole_trip_of(day, row))
    day = replace(day, beside=day.beside | beside.beside)
    if found_off := unreached(day.company, day.problem.travel, [row]):
        return describe_excluded(day, row.id, found_off[row.id].code)
    if row.id not in ground.findings:
        code = (beside.left_out or day.left_out).get(row.id, "before_arrival")
        return describe_excluded(day, row.id, code)
    return describe_reason(day, reason_of(ground.findings[row.id], ground.with_others))


def _name(day: Day, label: str) -> str:
    rows = (row for row in day.bookings.values() if row.label == label)
    return next((name_of(day.company, row) for row in rows), label)


def _open(day: Day) -> list[BookingRow]:
    """Return the bookings that wait for a driver, or for being accepted."""
    return [
        row
        for row in day.bookings.values()
        if row.status in WAITING_STATUSES and not row.standing()
    ]


def _require_plannable(row: BookingRow) -> None:
    if row.will_call:
        raise StatusRefusedError(
            _("Trip %(trip)s has no pickup time yet: the client will call when they are ready.")
            % {"trip": row.label}
        )
    if row.status not in (Status.PENDING, *ASSIGNABLE):
        raise StatusRefusedError(
            _("Trip %(trip)s is %(status)s.")
            % {"trip": row.label, "status": Status(row.status).label}
        )
