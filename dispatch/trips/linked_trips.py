"""Keep a trip apart from the other trips of its person, as they are assigned. No query.

The planner keeps the trips apart that it plans (`day/pairs.py`); a trip inserted by hand is held
against those that stand.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from bookings.models import OPEN_STATUSES
from bookings.overlaps import Ride, lasts, overlapping
from dispatch.day.day import Day
from dispatch.day.duties import DayFrame
from dispatch.day.load import arrived_s
from dispatch.day.pairs import Apart, keep_apart
from dispatch.day.rows import BookingRow
from dispatch.day.traffic import drive_of_row
from dispatch.planner.problem import PlannedTrip, Trip
from dispatch.planner.rules import order, overlap, two_places
from dispatch.planner.rules.rule import Breach

Times = tuple[int, int]  # (pickup, the client is out), in seconds of the day


def apart(day: Day, row: BookingRow, trip: Trip) -> Apart:
    """Return the trip with the part of its window in which its person is on no other trip.

    Without such a part it is left out.
    """
    standing = standing_beside(day, row)
    rows = day.bookings | day.neighbours | {row.id: row}
    found = keep_apart([trip], rows, standing)
    return replace(found, trips=tuple(replace(kept, after=None) for kept in found.trips))


def out_of_order(
    day: Day, row: BookingRow, trip: Trip, placed: PlannedTrip, removed: Collection[int]
) -> Iterator[Breach]:
    """Yield the breaches of a trip that overlaps with another one of its person.

    The bookings `removed` do not count.
    """
    out_s = placed.dropoff_s + trip.alighting_s
    for i, times in standing_beside(day, row).items():
        other = _row(day, i)
        if i in removed:
            continue
        if i == row.return_of_id:
            if not order.fits(times[1], placed.pickup_s):
                yield order.before_arrival(other.label, times[1], placed.pickup_s)
        elif other.return_of_id == row.id:
            if not order.fits(out_s, times[0]):
                yield order.after_return(other.label, out_s, times[0])
        elif other.driver_id != placed.driver_id and not overlap.fits(
            placed.pickup_s, out_s, *times
        ):
            yield two_places.breach(row.client_name or "", other.label, *times)


def standing_beside(day: Day, row: BookingRow) -> dict[int, Times]:
    """Return the assigned trips that this one may not overlap with, in order of id."""
    outbound = day.bookings.get(row.return_of_id or 0) or day.neighbours.get(row.return_of_id or 0)
    others = [*day.returns.get(row.id, ()), *day.of_person.get(row.person or 0, ())]
    found = {}
    for other in [*others, outbound] if outbound else others:
        if other.id != row.id and (times := _times(day, other)):
            found[other.id] = times
    return {i: found[i] for i in sorted(found)}


def free_from(day: Day, row: BookingRow, trip: Trip) -> int:
    """Return from when on the client is on no assigned trip for as long as this one lasts."""
    free_s = trip.wanted_s
    standing = standing_beside(day, row)
    if there := standing.get(row.return_of_id or 0):
        free_s = max(free_s, there[1])
    for times in sorted(standing.values()):
        if not overlap.fits(free_s, free_s + trip.service_s, *times):
            free_s = times[1]
    return free_s


def is_wanted_beside(day: Day, row: BookingRow, wanted_at: datetime) -> bool:
    """Return whether another trip of the person is wanted then, too.

    As whoever books it is asked (`bookings/overlaps.py`).
    """

    def wanted(one: BookingRow, at: datetime) -> Ride:
        ride: dict[str, Any] = {"pickup_lat": one.pickup_lat, "pickup_lon": one.pickup_lon}
        ride |= {"dropoff_lat": one.dropoff_lat, "dropoff_lon": one.dropoff_lon}
        linked = frozenset([one.return_of_id]) - {None}
        ride |= {"passengers": one.passengers, "wheelchairs": one.wheelchairs, "needs": one.needs}
        end_at = at + lasts(day.company, ride, at_place=one.pickup_boarding_min)
        return Ride(one.id, one.person, "", "", at, end_at, linked=linked)

    if row.person is None:
        return False
    others = (
        wanted(other, other.scheduled_time)
        for other in day.of_person.get(row.person, ())
        if not other.will_call and other.status in OPEN_STATUSES
    )
    return bool(overlapping([wanted(row, wanted_at)], others))


def _row(day: Day, booking_id: int) -> BookingRow:
    return day.bookings.get(booking_id) or day.neighbours[booking_id]


def _times(day: Day, row: BookingRow) -> Times | None:
    """Return when the client of an assigned trip boards and is out, or None if nobody is driven."""
    standing = row.standing()
    if standing is None:
        return None
    travel, company = day.problem.travel, day.company
    drives = {row.id: drive_of_row(company, travel, row)}
    frame = DayFrame(company, day.start_at, day.end_at, day.now, day.now, travel, drives)
    out_s = arrived_s(frame, row)
    return None if out_s is None else (day.seconds(standing[2]), out_s)
