"""Ruin and recreate: remove a few trips from their routes, and insert them again.

The method is SISR: Christiaens & Vanden Berghe, Slack Induction by String Removals for
Vehicle Routing Problems, Transportation Science 54 (2020), doi:10.1287/trsc.2019.0914.
Numbers of sections, algorithms and equations below are that paper's. Differences from it:

- a trip that fits nowhere stays absent, so the search may trade one for another. The annealing
  counts a moderate price for it, or it could not leave the plan it stands in; which plan is the
  best is decided by the true prices, which keep the soft order (`prices.py`);
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

from dispatch.planner.search.arrays import Day
from dispatch.planner.search.compiled import kernel
from dispatch.planner.search.decompose import Neighbourhood, Part
from dispatch.planner.search.draws import random_share
from dispatch.planner.search.moves import State, restore
from dispatch.planner.search.params import Annealing, SearchParams
from dispatch.planner.search.recreate import recreate, retry_absent, sort_for_recreate
from dispatch.planner.search.ruin import draw_seed, ruin
from dispatch.planner.search.workspace import Workspace, renew_version


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
            present += change + true_change(day, state, work, iteration, n_todo)
            n_absent = list_absent(state, work, n_absent - n_retried, n_todo)
            n_differing = list_differing(work, n_touched, n_differing)
            if present < best:
                best = present
                store_best(state, work, n_differing)
                n_differing = 0
        else:
            take_back(day, state, work, n_touched, n_todo)
    return present, best


@kernel(forceinline=True)
def true_change(day: Day, state: State, work: Workspace, iteration: int, n_todo: int) -> int:
    """Return what the true prices of the trips left out change beyond the annealing's."""
    change = 0
    for t in range(n_todo):
        i = work.todo[t]
        was_absent = work.removed_in[i] != iteration
        is_absent = state.route_of[i] < 0
        if is_absent != was_absent:
            difference = day.unserved[i] - day.annealed[i]
            change += difference if is_absent else -difference
    return change


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
