"""The moves of the shared search: find the cheapest insertion, insert, remove, save and restore.

The price of an insertion is the driving it adds less the direct ride, and what riding longer costs:
a trip alone costs its deadhead, as without sharing. Kernels. Units: seconds of the objective
(`problem.Costs`).
"""

from typing import NamedTuple

from dispatch.planner.search.arrays import NEVER, Day, Ints, Longs
from dispatch.planner.search.compiled import kernel
from dispatch.planner.search.moves import entry_price
from dispatch.planner.shared.arrays import (
    ALONE,
    BREAK_LENGTH,
    COLUMN,
    DIRECT,
    EARLIEST,
    END,
    LATEST,
    LIMIT,
    ROW,
    SEATS,
    SERVICE,
    START,
    WHEELCHAIRS,
    SharedDay,
)
from dispatch.planner.shared.labels import (
    ARRIVED,
    BOARD,
    DUE,
    HIGH,
    IN_WHEELCHAIRS,
    LEG,
    LOW,
    NOWHERE,
    ON_SEATS,
    READY,
    ROWS,
    STOP,
    SharedRoutes,
    Trial,
    fit_in,
    label,
    long,
    merges,
    rest_anywhere,
    settle,
)


class SharedState(NamedTuple):
    """The plan in work, and the best one met: n trips, m routes, p drivers."""

    routes: SharedRoutes
    route_of: Ints  # (N,) route of each trip, -1 when absent
    trips_of: Ints  # (p,) trips of each driver in this plan, commitments not counted
    part_of: Ints  # (m,) part that may change this route
    best_size: Ints  # (m,) stops of each route in the best plan
    best_stop: Ints  # (m, width) stops at positions 1..size


class Undo(NamedTuple):
    """Copies of the routes changed in an iteration, in the order they were first changed."""

    route: Ints  # (slots,)
    size: Ints
    cost: Longs
    resting: Ints
    version: Ints
    rows: Ints  # (slots, ROWS, width)


@kernel
def is_kept_apart(day: SharedDay, rows: Ints, count: int, trip: int) -> bool:
    """Tell whether nobody is on board with this trip who must not be, in this route with it."""
    half = len(day.trips)
    first, stop = day.apart_from[trip], day.apart_from[trip + 1]
    if first == stop:
        return True
    mine = False
    others = 0
    for k in range(1, count + 1):
        at = rows[STOP, k]
        who = at if at < half else at - half
        if who == trip:
            mine = at < half
        else:
            for other in range(first, stop):
                if day.apart[other] == who:
                    others += 1 if at < half else -1
        if mine and others > 0:
            return False
    return True


@kernel
def can_ride(
    day: SharedDay, routes: SharedRoutes, trial: Trial, r: int, trip: int, before: int, until: int
) -> bool:
    """Tell whether a route can be kept with this trip: its exact test.

    The pickup goes after position `before`, the dropoff after position `until` of the route.
    """
    rows, new, place = routes.rows[r], trial.rows, trial.place
    half = len(day.trips)
    count = long(routes.size[r]) + 2
    for k in range(1, before + 1):
        new[STOP, k], new[LEG, k], new[LOW, k] = rows[STOP, k], rows[LEG, k], rows[LOW, k]
        new[BOARD, k] = rows[BOARD, k]
    new[LEG, 0] = rows[LEG, 0]
    new[BOARD, 0] = 0
    at = before + 1
    new[STOP, at], new[LOW, at] = trip, day.stops[trip, EARLIEST]
    new[BOARD, at] = rows[BOARD, before] + 1
    for k in range(before + 1, until + 1):
        new[STOP, k + 1], new[LEG, k + 1] = rows[STOP, k], rows[LEG, k]
        new[LOW, k + 1] = rows[LOW, k]
        new[BOARD, k + 1] = rows[BOARD, k] + 1
    at = until + 2
    new[STOP, at], new[LOW, at] = half + trip, day.stops[half + trip, EARLIEST]
    new[BOARD, at] = rows[BOARD, until]
    for k in range(until + 1, routes.size[r] + 1):
        new[STOP, k + 2], new[LEG, k + 2] = rows[STOP, k], rows[LEG, k]
        new[LOW, k + 2] = rows[LOW, k]
        new[BOARD, k + 2] = rows[BOARD, k]
    for k in (before, before + 1, until + 1, until + 2):
        row = day.routes[r, START] if k == 0 else day.stops[new[STOP, k], ROW]
        column = day.routes[r, END] if k == count else day.stops[new[STOP, k + 1], COLUMN]
        new[LEG, k] = day.travel[row, column]
    if not is_kept_apart(day, new, count, trip) or not settle(day, r, new, place, count, NOWHERE):
        return False
    if day.routes[r, BREAK_LENGTH] == 0:
        return True
    resting = long(routes.resting[r])
    if resting > until:
        resting += 2
    elif resting > before:
        resting += 1
    return bool(rest_anywhere(day, r, new, place, count, resting) >= 0)


