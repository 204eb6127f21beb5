"""The problem as arrays, in the shape the search engines want.

Units: seconds since the start of the company's day, int32. Trips, drivers and duties are
known by their index in the problem. An `_at` array holds rows or columns of `travel`.

A *route* is a stretch of one duty between two fixed points: from its start to the first
commitment, from one commitment to the next, from the last one to its end. A duty without
commitments is one route. The engines fill routes; seats, caps, fixed costs and fairness
belong to drivers, who may have several routes. The break of a duty goes to the one route
where it fits with most room to spare, chosen beforehand.

Travel times are needed only from where something ends (dropoffs, starts) to where something
begins (pickups, ends): rows and columns of `travel`. Equal places share a row or column: a day
with a dozen hospitals has a matrix a quarter of the size. Traffic is in the rows: a place that is
left with another factor is another row.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatch.planner.prices import Prices, prices_of
from dispatch.planner.problem import Break, Costs, Driver, Duty, Problem
from dispatch.planner.rules import appointment
from dispatch.planner.rules.registry import may_drive
from dispatch.planner.travel import Place, TravelTimes, in_traffic, rows_in_traffic

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Index = npt.NDArray[np.intp]
Durations = npt.NDArray[np.uint16] | npt.NDArray[np.int32]

NEVER = 1 << 30
FORBIDDEN = -1


class Day(NamedTuple):
    """A problem as arrays: n trips, m routes, p drivers. Nothing here changes in a search."""

    # Trips: boarding starts in [earliest, last_start], both inclusive, and the driver can
    # leave the dropoff `service` later.
    earliest: Ints  # (n,)
    last_start: Ints  # (n,)
    kept_from: Ints  # (n,) start of boarding that keeps what was told, and the margin
    kept_until: Ints  # (n,)
    service: Ints  # (n,)
    unserved: Longs  # (n,) price of leaving the trip out
    annealed: Ints  # (n,) what the annealing counts for it
    pickup_at: Ints  # (n,) column of travel
    dropoff_at: Ints  # (n,) row of travel
    # Routes
    driver: Ints  # (m,)
    duty: Ints  # (m,)
    opens: Ints  # (m,) leaves the start at the earliest
    closes: Ints  # (m,) reaches the end at the latest
    start_at: Ints  # (m,) row of travel
    end_at: Ints  # (m,) column of travel
    break_length: Ints  # (m,) 0 and a window without limits when there is none
    break_from: Ints  # (m,)
    break_until: Ints  # (m,)
    empty_leg: Ints  # (m,) driven even without trips: between commitments, else 0
    # Trips x routes: FORBIDDEN, or what it costs beyond driving (preference missed, moved)
    extra: Ints  # (n, m)
    # Drivers
    capacity: Ints  # (p,)
    load: Ints  # (p,) trips that count already
    driver_cost: Ints  # (p,) price of the first trip
    fairness: int
    travel: Durations  # seconds, rows x columns, uint16 (int32 when a route is longer)
    travel_to: Durations  # the same, columns x rows: all ways to one pickup lie together


def collapse(problem: Problem, threads: int = 2) -> Day:
    """Return the `Day` of this problem, its travel times asked for on so many threads."""
    trips, drivers = problem.trips, problem.drivers
    prices = prices_of(problem)
    kept = [trip.kept_window for trip in trips]
    index = {driver.id: d for d, driver in enumerate(drivers)}
    rows, columns = NumberedPlaces(), NumberedPlaces()
    dropoff_at = int32([rows.index(trip.dropoff, trip.onward_factor) for trip in trips])
    pickup_at = int32([columns.index(trip.pickup) for trip in trips])
    routes = _routes(problem, index, rows, columns)
    driver, duty, opens, closes, start_at, end_at, length, earliest, latest, leg, shut = (
        int32([route[field] for route in routes]) for field in range(len(_Route._fields))
    )
    longest_s = max((route.closes - route.opens for route in routes), default=0)
    travel = matrix(problem.travel, rows, columns.places, longest_s, threads)
    day = Day(
        earliest=int32([trip.earliest_s for trip in trips]),
        last_start=int32([trip.last_start_s for trip in trips]),
        kept_from=int32([window[0] for window in kept]),
        kept_until=int32([window[1] for window in kept]),
        service=int32([trip.service_s for trip in trips]),
        unserved=np.array([prices.of(trip) for trip in trips], dtype=np.int64),
        annealed=int32([prices.annealed[trip.priority] for trip in trips]),
        pickup_at=pickup_at,
        dropoff_at=dropoff_at,
        driver=driver,
        duty=duty,
        opens=opens,
        closes=closes,
        start_at=start_at,
        end_at=end_at,
        break_length=length,
        break_from=earliest,
        break_until=latest,
        empty_leg=leg,
        extra=np.zeros((0, 0), dtype=np.int32),
        capacity=int32([d.capacity for d in drivers]),
        load=int32([d.load for d in drivers]),
        driver_cost=int32([driver_cost(d, problem.costs) for d in drivers]),
        fairness=problem.costs.fairness,
        travel=travel,
        travel_to=travel.T.copy(),
    )
    extra = extra_costs(problem, prices, index)[:, driver]
    extra[~may_drive(trips, problem.crews())[:, duty]] = FORBIDDEN
    extra[[not appointment.is_possible(trip) for trip in trips]] = FORBIDDEN
    extra[:, shut == 1] = FORBIDDEN
    forbid_alone(day, extra)
    return day._replace(extra=np.ascontiguousarray(extra))


def forbid_alone(day: Day, extra: Ints) -> None:
    """Set `extra` (n, m) to FORBIDDEN where a trip does not fit into the empty route."""
    for r in range(len(day.driver)):
        to_pickup = day.travel[day.start_at[r], day.pickup_at].astype(np.int32)
        to_end = day.travel[day.dropoff_at, day.end_at[r]].astype(np.int32)
        length, earliest, latest = day.break_length[r], day.break_from[r], day.break_until[r]
        opens, closes = day.opens[r], day.closes[r]
        start = np.maximum(opens + to_pickup, day.earliest)
        leave = start + day.service
        break_after = np.where(
            np.maximum(leave, earliest) + length <= latest,
            np.maximum(leave + to_end, earliest) + length,
            NEVER,
        )
        rested = np.maximum(opens + to_pickup, earliest) + length
        start_rested = np.maximum(rested, day.earliest)
        in_time = max(opens, earliest) + length <= latest
        fits = (start <= day.last_start) & (break_after <= closes)
        fits |= (
            in_time
            & (start_rested <= day.last_start)
            & (start_rested + day.service + to_end <= closes)
        )
        extra[~fits, r] = FORBIDDEN


def int32(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int32).reshape(len(values))


class NumberedPlaces:
    """Number places, and what the drives from there are multiplied by, as they appear."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.factors: list[float] = []
        self._index: dict[tuple[Place, float], int] = {}

    def index(self, place: Place, factor: float = 1.0) -> int:
        number = self._index.setdefault((place, factor), len(self.places))
        if number == len(self.places):
            self.places.append(place)
            self.factors.append(factor)
        return number


