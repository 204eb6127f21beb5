"""Solve a problem with one of three engines.

Units: seconds. The only clock is a monotonic timer that ends the search.
"""

import time

import numpy as np

from dispatch.planner.problem import Plan, Problem
from dispatch.planner.search import greedy
from dispatch.planner.search.arrays import Day, collapse, int32
from dispatch.planner.search.first_plan import Stands
from dispatch.planner.search.route_labels import Routes
from dispatch.planner.search.schedule import schedule

# Trips, and the default seconds of a search; interpolated between two sizes.
BUDGETS = ((0, 0.3), (20, 0.5), (100, 2.6), (1_000, 19.0), (10_000, 55.0))
# Trips up to which the NumPy greedy is faster than loading Numba's machine code.
INSTANT = 300
# Above this VROOM needs several matrices of hundreds of megabytes.
VROOM_MOST_TRIPS = 4_000
ENGINES = ("search", "greedy", "vroom:0 to vroom:5")


class TooManyTrips(ValueError):
    """The day is too large for the chosen engine."""


def solve(
    problem: Problem,
    *,
    engine: str = "search",
    time_limit_s: float | None = None,
    iterations: int | None = None,
    seed: int = 0,
    threads: int = 2,
    warm: bool = True,
) -> Plan:
    """Return a feasible `Plan` of this problem.

    `engine` is "search" (ruin and recreate), "greedy" (cheapest insertion, needs no compiler)
    or "vroom:LEVEL". A `time_limit_s` of 0 gives the first plan without searching; None takes
    `default_budget_s`. With `iterations` (of each thread) instead, no clock is read, and the
    same problem, seed, iterations and threads give the same plan. `warm` starts from what
    stands: the same drivers, in the order of the told times. Raises ValueError for options that
    make no sense, and TooManyTrips.
    """
    began = time.monotonic()
    if threads < 1:
        raise ValueError(f"Solving needs at least one thread, got {threads}.")
    if time_limit_s is not None and iterations is not None:
        raise ValueError("Give a time limit or a number of iterations, not both.")
    day = collapse(problem, threads)
    stands = _stands(problem) if warm else None
    done = 0
    if engine == "greedy":
        routes = greedy.build(day, stands)
    elif engine == "search":
        if iterations is None and time_limit_s is None:
            time_limit_s = default_budget_s(len(problem.trips))
        routes, done = _search(problem, day, stands, began, time_limit_s, iterations, seed, threads)
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


def default_budget_s(trips: int) -> float:
    """Return the default seconds of a search over this many trips."""
    sizes, budgets = zip(*BUDGETS, strict=True)
    return float(np.interp(trips, sizes, budgets))


def _search(
    problem: Problem,
    day: Day,
    stands: Stands | None,
    began: float,
    time_limit_s: float | None,
    iterations: int | None,
    seed: int,
    threads: int,
) -> tuple[Routes, int]:
    """Return (routes, iterations done)."""
    nothing_to_search = time_limit_s == 0 or iterations == 0
    if nothing_to_search and len(problem.trips) <= INSTANT:
        return greedy.build(day, stands), 0
    from dispatch.planner.search import parallel  # loads the compiled kernels

    first = parallel.first_plan(day, stands)
    if nothing_to_search or not (day.extra >= 0).any():
        return first.state.routes, 0
    ends = None if time_limit_s is None else began + time_limit_s
    return parallel.search(problem, day, first, ends, iterations, seed, threads)


def _stands(problem: Problem) -> Stands:
    """Return where the trips of the problem stand."""
    index = {driver.id: d for d, driver in enumerate(problem.drivers)}
    told = [trip.standing for trip in problem.trips]
    return Stands(
        driver=int32([index.get(stands.driver_id, -1) if stands else -1 for stands in told]),
        pickup=int32([stands.pickup_s if stands else -1 for stands in told]),
    )