@kernel
def cheapest(
    day: SharedDay, routes: SharedRoutes, trial: Trial, r: int, trip: int, extra: int
) -> tuple[int, int, int]:
    """Return (price, position before the pickup, position before the dropoff) where it is cheapest.

    (NEVER, -1, -1) if it fits nowhere. The cost of the driver is left out, so the answer holds
    until the route changes.
    """
    stops = day.stops
    rows = routes.rows[r]
    half = len(day.trips)
    count = long(routes.size[r])
    best, best_before, best_until = long(NEVER), NOWHERE, NOWHERE
    if extra < 0 or count + 4 >= rows.shape[1]:
        return best, best_before, best_until
    drop = half + trip
    seats, wheelchairs = long(day.trips[trip, SEATS]), long(day.trips[trip, WHEELCHAIRS])
    direct, limit = day.trips[trip, DIRECT], day.trips[trip, LIMIT]
    alone = day.trips[trip, ALONE] > 0
    earliest, latest = stops[trip, EARLIEST], stops[trip, LATEST]
    boarding, alighting = stops[trip, SERVICE], stops[drop, SERVICE]
    drop_earliest, drop_latest = stops[drop, EARLIEST], stops[drop, LATEST]
    in_column, in_row = stops[trip, COLUMN], stops[trip, ROW]
    out_column, out_row = stops[drop, COLUMN], stops[drop, ROW]
    end = day.routes[r, END]
    ride = int(day.travel[in_row, out_column])
    for before in range(count + 1):
        if rows[ARRIVED, before] > latest:
            break
        if earliest + boarding > rows[DUE, before + 1]:
            continue
        board = rows[BOARD, before]
        if board > 0 and (alone or rides_alone(day, rows, before)):
            continue
        if not fit_in(
            day, r, rows[ON_SEATS, before] + seats, rows[IN_WHEELCHAIRS, before] + wheelchairs
        ):
            continue
        row = stops[rows[STOP, before], ROW] if before else day.routes[r, START]
        to = int(day.travel[row, in_column])
        together = before > 0 and merges(stops, rows[STOP, before], trip)
        arrives = rows[ARRIVED, before] if together else rows[READY, before] + to
        start = max(arrives, earliest)
        if start > latest:
            continue
        left = start + boarding
        if together:
            left = max(left, rows[READY, before])
        column = end if before == count else stops[rows[STOP, before + 1], COLUMN]

        # The dropoff right after the pickup.
        out = max(left + ride, drop_earliest)
        if out <= drop_latest:
            on = int(day.travel[out_row, column])
            if out + alighting + on <= rows[DUE, before + 1]:
                detour = to + ride + on - rows[LEG, before]
                longer = board * (detour + boarding + alighting)
                price = extra + detour - direct + day.percent * longer // 100
                if price < best and can_ride(day, routes, trial, r, trip, before, before):
                    best, best_before, best_until = price, before, before
        if alone or before == count:
            continue

        # Others get on or off in between.
        on = int(day.travel[in_row, column])
        arrives = left + on
        if arrives > rows[DUE, before + 1]:
            continue
        first_detour = to + on - rows[LEG, before]
        first_longer = board * (first_detour + boarding)
        if extra + first_detour - direct + day.percent * first_longer // 100 >= best:
            continue
        path = reached = on
        merged = False
        for until in range(before + 1, count + 1):
            stop = rows[STOP, until]
            start = max(arrives, rows[LOW, until])
            if start > rows[HIGH, until]:
                break
            service = stops[stop, SERVICE]
            left = max(left, start + service) if merged else start + service
            if not merged:
                path += service
            joins = merges(stops, stop, drop)
            if not joins and (path > limit or left > drop_latest):
                break
            board = rows[BOARD, until]
            if not fit_in(
                day, r, rows[ON_SEATS, until] + seats, rows[IN_WHEELCHAIRS, until] + wheelchairs
            ):
                break
            if board > 0 and rides_alone(day, rows, until):
                break
            to = int(day.travel[stops[stop, ROW], out_column])
            out = max(arrives if joins else left + to, drop_earliest)
            ridden = reached if joins else path + to
            if out <= drop_latest and ridden <= limit:
                column = end if until == count else stops[rows[STOP, until + 1], COLUMN]
                on = int(day.travel[out_row, column])
                if out + alighting + on <= rows[DUE, until + 1]:
                    detour = to + on - rows[LEG, until]
                    longer = first_longer + board * (detour + alighting)
                    longer += max(0, ridden - direct)
                    price = extra + first_detour + detour - direct + day.percent * longer // 100
                    if price < best and can_ride(day, routes, trial, r, trip, before, until):
                        best, best_before, best_until = price, before, until
            if until == count:
                break
            merged = merges(stops, stop, rows[STOP, until + 1])
            if not merged:
                arrives = left + rows[LEG, until]
                path += rows[LEG, until]
                reached = path
            if arrives > rows[DUE, until + 1]:
                break
    return best, best_before, best_until


