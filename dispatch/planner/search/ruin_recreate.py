"""Ruin and recreate: remove a few trips from their routes, and insert them again.

The method is SISR: Christiaens & Vanden Berghe, Slack Induction by String Removals for
Vehicle Routing Problems, Transportation Science 54 (2020), doi:10.1287/trsc.2019.0914.
Numbers of sections, algorithms and equations below are that paper's. Differences from it:

- a trip that fits nowhere stays absent at its price, so the search may trade one for another;
- trips that were absent before a ruin are tried only on the routes it touched: the others
  refused them already and have not changed;
- the best position of a trip in a route is remembered until the route changes;
- a ruin sometimes starts near an absent trip, to make room where room is missing.

One call works on one *part*: some routes with their trips, and some absent trips. Parts share
no driver, so two threads may work on two parts of the same arrays at once. All randomness
comes from the generator in the workspace; no kernel reads a clock.

Units: seconds of the objective (`problem.Costs`). Changes are negative for the better.
"""

import math
from typing import NamedTuple

import numpy as np

from dispatch.planner.search.arrays import Day, Floats, Ints
from dispatch.planner.search.compiled import kernel
from dispatch.planner.search.decompose import Neighbourhood, Part
from dispatch.planner.search.moves import (
    State,
    cheapest,
    entry_price,
    put,
    remove,
    restore,
    save,
)
from dispatch.planner.search.route_labels import Routes, label
from dispatch.planner.search.workspace import RandomState, Workspace

ABSENT_TRIED = 30  # absent trips tried again in one iteration, at most


class SearchParams(NamedTuple):
    """Parameters of the search, with the paper's symbols in brackets."""

    removed: float = 10.0  # average number of trips removed by a ruin (c-bar)
    longest: float = 10.0  # longest string removed from one route (L-max)
    split: float = 0.5  # chance of a string that preserves some trips inside it (alpha)
    grow: float = 0.01  # chance to stop extending the preserved trips (beta)
    blink: float = 0.01  # chance to skip a route (gamma)
    from_absent: float = 0.2  # chance to start a ruin near an absent trip


class Annealing(NamedTuple):
    """The cooling schedule of one call: the temperature falls geometrically."""

    iterations: int
    hot: float  # temperature before the first iteration, in seconds of the objective
    cold: float  # temperature in the last iteration


@kernel
def improve(
    day: Day,
    state: State,
    work: Workspace,
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
            day, state, work, part, neighbourhood.near[seed], params, iteration, n_absent
        )
        n_retried = retry_absent(work, n_absent, n_removed)
        n_todo = n_removed + n_retried
        sort_for_recreate(day, neighbourhood.choices, work.todo, work.key, work.rng, n_todo)
        n_touched, gain = recreate(day, state, work, part, params, iteration, n_ruined, n_todo)
        change += gain
        if accepts(change, temperature, work):
            present += change
            n_absent = list_absent(state, work, n_absent - n_retried, n_todo)
            n_differing = list_differing(work, n_touched, n_differing)
            if present < best:
                best = present
                store_best(state, work, n_differing)
                n_differing = 0
        else:
            take_back(day, state, work, n_touched, n_todo)
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


@kernel(forceinline=True)
def renew_version(work: Workspace, r: int) -> None:
    """Give route r, which has changed, a version that no other content of it has."""
    work.last_version[0] += 1
    work.version[r] = work.last_version[0]


