"""The planner's problems of one trip more, in the day as it stands. No query.

The driver's other trips are fixed as commitments, or may move within their windows.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bookings.models import Status
from dispatch.day.day import Day
from dispatch.day.duties import delayed
from dispatch.day.rows import BookingRow
from dispatch.day.traffic import drive_of_row
from dispatch.day.trip_names import name_of
from dispatch.day.trips import by_client, make_trip, pickup_window
from dispatch.planner.problem import (
    Commitment,
    Costs,
    Driver,
    Duty,
    Priority,
    Problem,
    Standing,
    Trip,
)
from dispatch.trips.linked_trips import apart


def may_give_way(day: Day, row: BookingRow) -> bool:
    """Return whether a run could still move this trip: nobody counts on it yet."""
    standing = row.standing()
    frozen_until = day.now + timedelta(minutes=day.company.freeze_min)
    return (
        standing is not None
        and row.id in day.bookings
        and row.status == Status.ASSIGNED
        and not row.locked
        and not row.confirmed
        and standing[2] >= frozen_until
    )


def trip_of(day: Day, row: BookingRow) -> Trip:
    """Return the planner's trip, with its window even if that is over.

    Where it can be, its person is on no other trip then.
    """
    trip = whole_trip_of(day, row)
    kept = apart(day, row, trip).trips
    return kept[0] if kept else trip


def whole_trip_of(day: Day, row: BookingRow) -> Trip:
    """Return the planner's trip with its whole window, whatever else its person does."""
    preferred, forbidden = by_client(day.preferences)
    window = pickup_window(day.company, row)
    earliest_s, latest_s = map(day.seconds, window)
    trip = make_trip(
        day.company,
        row._replace(scheduled_time=max(row.scheduled_time, day.now)),
        start_at=day.start_at,
        now=day.now,
        drive=drive_of_row(day.company, day.problem.travel, row),
        preferred=preferred.get(row.client_id, frozenset()),
        forbidden=forbidden.get(row.client_id, frozenset()),
        stands=False,
    )
    return replace(
        trip,
        wanted_s=day.seconds(row.scheduled_time),
        earliest_s=min(max(earliest_s, day.seconds(day.now)), latest_s),
        latest_s=latest_s,
    )


def with_names(day: Day) -> Day:
    """Return the day with its trips called "07:10 André Pereira" in place of their references.

    For sentences that only the company's own people read, and that are not stored.
    """

    def named(rows: Mapping[int, BookingRow]) -> dict[int, BookingRow]:
        return {i: row._replace(reference=name_of(day.company, row)) for i, row in rows.items()}

    bookings, neighbours = named(day.bookings), named(day.neighbours)
    names = {row.id: row.reference for row in (*bookings.values(), *neighbours.values())}
    problem = replace(
        day.problem,
        trips=tuple(replace(trip, reference=names[trip.id]) for trip in day.problem.trips),
        duties=tuple(
            replace(
                duty,
                commitments=tuple(replace(c, reference=names[c.trip_id]) for c in duty.commitments),
            )
            for duty in day.problem.duties
        ),
    )
    return replace(day, bookings=bookings, neighbours=neighbours, problem=problem)


def without(problem: Problem, trip_ids: Collection[int]) -> Problem:
    """Return the problem without these trips and commitments."""
    gone = Counter(
        duty.driver_id
        for duty in problem.duties
        for commitment in duty.commitments
        if commitment.trip_id in trip_ids
    )
    return replace(
        problem,
        trips=tuple(trip for trip in problem.trips if trip.id not in trip_ids),
        drivers=tuple(
            replace(driver, load=max(0, driver.load - gone[driver.id]))
            if gone[driver.id]
            else driver
            for driver in problem.drivers
        ),
        duties=tuple(
            replace(
                duty,
                commitments=tuple(c for c in duty.commitments if c.trip_id not in trip_ids),
            )
            if duty.driver_id in gone
            else duty
            for duty in problem.duties
        ),
    )


