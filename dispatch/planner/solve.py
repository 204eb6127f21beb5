"""Solve a problem: a plan out of one call, by one of three engines.

Units: seconds. The only clock is a monotonic timer that ends the search.
"""

import time

import numpy as np

from dispatch.planner.search import greedy
from dispatch.planner.search.arrays import collapse
from dispatch.planner.search.schedule import schedule

# Trips, and the seconds a search may take by default; between two sizes in proportion.
BUDGETS = ((0, 0.3), (20, 0.5), (100, 2.6), (1_000, 19.0), (10_000, 55.0))
# Up to here the NumPy greedy is there before Numba's machine code is loaded.
INSTANT = 300
# Above this VROOM would want several matrices of hundreds of megabytes.
VROOM_MOST_TRIPS = 4_000
ENGINES = ("search", "greedy", "vroom:0 to vroom:5")


class TooManyTrips(ValueError):
    """The day is too large for the engine that was asked for."""


def solve(
    problem, *, engine="search", time_limit_s=None, iterations=None, seed=0, threads=2, warm=True
):
    """Return a feasible `Plan` of this problem.

    `engine` is "search" (ruin and recreate), "greedy" (cheapest insertion, needs no compiler)
    or "vroom:LEVEL". A `time_limit_s` of 0 gives the first plan without searching; None
    takes the budget of the size. With `iterations` (of each thread) instead, the clock has no
    say, and the same problem, seed, iterations and threads give the same plan. `warm` starts
    from the standing drivers of the trips.
    """
    began = time.monotonic()
    if threads < 1:
        raise ValueError(f"Solving needs at least one thread, got {threads}.")
    if time_limit_s is not None and iterations is not None:
        raise ValueError("Give a time limit or a number of iterations, not both.")
    day = collapse(problem, threads)
    standing = _standing(problem) if warm else None
    done = 0
    if engine == "greedy":
        routes = greedy.build(day, standing)
    elif engine == "search":
        if iterations is None and time_limit_s is None:
            time_limit_s = default_budget_s(len(problem.trips))
        routes, done = _search(
            problem, day, standing, began, time_limit_s, iterations, seed, threads
        )
    elif engine.startswith("vroom:") and engine[6:].isdecimal():
        if len(problem.trips) > VROOM_MOST_TRIPS:
            raise TooManyTrips(
                f"VROOM takes up to {VROOM_MOST_TRIPS} trips, not {len(problem.trips)}; "
                "use the search."
            )
        from dispatch.planner.search import vroom_engine  # loads a large library

        routes = vroom_engine.build(day, int(engine[6:]), threads)
    else:
        raise ValueError(f"There is no engine {engine!r}; choose from {', '.join(ENGINES)}.")
    plan = schedule(problem, day, routes, {})
    plan.search.update(
        engine=engine,
        iterations=done,
        seconds=round(time.monotonic() - began, 3),
        seed=seed,
        threads=threads,
    )
    return plan


def default_budget_s(trips):
    """Return the seconds that searching this many trips may take."""
    sizes, budgets = zip(*BUDGETS, strict=True)
    return float(np.interp(trips, sizes, budgets))


def _search(problem, day, standing, began, time_limit_s, iterations, seed, threads):
    """Return (routes, iterations done)."""
    nothing_to_search = time_limit_s == 0 or iterations == 0
    if nothing_to_search and len(problem.trips) <= INSTANT:
        return greedy.build(day, standing), 0
    from dispatch.planner.search import parallel  # loads the compiled kernels

    state = parallel.first_plan(day, standing)
    if nothing_to_search or not (day.extra >= 0).any():
        return state.routes, 0
    ends = None if time_limit_s is None else began + time_limit_s
    return parallel.search(problem, day, state, ends, iterations, seed, threads)


def _standing(problem):
    """Return for each trip the index of the driver it stands with, -1 for none."""
    index = {driver.id: d for d, driver in enumerate(problem.drivers)}
    return np.array(
        [index.get(trip.standing.driver_id, -1) if trip.standing else -1 for trip in problem.trips],
        dtype=np.int32,
    )
