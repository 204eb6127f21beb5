"""Solve a problem with one of three engines.

Units: seconds. The only clock is a monotonic timer that ends the search.
"""

import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dispatch.planner.problem import Plan, Problem, Sharing, Standing
from dispatch.planner.search import greedy
from dispatch.planner.search.arrays import Day, Ints, collapse, int32
from dispatch.planner.search.clock import ENDLESS, Clock
from dispatch.planner.search.first_plan import Stands
from dispatch.planner.search.route_labels import Routes
from dispatch.planner.search.schedule import schedule

# Trips, and the most seconds of a search by default; interpolated between two sizes.
BUDGETS = ((0, 0.3), (20, 0.5), (100, 10.0), (1_000, 19.0), (10_000, 55.0))
# Trips, and the iterations of a brief search: of one that has no time. On a large day the chains
# after each round take more time than they.
BRIEF = ((0, 200), (100, 1_000), (1_000, 4_000), (10_000, 1_000))
# Seconds for each trip, to make a plan of the routes that were found: before the limit is reached.
FINISHING_S = 5e-5
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
    start: Plan | None = None,
) -> Plan:
    """Return a feasible `Plan` of this problem.

    `engine` is "search" (ruin and recreate), "greedy" (cheapest insertion, needs no compiler)
    or "vroom:LEVEL". A `time_limit_s` of None takes `default_budget_s`, one of 0 the first plan
    and a brief search. With `iterations` (of each thread) instead, the same problem, seed,
    iterations and threads give the same plan; so does the brief search. Both are limits: where
    trips stand that move only to serve more, a part is enough. `warm` starts from what stands: the
    same drivers, in the order of the told times; with a `start` from what that plan has, perhaps of
    another state of the day. Raises ValueError for options that make no sense, and TooManyTrips.

    The default budget begins when the machine code is there. A time limit covers loading it, too;
    compiling would take about a minute, so that the first plan is all where it is not compiled. The
    first plan is made however short the limit: a trip that fits is never left out.
    `Plan.search["cut_short"]` says whether a search had too little time.
    """
    began = time.monotonic()
    if threads < 1:
        raise ValueError(f"Solving needs at least one thread, got {threads}.")
    if time_limit_s is not None and iterations is not None:
        raise ValueError("Give a time limit or a number of iterations, not both.")
    stands = _stands(problem) if warm else None
    first = _stands(problem, start) if start else stands
    if engine == "search" and problem.sharing is not None:
        effort = _effort(len(problem.trips), began, time_limit_s, iterations, seed, threads)
        return _share(problem, problem.sharing, first, effort, began)
    day = collapse(problem, threads)
    if engine == "greedy":
        found = Found(greedy.build(day, first))
    elif engine == "search":
        effort = _effort(len(problem.trips), began, time_limit_s, iterations, seed, threads)
        found = _search(problem, day, stands, first, effort)
    elif engine.startswith("vroom:") and engine[6:].isdecimal():
        if len(problem.trips) > VROOM_MOST_TRIPS:
            raise TooManyTrips(
                f"VROOM takes up to {VROOM_MOST_TRIPS} trips, not {len(problem.trips)}; "
                "use the search."
            )
        from dispatch.planner.search import vroom_engine  # loads a large library

        found = Found(vroom_engine.build(day, int(engine[6:]), threads))
    else:
        raise ValueError(f"There is no engine {engine!r}; choose from {', '.join(ENGINES)}.")
    plan = schedule(problem, day, found.routes, {})
    told = _told_of(found.iterations, found.cut_short, engine, began, seed, threads)
    plan.search.update(told)
    return plan


def default_budget_s(trips: int) -> float:
    """Return the default seconds of a search over this many trips."""
    sizes, budgets = zip(*BUDGETS, strict=True)
    return float(np.interp(trips, sizes, budgets))


def brief_iterations(trips: int) -> int:
    """Return the iterations of a brief search over this many trips."""
    sizes, iterations = zip(*BRIEF, strict=True)
    return round(float(np.interp(trips, sizes, iterations)))


def enough_iterations(trips: int) -> int:
    """Return the iterations without which a search that was given time was cut short."""
    return max(trips, brief_iterations(trips))


@dataclass(frozen=True, slots=True)
class Effort:
    """How much a search may do: until the clock is over, or so many iterations of each thread.

    `is_brief` leaves a day alone to which the first plan adds nothing. Who `may_compile` may take
    a minute for that.
    """

    clock: Clock
    iterations: int | None
    seed: int
    threads: int
    is_brief: bool
    may_compile: bool


