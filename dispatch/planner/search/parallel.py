"""Run the search on several threads, in rounds.

A small day is searched as a whole: every thread improves a plan of its own from another seed,
and the best plan wins. A large day is decomposed into parts in each round, along a new
direction of place and time, and the threads take the parts in turn; no two parts write the
same elements. The temperature falls over all rounds as it would over one long search. After
every round, ejection chains serve trips the search has left out (`ejection_chains.py`), from time
to time with all windows open (`kept_windows.py`). At the end single trips of the best plan move as
long as that is better (`descent.py`).

Units: seconds. With a number of iterations and an endless clock the result depends on problem,
seed, iterations and threads alone.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import NamedTuple

import numpy as np

from dispatch.planner.prices import prices_of
from dispatch.planner.problem import Problem
from dispatch.planner.search.arrays import Day, Floats, Ints
from dispatch.planner.search.clock import ENDLESS, Clock
from dispatch.planner.search.decompose import (
    Neighbourhood,
    Part,
    decompose,
    flat_map,
    neighbourhood,
)
from dispatch.planner.search.descent import PAIR_S, descend
from dispatch.planner.search.ejection_chains import (
    ChainWorkspace,
    new_chain_workspace,
    serve_more,
)
from dispatch.planner.search.first_plan import Insert, Plan, Stands, fill, make_room
from dispatch.planner.search.kept_windows import close_all, open_all, opened
from dispatch.planner.search.moves import State, insert_in_order, label_all
from dispatch.planner.search.params import Annealing, SearchParams
from dispatch.planner.search.route_labels import Routes, empty_routes
from dispatch.planner.search.ruin_recreate import improve
from dispatch.planner.search.workspace import Workspace, new_workspace, with_cells

ROUNDS = 40
SMALL = 20  # drivers: a day with fewer is not decomposed
DRIVERS_OF_A_PART = 100
OPENING = 10  # rounds after which trips are served with all windows open
LEAST_OF_A_ROUND = 200  # iterations, where they are counted: chains after each take time
FIRST_STEP = 200  # iterations of the first round, which measures the speed
# Trips, temperature at the start and at the end; in between by interpolation of logarithms.
TEMPERATURES = ((100, 5000.0, 3.0), (1_000, 1000.0, 3.0), (10_000, 300.0, 3.0))


class PlanInWork(NamedTuple):
    """A plan of the day, on a copy of the day whose windows it keeps (`kept_windows`)."""

    kept: Day
    state: State


def first_plan(day: Day, stands: Stands | None = None, clock: Clock = ENDLESS) -> PlanInWork:
    """Return the plan of `greedy.build`, computed by compiled kernels."""
    routes = empty_routes(day)
    n, m = len(day.earliest), len(day.driver)
    state = State(
        routes=routes,
        route_of=np.full(n, -1, dtype=np.int32),
        trips_of=np.zeros(len(day.capacity), dtype=np.int32),
        part_of=np.zeros(m, dtype=np.int32),
        best_size=np.zeros(m, dtype=np.int32),
        best_trip=np.full(routes.trip.shape, -1, dtype=np.int32),
    )
    if not n or not m or routes.trip.shape[1] < 3:
        return PlanInWork(day, state)
    plan = Plan(routes, state.trips_of)
    kept = fill(day, plan, stands, _inserting_into(state), label_all, clock)
    return PlanInWork(kept, state)


def continued(day: Day, state: State, routes: Routes) -> PlanInWork:
    """Return the plan of these routes, to be searched on a day with other prices.

    `state` is any of the same day.
    """
    kept, state = _with_own_windows(day), _copied(state, routes)
    close_all(day, kept, state.routes, label_all)
    _recount(day, state)
    return PlanInWork(kept, state)


def copied(routes: Routes) -> Routes:
    return Routes(*(array.copy() for array in routes))


def _inserting_into(state: State) -> Insert:
    def insert(kept: Day, order: Ints, driver_of: Ints) -> None:
        _recount(kept, state)
        insert_in_order(kept, state, order, driver_of)

    return insert


class Surroundings(NamedTuple):
    """Where the trips of a day lie, and which are near each other, whatever they cost."""

    places: Floats
    neighbours: Neighbourhood


def surroundings(problem: Problem, day: Day, threads: int, clock: Clock = ENDLESS) -> Surroundings:
    """Return what every search of the day needs, whichever its prices."""
    places = flat_map(problem)
    return Surroundings(places, neighbourhood(day, places, threads, clock))


def search(
    problem: Problem,
    day: Day,
    first: PlanInWork,
    around: Surroundings,
    clock: Clock,
    iterations: int | None,
    seed: int,
    threads: int,
) -> tuple[Routes, int]:
    """Improve the first plan until the clock is over, or for so many iterations of each thread.

    Return (routes of the best plan, iterations done).
    """
    places, neighbours = around
    limit, clock = clock, clock.sooner(PAIR_S * len(day.earliest) * len(day.driver))
    drivers = len(day.capacity)
    if drivers < SMALL:
        plans, cuts = [first] + [_copy(first) for _ in range(threads - 1)], 1
    else:
        plans, cuts = [first], threads * max(1, round(drivers / DRIVERS_OF_A_PART / threads))
    width = first.state.routes.trip.shape[1]
    workspaces: SimpleQueue[Workspace] = SimpleQueue()
    for _ in range(threads):
        workspaces.put(new_workspace(day, first.state.routes))
    chain_work = [new_chain_workspace(plan.kept, width) for plan in plans]
    hot, cold = temperatures(len(day.earliest))
    rounds = Rounds(clock, iterations, len(plans) * cuts / threads)
    opened_s = prices_of(problem).opened_s
    now = [0] * len(plans)  # change of the objective of each plan since the first one
    best_routes = _routes_of(first.state)
    best = opened_s * opened(first.kept, *best_routes)

    def work_on(job: tuple[int, Part]) -> tuple[int, int]:
        p, part = job
        if not len(part.trips) or not len(part.routes):
            return 0, 0
        work = with_cells(workspaces.get(), len(part.trips) * len(part.routes))
        sequence = np.random.SeedSequence([seed, rounds.number, p, part.number])
        work.rng[:] = sequence.generate_state(1, np.uint64)
        begin, end = (hot * (cold / hot) ** share for share in (rounds.begins, rounds.stops))
        annealing = Annealing(rounds.step, begin, end)
        result = improve(*plans[p], work, part, neighbours, SearchParams(), annealing)
        workspaces.put(work)
        return result

    with ThreadPoolExecutor(threads) as pool:
        while rounds.next_round():
            rng = np.random.default_rng([seed, rounds.number])
            for _kept, state in plans:
                state.best_size[:], state.best_trip[:] = state.routes.size, state.routes.trip
            jobs = [
                (p, part)
                for p, plan in enumerate(plans)
                for part in decompose(day, places, plan.state, cuts, rng)
            ]
            results = list(pool.map(work_on, jobs))
            for p, (kept, state) in enumerate(plans):
                changes, lowest = zip(*results[p * cuts : (p + 1) * cuts], strict=True)
                met = (
                    now[p] + sum(lowest) + opened_s * opened(kept, state.best_size, state.best_trip)
                )
                if met < best:
                    best = met
                    best_routes = state.best_size.copy(), state.best_trip.copy()
                now[p] += sum(changes) + serve_more(kept, state, chain_work[p], clock)
                if rounds.number % OPENING == OPENING - 1:
                    now[p] += _serve_with_open_windows(day, plans[p], chain_work[p], clock)
                close_all(day, kept, state.routes, label_all)
                met = now[p] + opened_s * opened(kept, *_routes_of(state))
                if met < best:
                    best, best_routes = met, _routes_of(state)
    kept, state = first
    state.routes.size[:], state.routes.trip[:] = best_routes
    _recount(day, state)
    _serve_the_rest(day, first, chain_work[0], clock)
    # Where trips have moved there may be room for another one.
    while descend(kept, state, limit) and (state.route_of < 0).any():
        _serve_the_rest(day, first, chain_work[0], clock)
    return state.routes, rounds.iterations_done


def _serve_the_rest(day: Day, plan: PlanInWork, chain_work: ChainWorkspace, clock: Clock) -> None:
    """Serve absent trips with open windows, by chains and in the place of others; close these."""
    kept, state = plan
    _serve_with_open_windows(day, plan, chain_work, clock)
    in_routes = Plan(state.routes, state.trips_of)
    if make_room(day, kept, in_routes, _inserting_into(state), label_all, clock):
        _recount(day, state)
        _serve_with_open_windows(day, plan, chain_work, clock)
    close_all(day, kept, state.routes, label_all)


def _serve_with_open_windows(
    day: Day, plan: PlanInWork, chain_work: ChainWorkspace, clock: Clock
) -> int:
    """Serve absent trips by chains with all windows open; return the change of the objective."""
    open_all(day, plan.kept, plan.state.routes, label_all)
    if (plan.state.route_of >= 0).all():
        return 0
    return serve_more(plan.kept, plan.state, chain_work, clock)


def _recount(day: Day, state: State) -> None:
    """Compute `route_of` and `trips_of` of the state from its routes."""
    state.route_of[:] = -1
    state.trips_of[:] = 0
    for r, size in enumerate(state.routes.size):
        state.route_of[state.routes.trip[r, 1 : size + 1]] = r
        state.trips_of[day.driver[r]] += size


class Rounds:
    """Divides the search into rounds: of equal time, or of equal iterations.

    `step` is the number of iterations of each job in the round, `begins` and `stops` are the
    shares of the search done before and after it. `load` is the number of jobs per thread.
    """

    def __init__(self, clock: Clock, iterations: int | None, load: float) -> None:
        self.clock, self.iterations, self.load = clock, iterations, load
        self.number = -1
        self.step = self.iterations_done = 0
        self.begins = self.stops = 0.0
        self._round_started = time.monotonic()
        self._whole = max(clock.left_s(), 1e-9)
        self._count = ROUNDS
        if iterations is not None:
            self._count = min(ROUNDS, max(1, iterations // LEAST_OF_A_ROUND))

    def next_round(self) -> bool:
        """Prepare the next round; return False when the search is over."""
        self.iterations_done += round(self.step * self.load)
        self.number += 1
        self.begins = self.stops
        if self.iterations is not None:
            self.step = max(1, round(self.iterations / self._count / self.load))
            self.stops = (self.number + 1) / self._count
            return self.number < self._count
        left = self.clock.left_s()
        round_s = min(self._whole / self._count, left)
        if self.number == 0:
            self.step = FIRST_STEP
            self.stops = 1 / self._count
            return left > 0
        now = time.monotonic()
        rate = self.step / max(now - self._round_started, 1e-6)
        self._round_started = now
        self.begins = 1 - left / self._whole
        self.stops = min(1.0, self.begins + round_s / self._whole)
        self.step = max(1, int(rate * round_s))
        return left > 0.2 * self._whole / self._count


def temperatures(trips: int) -> tuple[float, float]:
    """Return the temperatures of the first and of the last iteration of a day of this size."""
    size = np.log([row[0] for row in TEMPERATURES])
    hot, cold = (np.log([row[column] for row in TEMPERATURES]) for column in (1, 2))
    at = np.log(max(trips, 1))
    return float(np.exp(np.interp(at, size, hot))), float(np.exp(np.interp(at, size, cold)))


def _routes_of(state: State) -> tuple[Ints, Ints]:
    return state.routes.size.copy(), state.routes.trip.copy()


def _copy(plan: PlanInWork) -> PlanInWork:
    return PlanInWork(_with_own_windows(plan.kept), _copied(plan.state, plan.state.routes))


def _copied(state: State, routes: Routes) -> State:
    """Return a copy of the state with a copy of these routes."""
    return State(copied(routes), *(array.copy() for array in state[1:]))


def _with_own_windows(day: Day) -> Day:
    """Return the day with windows that may be changed."""
    return day._replace(earliest=day.earliest.copy(), last_start=day.last_start.copy())
