"""Who is on board when: the stretches and the stops of a plan.

A *stretch* is what a vehicle is occupied with from empty to empty: one trip alone, or several that
ride together. It begins when the first client boards and ends when the last one is out, half-open;
two trips of one driver that overlap are of one stretch. A *stop* is where people get on or off:
those who get on at one place, and likewise those who get off there, board or alight at once.

Units: seconds since the start of the company's day.
"""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter

from dispatch.planner.problem import Commitment, Driver, Plan, Problem, Trip
from dispatch.planner.travel import Place

# Between the names of trips that ride together.
BESIDE = " + "


@dataclass(frozen=True, slots=True)
class Ride:
    """A trip or a commitment as driven: on board in [pickup_s, dropoff_s), out at `free_s`."""

    trip_id: int
    duty_id: int
    driver_id: int
    pickup_s: int
    dropoff_s: int
    free_s: int
    boarded_s: int
    pickup: Place
    dropoff: Place
    seats: int
    wheelchairs: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """A vehicle from empty to empty, its rides in order of (pickup, dropoff, trip)."""

    driver_id: int
    start_s: int
    end_s: int
    rides: tuple[Ride, ...]

    @property
    def trip_ids(self) -> tuple[int, ...]:
        return tuple(ride.trip_id for ride in self.rides)

    @property
    def is_shared(self) -> bool:
        return len(self.rides) > 1


@dataclass(frozen=True, slots=True)
class PlannedStop:
    """Where the vehicle stands from `arrive_s` to `leave_s`, and how full it leaves.

    `on` and `off` are ids of the trips whose clients get on or off; one of both is empty.
    """

    driver_id: int
    place: Place
    arrive_s: int
    leave_s: int
    on: tuple[int, ...]
    off: tuple[int, ...]
    seats: int
    wheelchairs: int


def rides(problem: Problem, plan: Plan) -> tuple[Ride, ...]:
    """Return every trip and commitment of the plan, in order of (driver, pickup, dropoff, trip)."""
    trips = {trip.id: trip for trip in problem.trips}
    delayed = {row.trip_id: row.dropoff_s for row in plan.delayed}
    found = [
        Ride(
            row.trip_id,
            row.duty_id,
            row.driver_id,
            row.pickup_s,
            row.dropoff_s,
            row.dropoff_s + trip.alighting_s,
            row.pickup_s + trip.boarding_s,
            trip.pickup,
            trip.dropoff,
            trip.seats,
            trip.wheelchairs,
        )
        for row in plan.trips
        for trip in [trips[row.trip_id]]
    ]
    for duty in problem.duties:
        for standing in duty.commitments:
            arrival = delayed.get(standing.trip_id, standing.dropoff_s)
            found.append(
                Ride(
                    standing.trip_id,
                    duty.id,
                    duty.driver_id,
                    standing.pickup_s,
                    arrival,
                    arrival + standing.alighting_s,
                    standing.pickup_s + standing.boarding_s,
                    standing.pickup,
                    standing.dropoff,
                    standing.seats,
                    standing.wheelchairs,
                )
            )
    return tuple(sorted(found, key=attrgetter("driver_id", "pickup_s", "dropoff_s", "trip_id")))


def stretches(problem: Problem, plan: Plan) -> tuple[Stretch, ...]:
    """Return the stretches of every driver, in order of (driver, start)."""
    found = []
    for driver_id, of_driver in groupby(rides(problem, plan), key=attrgetter("driver_id")):
        together: list[Ride] = []
        end_s = 0
        for ride in of_driver:
            if together and ride.pickup_s >= end_s:
                found.append(Stretch(driver_id, together[0].pickup_s, end_s, tuple(together)))
                together = []
            end_s = max(end_s, ride.free_s) if together else ride.free_s
            together.append(ride)
        found.append(Stretch(driver_id, together[0].pickup_s, end_s, tuple(together)))
    return tuple(found)


