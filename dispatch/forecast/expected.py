"""Forecast when each trip of a driver will begin and end, from what has happened so far.

No query and no clock. A trip is late once its pickup is expected after its window, or its
arrival after the appointment; it is behind once the pickup is expected later than planned.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from dispatch.day.duties import POSITION_FRESH
from dispatch.day.trips import pickup_window
from dispatch.models import Assignment

LATE = timedelta(minutes=1)
NEVER = -timedelta(days=999)
BEHIND = timedelta(minutes=5)
# What is late before or after that needs nobody now.
LOOK_BACK, LOOK_AHEAD = timedelta(hours=-6), timedelta(hours=2)


class Risk(StrEnum):
    NONE = ""
    BEHIND = "behind"
    LATE = "late"


class Legs(NamedTuple):
    """Driving times: to the pickup without passengers, and with them to the dropoff."""

    empty: timedelta
    ride: timedelta


class Expected(NamedTuple):
    """The expected times: `late` against the window or appointment, `behind` against the plan.

    `due_at` is the end of the window, or the appointment if that is missed by more; `over` is how
    long after it, negative before, `NEVER` where nothing can be missed: `late` is never negative.
    `ride_until_at` is when a ride that has begun was expected to end.
    """

    pickup_at: datetime
    dropoff_at: datetime
    ride_until_at: datetime
    due_at: datetime
    risk: Risk
    late: timedelta
    behind: timedelta
    over: timedelta


def is_fresh(seen_at, now):
    """Return whether a position report still says where the driver is."""
    return seen_at is not None and timedelta(0) <= now - seen_at <= POSITION_FRESH


def free_place(trip):
    """Return where the driver is after a trip: at the dropoff, or at the pickup of a no-show."""
    if trip.assignment_status == Assignment.Status.NO_SHOW:
        return trip.pickup_lat, trip.pickup_lon
    return trip.dropoff_lat, trip.dropoff_lon


def riding_along(trips):
    """Return the trips, in order of their planned pickup, that begin with others on board: ids."""
    found, until_at = set(), {}
    for trip in trips:
        if trip.stretch is None:
            continue
        empty_at = until_at.get(trip.stretch)
        if empty_at and trip.planned_pickup_at < empty_at:
            found.add(trip.id)
        until_at[trip.stretch] = max(trip.planned_dropoff_at, empty_at or trip.planned_dropoff_at)
    return found


def forecast(company, trips, *, shifts, legs, from_position, now):
    """Return the expected times of a driver's trips, by booking id.

    `trips` are in order of their planned pickup; `legs` are by booking id. `from_position` is
    (time of the last position, driving time from there to the next trip) or None.

    Who rides along is as late as whom the vehicle fetched before.
    """
    status = Assignment.Status
    alighting = timedelta(minutes=company.alighting_min)
    breaks = [
        (shift.break_at, shift.break_at + timedelta(minutes=shift.break_min))
        for shift in shifts
        if shift.break_min and shift.break_at
    ]
    expected, free_at, previous = {}, None, None
    along, delay = riding_along(trips), timedelta(0)
    for trip in trips:
        busy_until_at = free_at if trip.id in along else None
        empty, ride = legs[trip.id]
        boarding = _boarding(company, trip)
        planned = trip.planned_pickup_at
        over, ride_until_at = False, None
        if trip.assignment_status == status.COMPLETED:
            pickup_at = trip.actual_pickup_at or planned
            free_at = dropoff_at = trip.actual_dropoff_at or trip.planned_dropoff_at
            over = True
        elif trip.assignment_status == status.NO_SHOW:
            pickup_at = free_at = dropoff_at = trip.actual_dropoff_at or planned
            over = True
        elif trip.assignment_status == status.IN_PROGRESS:
            pickup_at = trip.actual_pickup_at or planned
            ride_until_at = pickup_at + boarding + ride
            if trip.stretch is not None:
                ride_until_at = max(ride_until_at, pickup_at + (trip.planned_dropoff_at - planned))
            dropoff_at = max(ride_until_at, now)
            free_at = dropoff_at + alighting
        else:
            if trip.id in along:
                arrive_at = trip.arrived_at or max(planned + delay, now)
            else:
                arrive_at = _arrival(
                    trip, previous, free_at, empty, shifts, breaks, from_position, now
                )
            pickup_at = max(planned, arrive_at)
            dropoff_at = pickup_at + max(boarding + ride, trip.planned_dropoff_at - planned)
            free_at = dropoff_at + alighting
            from_position = None
        expected[trip.id] = _judged(
            company, trip, pickup_at, dropoff_at, ride_until_at or dropoff_at, over
        )
        if busy_until_at:  # by those who are on board already
            free_at = max(free_at, busy_until_at)
        previous, delay = planned, max(pickup_at - planned, timedelta(0))
    return expected


def boarding_min(company, trip):
    """Return the minutes that boarding takes: the rule is the company's."""
    return company.boarding(
        passengers=trip.passengers,
        wheelchairs=trip.wheelchairs,
        needs=trip.needs,
        at_place=trip.pickup_boarding_min,
    )


def _boarding(company, trip):
    return timedelta(minutes=boarding_min(company, trip))


def _arrival(trip, previous, free_at, empty, shifts, breaks, from_position, now):
    """Return when the driver can be at the pickup of a trip that has not begun."""
    if trip.arrived_at:
        return trip.arrived_at
    if from_position and (free_at is None or free_at <= from_position[0]):
        leave_at, empty = now, from_position[1]
    elif trip.assignment_status == Assignment.Status.EN_ROUTE:
        return now  # nobody knows since when
    else:
        starts = [shift.start_at for shift in shifts if shift.start_at <= trip.planned_pickup_at]
        leave_at = max([now, *([free_at] if free_at else starts[-1:])])
    arrive_at = leave_at + empty
    if trip.assignment_status != Assignment.Status.EN_ROUTE:
        for break_at, until in breaks:
            if (
                now < until
                and break_at < trip.planned_pickup_at
                and not (previous and break_at <= previous)
            ):  # before, during or after the drive
                arrive_at = max(arrive_at + (until - max(break_at, now)), until)
    return arrive_at


def _judged(company, trip, pickup_at, dropoff_at, ride_until_at, over):
    due_at = pickup_window(company, trip)[1]
    late = pickup_at - due_at
    if trip.assignment_status == Assignment.Status.IN_PROGRESS:
        late = NEVER  # the pickup is over; what can still be missed is the appointment
    if trip.appointment_at and trip.assignment_status != Assignment.Status.NO_SHOW:
        missed = dropoff_at - trip.appointment_at
        if missed > late:
            due_at, late = trip.appointment_at, missed
    behind = pickup_at - trip.planned_pickup_at
    risk = Risk.NONE
    if not over and late >= LATE:
        risk = Risk.LATE
    elif not over and behind >= BEHIND:
        risk = Risk.BEHIND
    return Expected(
        pickup_at, dropoff_at, ride_until_at, due_at, risk, max(late, timedelta(0)), behind, late
    )
