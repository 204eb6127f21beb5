"""Follow vehicles through their shifts: what they drove with and without somebody on board.

A trip belongs to the shift of its driver in which its pickup was planned, or that ended less than
an hour before. The way of a shift leads from where it begins (home, or where the vehicle is handed
over) past its stops, in the order of their times, to where it ends. A shift, and what is driven in
it, counts on the local day on which it begins; trips outside of shifts on their own day, without
ways to and from home.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from bookings.models import Status
from dispatch.day.duties import home_of
from dispatch.planner.travel import Place
from dispatch.reports.trips import DAY, NONE, DayTrip
from drivers.fleet.handovers import had_before, has_after, is_handed
from drivers.models import Absence, Company, Shift

AFTER_SHIFT = timedelta(hours=1)
# How many days before its own a trip's shift may have begun: a day, and the hour after it.
BACK = 2


class DayShift(NamedTuple):
    id: int
    driver_id: int
    vehicle_id: int | None
    start_at: datetime
    end_at: datetime
    break_min: int
    driver__home_lat: float | None
    driver__home_lon: float | None
    vehicle__handover_lat: float | None
    vehicle__handover_lon: float | None
    had_before: int | None  # who had the vehicle before and has it after, by `handovers`
    has_after: int | None


class Leg(NamedTuple):
    """A drive of a driver, counted on `day`, with or without somebody on board."""

    day: date
    driver_id: int
    origin: Place
    destination: Place
    is_loaded: bool


class Worked(NamedTuple):
    """What a driver's shift adds to the figures of its day: seconds."""

    day: date
    driver_id: int
    paid_s: int
    break_s: int


class Stop(NamedTuple):
    """Stops sort in the order in which they are made.

    At one moment, who gets off (`turn` 0) makes room for who gets on (1), and a ride of no length
    ends last (2): as `dispatch.planner.stretches` orders them.
    """

    at: datetime
    turn: int
    boards: int  # 1 for a pickup, -1 for a dropoff, 0 for a client who was not there
    place: Place


class Routes(NamedTuple):
    """`loaded` are (day, driver, seconds with somebody on board)."""

    legs: list[Leg]
    worked: list[Worked]
    loaded: list[tuple[date, int, int]]


def read_shifts(company: Company, days: Collection[date]) -> list[DayShift]:
    """Return the shifts of these days, and those around in which their trips lie: 1 query.

    Before them as many days again, so that it is known of what reaches into a day what is its own;
    after them one, whose first trips may be requested before midnight.
    """
    start_at = company.day_bounds(min(days) - 2 * BACK * DAY)[0]
    end_at = company.day_bounds(max(days) + DAY)[1]
    rows = Shift.objects.filter(
        driver__company=company,
        start_at__gte=start_at,
        start_at__lt=end_at,
        end_at__gt=start_at,  # says nothing new, but the index begins with the end
    ).order_by("start_at", "id")
    everybody = Shift.objects.all()  # whoever can be planned by now
    rows = rows.annotate(
        had_before=had_before(among=everybody), has_after=has_after(among=everybody)
    )
    return list(map(DayShift._make, rows.values_list(*DayShift._fields)))


def read_absences(
    company: Company, shifts: Sequence[DayShift]
) -> dict[int, list[tuple[datetime, datetime]]]:
    """Return {driver: periods of absence} while these shifts last: 1 query, or none."""
    found: dict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    if shifts:
        rows = Absence.objects.filter(
            driver__company=company,
            start_at__lt=max(shift.end_at for shift in shifts),
            end_at__gt=shifts[0].start_at,
        ).order_by("start_at", "id")
        for driver_id, *period in rows.values_list("driver_id", "start_at", "end_at"):
            found[driver_id].append((period[0], period[1]))
    return found


def reaches_into(company: Company, shifts: Iterable[DayShift], days: Collection[date]) -> set[date]:
    """Return the days before these on which a shift begins in which their trips may be driven."""
    found = set()
    for shift in shifts:
        first, *later = days_of(company, shift)
        if first not in days and any(day in days for day in later):
            found.add(first)
    return found


def days_of(company: Company, shift: DayShift) -> list[date]:
    """Return the local days of a shift's trips, that on which it begins first."""
    first = company.local(shift.start_at).date()
    last = company.local(shift.end_at + AFTER_SHIFT).date()
    return [first + number * DAY for number in range((last - first).days + 1)]