class _Route(NamedTuple):
    """One route in the order of Day's fields.

    `shut` is 1 if the route takes no trips: its commitments leave no time, or the break of
    the duty fits nowhere.
    """

    driver: int
    duty: int
    opens: int
    closes: int
    start_at: int
    end_at: int
    break_length: int
    break_from: int
    break_until: int
    empty_leg: int
    shut: int


class _Piece(NamedTuple):
    """A duty between two fixed points; `leg` is the empty drive between its commitments."""

    opens: int
    closes: int
    start: Place
    factor: float
    end: Place
    leg: int


def _routes(
    problem: Problem, index: Mapping[int, int], rows: NumberedPlaces, columns: NumberedPlaces
) -> list[_Route]:
    """Return the routes of all duties; number their starts in `rows`, their ends in `columns`."""
    return [
        route
        for number, duty in enumerate(problem.duties)
        for route in routes_between(problem, number, duty, index[duty.driver_id], rows, columns)
    ]


def routes_between(
    problem: Problem,
    number: int,
    duty: Duty,
    driver: int,
    rows: NumberedPlaces,
    columns: NumberedPlaces,
) -> list[_Route]:
    """Return the routes of one duty, `number` and `driver` being its index and its driver's."""
    starts = [(duty.start_s, duty.start, duty.onward_factor)]
    starts += [(c.free_s, c.dropoff, c.onward_factor) for c in duty.commitments]
    ends = [(c.pickup_s, c.pickup) for c in duty.commitments]
    ends += [(duty.end_s, duty.end)]
    pieces = []
    for (opens, start, factor), (closes, end) in zip(starts, ends, strict=True):
        leg = problem.travel.leg(start, end)[0] if duty.commitments else 0
        pieces.append(_Piece(opens, closes, start, factor, end, in_traffic(leg, factor)))
    due = duty.break_
    resting = _break_piece(pieces, due)
    routes = []
    for p, (opens, closes, start, factor, end, leg) in enumerate(pieces):
        rest = (0, -NEVER, NEVER)
        if due is not None and p == resting:
            rest = (due.length_s, due.earliest_s, due.latest_s)
        shut = opens + leg > closes or (due is not None and resting is None)
        routes.append(
            _Route(
                driver,
                number,
                opens,
                closes,
                rows.index(start, factor),
                columns.index(end),
                *rest,
                leg,
                int(shut),
            )
        )
    return routes


