"""The problem as arrays where clients share vehicles: two stops for a trip.

Of N trips, those of the problem come first (n), then its commitments. The pickup of trip t is stop
t, its dropoff stop N + t. A commitment cannot be moved: its stops are pinned in the route of its
duty, the pickup to its second. Its stops and those of others may lie between each other, so a duty
is one route from its start to its end. Where the commitments of a duty contradict each other (a
delay, an override), they are walls instead: the route of one stretch between them, as without
sharing (`search/arrays.py`).

Numbers that belong together stand in one row of a matrix, and its columns have names: the search
reads them together, and passes few arrays (Numba copies the description of each at every call).

Travel times are needed from every place to every other one. Traffic is in the rows: a place that is
left with another factor is another row.

Units: seconds since the start of the company's day, int32.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from dispatch.planner.prices import prices_of
from dispatch.planner.problem import Break, Commitment, Duty, Problem, Sharing, Trip
from dispatch.planner.rules import appointment
from dispatch.planner.rules.registry import may_drive
from dispatch.planner.search.arrays import (
    FORBIDDEN,
    NEVER,
    Day,
    Durations,
    Flags,
    Ints,
    NumberedPlaces,
    driver_cost,
    extra_costs,
    int32,
    matrix,
    routes_between,
)
from dispatch.planner.travel import in_traffic

# Columns of `SharedDay.stops`: the window in force, the service, where the stop lies in `travel`,
# and the windows of the rules and of what was told (`search/kept_windows.py`).
EARLIEST, LATEST, SERVICE, ROW, COLUMN = range(5)
ALLOWED_FROM, ALLOWED_UNTIL, KEPT_FROM, KEPT_UNTIL = range(5, 9)
# Columns of `SharedDay.trips`; NEVER is no limit.
DIRECT, LIMIT, SEATS, WHEELCHAIRS, ALONE = range(5)
# Columns of `SharedDay.routes`; the layouts of its vehicle are `layouts[FIRST_LAYOUT:LAST_LAYOUT]`.
OPENS, CLOSES, START, END, BREAK_LENGTH, BREAK_FROM, BREAK_UNTIL = range(7)
EMPTY_LEG, FIRST_LAYOUT, LAST_LAYOUT = range(7, 10)


class SharedDay(NamedTuple):
    """The stops of a day: N trips with commitments, m routes, P places to leave and Q to reach."""

    stops: Ints  # (2N, 9)
    trips: Ints  # (N, 5)
    routes: Ints  # (m, 10)
    layouts: Ints  # (any, 2) seats and wheelchair places at a time
    apart_from: Ints  # (N + 1,) where the trips that may not be on board with t begin in `apart`
    apart: Ints
    travel: Durations  # (P, Q)
    percent: int  # price of riding longer, in percent of driving


class Pinned(NamedTuple):
    """The commitments in routes: the stops of each route in order, and the commitment of each."""

    stops: tuple[tuple[int, ...], ...]  # of each route
    commitments: tuple[tuple[Duty, Commitment], ...]  # of the trips n, n + 1, ...


class _Route(NamedTuple):
    driver: int
    duty: int
    row: tuple[int, ...]  # SharedDay.routes without the layouts
    pinned: tuple[Commitment, ...]
    shut: bool


def share(problem: Problem, sharing: Sharing, threads: int) -> tuple[Day, SharedDay, Pinned]:
    """Return the day as trips and routes with their prices, as stops, and what is pinned."""
    trips, drivers = problem.trips, problem.drivers
    n = len(trips)
    prices = prices_of(problem)
    index = {driver.id: d for d, driver in enumerate(drivers)}
    rows, columns = NumberedPlaces(), NumberedPlaces()
    routes, commitments = _routes(problem, index, rows, columns)
    standing = [c for _, c in commitments]
    total = n + len(standing)
    lists: list[Sequence[Trip | Commitment]] = [trips, standing]
    everybody = [trip for one in lists for trip in one]
    pickup_row = [rows.index(t.pickup, t.ride_factor) for t in everybody]
    dropoff_row = [rows.index(t.dropoff, t.onward_factor) for t in everybody]
    pickup_column = [columns.index(t.pickup) for t in everybody]
    dropoff_column = [columns.index(t.dropoff) for t in everybody]
    longest_s = max((duty.end_s - duty.start_s for duty in problem.duties), default=0)
    travel = matrix(problem.travel, rows, columns.places, longest_s, threads)

    stops = np.zeros((2 * total, 9), dtype=np.int32)
    stops[:, ROW] = pickup_row + dropoff_row
    stops[:, COLUMN] = pickup_column + dropoff_column
    stops[:total, SERVICE] = [t.boarding_s for t in everybody]
    stops[total:, SERVICE] = [t.alighting_s for t in everybody]
    due = _arrivals(problem)
    for i, trip in enumerate(trips):
        window = trip.earliest_s, trip.last_start_s
        stops[i, ALLOWED_FROM : KEPT_UNTIL + 1] = (*window, *_kept_pickup(trip))
        kept_due = _kept_arrival(trip, due[i])
        stops[total + i, ALLOWED_FROM : KEPT_UNTIL + 1] = (-NEVER, due[i], -NEVER, kept_due)
    for i, fixed in enumerate(standing, start=n):
        stops[i, ALLOWED_FROM : KEPT_UNTIL + 1] = [fixed.pickup_s] * 4
        latest = fixed.dropoff_s
        if fixed.latest_dropoff_s is not None:
            latest = max(latest, fixed.latest_dropoff_s)
        stops[total + i, ALLOWED_FROM : KEPT_UNTIL + 1] = [fixed.dropoff_s, latest] * 2
    stops[:, EARLIEST], stops[:, LATEST] = stops[:, ALLOWED_FROM], stops[:, ALLOWED_UNTIL]

    of_trips = np.zeros((total, 5), dtype=np.int32)
    of_trips[:, DIRECT] = [t.ride_s for t in trips] + [0] * len(standing)
    limits = [sharing.limit_s(trip) for trip in trips]
    of_trips[:, LIMIT] = [NEVER if s is None else s for s in limits] + [NEVER] * len(standing)
    of_trips[:, SEATS] = [t.seats for t in everybody]
    of_trips[:, WHEELCHAIRS] = [t.wheelchairs for t in everybody]
    of_trips[:, ALONE] = [not t.may_share for t in everybody]

    crews = problem.crews()
    layouts: list[tuple[int, int]] = []
    of_routes = []
    for route in routes:
        first = len(layouts)
        layouts += crews[route.duty].places
        of_routes.append((*route.row, first, len(layouts)))
    driver = int32([route.driver for route in routes])
    duty = int32([route.duty for route in routes])
    apart_from, apart = _apart(everybody)
    shared = SharedDay(
        stops=stops,
        trips=of_trips,
        routes=np.array(of_routes, dtype=np.int32).reshape(-1, 10),
        layouts=np.array(layouts, dtype=np.int32).reshape(-1, 2),
        apart_from=apart_from,
        apart=apart,
        travel=travel,
        percent=sharing.percent,
    )
    extra = extra_costs(problem, prices, index)[:, driver]
    extra[~may_drive(trips, crews)[:, duty]] = FORBIDDEN
    extra[~_has_layout(problem)[:, duty]] = FORBIDDEN
    extra[[not appointment.is_possible(trip) for trip in trips]] = FORBIDDEN
    extra[:, [route.shut for route in routes]] = FORBIDDEN
    kept = [trip.kept_window for trip in trips]
    day = Day(
        earliest=int32([trip.earliest_s for trip in trips]),
        last_start=int32([trip.last_start_s for trip in trips]),
        kept_from=int32([window[0] for window in kept]),
        kept_until=int32([window[1] for window in kept]),
        service=int32([trip.service_s for trip in trips]),
        unserved=np.array([prices.of(trip) for trip in trips], dtype=np.int64),
        annealed=int32([prices.annealed[trip.priority] for trip in trips]),
        pickup_at=int32(pickup_column[:n]),
        dropoff_at=int32(dropoff_row[:n]),
        driver=driver,
        duty=duty,
        opens=shared.routes[:, OPENS].copy(),
        closes=shared.routes[:, CLOSES].copy(),
        start_at=shared.routes[:, START].copy(),
        end_at=shared.routes[:, END].copy(),
        break_length=shared.routes[:, BREAK_LENGTH].copy(),
        break_from=shared.routes[:, BREAK_FROM].copy(),
        break_until=shared.routes[:, BREAK_UNTIL].copy(),
        empty_leg=shared.routes[:, EMPTY_LEG].copy(),
        extra=np.ascontiguousarray(extra),
        capacity=int32([d.capacity for d in drivers]),
        load=int32([d.load for d in drivers]),
        driver_cost=int32([driver_cost(d, problem.costs) for d in drivers]),
        fairness=problem.costs.fairness,
        travel=travel,
        travel_to=travel.T,
    )
    number = {id(c): n + i for i, c in enumerate(standing)}
    pinned = tuple(_in_order(route.pinned, number, total) for route in routes)
    return day, shared, Pinned(pinned, tuple(commitments))


def _in_order(
    pinned: Iterable[Commitment], number: Mapping[int, int], total: int
) -> tuple[int, ...]:
    """Return the stops of these commitments in order of time, dropoffs first."""
    events = [(c.pickup_s, 1, number[id(c)]) for c in pinned]
    events += [(c.dropoff_s, _rank(c), total + number[id(c)]) for c in pinned]
    return tuple(stop for _, _, stop in sorted(events))


def _rank(c: Commitment) -> int:
    """Return 0 for a dropoff before pickups of the same second, 2 for one after its own (1)."""
    return 0 if c.dropoff_s > c.pickup_s else 2


def _kept_pickup(trip: Trip) -> tuple[int, int]:
    """Return the window of boarding that keeps what was told; the margin is the arrival's."""
    if trip.standing is None or not trip.earliest_s <= trip.standing.pickup_s <= trip.last_start_s:
        return trip.earliest_s, trip.last_start_s
    return trip.kept_window