def routes_of(
    company: Company,
    days: Collection[date],
    shifts: Sequence[DayShift],
    absences: dict[int, list[tuple[datetime, datetime]]],
    trips: Iterable[DayTrip],
) -> Routes:
    """Return what was driven and worked on these days. No query.

    `shifts` and `trips` are of these days and of those around them that shifts reach into.
    """
    of_driver: dict[int, list[DayShift]] = defaultdict(list)
    by_day: dict[date, list[DayShift]] = defaultdict(list)
    for shift in shifts:
        of_driver[shift.driver_id].append(shift)
        by_day[company.local(shift.start_at).date()].append(shift)
    driven: dict[int, list[DayTrip]] = defaultdict(list)
    outside: dict[tuple[date, int], list[DayTrip]] = defaultdict(list)
    for trip in trips:
        if trip.driver_id is None or trip.status not in (Status.COMPLETED, Status.NO_SHOW):
            continue
        shift_of = _shift_of(trip, of_driver[trip.driver_id])
        if shift_of is not None:
            driven[shift_of.id].append(trip)
        else:
            day = company.local(trip.scheduled_time).date()
            outside[day, trip.driver_id].append(trip)
    routes = Routes([], [], [])
    for day in sorted(days):
        for shift in by_day[day]:
            routes.worked.append(_worked(day, shift, absences.get(shift.driver_id, ())))
            home = home_of(company, shift.driver__home_lat, shift.driver__home_lon)
            yard = home_of(company, shift.vehicle__handover_lat, shift.vehicle__handover_lon)
            first = yard if is_handed(shift.driver_id, shift.had_before) else home
            last = yard if is_handed(shift.driver_id, shift.has_after) else home
            _follow(routes, day, shift.driver_id, driven[shift.id], first, last)
    for (day, driver_id), alone in sorted(outside.items()):
        if day in days:
            _follow(routes, day, driver_id, alone, None, None)
    return routes


def _shift_of(trip: DayTrip, shifts: Sequence[DayShift]) -> DayShift | None:
    """Return the last of the driver's shifts that began before the planned pickup, if it counts."""
    at = trip.planned_pickup_at
    begun = [shift for shift in shifts if at is not None and shift.start_at <= at]
    return begun[-1] if begun and at and at < begun[-1].end_at + AFTER_SHIFT else None


def _worked(day: date, shift: DayShift, absences: Iterable[tuple[datetime, datetime]]) -> Worked:
    away = NONE
    until = shift.start_at
    for start_at, end_at in absences:  # in order of their start; they may overlap
        start_at, end_at = max(start_at, until), min(end_at, shift.end_at)
        if end_at > start_at:
            away += end_at - start_at
            until = end_at
    paid = shift.end_at - shift.start_at - away
    return Worked(
        day,
        shift.driver_id,
        round(paid.total_seconds()),
        min(shift.break_min * 60, round(paid.total_seconds())),
    )


def _follow(
    routes: Routes,
    day: date,
    driver_id: int,
    trips: Iterable[DayTrip],
    first: Place | None,
    last: Place | None,
) -> None:
    """Add the legs of one way; one without trips was not driven."""
    stops = sorted(stop for trip in trips for stop in _stops(trip))
    if not stops:
        return
    here, since, on_board, loaded = first, stops[0].at, 0, NONE
    for stop in stops:
        if here is not None:
            routes.legs.append(Leg(day, driver_id, here, stop.place, on_board > 0))
        if on_board > 0:
            loaded += stop.at - since
        here, since = stop.place, stop.at
        on_board += stop.boards
    if last is not None and here is not None:
        routes.legs.append(Leg(day, driver_id, here, last, False))
    routes.loaded.append((day, driver_id, round(loaded.total_seconds())))


def _stops(trip: DayTrip) -> list[Stop]:
    """Return the stops of a driven trip, none if its times are not known at all."""
    if trip.pickup_at is None or trip.dropoff_at is None:
        return []
    pickup = (trip.pickup_lat, trip.pickup_lon)
    if trip.status == Status.NO_SHOW:
        return [Stop(trip.arrived_at or trip.pickup_at, 1, 0, pickup)]
    dropoff_at = max(trip.pickup_at, trip.dropoff_at)
    return [
        Stop(trip.pickup_at, 1, 1, pickup),
        Stop(
            dropoff_at,
            2 if dropoff_at == trip.pickup_at else 0,
            -1,
            (trip.dropoff_lat, trip.dropoff_lon),
        ),
    ]
