"""Search a day whose vehicles are shared: a first plan, then ruin and recreate in rounds.

As `search/first_plan.py` and `search/parallel.py` do it, whose rounds and temperatures these are: a
small day is searched as a whole, by every thread from another seed; a large one is decomposed into
parts, anew in each round. What was told is kept as `search/kept_windows.py` says: placed trips have
narrow windows, and they are opened only where a trip is left out.

Units: seconds. With a number of iterations and an endless clock the result depends on problem,
seed, iterations and threads alone.
"""

from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np

from dispatch.planner.prices import prices_of
from dispatch.planner.problem import Problem
from dispatch.planner.search.arrays import Day, Index, Ints
from dispatch.planner.search.clock import Clock
from dispatch.planner.search.decompose import Part, decompose, flat_map, neighbourhood
from dispatch.planner.search.first_plan import Stands, insertion_order
from dispatch.planner.search.parallel import DRIVERS_OF_A_PART, SMALL, Rounds, temperatures
from dispatch.planner.search.params import Annealing, SearchParams
from dispatch.planner.search.workspace import with_cells
from dispatch.planner.shared.arrays import (
    EARLIEST,
    KEPT_FROM,
    KEPT_UNTIL,
    LATEST,
    Pinned,
    SharedDay,
)
from dispatch.planner.shared.descent import PAIR_S, descend
from dispatch.planner.shared.kept_windows import close_all, open_windows
from dispatch.planner.shared.labels import (
    ROWS,
    STOP,
    SharedRoutes,
    Trial,
    label,
    label_all,
)
from dispatch.planner.shared.moves import SharedState, insert_in_order
from dispatch.planner.shared.ruin_recreate import (
    Workspace,
    improve,
    new_trial,
    new_workspace,
)

OPENING = 10  # rounds after which absent trips are tried with all windows open
LONGEST_ROUTE = 254  # trips


class PlanInWork(NamedTuple):
    """A plan of the day, on a copy of the day whose windows it keeps."""

    day: SharedDay
    state: SharedState


def empty_plan(base: Day, day: SharedDay, pinned: Pinned) -> PlanInWork:
    """Return the plan of the commitments alone."""
    n, m, total = len(base.earliest), len(base.driver), len(day.trips)
    longest = int(min(base.capacity.max(initial=0), n, LONGEST_ROUTE))
    fixed = max((len(stops) for stops in pinned.stops), default=0)
    width = 2 * longest + fixed + 4
    routes = SharedRoutes(
        rows=np.zeros((m, ROWS, width), dtype=np.int32),
        size=np.array([len(stops) for stops in pinned.stops], dtype=np.int32),
        cost=np.zeros(m, dtype=np.int64),
        resting=np.full(m, -1, dtype=np.int32),
    )
    state = SharedState(
        routes=routes,
        route_of=np.full(total, -1, dtype=np.int32),
        trips_of=np.zeros(len(base.capacity), dtype=np.int32),
        part_of=np.zeros(m, dtype=np.int32),
        best_size=np.zeros(m, dtype=np.int32),
        best_stop=np.full((m, width), -1, dtype=np.int32),
    )
    for r, stops in enumerate(pinned.stops):
        routes.rows[r, STOP, 1 : len(stops) + 1] = stops
    day = day._replace(stops=day.stops.copy())
    label_all(day, routes, new_trial(day, width), np.zeros(m, dtype=np.bool_))
    _recount(base, day, state)
    return PlanInWork(day, state)


