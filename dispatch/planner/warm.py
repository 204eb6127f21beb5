"""Compile every kernel and keep the machine code: `python -m dispatch.planner.warm`.

Run it once after installing; without it the first search of a process waits for the compiler.
"""

import shutil
import time
from dataclasses import replace
from pathlib import Path

from dispatch.planner.explain.reasons import reasons
from dispatch.planner.search import compiled
from dispatch.planner.search.loading import smallest_problem
from dispatch.planner.solve import solve

EVERY_KERNEL = "every-kernel"


def warm() -> float:
    """Compile every kernel that is not in the cache; return the seconds that took."""
    began = time.monotonic()
    drop_stale()
    problem = smallest_problem()
    plan = solve(problem, iterations=2, threads=1)
    first, *others = plan.trips
    reasons(problem, replace(plan, trips=(first,), unserved=tuple(t.trip_id for t in others)))
    compiled.mark(EVERY_KERNEL)
    return time.monotonic() - began


def is_warm() -> bool:
    """Return whether the cache holds every kernel for this Python and this processor."""
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
    print(f"Compiled the planner in {warm():.1f} s.")
