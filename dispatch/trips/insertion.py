"""Where a trip could go in the day as it stands, and what is wrong with where it is put.

No query. The day is loaded without freezing (`load_problem(..., freeze=False)`): only trips
under way and locked ones are fixed. First a trip is put between the driver's other trips as
they stand; where that fails, their times may move within their windows; their order and their
driver never change. The planner finds the times, its checker has the last word. Where no time
keeps every rule, the trip is put where it breaks the fewest: late rather than at the same time
as another.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from dispatch.day.load import Day, by_client, make_trip, pickup_window
from dispatch.day.queries import BookingRow
from dispatch.day.reasons import Unassigned, told_left_out, told_reason
from dispatch.planner.check.plan import check
from dispatch.planner.explain.alternatives import candidates
from dispatch.planner.explain.reasons import reasons
from dispatch.planner.problem import (
    Commitment,
    Costs,
    Duty,
    Plan,
    PlannedBreak,
    PlannedTrip,
    Problem,
)
from dispatch.planner.solve import solve
from dispatch.trips.violations import Fault, off_duty, told, unavailable
from drivers.models import Driver

ALWAYS_SERVED = 10**8
# How late a trip that is put somewhere against the rules may be, and in what steps it is tried.
LATE_S, LATE_AT_MOST_S = 15 * 60, 3600
NO_DUTY = -1


@dataclass(frozen=True, slots=True)
class Place:
    """Who could take a trip and when; `price_s` and `detour_s` as in `planner.alternatives`."""

    driver_id: int
    driver: str
    pickup_at: datetime
    dropoff_at: datetime
    detour_s: int
    price_s: int

    @property
    def detour_min(self):
        return round(self.detour_s / 60)

    @property
    def price_min(self):
        return round(self.price_s / 60)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A trip with a driver: `trips` are to be written, with `breaks` as {shift id: start}.

    `trips` has the driver's other trips too, where they may have to move. `faults` are the
    rules it breaks; `impossible` says that no reason can make up for them.
    """

    driver_id: int
    trip: PlannedTrip
    trips: tuple[PlannedTrip, ...]
    breaks: dict[int, datetime]
    faults: tuple[Fault, ...] = ()
    impossible: bool = False


def places_for(day: Day, row: BookingRow, *, top=3) -> tuple[Place, ...]:
    """Return the best places for one trip in the day as it stands."""
    if _is_over(day, row):
        return ()
    trip = _trip(day, row)
    names = {driver.id: driver.name for driver in day.problem.drivers}
    return tuple(
        Place(
            driver_id=place.driver_id,
            driver=names[place.driver_id],
            pickup_at=day.moment(place.pickup_s),
            dropoff_at=day.moment(place.pickup_s + trip.boarding_s + trip.ride_s),
            detour_s=place.detour_s,
            price_s=place.price_s,
        )
        for place in candidates(_all_pinned(day, row), Plan((), (), ()), trip, top)
    )


def why_nowhere(day: Day, row: BookingRow) -> Unassigned:
    """Say why nobody can take the trip in the day as it stands, and what would help."""
    if _is_over(day, row):
        return told_left_out(day, row.id, "window_passed")
    problem = replace(_all_pinned(day, row), trips=(_trip(day, row),))
    (reason,) = reasons(problem, Plan((), (), (row.id,)))
    return told_reason(day, reason)


def _is_over(day, row):
    return pickup_window(day.company, row.scheduled_time, row.return_of_id)[1] < day.now


def _all_pinned(day, row):
    """Return the problem of all drivers with their standing trips as commitments, without this.

    Standing trips that no longer fit together hold their drivers all the same.
    """
    problem = _without(day.problem, {row.id})
    return replace(
        problem,
        trips=(),
        drivers=tuple(_loaded(driver, problem.trips) for driver in problem.drivers),
        duties=tuple(_pinned(duty, problem) for duty in problem.duties),
    )