def _kept_arrival(trip: Trip, due_s: int) -> int:
    """Return the latest arrival that keeps the margin before the appointment.

    Of a margin that the told arrival does not keep, or nobody can, nothing is left.
    """
    if trip.in_good_time_s is None:
        return due_s
    starts_s, arrives_s = trip.earliest_s, 0
    if trip.standing is not None:
        starts_s = max(starts_s, trip.standing.pickup_s)
        arrives_s = trip.standing.dropoff_s or 0
    arrives_s = max(arrives_s, starts_s + trip.boarding_s + trip.ride_s)
    return due_s if arrives_s > trip.in_good_time_s else min(due_s, trip.in_good_time_s)


def _arrivals(problem: Problem) -> list[int]:
    """Return the latest arrival of each trip: its appointment, and the next trip of its person.

    The windows keep the trips of one person apart as if each rode straight; who rides with others
    must not arrive later than that either.
    """
    due = [NEVER if t.arrive_by_s is None else t.arrive_by_s for t in problem.trips]
    index = {trip.id: i for i, trip in enumerate(problem.trips)}
    following: list[tuple[int, int]] = []  # pairs of (trip, when its next one begins)
    by_person: dict[int, list[int]] = {}
    for i, trip in enumerate(problem.trips):
        if trip.after in index:
            following.append((index[trip.after], trip.earliest_s))
        if trip.person is not None:
            by_person.setdefault(trip.person, []).append(i)
    starts: dict[int, list[int]] = {}
    for duty in problem.duties:
        for standing in duty.commitments:
            if standing.person is not None:
                starts.setdefault(standing.person, []).append(standing.pickup_s)
    for person, trips in by_person.items():
        others = [problem.trips[i].earliest_s for i in trips] + starts.get(person, [])
        following += [(i, begins) for i in trips for begins in others]
    for i, begins in following:
        trip = problem.trips[i]
        if trip.last_start_s + trip.service_s <= begins:
            due[i] = min(due[i], begins - trip.alighting_s)
    return due


