"""The problem as arrays, in the shape the searches want.

Units: seconds of the company's day, int32. Trips, drivers and duties are known by their
index in the problem.

A *route* is a stretch of one duty between two fixed points: from its start to the first
commitment, from one commitment to the next, from the last one to its end. A duty without
commitments is one route. The searches fill routes; seats, caps, fixed costs and fairness
belong to drivers, who may have several routes. The break of a duty goes to the one route
where it fits with most room to spare, chosen beforehand.

Travel is asked only from where something ends (dropoffs, starts) to where something begins
(pickups, ends): rows and columns of `travel`. Equal places share a row or column: a day with
a dozen hospitals has a matrix a quarter of the size.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np

NEVER = 1 << 30
FORBIDDEN = -1


class Day(NamedTuple):
    """A problem as arrays: n trips, m routes, p drivers. Nothing here changes in a search."""

    # Trips: boarding starts in [earliest, last_start], both inclusive, and the driver can
    # leave the dropoff `service` later.
    earliest: np.ndarray  # (n,)
    last_start: np.ndarray  # (n,)
    service: np.ndarray  # (n,)
    unserved: np.ndarray  # (n,) price of leaving the trip out
    pickup_at: np.ndarray  # (n,) column of travel
    dropoff_at: np.ndarray  # (n,) row of travel
    # Routes
    driver: np.ndarray  # (m,)
    duty: np.ndarray  # (m,)
    opens: np.ndarray  # (m,) leaves the start at the earliest
    closes: np.ndarray  # (m,) reaches the end at the latest
    start_at: np.ndarray  # (m,) row of travel
    end_at: np.ndarray  # (m,) column of travel
    break_length: np.ndarray  # (m,) 0 and a window without limits when there is none
    break_from: np.ndarray  # (m,)
    break_until: np.ndarray  # (m,)
    empty_leg: np.ndarray  # (m,) driven even without trips: between commitments, else 0
    # Trips x routes: FORBIDDEN, or what it costs beyond driving (preference missed, moved)
    extra: np.ndarray  # (n, m)
    # Drivers
    capacity: np.ndarray  # (p,)
    load: np.ndarray  # (p,) trips that count already
    driver_cost: np.ndarray  # (p,) price of the first trip
    fairness: int
    travel: np.ndarray  # seconds, rows x columns, uint16 (int32 when a drive is too long)
    travel_to: np.ndarray  # the same, columns x rows: all ways to one pickup lie together


def collapse(problem, threads=2):
    """Return the `Day` of this problem."""
    trips, drivers = problem.trips, problem.drivers
    index = {driver.id: d for d, driver in enumerate(drivers)}
    rows, columns = _Places(), _Places()
    dropoff_at = int32([rows.index(trip.dropoff) for trip in trips])
    pickup_at = int32([columns.index(trip.pickup) for trip in trips])
    routes = _routes(problem, index, rows, columns)
    driver, duty, opens, closes, start_at, end_at, length, earliest, latest, leg, shut = (
        int32([route[field] for route in routes]) for field in range(11)
    )
    travel = _matrix(problem.travel, rows.places, columns.places, threads)
    day = Day(
        earliest=int32([trip.earliest_s for trip in trips]),
        last_start=int32([trip.last_start_s for trip in trips]),
        service=int32([trip.service_s for trip in trips]),
        unserved=int32([_unserved(trip, problem.costs) for trip in trips]),
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
        driver_cost=int32([_driver_cost(d, problem.costs) for d in drivers]),
        fairness=problem.costs.fairness,
        travel=travel,
        travel_to=np.ascontiguousarray(travel.T),
    )
    extra = _extra_costs(problem, index)[:, driver]
    extra[:, shut == 1] = FORBIDDEN
    forbid_alone(day, extra)
    return day._replace(extra=np.ascontiguousarray(extra))


def forbid_alone(day, extra):
    """Forbid the routes that could not take a trip even if it were their only one."""
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


def int32(values):
    return np.array(values, dtype=np.int32).reshape(len(values))


class _Places:
    """Number places in order of appearance."""

    def __init__(self):
        self.places = []
        self._index = {}

    def index(self, place):
        number = self._index.setdefault(place, len(self.places))
        if number == len(self.places):
            self.places.append(place)
        return number


def _routes(problem, index, rows, columns):
    """Return the routes of all duties, one tuple each, in the order of Day's fields.

    The last member tells whether the route is shut: it takes no trips, because its
    commitments leave no time or the break of the duty fits nowhere.
    """
    routes = []
    for number, duty in enumerate(problem.duties):
        ends = [(duty.start_s, duty.start)]
        for commitment in duty.commitments:
            ends += [(commitment.pickup_s, commitment.pickup)]
            ends += [(commitment.free_s, commitment.dropoff)]
        ends += [(duty.end_s, duty.end)]
        pieces = []
        for (opens, start), (closes, end) in zip(ends[::2], ends[1::2], strict=True):
            needed = bool(duty.commitments)
            leg = problem.travel.leg(start, end)[0] if needed else 0
            pieces.append((opens, closes, start, end, leg))
        resting = _break_piece(pieces, duty.break_)
        for p, (opens, closes, start, end, leg) in enumerate(pieces):
            rest = (0, -NEVER, NEVER)
            if p == resting:
                rest = (duty.break_.length_s, duty.break_.earliest_s, duty.break_.latest_s)
            shut = opens + leg > closes or (duty.break_ is not None and resting is None)
            routes.append(
                (index[duty.driver_id], number, opens, closes)
                + (rows.index(start), columns.index(end), *rest, leg, int(shut))
            )
    return routes


def _break_piece(pieces, rest):
    """Return which piece of a duty has most time left after the break; None without one."""
    best, best_room = None, -1
    if rest is None:
        return None
    for p, (opens, closes, _, _, leg) in enumerate(pieces):
        if max(opens, rest.earliest_s) + rest.length_s > rest.latest_s:
            continue
        ready = max(opens + leg, rest.earliest_s) + rest.length_s
        # Room around the break, not only after it: a long morning is worth as much.
        room = closes - opens - leg - rest.length_s
        if ready <= closes and room > best_room:
            best, best_room = p, room
    return best


def _unserved(trip, costs):
    """A trip that stood with somebody and is left out has left that driver, too."""
    return trip.unserved_cost + (costs.move_s if trip.standing else 0)


def _driver_cost(driver, costs):
    if driver.used:
        return 0
    return costs.emergency_s if driver.emergency else costs.driver_s


def _extra_costs(problem, index):
    """Return trips x drivers: FORBIDDEN, or the price of a missed preference and a move."""
    trips, drivers, costs = problem.trips, problem.drivers, problem.costs
    extra = np.zeros((len(trips), len(drivers)), dtype=np.int32)
    kinds = {}
    for i, trip in enumerate(trips):
        kinds.setdefault((trip.seats, trip.wheelchairs, trip.needs), []).append(i)
        favourites = [index[d] for d in trip.preferred if d in index]
        if trip.preferred:
            extra[i] += costs.missed_preference_s
            extra[i, favourites] = 0
        if trip.standing is not None and costs.move_s:
            extra[i] += costs.move_s
            if trip.standing.driver_id in index:
                extra[i, index[trip.standing.driver_id]] -= costs.move_s
    for (seats, wheelchairs, needs), members in kinds.items():
        unfit = [
            d
            for d, driver in enumerate(drivers)
            if driver.seats < seats
            or driver.wheelchair_places < wheelchairs
            or not needs <= driver.skills
        ]
        extra[np.ix_(members, unfit)] = FORBIDDEN
    for i, trip in enumerate(trips):
        extra[i, [index[d] for d in trip.forbidden if d in index]] = FORBIDDEN
        if trip.last_start_s < trip.earliest_s:
            extra[i] = FORBIDDEN
    return extra


def _matrix(travel, origins, destinations, threads):
    """Return the seconds from each origin to each destination, asked for in blocks of rows."""
    seconds = np.zeros((len(origins), len(destinations)), dtype=np.uint16)
    if not seconds.size:
        return seconds
    origins, destinations = np.array(origins), np.array(destinations)
    rows = max(1, 500_000 // len(destinations))
    edges = [*range(0, len(origins), rows), len(origins)]
    longest = np.iinfo(np.uint16).max

    def fill(block):
        answer = travel.seconds(origins[block], destinations)
        fits = answer.max() <= longest
        if fits:
            seconds[block] = answer
        return fits

    blocks = [slice(start, stop) for start, stop in pairwise(edges)]
    with ThreadPoolExecutor(threads) as pool:
        if all(pool.map(fill, blocks)):
            return seconds
    return np.asarray(travel.seconds(origins, destinations), dtype=np.int32)
