"""Ruin and recreate where vehicles are shared: the search of `search/ruin_recreate.py`, on stops.

The method and the numbers of sections and equations are those of Christiaens & Vanden Berghe,
Transportation Science 54 (2020), doi:10.1287/trsc.2019.0914, and what differs from it is said
there. A string is one of trips that board one after the other; their dropoffs leave with them.

One call works on one part of the day; two threads may work on two parts of the same arrays at once.
All randomness comes from the generator in the workspace; no kernel reads a clock.

Units: seconds of the objective (`problem.Costs`). Changes are negative for the better.
"""

from typing import Any, NamedTuple

import numpy as np

from dispatch.planner.search.arrays import NEVER, Day, Flags, Floats, Ints, Longs
from dispatch.planner.search.compiled import kernel
from dispatch.planner.search.decompose import Neighbourhood, Part
from dispatch.planner.search.draws import RandomState, random_below, random_share
from dispatch.planner.search.moves import entry_price
from dispatch.planner.search.params import Annealing, SearchParams
from dispatch.planner.search.recreate import retry_absent, sort_for_recreate
from dispatch.planner.search.ruin import draw_seed
from dispatch.planner.search.ruin_recreate import accepts, list_absent, list_differing, true_change
from dispatch.planner.search.workspace import new_memo, renew_version
from dispatch.planner.shared.arrays import SharedDay
from dispatch.planner.shared.labels import NOWHERE, ROWS, STOP, SharedRoutes, Trial, label, long
from dispatch.planner.shared.moves import SharedState, Undo, cheapest, put, restore, save, take_out


class Memo(NamedTuple):
    """The answers of `cheapest` for pairs of a trip and a route, as in `search/workspace.py`."""

    version: Ints
    price: Ints
    before: Ints
    until: Ints


class Workspace(NamedTuple):
    """Arrays a search thread writes on: n trips, m routes; as in `search/workspace.py`."""

    trial: Trial
    undo: Undo
    saved_in: Longs  # (m,)
    removed_in: Longs  # (n,)
    differs: Flags  # (m,)
    differing: Ints  # (m,)
    todo: Ints  # (n + 1,)
    key: Floats  # (n + 1,)
    absent: Ints  # (n + 1,)
    first_cell: Longs  # (n,)
    column: Longs  # (m,)
    version: Ints  # (m,)
    last_version: Ints  # (1,)
    memo: Memo
    rng: RandomState


def new_trial(day: SharedDay, width: int) -> Trial:
    """Return scratch memory for routes of this width."""
    return Trial(
        rows=np.zeros((ROWS, width + 2), dtype=np.int32),
        place=np.zeros(len(day.stops), dtype=np.int32),
    )


def new_workspace(base: Day, day: SharedDay, routes: SharedRoutes) -> Workspace:
    """Return a workspace for the trips of `base` and these routes, its memo empty."""
    m, _rows, width = routes.rows.shape
    n = len(base.earliest)
    return Workspace(
        trial=new_trial(day, width),
        undo=new_undo(m, width),
        saved_in=np.empty(m, dtype=np.int64),
        removed_in=np.empty(n, dtype=np.int64),
        differs=np.empty(m, dtype=np.bool_),
        differing=np.empty(m, dtype=np.int32),
        todo=np.empty(n + 1, dtype=np.int32),
        key=np.empty(n + 1, dtype=np.float64),
        absent=np.empty(n + 1, dtype=np.int32),
        first_cell=np.empty(n, dtype=np.int64),
        column=np.empty(m, dtype=np.int64),
        version=np.empty(m, dtype=np.int32),
        last_version=np.zeros(1, dtype=np.int32),
        memo=new_memo(Memo, 0),
        rng=np.zeros(1, dtype=np.uint64),
    )


def new_undo(slots: int, width: int) -> Undo:
    """Return memory for copies of so many routes of this width."""
    return Undo(
        route=np.empty(slots, dtype=np.int32),
        size=np.empty(slots, dtype=np.int32),
        cost=np.empty(slots, dtype=np.int64),
        resting=np.empty(slots, dtype=np.int32),
        version=np.empty(slots, dtype=np.int32),
        rows=np.empty((slots, ROWS, width), dtype=np.int32),
    )


