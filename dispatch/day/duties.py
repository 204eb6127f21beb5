"""Turn a driver's shifts into the duties that are left today, with their commitments.

A shift minus the absences in it, of its driver and of its vehicle, leaves one or more unbroken
pieces: the duties. What is past is
cut off: a duty starts now, where the driver is, with the break that is still due. The time that
the database keeps for an open trip, up to its planned dropoff, is never planned over, even if the
driver may be done earlier.
"""

import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from dispatch.day.keeping import begun_stretches
from dispatch.day.papers import expired_papers
from dispatch.day.rows import BookingRow, DriverRow
from dispatch.day.traffic import Drive, factor_at
from dispatch.models import Assignment
from dispatch.planner.problem import Break, Car, Commitment, Driver, Duty
from dispatch.planner.travel import Place, TravelTimes, in_traffic
from drivers.models import Company

# An older position report does not say where a driver is now.
POSITION_FRESH = timedelta(minutes=30)

STARTED = {
    Assignment.Status.EN_ROUTE,
    Assignment.Status.IN_PROGRESS,
    Assignment.Status.COMPLETED,
    Assignment.Status.NO_SHOW,
}

Period = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class DayFrame:
    """What all drivers of one company-day share; `drives` are the rides by booking.

    Planned breaks that begin before `frozen_until` stay where they are.
    """

    company: Company
    start_at: datetime
    end_at: datetime
    now: datetime
    frozen_until: datetime
    travel: TravelTimes
    drives: Mapping[int, Drive]

    def seconds(self, moment: datetime, rounded: Callable[[float], int] = math.floor) -> int:
        return rounded((moment - self.start_at).total_seconds())

    @property
    def day(self) -> date:
        return self.company.local(self.start_at).date()

    def service(self, trip: BookingRow) -> timedelta:
        """Return how long boarding and alighting take together."""
        return timedelta(minutes=trip.boarding_min(self.company) + self.company.alighting_min)


class Shift(NamedTuple):
    """A driver's shift in its car; the break fields are None without a break, or a planned one."""

    start_at: datetime
    id: int
    end_at: datetime
    break_min: int
    break_from_at: datetime | None
    break_until_at: datetime | None
    break_at: datetime | None
    car: Car
    away: tuple[Period, ...] = ()  # of the car, in order
    first_at: Place | None = None  # where the car is taken over
    last_at: Place | None = None  # where it is handed over


def driver_day(
    frame: DayFrame, rows: Sequence[DriverRow], trips: Sequence[BookingRow], *, first_id: int
) -> tuple[Driver, list[tuple[Duty, int]]]:
    """Return the driver and a list of (duty, shift id), numbered from `first_id`.

    `rows` are those of one driver; `trips` are the ones that stay with the driver: driven, kept
    (`keeping.kept_trips`), or wanted on a day beside this one.
    """
    begun = begun_stretches(trips)
    started = [(free_at(frame, trip), trip) for trip in trips if _has_started(trip, begun)]
    commitments = _commitments(frame, [t for t in trips if not _has_started(t, begun)])
    absences = _absences(rows)
    duties: list[tuple[Duty, int]] = []
    for shift in _shifts(frame.company, frame.day, rows):
        period = shift.start_at, shift.end_at
        breaks = _breaks_left(frame, shift, pieces_of(period, absences))
        for piece in pieces_of(period, sorted([*absences, *shift.away])):
            if piece[1] <= frame.now:
                continue
            duty = _whole_duty(frame, rows[0], shift, piece, first_id + len(duties))
            duty = _continued(frame, duty, rows[0], shift, piece, started)
            duty = _after(duty, [c for earlier, _ in duties for c in earlier.commitments])
            duty, breaks = _with_break(duty, breaks)
            begins_at = frame.start_at + timedelta(seconds=duty.start_s)
            duty = replace(duty, onward_factor=factor_at(frame.company, begins_at))
            if duty.start_s > frame.seconds(piece[0]):
                from_s = frame.seconds(piece[0])
                commitments = delayed(
                    commitments, from_s, duty, frame.travel, shared=frame.company.shares_rides
                )
            duty, commitments = _with_commitments(duty, commitments)
            duties.append((replace(duty, car=shift.car), shift.id))
    own = car_of(frame.company, frame.day, rows[0])
    cars = {duty.car for duty, _shift_id in duties} or {own}
    if len(cars) > 1:
        return _driver(frame, rows[0], trips, Car()), duties
    duties = [(replace(duty, car=None), shift_id) for duty, shift_id in duties]
    return _driver(frame, rows[0], trips, cars.pop() or Car()), duties


