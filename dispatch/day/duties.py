"""A driver's day as the planner sees it: the duties that are left, and what is fixed in them.

A shift minus the absences in it leaves one or more unbroken stretches: the duties. What is
past is cut off: a duty starts now, where the driver is, with the break that is still to come.
What the database keeps free for an open trip, up to its planned dropoff, is never planned
over, however early the driver may be done with it.
"""

import math
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


def driver_day(company, rows, trips, *, ride_s, travel, day, now, frozen_until, first_id):
    """Return the driver and a list of (duty, shift id), numbered from `first_id`.

    `rows` are the driver's `DriverRow`s; `trips` the `BookingRow`s that stay with the driver:
    driven, under way, frozen, locked, or of a day beside this one.
    """
    first = rows[0]

    def seconds(moment, rounded=math.floor):
        return rounded((moment - day[0]).total_seconds())

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
            free_at = max(pickup_at + service + ride, trip.planned_dropoff_at)
            commitments.append(
                Commitment(
                    trip_id=trip.id,
                    reference=trip.label,
                    pickup_s=seconds(pickup_at),
                    free_s=seconds(free_at, math.ceil),
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
    for shift in sorted(shifts.values(), key=lambda row: (row.shift_start_at, row.shift_id)):
        pieces = _without(shift.shift_start_at, shift.shift_end_at, absences)
        breaks = _breaks_left(shift, pieces, seconds, now=now, frozen_until=frozen_until)
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
            duty = _continued(duty, first, shift, (start_at, end_at), started, now, seconds)
            duty = _after(duty, [c for earlier, _ in duties for c in earlier.commitments])
            inside = next(filter(None, (_clipped(rest, duty) for rest in breaks)), None)
            if inside:
                duty, breaks = replace(duty, break_=inside), ()
            if duty.start_s > seconds(start_at):
                commitments = _delayed(commitments, seconds(start_at), duty, travel)
            inside = [c for c in commitments if c.pickup_s < duty.end_s and c.free_s > duty.start_s]
            commitments = [c for c in commitments if c not in inside]
            duties.append((replace(duty, commitments=tuple(inside)), shift.shift_id))
    return driver, duties


def _free_at(trip, ride, service, company, now):
    """Return when the driver of a started trip is, or was, free."""
    if trip.assignment_status == Assignment.Status.COMPLETED:
        return min(trip.actual_dropoff_at or trip.planned_dropoff_at, now)
    if trip.assignment_status == Assignment.Status.NO_SHOW:
        return min(trip.actual_pickup_at or trip.planned_pickup_at, now)
    if trip.assignment_status == Assignment.Status.IN_PROGRESS and trip.actual_pickup_at:
        free_at = max(
            trip.actual_pickup_at + service + ride,
            now + timedelta(minutes=company.alighting_min),
        )
    else:
        free_at = max(trip.planned_pickup_at, now) + service + ride
    return max(free_at, trip.planned_dropoff_at)


def _delayed(commitments, from_s, duty, travel):
    """Put off the commitments that a driver who is busy until the duty's start is late for.

    In order of pickup, until the first one in time. The rows of the database stay.
    """
    ready_s, place, delayed = duty.start_s, duty.start, []
    for i, commitment in enumerate(commitments):
        if commitment.pickup_s < from_s:
            delayed.append(commitment)
            continue
        late_s = ready_s + travel.leg(place, commitment.pickup)[0] - commitment.pickup_s
        if late_s <= 0:
            return delayed + commitments[i:]
        ready_s, place = commitment.free_s + late_s, commitment.dropoff
        pickup_s = commitment.pickup_s + late_s
        delayed.append(replace(commitment, pickup_s=pickup_s, free_s=ready_s))
    return delayed


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


def _continued(duty, driver, shift, piece, started, now, seconds):
    """Return what is left of a duty, from where and when its driver is free.

    The piece [start, end) of the shift may have begun; so may trips that run into it.
    """
    start_at, end_at = piece
    done = [
        (free_at, trip) for free_at, trip in started if start_at <= free_at
        and trip.planned_pickup_at < end_at
    ]  # fmt: skip
    if start_at >= now and not done:
        return duty
    free_at, place, last_free_at = max(start_at, now), duty.start, start_at
    if done:
        last_free_at, last = max(done, key=lambda pair: (pair[0], pair[1].id))
        free_at = max(free_at, last_free_at)
        # Nobody came: the driver still stands at the pickup.
        no_show = last.assignment_status == Assignment.Status.NO_SHOW
        place = last.pickup if no_show else last.dropoff
    seen_at = driver.last_position_at
    if seen_at and last_free_at <= seen_at <= now and now - seen_at <= POSITION_FRESH:
        place = (driver.last_lat, driver.last_lon)
    if shift.break_min and shift.break_at and shift.break_at <= now:
        free_at = max(free_at, shift.break_at + timedelta(minutes=shift.break_min))
    start_s = seconds(free_at, math.ceil)
    return replace(duty, start_s=start_s, start=place, end_s=max(duty.end_s, start_s))


def _after(duty, commitments):
    """Return the duty without the time that commitments of the driver's earlier ones take."""
    last = max(commitments, key=lambda c: (c.free_s, c.trip_id), default=None)
    if last is None or last.free_s <= duty.start_s:
        return duty
    return replace(
        duty, start_s=last.free_s, start=last.dropoff, end_s=max(duty.end_s, last.free_s)
    )


def _breaks_left(shift, pieces, seconds, *, now, frozen_until):
    """Return the break that is still to be taken in the shift, as a choice of windows.

    The first that has room counts. An absence as long as the break, inside its window, counts
    as the break. A planned break that has begun is taken; one that begins before
    `frozen_until` stays where it is, unless its driver is late for it.
    """
    if not shift.break_min:
        return ()
    length = timedelta(minutes=shift.break_min)
    window = shift.break_from_at, shift.break_until_at
    gaps = zip(pieces, pieces[1:], strict=False)
    if any(
        min(later[0], window[1]) - max(earlier[1], window[0]) >= length for earlier, later in gaps
    ):
        return ()
    windows = [(max(window[0], now), window[1])]
    if shift.break_at is not None and shift.break_at <= now:
        return ()
    if shift.break_at is not None and shift.break_at < frozen_until:
        windows.insert(0, (shift.break_at, shift.break_at + length))
    return tuple(
        Break(shift.break_min * 60, seconds(start, math.ceil), seconds(end))
        for start, end in windows
        if seconds(end) - seconds(start, math.ceil) >= shift.break_min * 60
    )


def _clipped(break_, duty):
    """Return the break inside the duty, or None where it has no room."""
    earliest = max(break_.earliest_s, duty.start_s)
    latest = min(break_.latest_s, duty.end_s)
    if latest - earliest < break_.length_s:
        return None
    return replace(break_, earliest_s=earliest, latest_s=latest)