def _has_layout(problem: Problem) -> Flags:
    """Return trips x duties: whether some layout of the vehicle has places for the trip."""
    wanted = np.array([(t.seats, t.wheelchairs) for t in problem.trips]).reshape(-1, 2)
    fits = np.zeros((len(problem.trips), len(problem.duties)), dtype=bool)
    for column, crew in enumerate(problem.crews()):
        for layout in crew.places:
            fits[:, column] |= (wanted <= layout).all(axis=1)
    return fits


def _apart(everybody: Sequence[Trip | Commitment]) -> tuple[Ints, Ints]:
    """Return the trips that may not be on board with each, row by row: (begins, trips)."""
    of_person: dict[int, list[int]] = {}
    for i, trip in enumerate(everybody):
        if trip.person is not None:
            of_person.setdefault(trip.person, []).append(i)
    never: list[set[int]] = [set() for _ in everybody]
    for i, trip in enumerate(everybody):
        others = {j for person in trip.apart_from for j in of_person.get(person, ())}
        for j in others - {i}:
            never[i].add(j)
            never[j].add(i)
    begins = np.cumsum([0] + [len(others) for others in never])
    return begins.astype(np.int32), int32([j for others in never for j in sorted(others)])


def _routes(
    problem: Problem, index: Mapping[int, int], rows: NumberedPlaces, columns: NumberedPlaces
) -> tuple[list[_Route], list[tuple[Duty, Commitment]]]:
    """Return the routes of all duties, and the commitments that are pinned in them."""
    found: list[_Route] = []
    pinned: list[tuple[Duty, Commitment]] = []
    for number, duty in enumerate(problem.duties):
        driver = index[duty.driver_id]
        if duty.commitments and not _can_be_pinned(problem, duty):
            walls = replace(duty, commitments=_blocks(duty.commitments))
            for route in routes_between(problem, number, walls, driver, rows, columns):
                row = tuple(route[2:10])
                found.append(_Route(driver, number, row, (), bool(route.shut)))
            continue
        rest = (0, -NEVER, NEVER)
        if duty.break_ is not None:
            rest = duty.break_.length_s, duty.break_.earliest_s, duty.break_.latest_s
        start = rows.index(duty.start, duty.onward_factor)
        row = (duty.start_s, duty.end_s, start, columns.index(duty.end), *rest, 0)
        found.append(_Route(driver, number, row, duty.commitments, False))
        pinned += [(duty, c) for c in duty.commitments]
    return found, pinned


