"""The times of a shared route: what is exact, and what lets an insertion be refused quickly.

Along a route, positions run from 0 (its start) over 1..size (its stops) to size + 1 (its end). The
times of its stops obey constraints of differences: the next stop not before the drive to it, an
arrival not later than the ride limit after its boarding, each in its window. So among all times
that keep them there is a smallest one for every stop at once. It is found by passing forward; where
somebody rides too long, the boarding is pushed up, and the pass goes on from there; and so on until
nothing moves, or a stop is too late (a least fixpoint; the eight steps of Cordeau & Laporte,
Transportation Research B 37 (2003), doi:10.1016/S0191-2615(02)00045-0, find such times with the
shortest rides). A pass backward finds the largest ones likewise.

A break is taken while the vehicle is empty; each empty leg is tried. The labels kept with a route
leave the break out. Stops that are inserted only make a route later, if no detour is shorter than
the straight drive, so these labels bound what an insertion leads to: they are a filter, in the
spirit of Gschwind & Drexl, Transportation Science 53 (2019), doi:10.1287/trsc.2018.0837. `settle`
has the last word.

Clients who get on at one place one after the other board at once, and likewise those who get off.

Units: seconds. Kernels; see `search/compiled.py`.
"""

from typing import Any, NamedTuple

import numpy as np

from dispatch.planner.search.arrays import NEVER, Flags, Ints, Longs
from dispatch.planner.search.compiled import kernel
from dispatch.planner.shared.arrays import (
    BREAK_FROM,
    BREAK_LENGTH,
    BREAK_UNTIL,
    CLOSES,
    COLUMN,
    DIRECT,
    EARLIEST,
    EMPTY_LEG,
    END,
    FIRST_LAYOUT,
    LAST_LAYOUT,
    LATEST,
    LIMIT,
    OPENS,
    ROW,
    SEATS,
    SERVICE,
    START,
    WHEELCHAIRS,
    SharedDay,
)

# Rows of `SharedRoutes.rows`, by position k:
# the stop; the drive from k to k + 1; the earliest start there, when the vehicle arrived and when
# it is ready; the latest start there, and the latest arrival that keeps everything from here on;
# how many ride on from there, on how many seats and wheelchair places.
STOP, LEG, LOW, ARRIVED, READY, HIGH, DUE, BOARD, ON_SEATS, IN_WHEELCHAIRS = range(10)
ROWS = 10
# Rows of a trial, by position: as above; and the times without a break, path times, legs left.
PLAIN, CLOCK, LEAVE = 5, 6, 6
# Numba compiles a function anew for every type of number: 64 bits wherever one is passed.
long: Any = np.int64
NOWHERE: Any = long(-1)  # no leg, no position
# How often a boarding may be pushed up in one route: more is called impossible.
MOST_PUSHES = 400


class SharedRoutes(NamedTuple):
    """The stops of every route of a `SharedDay`, and their labels: m routes."""

    rows: Ints  # (m, ROWS, width)
    size: Ints  # (m,) stops
    cost: Longs  # (m,) driving, without the direct rides, and with the price of riding longer
    resting: Ints  # (m,) position from which the leg with the break begins, -1 without a break


class Trial(NamedTuple):
    """Scratch memory of one thread."""

    rows: Ints  # (ROWS, width)
    place: Ints  # (2N,) position of a stop in the route in hand


@kernel
def merges(stops: Ints, before: int, stop: int) -> bool:
    """Tell whether who gets on or off at this stop does so with those of the stop before."""
    half = len(stops) // 2
    return bool(stops[before, COLUMN] == stops[stop, COLUMN] and (before < half) == (stop < half))


