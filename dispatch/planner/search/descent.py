"""Move single trips to where they cost less, until no move of one lowers the objective.

The last step of a search. The best plan that the annealing has met is often one of its hot hours,
the plan that stands for one, and not yet improved by what a single move would save; "who could
drive" would name somebody better. A trip moves to the cheapest position of all routes, its own
among them; the others keep their drivers and their order.

Nothing here is random. Units: seconds of the objective (`problem.Costs`). Sizes: n trips, m routes,
p drivers.
"""

from typing import NamedTuple

import numpy as np

from dispatch.planner.search.arrays import Day, Longs
from dispatch.planner.search.clock import Clock
from dispatch.planner.search.compiled import kernel
from dispatch.planner.search.moves import State, Undo, cheapest, entry_price, put, restore, save
from dispatch.planner.search.route_labels import Routes, label
from dispatch.planner.search.workspace import new_undo

AT_ONCE = 500  # trips between two looks at the clock
# Seconds for each pair of a trip and a route, to find that no move lowers the objective: kept from
# the search before.
PAIR_S = 1e-7


class DescentWorkspace(NamedTuple):
    """What a descent remembers: moves are counted, and drivers of old are not asked twice."""

    undo: Undo
    changed: Longs  # (p,) moves done when the routes of the driver changed last
    tried: Longs  # (n,) moves done when the trip was tried last, -1 before
    moves: Longs  # (1,) moves done


def new_descent_workspace(day: Day, state: State) -> DescentWorkspace:
    """Return a workspace for a plan in which no trip was tried yet."""
    return DescentWorkspace(
        undo=new_undo(1, state.routes.trip.shape[1]),
        changed=np.zeros(len(day.capacity), dtype=np.int64),
        tried=np.full(len(day.earliest), -1, dtype=np.int64),
        moves=np.zeros(1, dtype=np.int64),
    )


def descend(day: Day, state: State, clock: Clock) -> int:
    """Move trips until no move of one lowers the objective, or the clock is over.

    Return the change of the objective. The routes must have their labels, and be in time.
    """
    work = new_descent_workspace(day, state)
    n = len(day.earliest)
    change, before = 0, -1
    while before < work.moves[0]:
        before = int(work.moves[0])
        for first in range(0, n, AT_ONCE):
            if clock.is_over():
                return change
            change += move_each(day, state, work, first, min(n, first + AT_ONCE))
    return change


@kernel
def move_each(day: Day, state: State, work: DescentWorkspace, first: int, stop: int) -> int:
    """Move each of the trips at [first, stop) to where it is cheapest.

    Return the change of the objective.
    """
    change = 0
    for i in range(first, stop):
        if state.route_of[i] >= 0 and work.tried[i] < work.moves[0]:
            change += move(day, state, work, i)
    return change


@kernel
def move(day: Day, state: State, work: DescentWorkspace, i: int) -> int:
    """Move trip i of some route to where it is cheapest; return the change of the objective."""
    routes, undo = state.routes, work.undo
    r = state.route_of[i]
    driver = day.driver[r]
    since = work.tried[i] if work.changed[driver] <= work.tried[i] else -1
    work.tried[i] = work.moves[0]
    save(routes, r, 0, undo, 0)
    take_out(routes, r, i)
    state.route_of[i] = -1
    state.trips_of[driver] -= 1
    in_time = label(day, routes, r)
    freed = undo.deadhead[0] - routes.deadhead[r]
    freed += day.extra[i, r] + entry_price(day, state.trips_of, driver)
    best, at, where = freed, -1, -1
    if in_time:  # driving times are rounded: leaving out a stop can make a route later
        for other in range(len(day.driver)):
            to = day.driver[other]
            if work.changed[to] <= since or state.trips_of[to] >= day.capacity[to]:
                continue
            price, k = cheapest(day, routes, other, i)
            price += entry_price(day, state.trips_of, to)
            if k >= 0 and price < best:
                best, at, where = price, other, k
    if at < 0:
        restore(day, state, undo, 0)
        return 0
    put(day, state, at, where, i)
    work.moves[0] += 1
    work.changed[driver] = work.changed[day.driver[at]] = work.moves[0]
    change: int = best - freed
    return change


@kernel(forceinline=True)
def take_out(routes: Routes, r: int, i: int) -> None:
    """Take trip i out of the positions of route r."""
    kept = 0
    for k in range(1, routes.size[r] + 1):
        if routes.trip[r, k] != i:
            kept += 1
            routes.trip[r, kept] = routes.trip[r, k]
    routes.size[r] = kept
