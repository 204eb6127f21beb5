"""Keep a trip in order with its outbound or its return trip, as they are assigned. No query.

The planner keeps the order of the trips that it plans (`day/pairs.py`); a trip inserted by hand is
held against the one that stands.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace

from dispatch.day.duties import DayFrame
from dispatch.day.load import Day, arrived_s
from dispatch.day.queries import BookingRow
from dispatch.planner.problem import PlannedTrip, Trip
from dispatch.planner.rules import order
from dispatch.planner.rules.rule import Breach


def keep_in_order(day: Day, row: BookingRow, trip: Trip) -> Trip:
    """Return the trip with the part of its window that keeps it after or before its other trip."""
    there, back = arrival(day, row), _return_trip(day, row)
    if there and there[1] <= trip.latest_s:
        trip = replace(trip, earliest_s=max(trip.earliest_s, there[1]))
    if back and back[1] - trip.service_s >= trip.earliest_s:
        trip = replace(trip, latest_s=min(trip.latest_s, back[1] - trip.service_s))
    return trip


def out_of_order(
    day: Day, row: BookingRow, trip: Trip, placed: PlannedTrip, removed: Collection[int]
) -> Iterator[Breach]:
    """Yield the breaches of a trip that overlaps with its outbound or its return trip.

    The bookings `removed` do not count.
    """
    there, back = arrival(day, row), _return_trip(day, row)
    out_s = placed.dropoff_s + trip.alighting_s
    if there and there[0].id not in removed and not order.fits(there[1], placed.pickup_s):
        yield order.before_arrival(there[0].label, there[1], placed.pickup_s)
    if back and back[0].id not in removed and not order.fits(out_s, back[1]):
        yield order.after_return(back[0].label, out_s, back[1])


def arrival(day: Day, row: BookingRow) -> tuple[BookingRow, int] | None:
    """Return the assigned outbound trip and when its client is out, or None without one."""
    there = (day.bookings | day.neighbours).get(row.return_of_id or 0)
    if there is None or there.standing() is None:
        return None
    travel, company = day.problem.travel, day.company
    ride_s = {there.id: travel.leg(there.pickup, there.dropoff)[0]}
    frame = DayFrame(company, day.start_at, day.end_at, day.now, day.now, travel, ride_s)
    out_s = arrived_s(frame, there)
    return None if out_s is None else (there, out_s)


def _return_trip(day: Day, row: BookingRow) -> tuple[BookingRow, int] | None:
    """Return the assigned return trip and its planned pickup, or None without one."""
    for back in (day.bookings | day.neighbours).values():
        if back.return_of_id == row.id and (standing := back.standing()):
            return back, day.seconds(standing[2])
    return None
