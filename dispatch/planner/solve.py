"""Solve a problem with one of three engines.

Units: seconds. The only clock is a monotonic timer that ends the search.
"""

import time
from dataclasses import replace

import numpy as np

from dispatch.planner.measures import measure
from dispatch.planner.prices import prices_of
from dispatch.planner.problem import Plan, Problem
from dispatch.planner.search import greedy
from dispatch.planner.search.arrays import Day, collapse, int32
from dispatch.planner.search.first_plan import Stands
from dispatch.planner.search.kept_windows import placed_trips
from dispatch.planner.search.route_labels import Routes
from dispatch.planner.search.schedule import schedule

# Trips, and the most seconds of a search by default; interpolated between two sizes.
BUDGETS = ((0, 0.3), (20, 0.5), (100, 2.6), (1_000, 19.0), (10_000, 55.0))
# Trips up to which the NumPy greedy is faster than loading Numba's machine code.
INSTANT = 300
# Above this VROOM needs several matrices of hundreds of megabytes.
VROOM_MOST_TRIPS = 4_000
# Seconds of empty driving, to look for room where trips that stand would have to move.
MODERATE_MOVE_S = 600
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
    same problem, seed, iterations and threads give the same plan. Both are limits: a quarter is
    enough where trips stand that move only to serve more, and all are served. `warm` starts from
    what stands: the same drivers, in the order of the told times. Raises ValueError for options
    that make no sense, and TooManyTrips.
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
    from dispatch.planner.search import loading, parallel  # they load a compiler

    loaded = time.monotonic()
    loading.load_kernels(day)
    began += time.monotonic() - loaded  # the budget is that of the search
    first = parallel.first_plan(day, stands)
    if nothing_to_search or not (day.extra >= 0).any():
        return first.state.routes, 0
    ends = None if time_limit_s is None else began + time_limit_s
    around = parallel.surroundings(problem, day, threads)
    if problem.costs.move_s is not None or stands is None or not (stands.driver >= 0).any():
        return parallel.search(problem, day, first, around, ends, iterations, seed, threads)
    # Where moving has a prohibitive price, the search hardly sees that a few changes would make
    # room for one trip more. So it looks with a moderate price in between, then for told times
    # too, and at last with the true prices for the fewest of these changes. Where nothing is left
    # out the first of these parts is all: what stands moves for no less driving.
    moving = _moving_moderately(problem, day, stands)
    freely = moving._replace(kept_from=day.earliest, kept_until=day.last_start)
    best = parallel.copied(first.state.routes)
    least, done = _worth(problem, day, best), 0
    parts = (day, moving, freely, day)
    for number, priced in enumerate(parts, start=1):
        if time_limit_s is not None:
            ends = began + time_limit_s * number / len(parts)
        count = None if iterations is None else max(1, iterations // len(parts))
        plan = parallel.continued(priced, first.state, best)
        routes, more = parallel.search(problem, priced, plan, around, ends, count, seed, threads)
        done += more
        worth = _worth(problem, day, routes)
        if worth < least:
            least, best = worth, parallel.copied(routes)
        if not _could_serve_more(day, best):
            break
    return best, done


def _moving_moderately(problem: Problem, day: Day, stands: Stands) -> Day:
    """Return the day in which moving a trip that stands has a moderate price."""
    prices = prices_of(problem)
    moderate = prices_of(replace(problem, costs=replace(problem.costs, move_s=MODERATE_MOVE_S)))
    moved = (stands.driver >= 0)[:, None] & (stands.driver[:, None] != day.driver)
    moved &= day.extra >= 0
    extra = day.extra - np.int32(prices.move_s - MODERATE_MOVE_S) * moved
    annealed = int32([moderate.annealed[trip.priority] for trip in problem.trips])
    return day._replace(extra=extra.astype(np.int32), annealed=annealed)


def _worth(problem: Problem, day: Day, routes: Routes) -> int:
    """Return the objective of these routes, with what was told and margins that are not kept."""
    plan = schedule(problem, day, routes, {})
    kept = {trip.id: trip.kept_window for trip in problem.trips}
    opened = 0
    for row in plan.trips:
        earliest_s, latest_s = kept[row.trip_id]
        opened += not earliest_s <= row.pickup_s <= latest_s
    return measure(problem, plan).objective + prices_of(problem).opened_s * opened


def _could_serve_more(day: Day, routes: Routes) -> bool:
    """Return whether a trip is left out that some empty route could take."""
    left = np.ones(len(day.earliest), dtype=bool)
    left[placed_trips(routes.size, routes.trip)] = False
    return bool((day.extra[left] >= 0).any())


def _stands(problem: Problem) -> Stands:
    """Return where the trips of the problem stand."""
    index = {driver.id: d for d, driver in enumerate(problem.drivers)}
    told = [trip.standing for trip in problem.trips]
    return Stands(
        driver=int32([index.get(stands.driver_id, -1) if stands else -1 for stands in told]),
        pickup=int32([stands.pickup_s if stands else -1 for stands in told]),
    )