def stops(stretch: Stretch) -> tuple[PlannedStop, ...]:
    """Return the stops of a stretch in the order in which the vehicle makes them."""
    found: list[PlannedStop] = []
    seats = wheelchairs = 0
    for at_s, gets_on, ride in sorted(_events(stretch.rides), key=_in_order):
        change = 1 if gets_on else -1
        seats += change * ride.seats
        wheelchairs += change * ride.wheelchairs
        place = ride.pickup if gets_on else ride.dropoff
        leave_s = ride.boarded_s if gets_on else ride.free_s
        on: tuple[int, ...] = (ride.trip_id,) if gets_on else ()
        off: tuple[int, ...] = () if gets_on else (ride.trip_id,)
        arrive_s = at_s
        last = found[-1] if found else None
        if last and last.place == place and bool(last.on) == gets_on:
            found.pop()
            on, off = last.on + on, last.off + off
            arrive_s, leave_s = last.arrive_s, max(last.leave_s, leave_s)
        found.append(
            PlannedStop(ride.driver_id, place, arrive_s, leave_s, on, off, seats, wheelchairs)
        )
    return tuple(found)


def _events(rides_: Sequence[Ride]) -> Iterator[tuple[int, bool, Ride]]:
    for ride in rides_:
        yield ride.pickup_s, True, ride
        yield ride.dropoff_s, False, ride


def _in_order(event: tuple[int, bool, Ride]) -> tuple[int, bool, int, int]:
    """Order events by time; of those at once getting off comes first, a ride of no length last."""
    at_s, gets_on, ride = event
    of_no_length = ride.pickup_s == ride.dropoff_s
    return at_s, gets_on if not of_no_length else True, of_no_length and not gets_on, ride.trip_id


def in_blocks(problem: Problem, plan: Plan) -> tuple[Problem, Plan]:
    """Return the day with every shared stretch as one commitment, for those who ride alone.

    What holds of a trip alone in it holds in the shared day: who rides together stays as planned,
    and nobody joins them. The block has the id of its first trip and the names of all, joined by
    `BESIDE`. Where nobody shares, nothing changes.
    """
    if problem.sharing is None:
        return problem, plan
    trips = {trip.id: trip for trip in problem.trips}
    known: dict[int, Trip | Commitment] = {
        c.trip_id: c for duty in problem.duties for c in duty.commitments
    }
    known |= trips
    blocks: dict[int, list[Commitment]] = {duty.id: [] for duty in problem.duties}
    gone: dict[int, int] = {}
    for stretch in stretches(problem, plan):
        if not stretch.is_shared:
            continue
        first, last = stretch.rides[0], max(stretch.rides, key=attrgetter("free_s"))
        blocks[first.duty_id].append(
            Commitment(
                trip_id=first.trip_id,
                reference=BESIDE.join(known[i].reference for i in stretch.trip_ids),
                pickup_s=stretch.start_s,
                free_s=stretch.end_s,
                pickup=first.pickup,
                dropoff=last.dropoff,
                onward_factor=known[last.trip_id].onward_factor,
            )
        )
        gone |= dict.fromkeys(stretch.trip_ids, stretch.driver_id)
    planned = Counter(gone[i] for i in gone if i in trips)
    alone = replace(
        problem,
        trips=tuple(trip for trip in problem.trips if trip.id not in gone),
        drivers=tuple(_with_load(driver, planned[driver.id]) for driver in problem.drivers),
        duties=tuple(
            replace(duty, commitments=_in_order_of_pickup(duty.commitments, gone, blocks[duty.id]))
            for duty in problem.duties
        ),
        sharing=None,
    )
    rows = tuple(row for row in plan.trips if row.trip_id not in gone)
    return alone, replace(plan, trips=rows, delayed=())


def _with_load(driver: Driver, more: int) -> Driver:
    capacity = max(0, driver.capacity - more)
    return replace(driver, capacity=capacity, load=driver.load + more) if more else driver


def _in_order_of_pickup(
    commitments: Sequence[Commitment], gone: Container[int], blocks: Sequence[Commitment]
) -> tuple[Commitment, ...]:
    kept = [c for c in commitments if c.trip_id not in gone]
    return tuple(sorted([*kept, *blocks], key=attrgetter("pickup_s", "trip_id")))
