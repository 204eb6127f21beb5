"""Compile the kernels and keep the machine code: `python -m dispatch.planner.warm`.

Run it once after installing; without it the first search of a process waits for the compiler.
"""

import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from dispatch.planner.explain.reasons import reasons
from dispatch.planner.problem import Plan, Sharing
from dispatch.planner.search import compiled
from dispatch.planner.search.loading import smallest_problem
from dispatch.planner.solve import solve

EVERY_KERNEL = "every-kernel"
SHARED = "shared"


def warm() -> float:
    """Compile every kernel that is not in the cache; return the seconds that took.

    A second process compiles those of shared rides meanwhile. What it leaves, as one that failed
    does, is compiled here.
    """
    began = time.monotonic()
    drop_stale()
    with subprocess.Popen([sys.executable, "-m", "dispatch.planner.warm", SHARED]):
        _plan_alone()
    _plan_shared()
    compiled.mark(EVERY_KERNEL)
    return time.monotonic() - began


def _plan_alone() -> None:
    problem = smallest_problem()
    reasons(problem, _with_one_left_out(solve(problem, iterations=2, threads=1)))


def _plan_shared() -> None:
    problem = smallest_problem()
    one, other = problem.trips
    other = replace(other, wanted_s=one.wanted_s, earliest_s=one.earliest_s, latest_s=one.latest_s)
    shared = replace(problem, trips=(one, other), sharing=Sharing(factor=2.0))
    reasons(shared, _with_one_left_out(solve(shared, iterations=2, threads=1)))


def _with_one_left_out(plan: Plan) -> Plan:
    first, *others = plan.trips
    return replace(plan, trips=(first,), unserved=tuple(trip.trip_id for trip in others))


def is_warm() -> bool:
    """Return whether the cache holds the kernels for this Python and this processor."""
    return compiled.is_marked(EVERY_KERNEL)


def drop_stale() -> None:
    """Remove the machine code of other versions of this package."""
    if not compiled.CACHE:
        return
    here = Path(compiled.CACHE)
    for other in here.parent.glob("planner-*"):
        if other != here:
            shutil.rmtree(other, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:] == [SHARED]:
        _plan_shared()
    else:
        print(f"Compiled the planner in {warm():.1f} s.")
