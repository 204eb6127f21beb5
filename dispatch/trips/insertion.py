"""Insert one trip into the day as it stands, and find the rules that it would break there.

No query. The day is loaded without freezing (`keeping.BY_HAND`): only trips
under way and locked ones are fixed. First the trip is inserted between the driver's other trips
as they stand; if that fails, their times may move within their windows; their order and their
driver never change. The planner finds the times, and its checker decides. If no time keeps every
rule, the trip goes where it breaks the fewest: late rather than at the same time as another.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dispatch.day.day import Day
from dispatch.day.rows import BookingRow
from dispatch.planner.check.plan import check
from dispatch.planner.problem import Duty, Plan, PlannedBreak, PlannedTrip, Problem, Trip
from dispatch.planner.rules import appointment as appointment_rule
from dispatch.planner.rules import availability
from dispatch.planner.rules import duty as duty_rule
from dispatch.planner.rules import pickup_window as window_rule
from dispatch.planner.rules.registry import may_drive
from dispatch.planner.solve import solve
from dispatch.planner.stretches import in_blocks
from dispatch.trips.linked_trips import out_of_order
from dispatch.trips.problems import loaded, of_driver, pinned, trip_of, whole_trip_of, without
from dispatch.trips.violations import Fault, describe, fault_of, unreached_faults
from drivers.models import Driver

# How late a trip that breaks the rules may be inserted, and the steps in which that is tried.
LATE_S, LATE_AT_MOST_S = 15 * 60, 3600
NO_DUTY = -1
# No duty of a day lies so far from its start; the planner counts seconds in 32 bits.
FAR_S = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Proposal:
    """A trip with a driver: the `trips` to write, and the `breaks` as {shift id: start}.

    `trips` includes the driver's other trips if they may have to move. `faults` are the rules
    it breaks; `impossible` if no reason can override them.
    """

    driver_id: int
    trip: PlannedTrip
    trips: tuple[PlannedTrip, ...]
    breaks: dict[int, datetime]
    faults: tuple[Fault, ...] = ()
    impossible: bool = False


def propose(
    day: Day,
    row: BookingRow,
    driver: Driver,
    *,
    pickup_at: datetime | None = None,
    removed: frozenset[int] = frozenset(),
) -> Proposal:
    """Insert the trip into the driver's day: at `pickup_at`, or close to the wanted time.

    The bookings `removed` are taken out of the day first.
    """
    removed |= {row.id}
    trip = trip_of(day, row)
    pickup_s = None if pickup_at is None else day.seconds(pickup_at)
    if driver.id not in {known.id for known in day.problem.drivers}:
        wanted_s = max(trip.wanted_s, day.seconds(day.now)) if pickup_s is None else pickup_s
        placed = _planned(trip, NO_DUTY, driver.id, wanted_s)
        breach = availability.breach(driver.name, is_active=driver.is_active)
        fault = fault_of(day.company, day.day, breach)
        found = Proposal(driver.id, placed, (placed,), {}, (fault,))
    elif pickup_s is not None and abs(pickup_s) > FAR_S:
        placed = _planned(trip, NO_DUTY, driver.id, pickup_s)
        fault = fault_of(day.company, day.day, duty_rule.no_duty(driver.name))
        found = Proposal(driver.id, placed, (placed,), {}, (fault,))
    else:
        whole = without(day.problem, removed)
        found = _within_rules(day, whole, trip, driver, pickup_s) or _against_rules(
            day, whole, trip, whole_trip_of(day, row), driver, pickup_s
        )
    breaches = out_of_order(day, row, trip, found.trip, removed)
    unordered = (fault_of(day.company, day.day, breach) for breach in breaches)
    off_road = unreached_faults(day, row)
    found = replace(found, faults=(*off_road, *found.faults, *unordered))
    impossible = not driver.is_active or _double_booked(day, found.trip, removed)
    return replace(found, impossible=bool(found.faults) and impossible)


def keep_each_other(
    day: Day, rows: tuple[BookingRow, BookingRow], proposals: list[Proposal]
) -> list[Proposal]:
    """Return the proposals of two trips, the second with what it breaks beside the first."""
    if len(proposals) < 2:
        return proposals
    first, second = proposals
    pickup_at, dropoff_at = day.moment(first.trip.pickup_s), day.moment(first.trip.dropoff_s)
    moved = rows[0]._replace(
        driver_id=first.driver_id, planned_pickup_at=pickup_at, planned_dropoff_at=dropoff_at
    )
    then = replace(day, bookings=day.bookings | {moved.id: moved})
    row, others = rows[1], (day.bookings | day.neighbours).keys() - {moved.id}
    breaches = out_of_order(then, row, trip_of(then, row), second.trip, others)
    faults = tuple(fault_of(day.company, day.day, breach) for breach in breaches)
    return [first, replace(second, faults=(*second.faults, *faults))]


def others_moved(day: Day, proposal: Proposal) -> Iterator[PlannedTrip]:
    """Yield the driver's other trips that get another time by the proposal.

    Where clients ride together, one may also arrive at another time.
    """
    for trip in proposal.trips:
        row = day.bookings[trip.trip_id]
        moves = row.planned_pickup_at != day.moment(trip.pickup_s)
        if day.problem.sharing is not None:
            moves |= row.planned_dropoff_at != day.moment(trip.dropoff_s)
        if moves and trip.trip_id != proposal.trip.trip_id:
            yield trip


def beside(day: Day, proposal: Proposal) -> tuple[str, ...]:
    """Return the names of the trips that are on board with the proposed one, in order of pickup."""
    if day.problem.sharing is None or proposal.faults:
        return ()
    moved = {trip.trip_id: trip for trip in proposal.trips if trip.trip_id != proposal.trip.trip_id}
    found = []
    for row in (day.bookings | day.neighbours).values():
        standing = row.standing()
        if row.id == proposal.trip.trip_id or not standing or standing[1] != proposal.driver_id:
            continue
        pickup_s, dropoff_s = day.seconds(standing[2]), day.seconds(standing[3])
        if row.id in moved:
            pickup_s, dropoff_s = moved[row.id].pickup_s, moved[row.id].dropoff_s
        if pickup_s < proposal.trip.dropoff_s and proposal.trip.pickup_s < dropoff_s:
            found.append((pickup_s, row.id, row.label))
    return tuple(label for _pickup, _id, label in sorted(found))


def longer_s(day: Day, row: BookingRow, placed: PlannedTrip) -> int:
    """Return the seconds that the client is on board longer than straight, at this place."""
    trip = trip_of(day, row)
    return placed.dropoff_s - placed.pickup_s - trip.boarding_s - trip.ride_s


def stay(day: Day, rows: Sequence[BookingRow], driver: Driver) -> tuple[Proposal, ...] | None:
    """Return proposals of the driver's trips at their planned pickups, if they keep every rule.

    They are in order of id. Returns None if one breaks a rule, or if the break has to move:
    `propose` says more. One check of all and no search, which takes a fraction of the time.
    """
    if driver.id not in {known.id for known in day.problem.drivers}:
        return None
    whole = without(day.problem, {row.id for row in rows})
    trips = tuple(sorted((trip_of(day, row) for row in rows), key=lambda trip: trip.id))
    pickups = {row.id: day.seconds(row.planned()[0]) for row in rows}
    duties = tuple(pinned(duty, whole) for duty in whole.duties if duty.driver_id == driver.id)
    arrivals = {row.id: day.seconds(row.planned()[1]) for row in rows if row.stretch is not None}
    placed = [
        _planned(trip, duty.id, driver.id, pickups[trip.id], arrivals.get(trip.id))
        for trip in trips
        for duty in duties
        if duty.start_s <= pickups[trip.id] < duty.end_s
    ]
    (known,) = (one for one in whole.drivers if one.id == driver.id)
    problem = Problem(
        trips, (loaded(known, whole.trips),), duties, whole.travel, sharing=whole.sharing
    )
    at_work = {row.duty_id for row in placed}
    busy = tuple(duty for duty in duties if duty.commitments or duty.id in at_work)
    breaks = _standing_breaks(day, replace(problem, duties=busy))
    plan = Plan(tuple(sorted(placed, key=lambda p: (p.duty_id, p.pickup_s))), breaks, ())
    if check(problem, plan):
        return None
    changed, asked = {row.id: row for row in rows}, {trip.id: trip for trip in trips}
    for at in placed:
        if any(out_of_order(day, changed[at.trip_id], asked[at.trip_id], at, ())):
            return None
    return tuple(Proposal(driver.id, at, (at,), {}) for at in placed)


def _within_rules(
    day: Day, whole: Problem, trip: Trip, driver: Driver, pickup_s: int | None
) -> Proposal | None:
    """Return a proposal that the checker accepts. Returns None if there is none."""
    if pickup_s is not None:
        if not window_rule.fits(pickup_s, trip.earliest_s, trip.latest_s):
            return None
        trip = replace(trip, wanted_s=pickup_s, earliest_s=pickup_s, latest_s=pickup_s)
    alone, together = of_driver(whole, driver.id, trip)
    if not _may_fit(trip, alone, pickup_s):
        return None
    engine = "greedy" if whole.sharing is None else "search"  # which knows who could ride together
    for problem in (alone, together) if together.trips != alone.trips else (alone,):
        plan = solve(problem, engine=engine, iterations=0, threads=1)
        if not plan.unserved and not check(problem, plan):
            return _proposal(day, plan, trip.id)
    return None


def _may_fit(trip: Trip, alone: Problem, pickup_s: int | None) -> bool:
    """Return whether the driver could take the trip if all others gave way: no search if not."""
    crews = alone.crews() or alone.drivers
    if not may_drive((trip,), crews).any() or not appointment_rule.is_possible(trip):
        return False
    if pickup_s is None:
        return True
    end_s = pickup_s + trip.service_s
    return any(duty.start_s <= pickup_s and end_s <= duty.end_s for duty in alone.duties)


def _against_rules(
    day: Day, whole: Problem, trip: Trip, asked: Trip, driver: Driver, pickup_s: int | None
) -> Proposal:
    """Return the proposal with what it breaks of the window that was `asked` for.

    That of `trip` leaves out the other trips of its person, which are said apart. Nobody is forced
    into a vehicle with others: the trip is alone there.
    """
    alone, _together = of_driver(whole, driver.id, trip)
    alone, _nothing = in_blocks(alone, Plan((), (), ()))
    problem, plan = _fewest_faults(day, alone, trip, pickup_s)
    problem = replace(problem, trips=(asked,))
    faults = describe(day, problem, plan, check(problem, plan))
    if not alone.duties:
        no_duty = fault_of(day.company, day.day, duty_rule.no_duty(driver.name))
        faults = (no_duty, *faults)
    return replace(_proposal(day, plan, trip.id), faults=faults)


def _fewest_faults(
    day: Day, alone: Problem, trip: Trip, pickup_s: int | None
) -> tuple[Problem, Plan]:
    """Return the problem, with at least one duty, and a plan with the trip in it.

    Ignores first every rule but the driver's time, then the end of the window, step by step, and
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
    )
    anyone = (replace(driver, capacity=max(1, driver.capacity), expired=frozenset()),)
    in_order = tuple(
        replace(duty, car=duty.car and replace(duty.car, expired=frozenset()))
        for duty in alone.duties
    )
    for earliest_s, latest_s in windows:
        candidate = replace(easy, earliest_s=earliest_s, latest_s=latest_s)
        allowed = replace(alone, trips=(candidate,), drivers=anyone, duties=in_order)
        plan = solve(allowed, engine="greedy", threads=1)
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
    placed = _planned(trip, nearest.id, driver.id, pickup_s)
    return alone, Plan((placed,), _standing_breaks(day, alone), ())


