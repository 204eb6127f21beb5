"""Number the stretches of drivers: trips in which clients ride together.

A stretch is what a vehicle drives from empty to empty: trips whose periods [pickup, dropoff)
overlap, one after the other. Its number is that of one of its bookings, so that no other stretch
has it; a trip alone has none. The database refuses two trips of a driver that overlap and have not
the same number (`models.Assignment`). Whoever was driven to the end stays in the stretch and keeps
its number.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from django.db.models import Q

from dispatch.day.rows import BookingRow
from dispatch.models import OPEN, Assignment
from dispatch.planner.problem import PlannedTrip
from dispatch.planner.travel import Place

# The assignments of which stretches are made: those that stand, and who was driven with others.
RIDES = OPEN | Q(status=Assignment.Status.COMPLETED, stretch__isnull=False)


class Ride(NamedTuple):
    """When a booking is on board of whom, and the number that its assignment has by now.

    `pickup` and `dropoff` are of one kind that can be compared: moments, or seconds of a day.
    """

    driver_id: int
    pickup: Any
    dropoff: Any
    booking_id: int
    number: int | None = None
    driven: bool = False


def stretches(rides: Iterable[Ride]) -> Iterator[list[Ride]]:
    """Yield the rides of each stretch, in order of driver and pickup; a ride alone is one too."""
    for _driver, of_driver in groupby(sorted(rides), key=lambda ride: ride.driver_id):
        together: list[Ride] = []
        empty_at = None
        for ride in of_driver:
            if together and not ride.pickup < empty_at:
                yield together
                together = []
            empty_at = max(empty_at, ride.dropoff) if together else ride.dropoff
            together.append(ride)
        yield together


def drives(
    rides: Sequence[Ride], ends: Mapping[int, tuple[Place, Place]]
) -> Iterator[tuple[int, Place, Place]]:
    """Yield what is driven in a stretch, from stop to stop, each with the booking of the second.

    `ends` are the places (pickup, dropoff) of bookings. At one moment who gets off makes room for
    who gets on, as `dispatch.planner.stretches` orders them.
    """
    stops = []
    for ride in rides:
        pickup, dropoff = ends[ride.booking_id]
        last = 2 if ride.dropoff == ride.pickup else 0
        stops.append((ride.pickup, 1, ride.booking_id, pickup))
        stops.append((ride.dropoff, last, ride.booking_id, dropoff))
    for (*_before, origin), (_at, _turn, booking_id, place) in pairwise(sorted(stops)):
        yield booking_id, origin, place


def number(rides: Iterable[Ride]) -> Mapping[int, int | None]:
    """Return the number of every booking's stretch, None of those alone.

    A stretch keeps its number as long as that booking rides in it; then it gets its smallest one.
    Who was driven keeps one, also alone: if that is taken back, the client may ride with others.
    """
    numbers: dict[int, int | None] = {}
    for one in stretches(rides):
        if len(one) == 1 and one[0].driven:
            numbers[one[0].booking_id] = one[0].number
            continue
        ids = {ride.booking_id for ride in one}
        kept = (ride.number for ride in one if ride.number in ids)
        numbers |= dict.fromkeys(ids, next(kept, min(ids)) if len(ids) > 1 else None)
    return numbers


def until(dropoff_at: datetime, driven_until_at: datetime | None) -> datetime:
    """Return the end of a planned ride, or of a driven one that was over before."""
    return dropoff_at if driven_until_at is None else min(dropoff_at, driven_until_at)


def _ride(row: BookingRow) -> Ride | None:
    """Return the ride of a trip that stands, or that was driven with others; else None."""
    if found := row.standing():
        return Ride(*found[1:], row.id, row.stretch)
    if row.stretch is None or row.assignment_status != Assignment.Status.COMPLETED:
        return None
    pickup_at, dropoff_at = row.planned()
    off_at = max(pickup_at, until(dropoff_at, row.actual_dropoff_at))
    return Ride(row.driver_id or 0, pickup_at, off_at, row.id, row.stretch, driven=True)


def of_plan(
    trips: Sequence[PlannedTrip],
    stay: Sequence[BookingRow],
    moment: Callable[[int], datetime],
    *,
    shared: bool,
) -> tuple[dict[str, list[int | None]], dict[int, int | None]]:
    """Return the stretches of new assignments, as a column, and those that change of others.

    `trips` are written, `stay` are the trips of their drivers that stay as they are, driven ones
    included; the changes are {assignment id: number}. There is no column where everybody rides
    alone. Without `shared`, and where nobody has a number, all do.
    """
    if not shared and not any(row.stretch for row in stay):
        return {}, {}
    there = {row.id: (row, ride) for row in stay if (ride := _ride(row))}
    rides = [
        Ride(trip.driver_id, moment(trip.pickup_s), moment(trip.dropoff_s), trip.trip_id)
        for trip in trips
    ]
    numbers = number([*rides, *(ride for _row, ride in there.values())])
    column = [numbers[trip.trip_id] for trip in trips]
    changed = {
        row.assignment_id: numbers[row.id]
        for row, _ride_of in there.values()
        if row.assignment_id and numbers[row.id] != row.stretch
    }
    return ({"stretch": column} if any(column) else {}), changed