def first_plan(
    base: Day, day: SharedDay, pinned: Pinned, stands: Stands | None = None
) -> PlanInWork:
    """Return a plan in which every trip is where it is cheapest, what stands with its driver.

    The windows are the narrow ones as long as that leaves no trip out.
    """
    plan = empty_plan(base, day, pinned)
    day, state = plan
    n = len(base.earliest)
    if not n or not len(base.driver):
        return plan
    trial = new_trial(day, state.best_stop.shape[1])
    nobody = np.full(n, -1, dtype=np.int32)
    _narrow(day, np.arange(n, dtype=np.int32))

    def insert(trips: Index | Ints, driver_of: Ints) -> None:
        insert_in_order(base, day, state, trial, trips.astype(np.int32), driver_of)

    def absent(trips: Ints) -> Ints:
        return trips[state.route_of[trips] < 0]

    if stands is not None and (stands.driver >= 0).any():
        told = np.lexsort((np.arange(n), stands.pickup))
        insert(told[stands.driver[told] >= 0], stands.driver)
    order = insertion_order(base)
    for price in np.unique(base.annealed)[::-1]:  # of each priority, the highest first
        level = order[base.annealed[order] == price]
        insert(absent(level), nobody)
        left = absent(level)
        open_windows(day, left.astype(np.int32))
        insert(left, nobody)
    _serve_with_open_windows(base, plan, trial)
    close_all(day, state.routes, trial, np.zeros(len(base.driver), dtype=np.bool_))
    return plan


def search(
    problem: Problem,
    base: Day,
    first: PlanInWork,
    clock: Clock,
    iterations: int | None,
    seed: int,
    threads: int,
) -> tuple[PlanInWork, int]:
    """Improve the first plan until the clock is over, or for so many iterations of each thread.

    Return (the best plan, iterations done).
    """
    places = flat_map(problem)
    neighbours = neighbourhood(base, places, threads, Clock.start(clock.left_s() / 2))
    drivers, n = len(base.capacity), len(base.earliest)
    limit, clock = clock, clock.sooner(PAIR_S * n * len(base.driver))
    if drivers < SMALL:
        plans, cuts = [first] + [_copied(first) for _ in range(threads - 1)], 1
    else:
        plans, cuts = [first], threads * max(1, round(drivers / DRIVERS_OF_A_PART / threads))
    workspaces: SimpleQueue[Workspace] = SimpleQueue()
    for _ in range(threads):
        workspaces.put(new_workspace(base, first.day, first.state.routes))
    trial = new_trial(first.day, first.state.best_stop.shape[1])
    whole = np.zeros(len(base.driver), dtype=np.bool_)
    hot, cold = temperatures(n)
    rounds = Rounds(clock, iterations, len(plans) * cuts / threads)
    opened_s = prices_of(problem).opened_s
    best = _objective(base, first.state) + opened_s * _opened(first)
    best_routes = _routes_of(first.state)

    def work_on(job: tuple[int, Part]) -> None:
        p, part = job
        if not len(part.trips) or not len(part.routes):
            return
        work = with_cells(workspaces.get(), len(part.trips) * len(part.routes))
        sequence = np.random.SeedSequence([seed, rounds.number, p, part.number])
        work.rng[:] = sequence.generate_state(1, np.uint64)
        begin, end = (hot * (cold / hot) ** share for share in (rounds.begins, rounds.stops))
        annealing = Annealing(rounds.step, begin, end)
        day, state = plans[p]
        improve(base, day, state, work, part, neighbours, SearchParams(), annealing)
        workspaces.put(work)

    with ThreadPoolExecutor(threads) as pool:
        while rounds.next_round():
            rng = np.random.default_rng([seed, rounds.number])
            for _day, state in plans:
                state.best_size[:] = state.routes.size
                state.best_stop[:] = state.routes.rows[:, STOP]
            jobs = [
                (p, part)
                for p, plan in enumerate(plans)
                for part in decompose(base, places, _trips_only(base, plan.state), cuts, rng)
            ]
            list(pool.map(work_on, jobs))
            for plan in plans:
                day, state = plan
                present = _routes_of(state)
                met = _continued(
                    base, plan, (state.best_size.copy(), state.best_stop.copy()), trial
                )
                worth = met + opened_s * _opened(plan)
                if worth < best:
                    best, best_routes = worth, _routes_of(state)
                _continued(base, plan, present, trial)
                if rounds.number % OPENING == OPENING - 1:
                    _serve_with_open_windows(base, plan, trial)
                close_all(day, state.routes, trial, whole)
                worth = _objective(base, state) + opened_s * _opened(plan)
                if worth < best:
                    best, best_routes = worth, _routes_of(state)
    _continued(base, first, best_routes, trial)
    close_all(first.day, first.state.routes, trial, whole)
    _serve_with_open_windows(base, first, trial)
    close_all(first.day, first.state.routes, trial, whole)
    # Where trips have moved there may be room for another one.
    while descend(base, *first, trial, limit) and (first.state.route_of[:n] < 0).any():
        _serve_with_open_windows(base, first, trial)
        close_all(first.day, first.state.routes, trial, whole)
    return first, rounds.iterations_done