def _blocks(commitments: Sequence[Commitment]) -> tuple[Commitment, ...]:
    """Return commitments that overlap as one: from the first pickup until all are out."""
    blocks: list[Commitment] = []
    arrives = 0
    for c in sorted(commitments, key=lambda c: (c.pickup_s, c.free_s)):
        if not blocks or c.pickup_s >= blocks[-1].free_s:
            blocks.append(c)
            arrives = c.dropoff_s
            continue
        block = replace(blocks[-1], free_s=max(blocks[-1].free_s, c.free_s))
        if c.dropoff_s >= arrives:
            block = replace(block, dropoff=c.dropoff, onward_factor=c.onward_factor)
            arrives = c.dropoff_s
        blocks[-1] = block
    return tuple(blocks)


def _can_be_pinned(problem: Problem, duty: Duty) -> bool:
    """Return whether the commitments of a duty, and its break, can all be kept as they are."""
    for c, other in pairwise(sorted(duty.commitments, key=lambda c: (c.pickup_s, c.free_s))):
        if other.pickup_s < c.free_s and not (c.may_share and other.may_share):
            return False
    events = []
    for c in duty.commitments:
        events.append((c.pickup_s, 1, c.pickup, c.boarding_s, c.ride_factor))
        events.append((c.dropoff_s, _rank(c), c.dropoff, c.alighting_s, c.onward_factor))
    if any(c.dropoff_s < c.pickup_s + c.boarding_s for c in duty.commitments):
        return False
    at, ready, factor = duty.start, duty.start_s, duty.onward_factor
    kind, on_board = -1, 0
    rest = duty.break_
    rested = rest is None
    for start, rank, place, service, onward in sorted(events, key=lambda event: event[:2]):
        gets_on = rank == 1
        if kind == gets_on and at == place:
            ready = max(ready, start + service)
        else:
            drive = in_traffic(problem.travel.leg(at, place)[0], factor)
            if ready + drive > start:
                return False
            rested |= on_board == 0 and _rests(rest, ready, drive, start)
            ready = start + service
        kind, at, factor = gets_on, place, onward
        on_board += 1 if gets_on else -1
    drive = in_traffic(problem.travel.leg(at, duty.end)[0], factor)
    rested |= _rests(rest, ready, drive, duty.end_s)
    return rested and ready + drive <= duty.end_s


def _rests(rest: Break | None, ready: int, drive: int, due: int) -> bool:
    """Return whether there is time for the break and the drive between these moments."""
    if rest is None:
        return False
    length, earliest, latest = rest.length_s, rest.earliest_s, rest.latest_s
    return max(ready, earliest) + length <= latest and max(ready + drive, earliest) + length <= due
