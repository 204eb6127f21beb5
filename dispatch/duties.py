"""A driver's day as the planner sees it: the duties that are left, and what is fixed in them.

A shift minus the absences in it leaves one or more unbroken stretches: the duties. What is
past is cut off: a duty starts now, where the driver is, with the break that is still to come.
"""

from dataclasses import replace
from datetime import timedelta

from dispatch.models import Assignment
from dispatch.planner.problem import Break, Commitment, Driver, Duty

# A position report older than this says nothing about where a driver is.
POSITION_FRESH = timedelta(minutes=30)

STARTED = {
    Assignment.Status.EN_ROUTE,
    Assignment.Status.IN_PROGRESS,
    Assignment.Status.COMPLETED,
    Assignment.Status.NO_SHOW,
}


def driver_day(company, rows, trips, *, ride_s, day, now, frozen_until, first_id):
    """Return the driver and a list of (duty, shift id), numbered from `first_id`.

    `rows` are the driver's `DriverRow`s; `trips` the `BookingRow`s that stay with the driver:
    driven, under way, frozen, locked, or of a day beside this one.
    """
    first = rows[0]

    def seconds(moment):
        return int((moment - day[0]).total_seconds())

    today = sum(day[0] <= trip.scheduled_time < day[1] for trip in trips)
    cap = company.max_bookings_per_driver if first.cap is None else first.cap
    driver = Driver(
        id=first.id,
        name=first.name,
        seats=first.seats or 0,
        wheelchair_places=first.wheelchair_places or 0,
        capacity=max(0, cap - today),
        skills=frozenset([*first.skills, *(first.equipment or [])]),
        load=today,
        emergency=first.kind == "emergency",
    )
    shifts = {row.shift_id: row for row in rows if row.shift_id}
    absences = sorted(
        {(row.absence_start_at, row.absence_end_at) for row in rows if row.absence_id}
    )
    service = timedelta(minutes=company.boarding_min + company.alighting_min)
    started, commitments = [], []
    for trip in trips:
        ride = timedelta(seconds=ride_s[trip.id])
        if trip.assignment_status in STARTED:
            started.append((_free_at(trip, ride, service, company, now), trip))
        else:
            pickup_at = max(trip.planned_pickup_at, now)
            commitments.append(
                Commitment(
                    trip_id=trip.id,
                    reference=trip.label,
                    pickup_s=seconds(pickup_at),
                    free_s=seconds(pickup_at + service + ride),
                    pickup=trip.pickup,
                    dropoff=trip.dropoff,
                )
            )
    commitments.sort(key=lambda commitment: (commitment.pickup_s, commitment.trip_id))

    home = (
        (company.depot_lat, company.depot_lon)
        if first.home_lat is None
        else (first.home_lat, first.home_lon)
    )
    duties = []
    for shift in shifts.values():
        pieces = _without(shift.shift_start_at, shift.shift_end_at, absences)
        break_ = _break_left(shift, pieces, seconds, now=now, frozen_until=frozen_until)
        for start_at, end_at in pieces:
            if end_at <= now:
                continue
            duty = Duty(
                id=first_id + len(duties),
                driver_id=first.id,
                start_s=seconds(start_at),
                end_s=seconds(end_at),
                start=home,
                end=home,
            )
            if start_at < now:
                duty = _from_now(duty, first, shift, start_at, started, now, seconds)
            if break_ and duty.start_s < break_.latest_s and break_.earliest_s < duty.end_s:
                inside = _clipped(break_, duty)
                if inside:
                    duty, break_ = replace(duty, break_=inside), None
            inside = [c for c in commitments if c.pickup_s < duty.end_s and c.free_s > duty.start_s]
            commitments = [c for c in commitments if c not in inside]
            duties.append((replace(duty, commitments=tuple(inside)), shift.shift_id))
    return driver, duties


def _free_at(trip, ride, service, company, now):
    """Return when the driver of a started trip is, or was, free at its dropoff."""
    if trip.assignment_status in {Assignment.Status.COMPLETED, Assignment.Status.NO_SHOW}:
        return trip.actual_dropoff_at or trip.planned_dropoff_at
    if trip.assignment_status == Assignment.Status.IN_PROGRESS and trip.actual_pickup_at:
        return max(
            trip.actual_pickup_at + service + ride,
            now + timedelta(minutes=company.alighting_min),
        )
    return max(trip.planned_pickup_at, now) + service + ride


def _without(start_at, end_at, absences):
    """Return the stretches of [start, end) outside the absences (sorted), in order."""
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


def _from_now(duty, driver, shift, start_at, started, now, seconds):
    """Return the rest of a duty that has begun: from where and when its driver is free."""
    done = [
        (free_at, trip) for free_at, trip in started if start_at <= free_at
        and trip.planned_pickup_at < shift.shift_end_at
    ]  # fmt: skip
    free_at, place = now, duty.start
    if done:
        last_free_at, last = max(done, key=lambda pair: (pair[0], pair[1].id))
        free_at, place = max(now, last_free_at), last.dropoff
    else:
        last_free_at = start_at
    seen_at = driver.last_position_at
    if seen_at and last_free_at <= seen_at <= now and now - seen_at <= POSITION_FRESH:
        place = (driver.last_lat, driver.last_lon)
    on_break_until = now
    if shift.break_min and shift.break_at and shift.break_at <= now:
        on_break_until = shift.break_at + timedelta(minutes=shift.break_min)
    start_s = seconds(max(free_at, on_break_until))
    return replace(duty, start_s=start_s, start=place, end_s=max(duty.end_s, start_s))


def _break_left(shift, pieces, seconds, *, now, frozen_until):
    """Return the break that is still to be taken in the shift, or None.

    An absence as long as the break, inside its window, counts as the break. A planned break
    that has begun is taken; one that begins before `frozen_until` stays where it is.
    """
    if not shift.break_min:
        return None
    length = timedelta(minutes=shift.break_min)
    window = shift.break_from_at, shift.break_until_at
    gaps = zip(pieces, pieces[1:], strict=False)
    if any(
        min(later[0], window[1]) - max(earlier[1], window[0]) >= length for earlier, later in gaps
    ):
        return None
    if shift.break_at is not None:
        if shift.break_at <= now:
            return None
        if shift.break_at < frozen_until:
            window = shift.break_at, shift.break_at + length
    window = max(window[0], now), window[1]
    if window[1] - window[0] < length:
        return None
    return Break(shift.break_min * 60, seconds(window[0]), seconds(window[1]))


def _clipped(break_, duty):
    """Return the break inside the duty, or None where it has no room."""
    earliest = max(break_.earliest_s, duty.start_s)
    latest = min(break_.latest_s, duty.end_s)
    if latest - earliest < break_.length_s:
        return None
    return replace(break_, earliest_s=earliest, latest_s=latest)