def car_of(company: Company, day: date, row: DriverRow) -> Car:
    """Return the vehicle of the row on a day: one without places if there is none."""
    equipment = frozenset(row.equipment or [])
    until = {"insurance": row.insurance_until, "inspection": row.inspection_until}
    expired = expired_papers(company, day, **until)
    seats, places = (max(numbers) for numbers in zip(*row.layouts, strict=True))
    folds = row.layouts if len(row.layouts) > 1 else ()
    return Car(seats, places, equipment, expired, folds)


def _driver(frame: DayFrame, row: DriverRow, trips: Iterable[BookingRow], car: Car) -> Driver:
    """Return the planner's driver; the trips of this day count towards the driver's cap."""
    load = sum(frame.start_at <= trip.scheduled_time < frame.end_at for trip in trips)
    cap = frame.company.max_bookings_per_driver if row.cap is None else row.cap
    return Driver(
        id=row.id,
        name=row.name,
        seats=car.seats,
        wheelchair_places=car.wheelchair_places,
        capacity=max(0, cap - load),
        skills=frozenset(row.skills) | car.equipment,
        load=load,
        emergency=row.kind == "emergency",
        expired=car.expired
        | expired_papers(
            frame.company, frame.day, licence=row.licence_until, permit=row.permit_until
        ),
        layouts=car.layouts,
    )


def _shifts(company: Company, day: date, rows: Iterable[DriverRow]) -> list[Shift]:
    """Return the driver's shifts, each once, in order of (start, id)."""
    found = {
        row.shift_id: Shift(
            row.shift_start_at,
            row.shift_id,
            row.shift_end_at,
            row.break_min or 0,
            row.break_from_at,
            row.break_until_at,
            row.break_at,
            car_of(company, day, row),
            periods_away(rows, row.shift_id),
            handover_of(company, row) if row.taken_over else None,
            handover_of(company, row) if row.handed_over else None,
        )
        for row in rows
        if row.shift_id and row.shift_start_at and row.shift_end_at
    }
    return sorted(found.values(), key=lambda shift: (shift.start_at, shift.id))


def periods_away(rows: Iterable[DriverRow], shift_id: int) -> tuple[Period, ...]:
    """Return the absences of the vehicle of a shift, each once, in order."""
    found = {
        (row.away_start_at, row.away_end_at)
        for row in rows
        if row.shift_id == shift_id and row.away_start_at and row.away_end_at
    }
    return tuple(sorted(found))


def _absences(rows: Iterable[DriverRow]) -> list[Period]:
    """Return the driver's absences, each once, in order."""
    return sorted(
        {
            (row.absence_start_at, row.absence_end_at)
            for row in rows
            if row.absence_start_at and row.absence_end_at
        }
    )


def _commitments(frame: DayFrame, trips: Iterable[BookingRow]) -> list[Commitment]:
    """Return trips that have not begun as commitments, in order of (pickup, id)."""
    commitments = []
    for trip in trips:
        planned_pickup_at, planned_dropoff_at = trip.planned()
        pickup_at = max(planned_pickup_at, frame.now)
        out_at = planned_dropoff_at + _out_of_stretch(frame, trip)
        free_at = max(pickup_at + frame.service(trip) + _ride(frame, trip), out_at)
        commitments.append(
            Commitment(
                trip_id=trip.id,
                reference=trip.label,
                pickup_s=frame.seconds(pickup_at),
                free_s=frame.seconds(free_at, math.ceil),
                pickup=trip.pickup,
                dropoff=trip.dropoff,
                person=trip.person,
                onward_factor=frame.drives[trip.id].onward_factor,
                **(_shared(frame, trip) if frame.company.shares_rides else {}),
            )
        )
    return sorted(commitments, key=lambda commitment: (commitment.pickup_s, commitment.trip_id))


def _has_started(trip: BookingRow, begun: Container[tuple[int | None, int]]) -> bool:
    """Return whether the trip has begun, or the stretch in which it is driven."""
    if trip.assignment_status in STARTED:
        return True
    return trip.stretch is not None and (trip.driver_id, trip.stretch) in begun


def _shared(frame: DayFrame, trip: BookingRow) -> dict[str, Any]:
    """Return what a commitment says of who may ride along."""
    return {
        "boarding_s": trip.boarding_min(frame.company) * 60,
        "alighting_s": frame.company.alighting_min * 60,
        "seats": trip.passengers - trip.wheelchairs,
        "wheelchairs": trip.wheelchairs,
        "may_share": trip.shares,
        "ride_factor": frame.drives[trip.id].ride_factor,
    }