@kernel(forceinline=True)
def random_share(rng: RandomState) -> float:
    """Return a random number in [0, 1): xorshift64*, Vigna 2016, doi:10.1145/2845077."""
    x = rng[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    rng[0] = x
    high = (x * np.uint64(2685821657736338717)) >> np.uint64(11)
    return float(high * (1.0 / 9007199254740992.0))


@kernel(forceinline=True)
def random_below(rng: RandomState, bound: float) -> int:
    """Return a random whole number in [0, bound)."""
    return int(random_share(rng) * bound)


@kernel(forceinline=True)
def draw_seed(work: Workspace, part: Part, near: Ints, params: SearchParams, n_absent: int) -> int:
    """Return the trip around which to ruin: any of the part, or one near an absent trip."""
    if n_absent > 0 and random_share(work.rng) < params.from_absent:
        around = near[work.absent[random_below(work.rng, n_absent)]]
        seed: int = around[random_below(work.rng, len(around))]
        if seed < 0:
            seed = around[0]
    else:
        seed = part.trips[random_below(work.rng, len(part.trips))]
    return seed


@kernel(forceinline=True)
def ruin(
    day: Day,
    state: State,
    work: Workspace,
    part: Part,
    adjacent: Ints,
    params: SearchParams,
    iteration: int,
    n_absent: int,
) -> tuple[int, int, int]:
    """Remove strings of trips from routes near the seed (5.2, Algorithm 2).

    `adjacent` holds the trips nearest to the seed, itself first, filled up with -1.
    Return (number of routes ruined, number of trips removed, change of the objective): the
    routes stand first in `work.undo`, the trips first in `work.todo`.
    """
    # Equation 5: a string is no longer than the average route.
    average = max(1.0, (len(part.trips) - n_absent) / len(part.routes))
    longest = int(min(params.longest, average))
    # Equations 6 and 7: so many strings that `removed` trips go on average.
    strings = 1 + random_below(work.rng, 4.0 * params.removed / (1.0 + longest) - 1.0)
    n_ruined = n_removed = change = 0
    for i in adjacent:
        if i < 0 or n_ruined >= strings:
            break
        r = state.route_of[i]
        if r < 0 or state.part_of[r] != part.number or work.saved_in[r] == iteration:
            continue
        work.saved_in[r] = iteration
        save(state.routes, r, work.version[r], work.undo, n_ruined)
        n_before = n_removed
        n_removed, freed = remove_string(day, state, work, r, i, params, longest, n_removed)
        change += freed
        if not label(day, state.routes, r):
            # Driving times are rounded: leaving out a stop can make a route later.
            n_removed, freed = remove_all(day, state, work, r, n_removed)
            change += freed
        change += state.routes.deadhead[r] - work.undo.deadhead[n_ruined]
        renew_version(work, r)
        for t in range(n_before, n_removed):
            work.removed_in[work.todo[t]] = iteration
        n_ruined += 1
    return n_ruined, n_removed, change


@kernel(forceinline=True)  # a call would copy the descriptions of some eighty arrays
def remove_string(
    day: Day,
    state: State,
    work: Workspace,
    r: int,
    trip: int,
    params: SearchParams,
    longest: int,
    n_removed: int,
) -> tuple[int, int]:
    """Remove a string, perhaps a split one, that holds this trip of route r (5.2).

    Return (number of trips in `work.todo`, change of the objective). The change leaves out
    what the route saves in driving: its labels are not computed here.
    """
    routes = state.routes
    driver = day.driver[r]
    count = routes.size[r]
    at = position_of(routes, r, trip)
    # Equations 8 and 9: the length of the string.
    length = 1 + random_below(work.rng, min(count, longest))
    # A split string spans more trips and preserves `kept` of them in a row.
    kept = 0
    if 1 < length < count and random_share(work.rng) < params.split:
        kept = 1
        while length + kept < count and random_share(work.rng) > params.grow:
            kept += 1
    span = length + kept
    lowest = max(1, at - span + 1)
    first = lowest + random_below(work.rng, min(at, count - span + 1) - lowest + 1)
    keep_from = first + random_below(work.rng, length + 1) if kept > 0 else count + 1
    write = first
    change = 0
    for position in range(first, count + 1):
        i = routes.trip[r, position]
        if position >= first + span or keep_from <= position < keep_from + kept:
            routes.trip[r, write] = i
            write += 1
        else:
            work.todo[n_removed] = i
            n_removed += 1
            change += remove(day, state, r, driver, i)
    routes.size[r] = write - 1
    return n_removed, change


@kernel
def remove_all(day: Day, state: State, work: Workspace, r: int, n_removed: int) -> tuple[int, int]:
    """Empty route r and label it; return as `remove_string` does."""
    routes = state.routes
    change = 0
    for k in range(1, routes.size[r] + 1):
        i = routes.trip[r, k]
        work.todo[n_removed] = i
        n_removed += 1
        change += remove(day, state, r, day.driver[r], i)
    routes.size[r] = 0
    label(day, routes, r)
    return n_removed, change


@kernel(forceinline=True)
def position_of(routes: Routes, r: int, i: int) -> int:
    """Return the position of trip i in route r, which holds it."""
    k = 1
    while routes.trip[r, k] != i:
        k += 1
    return k


@kernel(forceinline=True)
def retry_absent(work: Workspace, n_absent: int, n_removed: int) -> int:
    """Append some absent trips, drawn at random, to the trips to insert; return how many.

    They leave the list of absent trips at its end.
    """
    n_retried = min(n_absent, ABSENT_TRIED)
    for t in range(n_retried):
        chosen = random_below(work.rng, n_absent - t)
        last = n_absent - 1 - t
        work.absent[chosen], work.absent[last] = work.absent[last], work.absent[chosen]
        work.todo[n_removed + t] = work.absent[last]
    return n_retried


@kernel
def sort_for_recreate(
    day: Day, choices: Ints, todo: Ints, key: Floats, rng: RandomState, n_todo: int
) -> None:
    """Sort the trips to insert by one of several orders, drawn by weight (5.3).

    The paper's orders are random, demand, far and close, with weights 4, 4, 2 and 1. A trip
    here has no demand worth packing, but a price, a window and few drivers who can take it.
    """
    order = random_below(rng, 12)
    for t in range(n_todo):
        i = todo[t]
        if order < 4:
            key[t] = random_share(rng)
        elif order < 7:  # the dearest to leave out first
            key[t] = -day.unserved[i] + random_share(rng)
        elif order < 9:  # fewest routes that could take it first
            key[t] = choices[i] + random_share(rng)
        elif order < 10:
            key[t] = day.earliest[i]
        elif order < 11:
            key[t] = -day.last_start[i]
        else:  # the narrowest time window first
            key[t] = day.last_start[i] - day.earliest[i] + random_share(rng)
    for t in range(1, n_todo):
        i, its_key = todo[t], key[t]
        s = t
        while s > 0 and key[s - 1] > its_key:
            todo[s], key[s] = todo[s - 1], key[s - 1]
            s -= 1
        todo[s], key[s] = i, its_key


@kernel(forceinline=True)
def recreate(
    day: Day,
    state: State,
    work: Workspace,
    part: Part,
    params: SearchParams,
    iteration: int,
    n_ruined: int,
    n_todo: int,
) -> tuple[int, int]:
    """Insert the trips of `work.todo` in order, each where it is cheapest (5.3, Algorithm 3).

    Trips removed in this iteration are tried on all routes of the part, trips that were
    absent before on the ruined ones. A trip stays absent if every insertion costs more.
    Return (number of routes in `work.undo`, change of the objective).
    """
    undo = work.undo
    n_touched = n_ruined
    change = 0
    for t in range(n_todo):
        i = work.todo[t]
        removed_now = work.removed_in[i] == iteration
        candidates = part.routes if removed_now else undo.route[:n_ruined]
        price, r = cheapest_route(day, state, work, candidates, i, params.blink)
        if r < 0:
            continue
        if work.saved_in[r] != iteration:
            work.saved_in[r] = iteration
            save(state.routes, r, work.version[r], undo, n_touched)
            n_touched += 1
        put(day, state, r, work.memo.where[work.first_cell[i] + work.column[r]], i)
        renew_version(work, r)
        change += price - day.unserved[i]
    return n_touched, change


@kernel(forceinline=True)
def cheapest_route(
    day: Day, state: State, work: Workspace, candidates: Ints, i: int, blink: float
) -> tuple[int, int]:
    """Return (price, route) of the cheapest insertion of trip i into one of these routes.

    The route is -1 and the price that of leaving the trip out if no insertion is cheaper.
    A blink (5.3) skips a route here, in the paper a position.
    """
    memo = work.memo
    best, best_route = int(day.unserved[i]), -1
    for r in candidates:
        driver = day.driver[r]
        if state.trips_of[driver] >= day.capacity[driver]:
            continue
        cell = work.first_cell[i] + work.column[r]
        if memo.version[cell] != work.version[r]:
            memo.version[cell] = work.version[r]
            memo.price[cell], memo.where[cell] = cheapest(day, state.routes, r, i)
        price = memo.price[cell] + entry_price(day, state.trips_of, driver)
        if price < best and random_share(work.rng) >= blink:
            best, best_route = price, r
    return best, best_route


@kernel(forceinline=True)
def accepts(change: int, temperature: float, work: Workspace) -> bool:
    """Decide whether to accept a plan (5.1, Algorithm 1).

    A better plan always, a worse one with a chance that falls with the temperature.
    """
    return change < -temperature * math.log(1.0 - random_share(work.rng))


@kernel(forceinline=True)
def list_absent(state: State, work: Workspace, n_absent: int, n_todo: int) -> int:
    """Append the trips that were not inserted to the absent ones; return how many these are."""
    for t in range(n_todo):
        if state.route_of[work.todo[t]] < 0:
            work.absent[n_absent] = work.todo[t]
            n_absent += 1
    return n_absent


@kernel(forceinline=True)
def list_differing(work: Workspace, n_touched: int, n_differing: int) -> int:
    """Append the touched routes to those that differ from the best plan; return how many."""
    for slot in range(n_touched):
        r = work.undo.route[slot]
        if not work.differs[r]:
            work.differs[r] = True
            work.differing[n_differing] = r
            n_differing += 1
    return n_differing


@kernel(forceinline=True)
def store_best(state: State, work: Workspace, n_differing: int) -> None:
    """Copy the routes that differ from the best plan into it."""
    routes = state.routes
    for d in range(n_differing):
        r = work.differing[d]
        work.differs[r] = False
        state.best_size[r] = routes.size[r]
        for k in range(1, routes.size[r] + 1):
            state.best_trip[r, k] = routes.trip[r, k]


@kernel(forceinline=True)
def take_back(day: Day, state: State, work: Workspace, n_touched: int, n_todo: int) -> None:
    """Undo the iteration: restore the touched routes and their versions."""
    for t in range(n_todo):
        state.route_of[work.todo[t]] = -1
    for slot in range(n_touched):
        restore(day, state, work.undo, slot)
        work.version[work.undo.route[slot]] = work.undo.version[slot]
