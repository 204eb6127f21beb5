"""Measure planning engines on invented days, each in a process of its own.

Values only: no database. Seconds, metres, megabytes (10^6 bytes).
"""

import multiprocessing
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass

from dispatch.planner.check.plan import check
from dispatch.planner.measures import measure
from dispatch.planner.solve import solve
from perf.project.scenarios.generate import geneva_day
from perf.project.scenarios.problem import as_problem


@dataclass(frozen=True, slots=True)
class PlannerRun:
    """One engine on one day; `violations` counts broken rules and must be 0."""

    bookings: int
    seed: int
    engine: str
    placed: int
    urgent_unserved: int
    objective: int
    deadhead_km: float
    drivers: int
    emergency_drivers: int
    missed_preferences: int
    load_sd: float
    iterations: int
    violations: int
    wall_s: float
    cpu_s: float
    peak_mb: int

    def as_dict(self):
        return asdict(self)


def run_alone(bookings, seed, engine, time_limit_s=None, threads=2):
    """Return the `PlannerRun` of a fresh process, so that its memory is its own."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        return pool.submit(run, bookings, seed, engine, time_limit_s, threads).result()


def run(bookings, seed, engine, time_limit_s=None, threads=2):
    """Solve one invented day here and now; only `solve` is timed."""
    problem = as_problem(geneva_day(bookings, seed=seed))
    wall, cpu = time.perf_counter(), time.process_time()
    plan = solve(
        problem,
        engine=engine,
        time_limit_s=time_limit_s if engine == "search" else None,
        seed=seed,
        threads=threads,
    )
    wall_s, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
    peak_mb = _peak_mb()
    measures = measure(problem, plan)
    unserved = set(plan.unserved)
    highest = max((trip.priority for trip in problem.trips), default=0)
    return PlannerRun(
        bookings=bookings,
        seed=seed,
        engine=engine,
        placed=measures.placed,
        urgent_unserved=sum(t.id in unserved for t in problem.trips if t.priority == highest),
        objective=measures.objective,
        deadhead_km=round(measures.deadhead_m / 1000, 1),
        drivers=measures.drivers,
        emergency_drivers=measures.emergency_drivers,
        missed_preferences=measures.missed_preferences,
        load_sd=measures.load_sd,
        iterations=plan.search["iterations"],
        violations=len(check(problem, plan)),
        wall_s=round(wall_s, 2),
        cpu_s=round(cpu_s, 2),
        peak_mb=peak_mb,
    )


def _peak_mb():
    """Return the most memory this process has held; macOS counts bytes, Linux kilobytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6)