@kernel
def improve(
    base: Day,
    day: SharedDay,
    state: Any,  # a SharedState, and a Workspace: kernels of the unshared search take them as well
    work: Any,
    part: Part,
    neighbourhood: Neighbourhood,
    params: SearchParams,
    annealing: Annealing,
) -> tuple[int, int]:
    """Improve one part by simulated annealing (5.1, Algorithm 1).

    Changes the routes of the part in `state`, and stores the best ones met in its `best_*`
    arrays, which must hold the present routes at the start.
    Return (change of the objective, change of the objective at the best plan met).
    """
    n_absent = begin(work, part)
    n_differing = present = best = 0
    temperature = annealing.hot
    cooling = (annealing.cold / annealing.hot) ** (1.0 / max(annealing.iterations, 1))
    for iteration in range(annealing.iterations):
        temperature *= cooling
        seed = draw_seed(work, part, neighbourhood.near, params, n_absent)
        n_ruined, n_removed, change = ruin(
            base, day, state, work, part, neighbourhood.near[seed], params, iteration, n_absent
        )
        n_retried = retry_absent(work, n_absent, n_removed)
        n_todo = n_removed + n_retried
        sort_for_recreate(base, neighbourhood.choices, work.todo, work.key, work.rng, n_todo)
        n_touched, gain = recreate(
            base, day, state, work, part, params, iteration, n_ruined, n_todo
        )
        change += gain
        if accepts(change, temperature, work):
            present += change + true_change(base, state, work, iteration, n_todo)
            n_absent = list_absent(state, work, n_absent - n_retried, n_todo)
            n_differing = list_differing(work, n_touched, n_differing)
            if present < best:
                best = present
                store_best(state, work, n_differing)
                n_differing = 0
        else:
            take_back(base, day, state, work, n_touched, n_todo)
    return present, best


@kernel
def begin(work: Workspace, part: Part) -> int:
    """Prepare the workspace for a part; return its number of absent trips."""
    columns = len(part.routes)
    work.last_version[0] = 0
    work.removed_in[:] = -1
    for column in range(columns):
        r = part.routes[column]
        work.saved_in[r] = -1
        work.differs[r] = False
        work.column[r] = column
        renew_version(work, r)
    for row in range(len(part.trips)):
        work.first_cell[part.trips[row]] = row * columns
    for cell in range(len(part.trips) * columns):
        work.memo.version[cell] = 0
    for a in range(len(part.absent)):
        work.absent[a] = part.absent[a]
    return len(part.absent)


@kernel
def store_best(state: SharedState, work: Workspace, n_differing: int) -> None:
    """Copy the routes that differ from the best plan into it."""
    for d in range(n_differing):
        r = work.differing[d]
        work.differs[r] = False
        state.best_size[r] = state.routes.size[r]
        for k in range(1, state.routes.size[r] + 1):
            state.best_stop[r, k] = state.routes.rows[r, STOP, k]


@kernel
def take_back(
    base: Day, day: SharedDay, state: SharedState, work: Workspace, n_touched: int, n_todo: int
) -> None:
    """Undo the iteration: restore the touched routes and their versions."""
    for t in range(n_todo):
        state.route_of[work.todo[t]] = -1
    for slot in range(n_touched):
        restore(base, day, state, work.undo, slot)
        work.version[work.undo.route[slot]] = work.undo.version[slot]


@kernel
def remove_string(
    base: Day,
    day: SharedDay,
    state: SharedState,
    work: Workspace,
    r: int,
    trip: int,
    params: SearchParams,
    longest: int,
    n_removed: int,
) -> tuple[int, int]:
    """Remove a string, perhaps a split one, that holds this trip of route r (5.2).

    A `longest` of 0 removes all trips that are not pinned. Return (number of trips in `work.todo`,
    change that the annealing counts). The route is labelled by the caller.
    """
    n = len(base.earliest)
    half = len(day.trips)
    stops = state.routes.rows[r, STOP]
    driver = base.driver[r]
    count = at = 0
    for k in range(1, state.routes.size[r] + 1):
        if stops[k] < n:
            count += 1
            if stops[k] == trip:
                at = count
    first, span, keep_from, kept = 1, count, count + 1, 0
    if longest > 0:
        # Equations 8 and 9: the length of the string.
        length = 1 + random_below(work.rng, min(count, longest))
        # A split string spans more trips and preserves `kept` of them in a row.
        if 1 < length < count and random_share(work.rng) < params.split:
            kept = 1
            while length + kept < count and random_share(work.rng) > params.grow:
                kept += 1
        span = length + kept
        lowest = max(1, at - span + 1)
        first = lowest + random_below(work.rng, min(at, count - span + 1) - lowest + 1)
        if kept > 0:
            keep_from = first + random_below(work.rng, length + 1)
    change = write = number = 0
    for k in range(1, state.routes.size[r] + 1):
        stop = stops[k]
        if stop < n:
            number += 1
            removed = first <= number < first + span
            if removed and not keep_from <= number < keep_from + kept:
                work.todo[n_removed] = stop
                n_removed += 1
                state.route_of[stop] = -1
                state.trips_of[driver] -= 1
                change += base.annealed[stop] - base.extra[stop, r]
                change -= entry_price(base, state.trips_of, driver)
                continue
        elif half <= stop < half + n and state.route_of[stop - half] < 0:
            continue
        write += 1
        stops[write] = stop
    state.routes.size[r] = write
    return n_removed, change