@kernel
def rides_alone(day: SharedDay, rows: Ints, k: int) -> bool:
    """Tell whether the one on board after position k, somebody, may not ride with others."""
    if rows[BOARD, k] != 1:
        return False  # who rides alone is the only one
    half = len(day.trips)
    while rows[STOP, k] >= half:
        k -= 1
    return bool(day.trips[rows[STOP, k], ALONE] > 0)


@kernel
def put(
    base: Day,
    day: SharedDay,
    state: SharedState,
    trial: Trial,
    r: int,
    trip: int,
    where: int,
    until: int,
) -> bool:
    """Insert a trip as `cheapest` says; return whether the route can be kept."""
    routes = state.routes
    stops = routes.rows[r, STOP]
    count = long(routes.size[r])
    for k in range(count, until, -1):
        stops[k + 2] = stops[k]
    stops[until + 2] = len(day.trips) + trip
    for k in range(until, where, -1):
        stops[k + 1] = stops[k]
    stops[where + 1] = trip
    routes.size[r] = count + 2
    state.route_of[trip] = r
    state.trips_of[base.driver[r]] += 1
    return label(day, routes, trial, r)


@kernel
def take_out(base: Day, day: SharedDay, state: SharedState, trial: Trial, trip: int) -> bool:
    """Take a trip out of its route; return whether the route can be kept."""
    r = long(state.route_of[trip])
    stops = state.routes.rows[r, STOP]
    kept = 0
    for k in range(1, state.routes.size[r] + 1):
        if stops[k] != trip and stops[k] != len(day.trips) + trip:
            kept += 1
            stops[kept] = stops[k]
    state.routes.size[r] = kept
    state.route_of[trip] = -1
    state.trips_of[base.driver[r]] -= 1
    return label(day, state.routes, trial, r)


@kernel
def insert_in_order(
    base: Day, day: SharedDay, state: SharedState, trial: Trial, order: Ints, driver_of: Ints
) -> None:
    """Insert trips in this order, each where it is cheapest.

    `driver_of` (n,) is the index of the only driver who may take the trip, or -1 for any.
    """
    for t in range(len(order)):
        trip = long(order[t])
        best, best_route = long(NEVER), NOWHERE
        best_before = best_until = NOWHERE
        for r in range(len(base.driver)):
            driver = base.driver[r]
            if state.trips_of[driver] >= base.capacity[driver]:
                continue
            if driver_of[trip] >= 0 and driver != driver_of[trip]:
                continue
            price, before, until = cheapest(
                day, state.routes, trial, r, trip, long(base.extra[trip, r])
            )
            price += entry_price(base, state.trips_of, driver)
            if before >= 0 and price < best:
                best, best_route, best_before, best_until = price, r, before, until
        if best_route >= 0 and not put(
            base, day, state, trial, best_route, trip, best_before, best_until
        ):
            take_out(base, day, state, trial, trip)


@kernel
def save(routes: SharedRoutes, r: int, version: int, undo: Undo, slot: int) -> None:
    """Copy route r and its version into this slot."""
    undo.route[slot] = r
    undo.size[slot] = routes.size[r]
    undo.cost[slot] = routes.cost[r]
    undo.resting[slot] = routes.resting[r]
    undo.version[slot] = version
    for row in range(ROWS):
        for k in range(routes.size[r] + 2):
            undo.rows[slot, row, k] = routes.rows[r, row, k]


@kernel
def restore(base: Day, day: SharedDay, state: SharedState, undo: Undo, slot: int) -> None:
    """Bring the route of this slot back, with the trips it had."""
    routes = state.routes
    r = undo.route[slot]
    # Two stops for each trip; what is pinned is in both.
    state.trips_of[base.driver[r]] += (undo.size[slot] - routes.size[r]) // 2
    routes.size[r] = undo.size[slot]
    routes.cost[r] = undo.cost[slot]
    routes.resting[r] = undo.resting[slot]
    for row in range(ROWS):
        for k in range(undo.size[slot] + 2):
            routes.rows[r, row, k] = undo.rows[slot, row, k]
    for k in range(1, undo.size[slot] + 1):
        trip = undo.rows[slot, STOP, k]
        if trip < len(day.trips):
            state.route_of[trip] = r