def _trips_only(base: Day, state: SharedState) -> Any:
    """Return the state as `decompose` reads it, without the commitments."""
    return state._replace(route_of=state.route_of[: len(base.earliest)])


def _serve_with_open_windows(base: Day, plan: PlanInWork, trial: Trial) -> None:
    """Insert absent trips with the windows of the rules, if there are any."""
    day, state = plan
    n = len(base.earliest)
    order = insertion_order(base)
    left = order[state.route_of[order] < 0]
    if not len(left):
        return
    open_windows(day, np.arange(n, dtype=np.int32))
    label_all(day, state.routes, trial, np.zeros(len(base.driver), dtype=np.bool_))
    insert_in_order(base, day, state, trial, left, np.full(n, -1, dtype=np.int32))


def _narrow(day: SharedDay, trips: Ints) -> None:
    both = np.concatenate([trips, trips + len(day.trips)])
    day.stops[both, EARLIEST] = day.stops[both, KEPT_FROM]
    day.stops[both, LATEST] = day.stops[both, KEPT_UNTIL]


def _opened(plan: PlanInWork) -> int:
    """Return how many placed trips have a window wider than the one that keeps what was told."""
    stops = plan.day.stops
    half = len(plan.day.trips)
    wide = (stops[:, EARLIEST] != stops[:, KEPT_FROM]) | (stops[:, LATEST] != stops[:, KEPT_UNTIL])
    return int(((wide[:half] | wide[half:]) & (plan.state.route_of >= 0)).sum())


def _objective(base: Day, state: SharedState) -> int:
    """Return the objective of a plan, as `measures.measure`, but for what no plan can change."""
    n = len(base.earliest)
    route_of = state.route_of[:n]
    placed = np.flatnonzero(route_of >= 0)
    total = int(state.routes.cost.sum()) + int(base.unserved[route_of < 0].sum())
    total += int(base.extra[placed, route_of[placed]].astype(np.int64).sum())
    total += int(base.driver_cost[state.trips_of > 0].astype(np.int64).sum())
    loads = (base.load + state.trips_of).astype(np.int64)
    return total + base.fairness * int((loads**2).sum())


def _continued(base: Day, plan: PlanInWork, routes: tuple[Ints, Ints], trial: Trial) -> int:
    """Give the plan these routes; return its objective."""
    day, state = plan
    size, stop = routes
    changed = (state.routes.size != size) | (state.routes.rows[:, STOP] != stop).any(axis=1)
    state.routes.size[:], state.routes.rows[:, STOP] = size, stop
    for r in np.flatnonzero(changed).tolist():
        label(day, state.routes, trial, r)
    _recount(base, day, state)
    return _objective(base, state)


def _recount(base: Day, day: SharedDay, state: SharedState) -> None:
    """Compute `route_of` and `trips_of` of the state from its routes."""
    n, half = len(base.earliest), len(day.trips)
    state.route_of[:] = -1
    state.trips_of[:] = 0
    for r, size in enumerate(state.routes.size.tolist()):
        stops = state.routes.rows[r, STOP, 1 : size + 1]
        pickups = stops[stops < half]
        state.route_of[pickups] = r
        state.trips_of[base.driver[r]] += int((pickups < n).sum())


def _routes_of(state: SharedState) -> tuple[Ints, Ints]:
    return state.routes.size.copy(), state.routes.rows[:, STOP].copy()


def _copied(plan: PlanInWork) -> PlanInWork:
    day, state = plan
    rows, size, cost, resting = state.routes
    routes = SharedRoutes(rows.copy(), size.copy(), cost.copy(), resting.copy())
    return PlanInWork(
        day._replace(stops=day.stops.copy()),
        SharedState(routes, *(array.copy() for array in state[1:])),
    )