def _out_of_stretch(frame: DayFrame, trip: BookingRow) -> timedelta:
    """Return how long after its planned dropoff a client who rides with others is out.

    The planned dropoff of a client alone has always been taken for that: the ride is a direct one.
    """
    minutes = 0 if trip.stretch is None else frame.company.alighting_min
    return timedelta(minutes=minutes)


def _ride(frame: DayFrame, trip: BookingRow) -> timedelta:
    return timedelta(seconds=frame.drives[trip.id].ride_s)


def free_at(frame: DayFrame, trip: BookingRow) -> datetime:
    """Return when the driver of a started trip is, or was, free."""
    planned_pickup_at, planned_dropoff_at = trip.planned()
    if trip.assignment_status == Assignment.Status.COMPLETED:
        return min(trip.actual_dropoff_at or planned_dropoff_at, frame.now)
    if trip.assignment_status == Assignment.Status.NO_SHOW:
        return min(trip.actual_pickup_at or planned_pickup_at, frame.now)
    service_and_ride = frame.service(trip) + _ride(frame, trip)
    if trip.assignment_status == Assignment.Status.IN_PROGRESS and trip.actual_pickup_at:
        free_at = max(
            trip.actual_pickup_at + service_and_ride,
            frame.now + timedelta(minutes=frame.company.alighting_min),
        )
        late = trip.actual_pickup_at - planned_pickup_at
    else:
        free_at = max(planned_pickup_at, frame.now) + service_and_ride
        late = frame.now - planned_pickup_at
    out_at = planned_dropoff_at + _out_of_stretch(frame, trip)
    if trip.stretch is not None:  # those who ride along are late too
        out_at += max(late, timedelta(0))
    return max(free_at, out_at)


def pieces_of(period: Period, absences: Iterable[Period]) -> list[Period]:
    """Return the pieces of the period outside the absences (sorted), in order."""
    start_at, end_at = period
    pieces = []
    for absence_start, absence_end in absences:
        if absence_end <= start_at or absence_start >= end_at:
            continue
        if absence_start > start_at:
            pieces.append((start_at, absence_start))
        start_at = absence_end
    if start_at < end_at:
        pieces.append((start_at, end_at))
    return pieces


def home_of(company: Company, lat: float | None, lon: float | None) -> Place:
    """Return where a driver with this home starts and ends: without a home, at the depot."""
    if lat is None or lon is None:
        return company.depot_lat, company.depot_lon
    return lat, lon


def handover_of(company: Company, row: DriverRow) -> Place:
    """Return where the vehicle of the row is handed over: without a place, at the depot."""
    return home_of(company, row.handover_lat, row.handover_lon)


def _whole_duty(
    frame: DayFrame, driver: DriverRow, shift: Shift, piece: Period, duty_id: int
) -> Duty:
    """Return the duty of a whole piece of a shift, from the driver's home and back.

    The first piece begins where the car is taken over, the last one ends where it is handed over.
    """
    home = home_of(frame.company, driver.home_lat, driver.home_lon)
    start = shift.first_at if shift.first_at and piece[0] == shift.start_at else home
    end = shift.last_at if shift.last_at and piece[1] == shift.end_at else home
    return Duty(
        id=duty_id,
        driver_id=driver.id,
        start_s=frame.seconds(piece[0]),
        end_s=frame.seconds(piece[1]),
        start=start,
        end=end,
    )


def _continued(
    frame: DayFrame,
    duty: Duty,
    driver: DriverRow,
    shift: Shift,
    piece: Period,
    started: Iterable[tuple[datetime, BookingRow]],
) -> Duty:
    """Return what is left of a duty, from where and when its driver is free.

    The piece of the shift may have begun; so may trips that run into it.
    """
    start_at, end_at = piece
    now = frame.now
    done = [
        (free_at, trip)
        for free_at, trip in started
        if start_at <= free_at and trip.planned()[0] < end_at
    ]
    if start_at >= now and not done:
        return duty
    free_at, place, last_free_at = max(start_at, now), duty.start, start_at
    if done:
        last_free_at, last = max(done, key=lambda pair: (pair[0], pair[1].id))
        free_at = max(free_at, last_free_at)
        # After a no-show the driver still stands at the pickup.
        no_show = last.assignment_status == Assignment.Status.NO_SHOW
        place = last.pickup if no_show else last.dropoff
    seen_at, lat, lon = driver.last_position_at, driver.last_lat, driver.last_lon
    if (
        seen_at
        and last_free_at <= seen_at <= now
        and now - seen_at <= POSITION_FRESH
        and lat is not None
        and lon is not None
    ):
        place = (lat, lon)
    if shift.break_min and shift.break_at and shift.break_at <= now:
        free_at = max(free_at, shift.break_at + timedelta(minutes=shift.break_min))
    start_s = frame.seconds(free_at, math.ceil)
    return replace(duty, start_s=start_s, start=place, end_s=max(duty.end_s, start_s))