def _first_gap(duties: Iterable[Duty], trip: Trip, from_s: int) -> int:
    """Return the first moment from which the vehicle is free for as long as the trip lasts."""
    taken = sorted((c.pickup_s, c.free_s) for duty in duties for c in duty.commitments)
    for start_s, end_s in taken:
        if start_s < from_s + trip.service_s and from_s < end_s:
            from_s = end_s
    return from_s


def _planned(
    trip: Trip, duty_id: int, driver_id: int, pickup_s: int, arrives_s: int | None = None
) -> PlannedTrip:
    """Return the trip as planned; with others on board it may arrive later than straight."""
    dropoff_s = pickup_s + trip.boarding_s + trip.ride_s
    dropoff_s = dropoff_s if arrives_s is None else max(dropoff_s, arrives_s)
    return PlannedTrip(trip.id, duty_id, driver_id, pickup_s, dropoff_s)


def _proposal(day: Day, plan: Plan, booking_id: int) -> Proposal:
    (trip,) = (row for row in plan.trips if row.trip_id == booking_id)
    breaks = {
        day.shift_of[rest.duty_id]: day.moment(rest.start_s)
        for rest in plan.breaks
        if rest.duty_id in day.shift_of
    }
    return Proposal(trip.driver_id, trip, plan.trips, breaks)


def _standing_breaks(day: Day, problem: Problem) -> tuple[PlannedBreak, ...]:
    starts = {r.shift_id: r.break_at for rows in day.drivers.values() for r in rows if r.shift_id}
    found = []
    for duty in problem.duties:
        start_at = starts.get(day.shift_of.get(duty.id, NO_DUTY))
        if duty.break_ and start_at:
            start_s = day.seconds(start_at)
            found.append(PlannedBreak(duty.id, start_s, start_s + duty.break_.length_s))
    return tuple(found)


def _double_booked(day: Day, trip: PlannedTrip, removed: Collection[int]) -> bool:
    """Return whether the driver has another trip in the database at the same time."""
    start_at, end_at = day.moment(trip.pickup_s), day.moment(trip.dropoff_s)
    return any(
        row.driver_id == trip.driver_id
        and (standing := row.standing())
        and standing[2] < end_at
        and start_at < standing[3]
        for row in (day.bookings | day.neighbours).values()
        if row.id not in removed
    )