def _break_piece(pieces: Sequence[_Piece], rest: Break | None) -> int | None:
    """Return the index of the piece for the break: where it was, else that with most room beside.

    None if it fits nowhere.
    """
    best, best_room = None, -1
    if rest is None:
        return None
    for p, (opens, closes, _, _, _, leg) in enumerate(pieces):
        if max(opens, rest.earliest_s) + rest.length_s > rest.latest_s:
            continue
        ready = max(opens + leg, rest.earliest_s) + rest.length_s
        # Count the room on both sides of the break: a long morning is worth as much.
        room = closes - opens - leg - rest.length_s
        if ready > closes:
            continue
        if rest.told_s is not None and opens <= rest.told_s <= closes - rest.length_s:
            return p
        if room > best_room:
            best, best_room = p, room
    return best


def driver_cost(driver: Driver, costs: Costs) -> int:
    if driver.used:
        return 0
    return costs.emergency_s if driver.emergency else costs.driver_s


def extra_costs(problem: Problem, prices: Prices, index: Mapping[int, int]) -> Ints:
    """Return trips x drivers: the price of a missed preference and a move."""
    trips, drivers, costs = problem.trips, problem.drivers, problem.costs
    extra = np.zeros((len(trips), len(drivers)), dtype=np.int32)
    for i, trip in enumerate(trips):
        favourites = [index[d] for d in trip.preferred if d in index]
        if trip.preferred:
            extra[i] += costs.missed_preference_s
            extra[i, favourites] = 0
        if trip.standing is not None:
            extra[i] += prices.move_s
            if trip.standing.driver_id in index:
                extra[i, index[trip.standing.driver_id]] -= prices.move_s
    return extra


def matrix(
    travel: TravelTimes,
    origins: NumberedPlaces,
    destinations: Sequence[Place],
    longest_s: int,
    threads: int,
) -> Durations:
    """Return the seconds from each origin to each destination, asked for in blocks of rows.

    uint16 if no route is as long as that can count (`longest_s`): a longer drive, as to a place
    entered wrongly, then fits into none, whether it is counted in full or not. int32 otherwise, if
    there is such a drive: that takes machine code of its own.
    """
    seconds = np.zeros((len(origins.places), len(destinations)), dtype=np.uint16)
    if not seconds.size:
        return seconds
    from_places, to_places = np.array(origins.places), np.array(destinations)
    factors = np.array(origins.factors)
    rows = max(1, 500_000 // len(destinations))
    edges = [*range(0, len(from_places), rows), len(from_places)]
    longest = np.iinfo(np.uint16).max

    def fill(block: slice) -> bool:
        answer = rows_in_traffic(travel.seconds(from_places[block], to_places), factors[block])
        fits = longest_s < longest or bool(answer.max() <= longest)
        if fits:
            seconds[block] = np.minimum(answer, longest)
        return fits

    blocks = [slice(start, stop) for start, stop in pairwise(edges)]
    if threads == 1 or len(blocks) == 1:  # to start a thread takes longer than a small block
        fit = all(map(fill, blocks))
    else:
        with ThreadPoolExecutor(threads) as pool:
            fit = all(pool.map(fill, blocks))
    if fit:
        return seconds
    whole = rows_in_traffic(travel.seconds(from_places, to_places), factors)
    return np.asarray(whole, dtype=np.int32)