def _after(duty: Duty, commitments: Iterable[Commitment]) -> Duty:
    """Return the duty without the time that commitments of the driver's earlier ones take."""
    last = max(commitments, key=lambda c: (c.free_s, c.trip_id), default=None)
    if last is None or last.free_s <= duty.start_s:
        return duty
    return replace(
        duty, start_s=last.free_s, start=last.dropoff, end_s=max(duty.end_s, last.free_s)
    )


def _breaks_left(frame: DayFrame, shift: Shift, pieces: Sequence[Period]) -> tuple[Break, ...]:
    """Return the windows in which the shift's break may still be taken, in order of choice.

    An absence as long as the break, inside its window, counts as the break. A planned break that
    has begun is taken; one that begins before `frozen_until` stays where it is, unless its driver
    is late for it.
    """
    if not shift.break_min or shift.break_from_at is None or shift.break_until_at is None:
        return ()
    length = timedelta(minutes=shift.break_min)
    window = shift.break_from_at, shift.break_until_at
    gaps = zip(pieces, pieces[1:], strict=False)
    if any(
        min(later[0], window[1]) - max(earlier[1], window[0]) >= length for earlier, later in gaps
    ):
        return ()
    windows = [(max(window[0], frame.now), window[1])]
    if shift.break_at is not None and shift.break_at <= frame.now:
        return ()
    if shift.break_at is not None and shift.break_at < frame.frozen_until:
        windows.insert(0, (shift.break_at, shift.break_at + length))
    told_s = None if shift.break_at is None else frame.seconds(shift.break_at)
    return tuple(
        Break(shift.break_min * 60, frame.seconds(start, math.ceil), frame.seconds(end), told_s)
        for start, end in windows
        if frame.seconds(end) - frame.seconds(start, math.ceil) >= shift.break_min * 60
    )


def _with_break(duty: Duty, breaks: tuple[Break, ...]) -> tuple[Duty, tuple[Break, ...]]:
    """Return the duty with the first break that has room in it, and the breaks left over."""
    inside = next(filter(None, (_clipped(break_, duty) for break_ in breaks)), None)
    return (replace(duty, break_=inside), ()) if inside else (duty, breaks)


def _clipped(break_: Break, duty: Duty) -> Break | None:
    """Return the break inside the duty. Returns None if it has no room."""
    earliest = max(break_.earliest_s, duty.start_s)
    latest = min(break_.latest_s, duty.end_s)
    if latest - earliest < break_.length_s:
        return None
    return replace(break_, earliest_s=earliest, latest_s=latest)


def delayed(
    commitments: list[Commitment],
    from_s: int,
    duty: Duty,
    travel: TravelTimes,
    *,
    shared: bool,
) -> list[Commitment]:
    """Return the commitments, later if the driver is busy until the duty's start.

    In order of pickup, up to the first one on time. The rows of the database stay.
    """
    ready_s, place, factor = duty.start_s, duty.start, duty.onward_factor
    later: list[Commitment] = []
    late_s, empty_s = 0, -math.inf  # of those who ride with the one before: they are late with it
    for i, commitment in enumerate(commitments):
        if commitment.pickup_s < from_s:
            later.append(commitment)
            continue
        rides_along = shared and commitment.pickup_s < empty_s
        if not rides_along:
            drive_s = in_traffic(travel.leg(place, commitment.pickup)[0], factor)
            late_s = ready_s + drive_s - commitment.pickup_s
        if late_s <= 0:
            return later + commitments[i:]
        empty_s = max(empty_s, commitment.free_s) if rides_along else commitment.free_s
        if commitment.free_s + late_s >= ready_s or not rides_along:
            ready_s, place = commitment.free_s + late_s, commitment.dropoff
            factor = commitment.onward_factor
        pickup_s, free_s = commitment.pickup_s + late_s, commitment.free_s + late_s
        later.append(replace(commitment, pickup_s=pickup_s, free_s=free_s))
    return later


def _with_commitments(duty: Duty, commitments: list[Commitment]) -> tuple[Duty, list[Commitment]]:
    """Return the duty with the commitments inside it, and the commitments left over."""
    inside = [c for c in commitments if c.pickup_s < duty.end_s and c.free_s > duty.start_s]
    left_over = [c for c in commitments if c not in inside]
    return replace(duty, commitments=tuple(inside)), left_over
