"""Move single trips of shared vehicles to where they cost less: `search/descent.py`, on stops.

Units: seconds of the objective (`problem.Costs`). Sizes: n trips, m routes, p drivers.
"""

from typing import NamedTuple

import numpy as np

from dispatch.planner.search.arrays import Day, Longs
from dispatch.planner.search.clock import Clock
from dispatch.planner.search.compiled import kernel
from dispatch.planner.search.descent import AT_ONCE
from dispatch.planner.search.moves import entry_price
from dispatch.planner.shared.arrays import SharedDay
from dispatch.planner.shared.labels import NOWHERE, Trial, long
from dispatch.planner.shared.moves import (
    SharedState,
    Undo,
    cheapest,
    put,
    restore,
    save,
    take_out,
)
from dispatch.planner.shared.ruin_recreate import new_undo

PAIR_S = 4e-7  # as in `search/descent.py`


class DescentWorkspace(NamedTuple):
    """What a descent remembers, as in `search/descent.py`."""

    trial: Trial
    undo: Undo
    changed: Longs  # (p,)
    tried: Longs  # (n,)
    moves: Longs  # (1,)


def descend(base: Day, day: SharedDay, state: SharedState, trial: Trial, clock: Clock) -> int:
    """Move trips until no move of one lowers the objective, or the clock is over.

    Return the change of the objective. The routes must have their labels, and be in time.
    """
    n = len(base.earliest)
    work = DescentWorkspace(
        trial=trial,
        undo=new_undo(2, state.routes.rows.shape[2]),
        changed=np.zeros(len(base.capacity), dtype=np.int64),
        tried=np.full(n, -1, dtype=np.int64),
        moves=np.zeros(1, dtype=np.int64),
    )
    change, before = 0, -1
    while before < work.moves[0]:
        before = int(work.moves[0])
        for first in range(0, n, AT_ONCE):
            if clock.is_over():
                return change
            change += move_each(base, day, state, work, first, min(n, first + AT_ONCE))
    return change


@kernel
def move_each(
    base: Day, day: SharedDay, state: SharedState, work: DescentWorkspace, first: int, stop: int
) -> int:
    """Move each of the trips at [first, stop) to where it is cheapest.

    Return the change of the objective.
    """
    change = 0
    for i in range(first, stop):
        if state.route_of[i] >= 0 and work.tried[i] < work.moves[0]:
            change += move(base, day, state, work, i)
    return change


@kernel
def move(base: Day, day: SharedDay, state: SharedState, work: DescentWorkspace, i: int) -> int:
    """Move trip i of some route to where it is cheapest; return the change of the objective."""
    routes, undo = state.routes, work.undo
    r = long(state.route_of[i])
    driver = base.driver[r]
    since = work.tried[i] if work.changed[driver] <= work.tried[i] else long(-1)
    work.tried[i] = work.moves[0]
    save(routes, r, 0, undo, 0)
    in_time = take_out(base, day, state, work.trial, i)
    freed = undo.cost[0] - routes.cost[r]
    freed += base.extra[i, r] + entry_price(base, state.trips_of, driver)
    best, at, where, until, entry = long(freed), NOWHERE, NOWHERE, NOWHERE, long(0)
    if in_time:  # driving times are rounded: leaving out a stop can make a route later
        for other in range(len(base.driver)):
            to = base.driver[other]
            if work.changed[to] <= since or state.trips_of[to] >= base.capacity[to]:
                continue
            extra = long(base.extra[i, other])
            price, before, after = cheapest(day, routes, work.trial, other, i, extra)
            fee = extra + entry_price(base, state.trips_of, to)
            price += fee - extra
            if before >= 0 and price < best:
                best, at, where, until, entry = price, other, before, after, fee
    if at < 0:
        restore(base, day, state, undo, 0)
        return 0
    # What others ride longer is known when the route has its times.
    save(routes, at, 0, undo, 1)
    kept = put(base, day, state, work.trial, at, i, where, until)
    change: int = routes.cost[at] - undo.cost[1] + entry - freed
    if not kept or change >= 0:
        restore(base, day, state, undo, 1)
        restore(base, day, state, undo, 0)
        return 0
    work.moves[0] += 1
    work.changed[driver] = work.changed[base.driver[at]] = work.moves[0]
    return change