@kernel
def settle(day: SharedDay, r: int, rows: Ints, place: Ints, count: int, resting: int) -> bool:
    """Find the earliest times of a route with the break on the leg from `resting`, if not -1.

    `rows` has the stops and legs, and in LOW lower bounds of the times; LOW, ARRIVED and READY are
    filled. Return whether everything is in time.
    """
    stops, trips, route = day.stops, day.trips, day.routes[r]
    half = len(trips)
    length, earliest, latest = route[BREAK_LENGTH], route[BREAK_FROM], route[BREAK_UNTIL]
    rows[ARRIVED, 0] = rows[READY, 0] = route[OPENS]
    pushes = 0
    k = 1
    while k <= count + 1:
        before = k - 1
        ready = rows[READY, before]
        arrived = ready + rows[LEG, before]
        if before == resting:
            if max(ready, earliest) + length > latest:
                return False
            arrived = max(arrived, earliest) + length
        if k > count:
            return bool(arrived <= route[CLOSES])
        stop = rows[STOP, k]
        together = before > 0 and merges(stops, rows[STOP, before], stop)
        if together:
            arrived = rows[ARRIVED, before]
        start = max(arrived, rows[LOW, k])
        if start > stops[stop, LATEST]:
            return False
        rows[ARRIVED, k] = arrived
        rows[LOW, k] = start
        left = start + stops[stop, SERVICE]
        rows[READY, k] = max(left, ready) if together else left
        place[stop] = k
        if stop >= half:
            limit = trips[stop - half, LIMIT]
            if limit < NEVER:
                pickup = stop - half
                at = place[pickup]
                boards = start - limit - stops[pickup, SERVICE]
                if boards > rows[LOW, at]:
                    pushes += 1
                    if boards > stops[pickup, LATEST] or pushes > MOST_PUSHES:
                        return False
                    rows[LOW, at] = boards
                    k = at
                    continue
        k += 1
    return False


@kernel
def rest_anywhere(day: SharedDay, r: int, rows: Ints, place: Ints, count: int, first: int) -> int:
    """Return the empty leg on which the break can be taken, `first` if it can; -1 if on none.

    `rows` is a route settled without the break, with BOARD; PLAIN is overwritten.
    """
    route = day.routes[r]
    length, earliest, latest = route[BREAK_LENGTH], route[BREAK_FROM], route[BREAK_UNTIL]
    for k in range(1, count + 1):
        rows[PLAIN, k] = rows[LOW, k]
        rows[PLAIN + 1, k] = rows[READY, k]
    rows[PLAIN + 1, 0] = rows[READY, 0]
    for attempt in range(-1, count + 1):
        leg = attempt
        if attempt < 0:
            leg = first
        if leg < 0 or leg > count or (attempt >= 0 and leg == first) or rows[BOARD, leg] > 0:
            continue
        ready = rows[PLAIN + 1, leg]
        if max(ready, earliest) + length > latest:
            if attempt >= 0:
                break
            continue
        rested = max(ready + rows[LEG, leg], earliest) + length
        due = route[CLOSES] if leg == count else day.stops[rows[STOP, leg + 1], LATEST]
        if rested > due:
            continue
        for k in range(1, count + 1):
            rows[LOW, k] = rows[PLAIN, k]
        if settle(day, r, rows, place, count, leg):
            return leg
    return -1


@kernel
def bound_above(
    day: SharedDay, r: int, rows: Ints, place: Ints, count: int, leave: Ints, resting: int
) -> None:
    """Fill HIGH and DUE of a route, with the break on the leg from `resting`, if not -1.

    `place` has the positions of its stops; `leave` (width,) is scratch memory.
    """
    stops, trips, route = day.stops, day.trips, day.routes[r]
    half = len(trips)
    for k in range(1, count + 1):
        rows[HIGH, k] = stops[rows[STOP, k], LATEST]
    rows[DUE, count + 1] = route[CLOSES]
    rows[HIGH, count + 1] = route[CLOSES]
    pushes = 0
    k = count
    while k > 0:
        stop = rows[STOP, k]
        together = k < count and merges(stops, stop, rows[STOP, k + 1])
        leave[k] = leave[k + 1] if together else rows[DUE, k + 1] - rows[LEG, k]
        if k == resting:
            leave[k] = min(leave[k], route[BREAK_UNTIL]) - route[BREAK_LENGTH]
        latest = min(rows[HIGH, k], leave[k] - stops[stop, SERVICE])
        rows[HIGH, k] = latest
        rows[DUE, k] = min(latest, rows[DUE, k + 1]) if together else latest
        if stop < half and trips[stop, LIMIT] < NEVER:
            at = place[half + stop]
            arrives = latest + stops[stop, SERVICE] + trips[stop, LIMIT]
            if arrives < rows[HIGH, at] and pushes < MOST_PUSHES:
                pushes += 1
                rows[HIGH, at] = arrives
                k = at
                continue
        k -= 1


