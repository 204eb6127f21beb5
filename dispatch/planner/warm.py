"""Compile every kernel and keep the machine code: `python -m dispatch.planner.warm`.

Run it once after installing; without it the first search of a process waits for the compiler.
"""

import shutil
import time
from dataclasses import replace
from pathlib import Path

from dispatch.planner.explain.reasons import reasons
from dispatch.planner.problem import Costs, Driver, Duty, Problem, Standing, Trip
from dispatch.planner.search import compiled
from dispatch.planner.solve import solve
from dispatch.planner.travel import GreatCircle


def warm() -> float:
    """Compile every kernel that is not in the cache; return the seconds that took."""
    began = time.monotonic()
    drop_stale()
    problem = _smallest_problem()
    plan = solve(problem, iterations=2, threads=1)
    first, *others = plan.trips
    reasons(problem, replace(plan, trips=(first,), unserved=tuple(t.trip_id for t in others)))
    return time.monotonic() - began


def drop_stale() -> None:
    """Remove the machine code of other versions of this package."""
    if not compiled.CACHE:
        return
    here = Path(compiled.CACHE)
    for other in here.parent.glob("planner-*"):
        if other != here:
            shutil.rmtree(other, ignore_errors=True)


def _smallest_problem() -> Problem:
    """Return one driver and two trips, one of which stands: enough to reach every kernel."""
    home, town = (46.20, 6.14), (46.22, 6.10)
    travel = GreatCircle(30.0, 1.35)
    ride_s, _ = travel.leg(home, town)
    trips = [
        Trip(
            id=i + 1,
            reference=str(i),
            pickup=home,
            dropoff=town,
            wanted_s=36_000 + 7200 * i,
            earliest_s=36_000 + 7200 * i,
            latest_s=37_000 + 7200 * i,
            ride_s=ride_s,
            standing=Standing(1, 36_000) if i == 0 else None,
        )
        for i in range(2)
    ]
    return Problem(
        trips=tuple(trips),
        drivers=(Driver(1, "", seats=4, wheelchair_places=0, capacity=9),),
        duties=(Duty(1, 1, 30_000, 60_000, home, home),),
        travel=travel,
        costs=Costs(),
    )


if __name__ == "__main__":
    print(f"Compiled the planner in {warm():.1f} s.")
