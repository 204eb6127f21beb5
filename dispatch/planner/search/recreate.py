"""Recreate: insert removed and absent trips greedily, with blinks.

Section 5.3 of Christiaens & Vanden Berghe 2020, doi:10.1287/trsc.2019.0914;
see `ruin_recreate.py`.

Units: seconds of the objective (`problem.Costs`).
"""

from dispatch.planner.search.arrays import NEVER, Day, Floats, Ints
from dispatch.planner.search.compiled import kernel
from dispatch.planner.search.decompose import Part
from dispatch.planner.search.draws import RandomState, random_below, random_share
from dispatch.planner.search.moves import State, cheapest, entry_price, put, save
from dispatch.planner.search.params import SearchParams
from dispatch.planner.search.workspace import Workspace, renew_version

ABSENT_TRIED = 30  # absent trips tried again in one iteration, at most


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
            key[t] = -day.annealed[i] + random_share(rng)
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
def cheapest_route(
    day: Day, state: State, work: Workspace, candidates: Ints, i: int, blink: float
) -> tuple[int, int]:
    """Return (price, route) of the cheapest insertion of trip i into one of these routes.

    The route is -1 if it fits nowhere: a trip that fits is never left out.
    A blink (5.3) skips a route here, in the paper a position.
    """
    memo = work.memo
    best, best_route = NEVER, -1
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
    absent before on the ruined ones.
    Return (number of routes in `work.undo`, change that the annealing counts).
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
        change += price - day.annealed[i]
    return n_touched, change
