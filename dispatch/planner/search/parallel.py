"""Run the search on several threads: in rounds, each on parts of the day that fit together.

A small day is searched whole, by every thread on its own from another seed, and the best plan
wins. A large one is cut into parts along a new direction of place and time each round, and
threads take the parts in turn; nothing they write overlaps. The temperature falls over all
rounds as it would over one long search. After every round, ejection chains serve what the
search has left out (`ejections.py`).

Units: seconds. With a number of iterations the clock is not looked at, and all that happens
depends on the seed alone.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import numpy as np

from dispatch.planner.search import decompose, greedy
from dispatch.planner.search.ejection_chains import new_bench, serve_more
from dispatch.planner.search.moves import State, insert_in_order
from dispatch.planner.search.route_labels import empty_routes, label
from dispatch.planner.search.ruin_recreate import Knobs, improve
from dispatch.planner.search.workspace import new_desk, with_room

ROUNDS = 40
SMALL = 40  # drivers: fewer are not cut into parts
DRIVERS_OF_A_PART = 100
FIRST_STEP = 200  # iterations, to learn the speed
# Trips, temperature at the start and at the end; in between in proportion to the logarithm.
HEAT = ((100, 5000.0, 3.0), (1_000, 1000.0, 3.0), (10_000, 300.0, 3.0))


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
    if standing is not None and (standing >= 0).any():
        by_time = np.argsort(day.earliest, kind="stable").astype(np.int32)
        first = by_time[standing[by_time] >= 0]
        insert_in_order(day, state, first, standing)
        order = np.concatenate([order[standing[order] < 0], first[state.route_of[first] < 0]])
    insert_in_order(day, state, order, anybody)
    return state


def search(problem, day, state, ends, iterations, seed, threads):
    """Improve the state until the monotonic clock shows `ends`, or for so many iterations.

    Return (routes of the best plan, iterations done).
    """
    places = decompose.flat_map(problem)
    near = decompose.nearest_of_all(day, places, threads)
    choices = decompose.choices(day)
    drivers = len(day.capacity)
    if drivers < SMALL:
        chains, cuts = [state] + [_copy(state) for _ in range(threads - 1)], 1
    else:
        chains, cuts = [state], threads * max(1, round(drivers / DRIVERS_OF_A_PART / threads))
    now = [0] * len(chains)  # objective of each chain, the first plan being 0
    best, best_plan = 0, _plan(state)
    desks = SimpleQueue()
    for _ in range(threads):
        desks.put(new_desk(day, state.routes))
    bench = new_bench(day, state.routes.trip.shape[1])
    hot, cold = heat(len(day.earliest))
    clock = Clock(ends, iterations, len(chains) * cuts / threads)

    def work(job):
        c, part, routes, trips, absent = job
        if not len(trips) or not len(routes):
            return 0, 0
        desk = with_room(desks.get(), len(trips) * len(routes))
        desk.absent[: len(absent)] = absent
        desk.rng[:] = np.random.SeedSequence([seed, clock.rounds, c, part]).generate_state(
            1, np.uint64
        )
        heats = [hot * (cold / hot) ** share for share in (clock.begins, clock.stops)]
        change, lowest, _ = improve(
            day, chains[c], desk, part, routes, trips, near, choices, len(absent), Knobs(),
            clock.step, *heats,
        )  # fmt: skip
        desks.put(desk)
        return change, lowest

    with ThreadPoolExecutor(threads) as pool:
        while clock.next_round():
            rng = np.random.default_rng([seed, clock.rounds])
            for chain in chains:
                chain.best_count[:], chain.best_trip[:] = chain.routes.count, chain.routes.trip
            jobs = [
                (c, part, *members)
                for c, chain in enumerate(chains)
                for part, members in enumerate(decompose.split(day, places, chain, cuts, rng))
            ]
            results = list(pool.map(work, jobs))
            for c, chain in enumerate(chains):
                changes, lowest = zip(*results[c * cuts : (c + 1) * cuts], strict=True)
                if now[c] + sum(lowest) < best:
                    best = now[c] + sum(lowest)
                    best_plan = chain.best_count.copy(), chain.best_trip.copy()
                now[c] += sum(changes) + serve_more(day, chain, bench)
                if now[c] < best:
                    best, best_plan = now[c], _plan(chain)
    state.routes.count[:], state.routes.trip[:] = best_plan
    for r in range(len(day.driver)):
        label(day, state.routes, r)
    _count_anew(day, state)
    serve_more(day, state, bench)
    return state.routes, clock.iterations_done


def _count_anew(day, state):
    """Bring the books of the state in line with its routes."""
    state.route_of[:] = -1
    state.trips_of[:] = 0
    for r, count in enumerate(state.routes.count):
        state.route_of[state.routes.trip[r, 1 : count + 1]] = r
        state.trips_of[day.driver[r]] += count


class Clock:
    """Cuts the search into rounds: of equal time, or of equal iterations.

    `step` is the number of iterations of each job in the round, `begins` and `stops` are the
    shares of the search that are over before and after it. `load` is jobs per thread.
    """

    def __init__(self, ends, iterations, load):
        self.ends, self.iterations, self.load = ends, iterations, load
        self.rounds = -1
        self.step = self.begins = self.stops = self.iterations_done = 0
        self._started = self._round_started = time.monotonic()
        self._count = ROUNDS if ends is not None else min(ROUNDS, max(1, iterations // 100))

    def next_round(self):
        """Prepare the next round; return False when the search is over."""
        self.iterations_done += round(self.step * self.load)
        self.rounds += 1
        self.begins = self.stops
        if self.ends is None:
            self.step = max(1, round(self.iterations / self._count / self.load))
            self.stops = (self.rounds + 1) / self._count
            return self.rounds < self._count
        now = time.monotonic()
        whole = max(self.ends - self._started, 1e-9)
        round_s = min(whole / self._count, self.ends - now)
        if self.rounds == 0:
            self.step = FIRST_STEP
            self.stops = 1 / self._count
            return now < self.ends
        rate = self.step / max(now - self._round_started, 1e-6)
        self._round_started = now
        self.begins = (now - self._started) / whole
        self.stops = min(1.0, self.begins + round_s / whole)
        self.step = max(1, int(rate * round_s))
        return now + 0.2 * whole / self._count < self.ends


def heat(trips):
    """Return the temperatures of the first and of the last iteration."""
    size = np.log([row[0] for row in HEAT])
    hot, cold = (np.log([row[column] for row in HEAT]) for column in (1, 2))
    at = np.log(max(trips, 1))
    return float(np.exp(np.interp(at, size, hot))), float(np.exp(np.interp(at, size, cold)))


def _plan(state):
    return state.routes.count.copy(), state.routes.trip.copy()


def _copy(state):
    routes = type(state.routes)(*(array.copy() for array in state.routes))
    return State(routes, *(array.copy() for array in state[1:]))