@kernel(forceinline=True)
def ruin(
    base: Day,
    day: SharedDay,
    state: SharedState,
    work: Workspace,
    part: Part,
    adjacent: Ints,
    params: SearchParams,
    iteration: int,
    n_absent: int,
) -> tuple[int, int, int]:
    """Remove strings of trips from routes near the seed (5.2, Algorithm 2).

    `adjacent` holds the trips nearest to the seed, itself first, filled up with -1.
    Return (number of routes ruined, number of trips removed, change that the annealing counts):
    the routes stand first in `work.undo`, the trips first in `work.todo`.
    """
    # Equation 5: a string is no longer than the average route.
    average = max(1.0, (len(part.trips) - n_absent) / len(part.routes))
    longest = int(min(params.longest, average))
    # Equations 6 and 7: so many strings that `removed` trips go on average.
    strings = 1 + random_below(work.rng, 4.0 * params.removed / (1.0 + longest) - 1.0)
    n_ruined = n_removed = change = long(0)
    for a in range(len(adjacent)):
        i = long(adjacent[a])
        if i < 0 or n_ruined >= strings:
            break
        r = long(state.route_of[i])
        if r < 0 or state.part_of[r] != part.number or work.saved_in[r] == iteration:
            continue
        work.saved_in[r] = iteration
        save(state.routes, r, work.version[r], work.undo, n_ruined)
        n_before = n_removed
        n_removed, freed = remove_string(base, day, state, work, r, i, params, longest, n_removed)
        change += freed
        if not label(day, state.routes, work.trial, r):
            # Driving times are rounded: leaving out a stop can make a route later.
            n_removed, freed = remove_string(base, day, state, work, r, i, params, 0, n_removed)
            change += freed
            label(day, state.routes, work.trial, r)
        change += state.routes.cost[r] - work.undo.cost[n_ruined]
        renew_version(work, r)
        for t in range(n_before, n_removed):
            work.removed_in[work.todo[t]] = iteration
        n_ruined += 1
    return n_ruined, n_removed, change


@kernel(forceinline=True)
def cheapest_route(
    base: Day,
    day: SharedDay,
    state: SharedState,
    work: Workspace,
    candidates: Ints,
    i: int,
    blink: float,
) -> tuple[int, int]:
    """Return (price of the driver, route) of the cheapest insertion of trip i into these routes.

    The route is -1 if it fits nowhere. A blink (5.3) skips a route here, in the paper a position.
    """
    memo = work.memo
    best, best_route, best_entry = long(NEVER), NOWHERE, long(0)
    for c in range(len(candidates)):
        r = long(candidates[c])
        driver = base.driver[r]
        if state.trips_of[driver] >= base.capacity[driver]:
            continue
        cell = work.first_cell[i] + work.column[r]
        if memo.version[cell] != work.version[r]:
            memo.version[cell] = work.version[r]
            memo.price[cell], memo.before[cell], memo.until[cell] = cheapest(
                day, state.routes, work.trial, r, i, long(base.extra[i, r])
            )
        entry = entry_price(base, state.trips_of, driver)
        if memo.before[cell] < 0:
            continue
        price = memo.price[cell] + entry
        if price < best and random_share(work.rng) >= blink:
            best, best_route, best_entry = price, r, entry
    return best_entry, best_route


@kernel(forceinline=True)
def recreate(
    base: Day,
    day: SharedDay,
    state: SharedState,
    work: Workspace,
    part: Part,
    params: SearchParams,
    iteration: int,
    n_ruined: int,
    n_todo: int,
) -> tuple[int, int]:
    """Insert the trips of `work.todo` in order, each where it is cheapest (5.3, Algorithm 3).

    Trips removed in this iteration are tried on all routes of the part, trips that were
    absent before on the ruined ones.
    Return (number of routes in `work.undo`, change that the annealing counts).
    """
    undo = work.undo
    n_touched = n_ruined
    change = 0
    for t in range(n_todo):
        i = long(work.todo[t])
        removed_now = work.removed_in[i] == iteration
        candidates = part.routes if removed_now else undo.route[:n_ruined]
        entry, r = cheapest_route(base, day, state, work, candidates, i, params.blink)
        if r < 0:
            continue
        if work.saved_in[r] != iteration:
            work.saved_in[r] = iteration
            save(state.routes, r, work.version[r], undo, n_touched)
            n_touched += 1
        cell = work.first_cell[i] + work.column[r]
        cost = state.routes.cost[r]
        renew_version(work, r)
        if not put(
            base,
            day,
            state,
            work.trial,
            r,
            i,
            long(work.memo.before[cell]),
            long(work.memo.until[cell]),
        ):
            take_out(base, day, state, work.trial, i)
            continue
        change += state.routes.cost[r] - cost + entry + base.extra[i, r] - base.annealed[i]
    return n_touched, change