def _effort(
    trips: int,
    began: float,
    time_limit_s: float | None,
    iterations: int | None,
    seed: int,
    threads: int,
) -> Effort:
    is_brief = time_limit_s == 0
    if is_brief:
        iterations = brief_iterations(trips)
    limit_s = default_budget_s(trips) if time_limit_s is None else time_limit_s
    clock = Clock(began, limit_s) if iterations is None else ENDLESS
    return Effort(
        clock,
        iterations,
        seed,
        threads,
        is_brief,
        may_compile=time_limit_s is None and iterations != 0,
    )


class Found(NamedTuple):
    """What an engine found: `cut_short` if it was a search that had too little time."""

    routes: Routes
    iterations: int = 0
    cut_short: bool = False


def _told_of(
    iterations: int, cut_short: bool, engine: str, began: float, seed: int, threads: int
) -> dict[str, object]:
    """Return what `Plan.search` says."""
    return {
        "engine": engine,
        "iterations": iterations,
        "seconds": round(time.monotonic() - began, 3),
        "seed": seed,
        "threads": threads,
        "cut_short": cut_short,
    }


def _share(
    problem: Problem, sharing: Sharing, start: Stands | None, effort: Effort, began: float
) -> Plan:
    """Return a plan in which clients share vehicles.

    Machine code that is not there is compiled, whatever the limit: without it a plan that stands
    would be torn apart.
    """
    from dispatch.planner.shared import arrays, loading, search  # they load a compiler
    from dispatch.planner.shared.schedule import schedule as schedule_shared

    clock = effort.clock.sooner(2 * FINISHING_S * len(problem.trips))
    base, day, pinned = arrays.share(problem, sharing, effort.threads)
    loaded = time.monotonic()
    loading.load_kernels(day)
    if effort.may_compile:
        clock = clock.later(time.monotonic() - loaded)  # the budget is that of the search
    plan = search.first_plan(base, day, pinned, start)
    done, enough = 0, 0
    if effort.iterations != 0 and (base.extra >= 0).any():
        enough = enough_iterations(len(problem.trips)) if effort.iterations is None else 0
        plan, done = search.search(
            problem, base, plan, clock, effort.iterations, effort.seed, effort.threads
        )
    found = schedule_shared(problem, base, plan, pinned, {})
    told = _told_of(done, done < enough, "search", began, effort.seed, effort.threads)
    found.search.update(told)
    return found


def _search(
    problem: Problem, day: Day, stands: Stands | None, start: Stands | None, effort: Effort
) -> Found:
    if effort.iterations == 0 and len(problem.trips) <= INSTANT:
        return Found(greedy.build(day, start))
    from dispatch.planner import standing_day  # they load a compiler
    from dispatch.planner.search import loading, parallel

    clock, threads = effort.clock.sooner(FINISHING_S * len(problem.trips)), effort.threads
    if effort.may_compile:
        loaded = time.monotonic()
        loading.load_kernels(day)
        clock = clock.later(time.monotonic() - loaded)  # the budget is that of the search
    elif loading.is_compiled(day):
        loading.load_kernels(day)
    else:
        return Found(greedy.build(day, start, clock), cut_short=True)
    first = parallel.first_plan(day, start, clock)
    if effort.iterations == 0 or not (day.extra >= 0).any():
        return Found(first.state.routes)
    if problem.costs.move_s is not None or stands is None or not (stands.driver >= 0).any():
        stands = None  # everything may move
    elif effort.is_brief and _adds_nothing(first.state.route_of, stands):
        return Found(first.state.routes)
    half = Clock.start(clock.left_s() / 2)  # a few neighbours less, rather than no search
    around = parallel.surroundings(problem, day, threads, half)
    enough = enough_iterations(len(problem.trips)) if effort.iterations is None else 0
    if stands is None:
        routes, done = parallel.search(
            problem, day, first, around, clock, effort.iterations, effort.seed, threads
        )
    else:
        whole = standing_day.StandingDay(
            problem, day, stands, first.state, around, effort.seed, threads
        )
        routes, done = whole.search(clock, effort.iterations)
    return Found(routes, done, cut_short=done < enough)


def _adds_nothing(route_of: Ints, stands: Stands) -> bool:
    """Return whether the trips in routes are those that stand."""
    return bool(((route_of >= 0) == (stands.driver >= 0)).all())


def _stands(problem: Problem, plan: Plan | None = None) -> Stands:
    """Return where a plan has the trips of the problem; without one, or in it, where they stand."""
    index = {driver.id: d for d, driver in enumerate(problem.drivers)}
    if plan is None:
        told = [trip.standing for trip in problem.trips]
    else:
        planned = {trip.trip_id: Standing(trip.driver_id, trip.pickup_s) for trip in plan.trips}
        told = [planned.get(trip.id, trip.standing) for trip in problem.trips]
    return Stands(
        driver=int32([index.get(stands.driver_id, -1) if stands else -1 for stands in told]),
        pickup=int32([stands.pickup_s if stands else -1 for stands in told]),
    )