def of_driver(whole: Problem, driver_id: int, trip: Trip) -> tuple[Problem, Problem]:
    """Return two problems of one driver and one more trip: the other trips fixed, and movable."""
    own = tuple(duty for duty in whole.duties if duty.driver_id == driver_id)
    standing = tuple(
        replace(other, priority=Priority.NORMAL)
        for other in whole.trips
        if any(_stands_in(other, duty, whole) for duty in own)
    )
    (driver,) = (d for d in whole.drivers if d.id == driver_id)
    trip = replace(trip, priority=Priority.NORMAL)
    alone = Problem(
        trips=(trip,),
        drivers=(loaded(driver, whole.trips),),
        duties=tuple(pinned(duty, whole) for duty in own),
        travel=whole.travel,
        costs=Costs(),
        sharing=whole.sharing,
    )
    together = replace(
        alone,
        trips=tuple(sorted([*standing, trip], key=lambda known: known.id)),
        drivers=(driver,),
        duties=own,
    )
    return alone, together


def _stands_in(trip: Trip, duty: Duty, problem: Problem) -> bool:
    """Return whether the trip stands in this duty of its driver; it stands in at most one.

    A driver who is busy until after the told time drives it as soon as the duty begins.
    """
    if trip.standing is None or trip.standing.driver_id != duty.driver_id:
        return False
    duties = [d for d in problem.duties if d.driver_id == duty.driver_id]
    pickup_s = trip.standing.pickup_s
    inside = [d.id for d in duties if d.start_s <= pickup_s < d.end_s]
    late = [d.id for d in duties if pickup_s < d.start_s]
    return (inside or late)[:1] == [duty.id]


def pinned(duty: Duty, problem: Problem) -> Duty:
    """Return the duty with its standing trips as commitments, late as far as they begin late."""
    standing = [
        Commitment(
            trip_id=trip.id,
            reference=trip.reference,
            pickup_s=trip.standing.pickup_s,
            free_s=_free_s(trip, trip.standing),
            pickup=trip.pickup,
            dropoff=trip.dropoff,
            person=trip.person,
            onward_factor=trip.onward_factor,
            **(_shared(trip) if problem.sharing else {}),
        )
        for trip in problem.trips
        if trip.standing and _stands_in(trip, duty, problem)
    ]
    ordered = sorted([*duty.commitments, *standing], key=lambda c: (c.pickup_s, c.trip_id))
    if ordered and ordered[0].pickup_s < duty.start_s:
        shared = problem.sharing is not None
        ordered = delayed(ordered, ordered[0].pickup_s, duty, problem.travel, shared=shared)
    return replace(duty, commitments=tuple(ordered))


def _free_s(trip: Trip, standing: Standing) -> int:
    """Return when the driver can leave the dropoff; who rides with others may ride longer."""
    free_s = standing.pickup_s + trip.service_s
    if standing.dropoff_s is None:
        return free_s
    return max(free_s, standing.dropoff_s + trip.alighting_s)


def _shared(trip: Trip) -> dict[str, Any]:
    """Return what a commitment says of who may ride along."""
    return {
        "boarding_s": trip.boarding_s,
        "alighting_s": trip.alighting_s,
        "seats": trip.seats,
        "wheelchairs": trip.wheelchairs,
        "may_share": trip.may_share,
        "ride_factor": trip.ride_factor,
        "apart_from": trip.apart_from,
    }


def loaded(driver: Driver, trips: Iterable[Trip]) -> Driver:
    """Return the driver with the standing trips counted in the load."""
    count = sum(
        trip.standing is not None and trip.standing.driver_id == driver.id for trip in trips
    )
    return replace(driver, capacity=max(0, driver.capacity - count), load=driver.load + count)


def all_pinned(day: Day, removed: Collection[int] = ()) -> Problem:
    """Return the day's problem without these trips, all other standing trips as commitments.

    Standing trips that no longer fit together still occupy their drivers.
    """
    problem = without(day.problem, removed)
    return replace(
        problem,
        trips=(),
        drivers=tuple(loaded(driver, problem.trips) for driver in problem.drivers),
        duties=tuple(pinned(duty, problem) for duty in problem.duties),
    )