def propose(
    day: Day,
    row: BookingRow,
    driver: Driver,
    *,
    pickup_at: datetime | None = None,
    gone: frozenset[int] = frozenset(),
) -> Proposal:
    """Put the trip with the driver: at `pickup_at`, or as near to the wanted time as possible.

    The bookings `gone` are taken out of the day first.
    """
    gone |= {row.id}
    trip = _trip(day, row)
    pickup_s = None if pickup_at is None else day.seconds(pickup_at)
    if driver.id not in {known.id for known in day.problem.drivers}:
        wanted_s = max(trip.wanted_s, day.seconds(day.now)) if pickup_s is None else pickup_s
        placed = _put(trip, NO_DUTY, driver.id, wanted_s)
        found = Proposal(driver.id, placed, (placed,), {}, (unavailable(driver),))
    else:
        whole = _without(day.problem, gone)
        found = _within_rules(day, whole, trip, driver, pickup_s) or _against_rules(
            day, whole, trip, driver, pickup_s
        )
    impossible = not driver.is_active or _taken(day, found.trip, gone)
    return replace(found, impossible=bool(found.faults) and impossible)


def _within_rules(day, whole, trip, driver, pickup_s):
    """Return a proposal that the checker accepts, or None."""
    if pickup_s is not None:
        if not trip.earliest_s <= pickup_s <= trip.latest_s:
            return None
        trip = replace(trip, wanted_s=pickup_s, earliest_s=pickup_s, latest_s=pickup_s)
    alone, together = _of_driver(whole, driver.id, trip)
    for problem in (alone, together) if together.trips != alone.trips else (alone,):
        plan = solve(problem, engine="greedy", threads=1)
        if not plan.unserved and not check(problem, plan):
            return _found(day, plan, trip.id)
    return None


def _against_rules(day, whole, trip, driver, pickup_s):
    alone, _together = _of_driver(whole, driver.id, trip)
    problem, plan = _least_wrong(day, alone, trip, pickup_s)
    faults = told(day, problem, plan, check(problem, plan))
    if not alone.duties:
        faults = (off_duty(driver), *faults)
    return replace(_found(day, plan, trip.id), faults=faults)


