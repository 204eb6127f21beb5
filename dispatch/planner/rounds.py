"""Run the search on several threads: in rounds, each on parts of the day that fit together.

A small day is searched whole, by every thread on its own from another seed, and the best plan
wins. A large one is cut into parts along a new direction of place and time each round, and
threads take the parts in turn; nothing they write overlaps. The temperature falls over all
rounds as it would over one long search.

Units: seconds. With a number of iterations the clock is not looked at, and all that happens
depends on the seed alone.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from dispatch.planner import greedy, parts
from dispatch.planner.labels import empty_routes, label
from dispatch.planner.search import Knobs, State, improve, insert_in_order, new_desk

ROUNDS = 40
SMALL = 40  # drivers: fewer are not cut into parts
ROUTES_OF_A_PART = 60
# Trips, temperature at the start and at the end; in between in proportion to the logarithm.
HEAT = ((100, 5000.0, 3.0), (1_000, 1000.0, 3.0), (10_000, 60.0, 3.0))


class Chain(NamedTuple):
    """A state with its books: the objective now, and the best plan met with its objective."""

    state: State
    objective: list  # [now, best]
    best: list  # [count, trip] of the best plan's routes


def first_plan(day, standing=None):
    """Return the greedy plan as a State: the same plan as greedy.build, sooner."""
    routes = empty_routes(day)
    n, m = len(day.earliest), len(day.driver)
    state = State(
        routes=routes,
        route_of=np.full(n, -1, dtype=np.int32),
        trips_of=np.zeros(len(day.capacity), dtype=np.int32),
        part_of=np.zeros(m, dtype=np.int32),
        best_count=np.zeros(m, dtype=np.int32),
        best_trip=np.full(routes.trip.shape, -1, dtype=np.int32),
    )
    if not n or not m or routes.trip.shape[1] < 3:
        return state
    order = np.array(greedy.insertion_order(day), dtype=np.int32)
    anybody = np.full(n, -1, dtype=np.int32)
    rng = np.ones(1, dtype=np.uint64)
    if standing is not None and (standing >= 0).any():
        by_time = np.argsort(day.earliest, kind="stable").astype(np.int32)
        first = by_time[standing[by_time] >= 0]
        insert_in_order(day, state, first, standing, rng)
        order = np.concatenate([order[standing[order] < 0], first[state.route_of[first] < 0]])
    insert_in_order(day, state, order, anybody, rng)
    return state


def search(problem, day, state, ends, iterations, seed, threads):
    """Improve the state until the monotonic clock shows `ends`, or for so many iterations.

    Return (routes of the best plan, iterations done).
    """
    places = parts.flat_map(problem)
    near = parts.nearest_of_all(day, places, threads)
    choices = parts.choices(day)
    drivers = len(day.capacity)
    if drivers < SMALL:
        chains = [_chain(day, state)] + [_chain(day, _copy(state)) for _ in range(threads - 1)]
        cuts = 1
    else:
        chains = [_chain(day, state)]
        cuts = threads * max(1, round(drivers / ROUTES_OF_A_PART / threads))
    jobs = len(chains) * cuts
    desks = [new_desk(day, state.routes) for _ in range(min(threads, jobs))]
    clock = _Clock(ends, iterations, jobs / len(desks))
    hot, cold = _heat(len(day.earliest))
    done = 0

    def work(job):
        desk, chain, part, (routes, trips, absent) = job
        if not len(trips) or not len(routes):
            return chain, 0, 0
        desk.absent[: len(absent)] = absent
        desk.rng[:] = np.random.SeedSequence(
            [seed, turn, chains.index(chain), part]
        ).generate_state(1, np.uint64)
        change, best, _ = improve(
            day, chain.state, desk, part, routes, trips, near, choices, len(absent), Knobs(),
            step, heats[0], heats[1],
        )  # fmt: skip
        return chain, change, best

    with ThreadPoolExecutor(len(desks)) as pool:
        turn = 0
        while (plan := clock.next_round()) is not None:
            step, begins, stops = plan
            heats = hot * (cold / hot) ** begins, hot * (cold / hot) ** stops
            rng = np.random.default_rng([seed, turn])
            turn += 1
            for chain in chains:
                chain.objective[0] = chain.objective[0]
    return state.routes, done
