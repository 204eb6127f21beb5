"""Ruin: remove strings of trips from routes that lie near each other.

Section 5.2 of Christiaens & Vanden Berghe 2020, doi:10.1287/trsc.2019.0914;
see `ruin_recreate.py`.

Units: seconds of the objective (`problem.Costs`).
"""

from dispatch.planner.search.arrays import Day, Ints
from dispatch.planner.search.compiled import kernel
from dispatch.planner.search.decompose import Part
from dispatch.planner.search.draws import random_below, random_share
from dispatch.planner.search.moves import State, remove, save
from dispatch.planner.search.params import SearchParams
from dispatch.planner.search.route_labels import Routes, label
from dispatch.planner.search.workspace import Workspace, renew_version


@kernel(forceinline=True)
def position_of(routes: Routes, r: int, i: int) -> int:
    """Return the position of trip i in route r, which holds it."""
    k = 1
    while routes.trip[r, k] != i:
        k += 1
    return k


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

    Return (number of trips in `work.todo`, change that the annealing counts). The change leaves
    out what the route saves in driving: its labels are not computed here.
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
    Return (number of routes ruined, number of trips removed, change that the annealing counts):
    the routes stand first in `work.undo`, the trips first in `work.todo`.
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