def _trip(day, row):
    """Return the planner's trip; where its window is over, that window."""
    preferred, forbidden = by_client(day.preferences)
    window = pickup_window(day.company, row.scheduled_time, row.return_of_id)
    earliest_s, latest_s = map(day.seconds, window)
    trip = make_trip(
        day.company,
        row._replace(scheduled_time=max(row.scheduled_time, day.now)),
        start_at=day.start_at,
        now=day.now,
        ride_s=day.problem.travel.leg(row.pickup, row.dropoff)[0],
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


def _without(problem, trip_ids):
    """Return the problem without these trips, also where they are commitments."""
    return replace(
        problem,
        trips=tuple(trip for trip in problem.trips if trip.id not in trip_ids),
        duties=tuple(
            replace(
                duty,
                commitments=tuple(c for c in duty.commitments if c.trip_id not in trip_ids),
            )
            for duty in problem.duties
        ),
    )


def _of_driver(whole, driver_id, trip):
    """Return two problems of one driver and one more trip: the others pinned, and movable."""
    own = tuple(duty for duty in whole.duties if duty.driver_id == driver_id)
    standing = tuple(
        replace(other, unserved_cost=ALWAYS_SERVED)
        for other in whole.trips
        if any(_stands_in(other, duty, whole) for duty in own)
    )
    (driver,) = (d for d in whole.drivers if d.id == driver_id)
    trip = replace(trip, unserved_cost=ALWAYS_SERVED)
    alone = Problem(
        trips=(trip,),
        drivers=(_loaded(driver, whole.trips),),
        duties=tuple(_pinned(duty, whole) for duty in own),
        travel=whole.travel,
        costs=Costs(),
    )
    together = replace(
        alone,
        trips=tuple(sorted([*standing, trip], key=lambda known: known.id)),
        drivers=(driver,),
        duties=own,
    )
    return alone, together


def _stands_in(trip, duty, problem):
    """Say whether the trip stands in this duty of its driver; each in one at most."""
    if trip.standing is None or trip.standing.driver_id != duty.driver_id:
        return False
    his = [d for d in problem.duties if d.driver_id == duty.driver_id]
    inside = [d.id for d in his if d.start_s <= trip.standing.pickup_s < d.end_s]
    return inside[:1] == [duty.id]


def _pinned(duty, problem):
    """Return the duty with its standing trips as commitments."""
    standing = [
        Commitment(
            trip_id=trip.id,
            reference=trip.reference,
            pickup_s=trip.standing.pickup_s,
            free_s=trip.standing.pickup_s + trip.service_s,
            pickup=trip.pickup,
            dropoff=trip.dropoff,
        )
        for trip in problem.trips
        if _stands_in(trip, duty, problem)
    ]
    ordered = sorted([*duty.commitments, *standing], key=lambda c: (c.pickup_s, c.trip_id))
    return replace(duty, commitments=tuple(ordered))


def _loaded(driver, trips):
    """Return the driver with the standing trips counted."""
    count = sum(
        trip.standing is not None and trip.standing.driver_id == driver.id for trip in trips
    )
    return replace(driver, capacity=max(0, driver.capacity - count), load=driver.load + count)


def _least_wrong(day, alone, trip, pickup_s):
    """Return the problem, with a duty at hand, and a plan that puts the trip somewhere.

    Everything but the driver's time is left aside, then the end of the window, by steps, and
    last the driving between trips. `pickup_s` is the time that was asked for, or None.
    """
    (driver,) = alone.drivers
    now_s = day.seconds(day.now)
    if pickup_s is None:
        earliest_s, latest_s = max(trip.earliest_s, now_s), max(trip.latest_s, now_s)
        windows = [(earliest_s, latest_s + late) for late in range(0, LATE_AT_MOST_S + 1, LATE_S)]
    else:
        windows = [(pickup_s, pickup_s)]
    easy = replace(
        trip,
        needs=frozenset(),
        forbidden=frozenset(),
        seats=0,
        wheelchairs=0,
        arrive_by_s=None,
        unserved_cost=ALWAYS_SERVED,
    )
    anyone = (replace(driver, capacity=max(1, driver.capacity)),)
    for earliest_s, latest_s in windows:
        candidate = replace(easy, earliest_s=earliest_s, latest_s=latest_s)
        plan = solve(replace(alone, trips=(candidate,), drivers=anyone), engine="greedy", threads=1)
        if not plan.unserved:
            return alone, plan
    if pickup_s is None:
        pickup_s = _first_gap(alone.duties, trip, max(trip.wanted_s, now_s))
    if not alone.duties:
        free_s = pickup_s + trip.service_s
        duty = Duty(NO_DUTY, driver.id, pickup_s, free_s, trip.pickup, trip.dropoff)
        alone = replace(alone, duties=(duty,))
    nearest = min(
        alone.duties, key=lambda d: (max(d.start_s - pickup_s, pickup_s - d.end_s, 0), d.id)
    )
    placed = _put(trip, nearest.id, driver.id, pickup_s)
    return alone, Plan((placed,), _standing_breaks(day, alone), ())


def _first_gap(duties, trip, from_s):
    """Return the first moment from which the car is not taken for as long as the trip lasts."""
    taken = sorted((c.pickup_s, c.free_s) for duty in duties for c in duty.commitments)
    for start_s, end_s in taken:
        if start_s < from_s + trip.service_s and from_s < end_s:
            from_s = end_s
    return from_s


def _put(trip, duty_id, driver_id, pickup_s):
    dropoff_s = pickup_s + trip.boarding_s + trip.ride_s
    return PlannedTrip(trip.id, duty_id, driver_id, pickup_s, dropoff_s)


def _found(day, plan, booking_id):
    (trip,) = (row for row in plan.trips if row.trip_id == booking_id)
    breaks = {
        day.shift_of[rest.duty_id]: day.moment(rest.start_s)
        for rest in plan.breaks
        if rest.duty_id in day.shift_of
    }
    return Proposal(trip.driver_id, trip, plan.trips, breaks)


def _standing_breaks(day, problem):
    starts = {r.shift_id: r.break_at for rows in day.drivers.values() for r in rows if r.shift_id}
    found = []
    for duty in problem.duties:
        start_at = starts.get(day.shift_of.get(duty.id))
        if duty.break_ and start_at:
            start_s = day.seconds(start_at)
            found.append(PlannedBreak(duty.id, start_s, start_s + duty.break_.length_s))
    return tuple(found)


def _taken(day, trip, gone):
    """Say whether the database holds the driver for another trip at this very time."""
    start_at, end_at = day.moment(trip.pickup_s), day.moment(trip.dropoff_s)
    return any(
        row.driver_id == trip.driver_id
        and row.standing()
        and row.planned_pickup_at < end_at
        and start_at < row.planned_dropoff_at
        for row in (day.bookings | day.neighbours).values()
        if row.id not in gone
    )
