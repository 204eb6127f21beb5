"""The figures by which a dispatcher compares a plan with what stands. No query."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from dispatch.day.day import Day
from dispatch.day.rows import BookingRow
from dispatch.day.stretches import Ride, drives, stretches
from dispatch.planner.measures import Measures
from dispatch.planner.problem import Plan
from dispatch.runs.restore_plan import Was, planned_trips

NONE = timedelta(0)


def what_stands(day: Day) -> Plan:
    """Return what stands of the trips that the planner may move, without breaks.

    A trip that its driver cannot do any more can be in it: no rule is checked.
    """
    standing = {trip.id: day.bookings[trip.id].standing() for trip in day.problem.trips}
    was = {i: Was(*row[1:]) for i, row in standing.items() if row}
    planned = planned_trips(day, was)
    unserved = sorted(standing.keys() - {trip.trip_id for trip in planned})
    return Plan(planned, (), tuple(unserved))


def figures(day: Day, plan: Plan, measures: Measures, *, unkept: int) -> dict[str, Any]:
    """Return the figures of a plan and of the trips that stay: km, minutes and counts.

    `unkept` is the number of trips that their driver cannot do as planned; `wait_min` how long
    after the time that was asked for clients are fetched, on average.
    """
    pickups = {row.id: row.planned()[0] for row in day.bookings.values() if row.id in day.kept}
    pickups |= {trip.trip_id: day.moment(trip.pickup_s) for trip in plan.trips}
    waits = [max(at - day.bookings[i].scheduled_time, NONE) for i, at in pickups.items()]
    return {
        "deadhead_km": round(measures.deadhead_m / 1000, 1),
        "deadhead_min": round(measures.deadhead_s / 60),
        "drivers_used": measures.drivers,
        "wait_min": round(sum(waits, NONE) / timedelta(minutes=len(waits)), 1) if waits else 0.0,
        "unkept": unkept,
    }


def loaded_m(day: Day, plan: Plan, stay: Sequence[BookingRow]) -> int:
    """Return the metres that vehicles drive with somebody on board, of a plan and what stays."""
    rides = [
        Ride(trip.driver_id, day.moment(trip.pickup_s), day.moment(trip.dropoff_s), trip.trip_id)
        for trip in plan.trips
    ]
    rides += [Ride(row.driver_id or 0, *row.planned(), row.id) for row in stay]
    direct_m = sum(day.ride_m[ride.booking_id] for ride in rides)
    if day.problem.sharing is None and not any(row.stretch for row in stay):
        return direct_m
    ends = {row.id: (row.pickup, row.dropoff) for row in day.bookings.values()}
    origins, places = [], []
    for together in stretches(rides):
        if len(together) > 1:
            direct_m -= sum(day.ride_m[ride.booking_id] for ride in together)
            for _booking_id, origin, place in drives(together, ends):
                origins.append(origin)
                places.append(place)
    _seconds, metres = day.problem.travel.legs(origins, places)
    return direct_m + int(metres.sum())
