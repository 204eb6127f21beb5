"""Put together the days of drivers: their shifts, absences and trips, and how these will go.

No query. Moments are in UTC, distances in metres.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bookings.models import DRIVEN_STATUSES, Status
from dispatch.day.duties import home_of
from dispatch.day.stretches import Ride, drives, stretches
from dispatch.day.traffic import drive_of, factor_at
from dispatch.forecast.expected import (
    Expected,
    Legs,
    boarding_min,
    forecast,
    free_place,
    is_fresh,
    riding_along,
)
from dispatch.forecast.rows import AbsenceRow, DriverRow, ShiftRow, TripRow
from dispatch.forecast.states import State, is_on_duty, states_of_trip
from dispatch.planner.travel import in_traffic


@dataclass(frozen=True, slots=True)
class AssignedTrip:
    """A trip with a driver. `empty_m` and `empty` lead to its pickup, `ride_m` to its dropoff.

    Of who rides with others, `ride_m` are the drives to both stops with somebody on board.

    `other_day` if it is wanted on the day before or after; it is drawn because its driver is busy.
    """

    row: TripRow
    expected: Expected
    states: tuple[State, ...]
    empty: timedelta
    empty_m: int
    ride_m: int
    other_day: bool


@dataclass(frozen=True, slots=True)
class DriverDay:
    """A driver's row; trips are in order of their planned pickup. `back_m` leads home.

    `on_duty` on this day, unless absent for the whole shift; `on_duty_now` at this moment.
    """

    row: DriverRow
    shifts: tuple[ShiftRow, ...]
    absences: tuple[AbsenceRow, ...]
    trips: tuple[AssignedTrip, ...]
    back_m: int
    on_duty: bool
    on_duty_now: bool


def driver_days(company, travel, drivers, shifts, absences, driven, *, day, now):
    """Return the rows of the drivers who have a shift or trips."""
    shown = [row for row in drivers if row.id in shifts or row.id in driven]
    legs, metres, ways = _legs(company, travel, shown, shifts, driven, now)
    days = []
    for driver in shown:
        own_shifts = tuple(shifts.get(driver.id, ()))
        own_absences = tuple(absences.get(driver.id, ()))
        own_trips = driven.get(driver.id, [])
        expected = forecast(
            company,
            own_trips,
            shifts=own_shifts,
            legs=legs,
            from_position=(driver.last_position_at, ways[driver.id][0])
            if driver.id in ways
            else None,
            now=now,
        )
        trips = tuple(
            AssignedTrip(
                row=row,
                expected=expected[row.id],
                states=states_of_trip(row, expected[row.id], now),
                empty=legs[row.id].empty,
                empty_m=metres[row.id][0],
                ride_m=metres[row.id][1],
                other_day=not day[0] <= row.scheduled_time < day[1],
            )
            for row in own_trips
        )
        days.append(
            DriverDay(
                row=driver,
                shifts=own_shifts,
                absences=own_absences,
                trips=trips,
                back_m=metres.get(("back", driver.id), 0),
                on_duty=any(not _is_absent(shift, own_absences) for shift in own_shifts),
                on_duty_now=is_on_duty(own_shifts, own_absences, now),
            )
        )
    return tuple(days)


def _begin(company, shift, home):
    return _handover(company, shift) if shift and shift.taken_over else home


def _end(company, shift, home):
    return _handover(company, shift) if shift and shift.handed_over else home


def _handover(company, shift):
    return home_of(company, shift.handover_lat, shift.handover_lon)


def _is_absent(shift, absences):
    return any(row.start_at <= shift.start_at and row.end_at >= shift.end_at for row in absences)


def _legs(company, travel, drivers, shifts, driven, now):
    """Return the driving times by booking, metres by booking, and legs from last positions.

    All legs are computed in one call. Each shift begins and ends at home, or where its vehicle is
    handed over. In traffic as plans are. Nobody drives empty to a client who rides along.
    """
    ends, keys = [], []

    def add(key, origin, destination, after):
        """Add a leg that begins at the moment `after`, or after this trip; a ride is its own."""
        keys.append((*key, after))
        ends.append((origin, destination))

    for driver in drivers:
        home = home_of(company, driver.home_lat, driver.home_lon)
        place, shift, before = None, None, None
        trips = driven.get(driver.id, [])
        along = riding_along(trips)
        for row in trips:
            inside = next(
                (
                    one
                    for one in shifts.get(driver.id, ())
                    if one.start_at <= row.planned_pickup_at < one.end_at
                ),
                shift,
            )
            if place is not None and shift is not None and inside is not shift:
                add(("back", driver.id), place, _end(company, shift, home), before)
                place, before = None, None
            if place is None:
                place = _begin(company, inside, home)
            shift = inside
            pickup = (row.pickup_lat, row.pickup_lon)
            begins_at = shift.start_at if shift else row.planned_pickup_at
            if row.id in along:  # nothing is driven without passengers
                add(("empty", row.id), pickup, pickup, before or begins_at)
            else:
                add(("empty", row.id), place, pickup, before or begins_at)
            add(("ride", row.id), pickup, (row.dropoff_lat, row.dropoff_lon), row)
            if row.id not in along or row.planned_dropoff_at >= before.planned_dropoff_at:
                place, before = free_place(row), row
        for booking_id, origin, destination in _with_others(trips):
            add(("loaded", booking_id), origin, destination, now)
        if trips:
            add(("back", driver.id), place, _end(company, shift, home), before)
        ahead = next((row for row in trips if row.status not in DRIVEN_STATUSES), None)
        if ahead and is_fresh(driver.last_position_at, now) and ahead.status != Status.IN_PROGRESS:
            seen = (driver.last_lat, driver.last_lon)
            add(("seen", driver.id), seen, (ahead.pickup_lat, ahead.pickup_lon), now)
    seconds, metres = travel.legs([a for a, _b in ends], [b for _a, b in ends])
    durations, lengths, ways, back, onward = {}, {}, {}, {}, {}
    loaded: dict[int, int] = {}
    for key, second, metre in zip(keys, seconds.tolist(), metres.tolist(), strict=True):
        kind, number, after = key
        if kind == "loaded":
            loaded[number] = loaded.get(number, 0) + metre
            continue
        if kind == "ride":
            second, _factor, onward[number] = drive_of(
                company, after.scheduled_time, second, boarding_min(company, after)
            )
        elif isinstance(after, datetime):
            second = in_traffic(second, factor_at(company, after))
        else:
            second = in_traffic(second, onward[after.id])
        if kind == "seen":
            ways[number] = (timedelta(seconds=second), metre)
        elif kind == "back":
            back[kind, number] = back.get((kind, number), 0) + metre
        else:
            durations.setdefault(number, {})[kind] = timedelta(seconds=second)
            lengths.setdefault(number, {})[kind] = metre
    legs = {number: Legs(found["empty"], found["ride"]) for number, found in durations.items()}
    lengths = {i: (found["empty"], loaded.get(i, found["ride"])) for i, found in lengths.items()}
    return legs, lengths | back, ways


def _with_others(trips):
    """Yield the drives with several clients, as `drives` does, of a driver's trips."""
    shared = {row.id: row for row in trips if row.stretch is not None}
    rides = (
        Ride(row.driver_id, row.planned_pickup_at, row.planned_dropoff_at, row.id)
        for row in shared.values()
    )
    ends = {
        row.id: ((row.pickup_lat, row.pickup_lon), (row.dropoff_lat, row.dropoff_lon))
        for row in shared.values()
    }
    for together in stretches(rides):
        yield from drives(together, ends)