@kernel
def count_on_board(day: SharedDay, rows: Ints, count: int) -> None:
    """Fill BOARD, ON_SEATS and IN_WHEELCHAIRS from the stops of a route."""
    half = len(day.trips)
    board = seats = wheelchairs = 0
    rows[BOARD, 0] = rows[ON_SEATS, 0] = rows[IN_WHEELCHAIRS, 0] = 0
    for k in range(1, count + 1):
        stop = rows[STOP, k]
        change = 1 if stop < half else -1
        trip = stop if stop < half else stop - half
        board += change
        seats += change * day.trips[trip, SEATS]
        wheelchairs += change * day.trips[trip, WHEELCHAIRS]
        rows[BOARD, k] = board
        rows[ON_SEATS, k] = seats
        rows[IN_WHEELCHAIRS, k] = wheelchairs


@kernel
def price_of_rides(day: SharedDay, rows: Ints, place: Ints, count: int, clock: Ints) -> int:
    """Return the seconds by which the clients of a route ride longer, however long they wait.

    `clock` (width,) is scratch memory: the path time of the arrival at each position.
    """
    stops, trips = day.stops, day.trips
    half = len(trips)
    ready = longer = 0
    for k in range(1, count + 1):
        stop = rows[STOP, k]
        if k > 1 and merges(stops, rows[STOP, k - 1], stop):
            clock[k] = clock[k - 1]
            ready = max(ready, clock[k] + stops[stop, SERVICE])
        else:
            clock[k] = ready + rows[LEG, k - 1]
            ready = clock[k] + stops[stop, SERVICE]
        if stop >= half and trips[stop - half, DIRECT] > 0:
            boarded = clock[place[stop - half]] + stops[stop - half, SERVICE]
            longer += max(0, clock[k] - boarded - trips[stop - half, DIRECT])
    return longer


@kernel
def label(day: SharedDay, routes: SharedRoutes, trial: Trial, r: int) -> bool:
    """Compute legs, labels and cost of route r from its stops; return whether it can be kept."""
    rows, place = routes.rows[r], trial.place
    stops, route = day.stops, day.routes[r]
    half = len(day.trips)
    count = long(routes.size[r])
    row = route[START]
    driving = direct = 0
    for k in range(1, count + 1):
        stop = rows[STOP, k]
        rows[LEG, k - 1] = day.travel[row, stops[stop, COLUMN]]
        row = stops[stop, ROW]
        driving += rows[LEG, k - 1]
        rows[LOW, k] = stops[stop, EARLIEST]
        if stop >= half:
            direct += day.trips[stop - half, DIRECT]
    rows[LEG, count] = day.travel[row, route[END]]
    if count == 0:
        rows[LEG, 0] = route[EMPTY_LEG]
    driving += rows[LEG, count]
    count_on_board(day, rows, count)
    routes.resting[r] = -1
    if not settle(day, r, rows, place, count, NOWHERE) and count > 0:
        return False
    longer = price_of_rides(day, rows, place, count, trial.rows[CLOCK])
    routes.cost[r] = driving - direct + day.percent * longer // 100
    bound_above(day, r, rows, place, count, trial.rows[LEAVE], NOWHERE)
    if route[BREAK_LENGTH] > 0 and count > 0:
        for k in range(count + 1):
            for row in (STOP, LEG, LOW, READY, BOARD):
                trial.rows[row, k] = rows[row, k]
        routes.resting[r] = rest_anywhere(day, r, trial.rows, place, count, NOWHERE)
        return bool(routes.resting[r] >= 0)
    return True


@kernel
def label_all(day: SharedDay, routes: SharedRoutes, trial: Trial, in_time: Flags) -> None:
    """Label every route; fill `in_time` (m,) with what `label` returns."""
    for r in range(len(routes.size)):
        in_time[r] = label(day, routes, trial, r)


@kernel
def fit_in(day: SharedDay, r: int, seats: int, wheelchairs: int) -> bool:
    """Tell whether some layout of the route's vehicle has so many places."""
    for at in range(day.routes[r, FIRST_LAYOUT], day.routes[r, LAST_LAYOUT]):
        if seats <= day.layouts[at, 0] and wheelchairs <= day.layouts[at, 1]:
            return True
    return False
