"""The moves of the search: where a trip goes best, putting it in, taking it out, undoing.

Compiled. Everything keeps the books of `State` right, so that the objective is known by its
changes. Units: seconds of the objective (`problem.Costs`).
"""

from typing import NamedTuple

import numpy as np

from dispatch.planner.search import route_labels
from dispatch.planner.search.arrays import NEVER
from dispatch.planner.search.compiled import callable_from_kernels, kernel
from dispatch.planner.search.route_labels import Routes, fits, label

callable_from_kernels(
    route_labels.ready_after_break,
    route_labels.leave_before_break,
    route_labels.label,
    route_labels.fits,
)


class State(NamedTuple):
    """The plan in work, and the best one met."""

    routes: Routes
    route_of: np.ndarray  # (n,) route of each trip, -1 when absent
    trips_of: np.ndarray  # (p,) trips of each driver in this plan
    part_of: np.ndarray  # (m,) part that may change this route, -1 none
    best_count: np.ndarray  # (m,)
    best_trip: np.ndarray  # (m, width)


@kernel(forceinline=True)
def entry_price(day, trips_of, driver):
    """Return what one more trip of this driver costs: first use, and fairness."""
    price = day.fairness * (2 * (day.load[driver] + trips_of[driver]) + 1)
    if trips_of[driver] == 0:
        price += day.driver_cost[driver]
    return price


@kernel(forceinline=True)
def cheapest(day, routes, r, i):
    """Return (detour and extra cost, position) of the best place in route r for trip i.

    (NEVER, -1) when it fits nowhere. What the driver costs is left out, so the answer holds
    as long as the route does not change.
    """
    return cheapest_at(day, routes, r, i, day.extra[i, r])


@kernel(forceinline=True)
def cheapest_at(day, routes, r, i, extra):
    """Answer as `cheapest` does, with the extra cost given."""
    best, where = NEVER, -1
    count = routes.count[r]
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
def put(day, state, r, k, i):
    """Put trip i between positions k and k + 1 of route r."""
    routes = state.routes
    last = routes.count[r] + 1
    for position in range(last, k + 1, -1):
        routes.trip[r, position] = routes.trip[r, position - 1]
    routes.trip[r, k + 1] = i
    routes.count[r] = last
    state.route_of[i] = r
    state.trips_of[day.driver[r]] += 1
    label(day, routes, r)


@kernel
def insert_in_order(day, state, order, driver_of):
    """Insert trips in this order, each where it is cheapest; the greedy rule of greedy.py.

    Where `driver_of` names a driver (not -1), only with that one.
    """
    for i in order:
        best, at, where = int(day.unserved[i]), -1, -1
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


@kernel(forceinline=True)
def drop(day, state, r, driver, i):
    """Make trip i absent in the books; return the change of the objective but for driving."""
    state.route_of[i] = -1
    state.trips_of[driver] -= 1
    return day.unserved[i] - day.extra[i, r] - entry_price(day, state.trips_of, driver)


class Undo(NamedTuple):
    """Routes as they were before this iteration, in order of being touched."""

    route: np.ndarray  # (slots,)
    count: np.ndarray  # (slots,)
    deadhead: np.ndarray  # (slots,)
    version: np.ndarray  # (slots,)
    rows: np.ndarray  # (slots, 8, width): the other arrays of Routes


@kernel
def save(routes, r, version, undo, slot):
    count = routes.count[r]
    undo.route[slot] = r
    undo.count[slot] = count
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
def restore(day, state, undo, slot):
    routes = state.routes
    r = undo.route[slot]
    count = undo.count[slot]
    state.trips_of[day.driver[r]] += count - routes.count[r]
    routes.count[r] = count
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
