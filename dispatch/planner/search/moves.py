"""The moves of the search: find the cheapest insertion, insert, remove, save and restore.

Compiled kernels. Each keeps `State` consistent, so that the objective is known by its changes.
Units: seconds of the objective (`problem.Costs`).
"""

from typing import NamedTuple

from dispatch.planner.search import route_labels
from dispatch.planner.search.arrays import NEVER, Day, Flags, Ints, Longs
from dispatch.planner.search.compiled import callable_from_kernels, kernel
from dispatch.planner.search.route_labels import Routes, fits, label

callable_from_kernels(
    route_labels.ready_after_break,
    route_labels.leave_before_break,
    route_labels.label,
    route_labels.fits_between,
    route_labels.fits,
)


class State(NamedTuple):
    """The plan in work, and the best one met: n trips, m routes, p drivers."""

    routes: Routes
    route_of: Ints  # (n,) route of each trip, -1 when absent
    trips_of: Ints  # (p,) trips of each driver in this plan
    part_of: Ints  # (m,) part that may change this route, -1 none
    best_size: Ints  # (m,) trips of each route in the best plan
    best_trip: Ints  # (m, width) trip at positions 1..size


@kernel(forceinline=True)
def entry_price(day: Day, trips_of: Ints, driver: int) -> int:
    """Return the price of one more trip of this driver: first use, and fairness."""
    price: int = day.fairness * (2 * (day.load[driver] + trips_of[driver]) + 1)
    if trips_of[driver] == 0:
        price += day.driver_cost[driver]
    return price


@kernel(forceinline=True)
def cheapest(day: Day, routes: Routes, r: int, i: int) -> tuple[int, int]:
    """Return (price, position) of the cheapest insertion of trip i into route r.

    (NEVER, -1) if it fits nowhere. The price is the detour and the `extra` cost; the cost of
    the driver is left out, so the answer holds until the route changes.
    """
    return cheapest_at(day, routes, r, i, day.extra[i, r])


@kernel(forceinline=True)
def cheapest_at(day: Day, routes: Routes, r: int, i: int, extra: int) -> tuple[int, int]:
    """Answer as `cheapest` does, with the extra cost given."""
    best, where = NEVER, -1
    count = routes.size[r]
    if extra < 0 or count + 2 >= routes.trip.shape[1]:
        return best, where
    latest = day.last_start[i]
    ends = day.earliest[i] + day.service[i]
    column, row = day.pickup_at[i], day.dropoff_at[i]
    for k in range(count, -1, -1):
        if routes.leave_pending[r, k] > latest:
            continue
        if ends > routes.start_done[r, k + 1]:
            break
        to_pickup = int(day.travel_to[column, routes.from_at[r, k]])
        from_dropoff = int(day.travel[row, routes.to_at[r, k + 1]])
        price = extra + to_pickup + from_dropoff - routes.leg[r, k]
        if price < best and fits(day, routes, r, k, i, to_pickup, from_dropoff):
            best, where = price, k
    return best, where


@kernel
def put(day: Day, state: State, r: int, k: int, i: int) -> None:
    """Insert trip i between positions k and k + 1 of route r."""
    routes = state.routes
    last = routes.size[r] + 1
    for position in range(last, k + 1, -1):
        routes.trip[r, position] = routes.trip[r, position - 1]
    routes.trip[r, k + 1] = i
    routes.size[r] = last
    state.route_of[i] = r
    state.trips_of[day.driver[r]] += 1
    label(day, routes, r)


@kernel
def insert_in_order(day: Day, state: State, order: Ints, driver_of: Ints) -> None:
    """Insert trips in this order, each where it is cheapest: the rule of `greedy.insert`.

    `driver_of` (n,) is the index of the only driver who may take the trip, or -1 for any.
    """
    for i in order:
        best, at, where = NEVER, -1, -1
        for r in range(len(day.driver)):
            driver = day.driver[r]
            if state.trips_of[driver] >= day.capacity[driver]:
                continue
            if driver_of[i] >= 0 and driver != driver_of[i]:
                continue
            price, k = cheapest(day, state.routes, r, i)
            price += entry_price(day, state.trips_of, driver)
            if k >= 0 and price < best:
                best, at, where = price, r, k
        if at >= 0:
            put(day, state, at, where, i)


@kernel
def label_all(day: Day, routes: Routes, in_time: Flags) -> None:
    """Label every route; fill `in_time` (m,) with what `label` returns."""
    for r in range(len(day.driver)):
        in_time[r] = label(day, routes, r)


@kernel(forceinline=True)
def remove(day: Day, state: State, r: int, driver: int, i: int) -> int:
    """Make trip i of route r absent; return the change that the annealing counts, without driving.

    The caller removes it from the positions of the route.
    """
    state.route_of[i] = -1
    state.trips_of[driver] -= 1
    change: int = day.annealed[i] - day.extra[i, r] - entry_price(day, state.trips_of, driver)
    return change


class Undo(NamedTuple):
    """Copies of the routes changed in an iteration, in the order they were first changed."""

    route: Ints  # (slots,)
    size: Ints  # (slots,)
    deadhead: Longs  # (slots,)
    version: Ints  # (slots,) `Workspace.version` of the route
    rows: Ints  # (slots, 8, width): the other arrays of Routes


@kernel
def save(routes: Routes, r: int, version: int, undo: Undo, slot: int) -> None:
    """Copy route r and its version into this slot."""
    count = routes.size[r]
    undo.route[slot] = r
    undo.size[slot] = count
    undo.deadhead[slot] = routes.deadhead[r]
    undo.version[slot] = version
    for k in range(count + 2):
        undo.rows[slot, 0, k] = routes.trip[r, k]
        undo.rows[slot, 1, k] = routes.from_at[r, k]
        undo.rows[slot, 2, k] = routes.to_at[r, k]
        undo.rows[slot, 3, k] = routes.leg[r, k]
        undo.rows[slot, 4, k] = routes.leave_pending[r, k]
        undo.rows[slot, 5, k] = routes.leave_done[r, k]
        undo.rows[slot, 6, k] = routes.start_pending[r, k]
        undo.rows[slot, 7, k] = routes.start_done[r, k]


@kernel
def restore(day: Day, state: State, undo: Undo, slot: int) -> None:
    """Bring the route of this slot back, with the trips it had."""
    routes = state.routes
    r = undo.route[slot]
    count = undo.size[slot]
    state.trips_of[day.driver[r]] += count - routes.size[r]
    routes.size[r] = count
    routes.deadhead[r] = undo.deadhead[slot]
    for k in range(count + 2):
        i = undo.rows[slot, 0, k]
        routes.trip[r, k] = i
        if 1 <= k <= count:
            state.route_of[i] = r
        routes.from_at[r, k] = undo.rows[slot, 1, k]
        routes.to_at[r, k] = undo.rows[slot, 2, k]
        routes.leg[r, k] = undo.rows[slot, 3, k]
        routes.leave_pending[r, k] = undo.rows[slot, 4, k]
        routes.leave_done[r, k] = undo.rows[slot, 5, k]
        routes.start_pending[r, k] = undo.rows[slot, 6, k]
        routes.start_done[r, k] = undo.rows[slot, 7, k]
