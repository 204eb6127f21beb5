"""Load the kernels before the clock of a search starts: those of a process, or of a new version.

Machine code that is in the cache is loaded in a third of a second; what is not there is compiled,
which takes about a minute. Neither is time to search.
"""

from functools import cache

import numpy as np

from dispatch.planner.problem import Costs, Driver, Duty, Problem, Standing, Trip
from dispatch.planner.search import compiled, parallel
from dispatch.planner.search.arrays import Day, collapse
from dispatch.planner.search.clock import ENDLESS
from dispatch.planner.search.first_plan import Stands
from dispatch.planner.travel import GreatCircle


def load_kernels(day: Day) -> None:
    """Load, once in a process, the kernels that search such a day."""
    _load(day.travel.dtype.name)


def is_compiled(day: Day) -> bool:
    """Return whether the machine code that searches such a day is in the cache."""
    return compiled.is_marked(_mark(day.travel.dtype.name))


def _mark(travel_type: str) -> str:
    return f"search-{travel_type}"


@cache
def _load(travel_type: str) -> None:
    problem = smallest_problem()
    day = collapse(problem, 1)
    travel = day.travel.astype(travel_type)
    day = day._replace(travel=travel, travel_to=travel.T.copy())
    nobody = np.full(len(problem.trips), -1, dtype=np.int32)
    first = parallel.first_plan(day, Stands(driver=nobody, pickup=nobody))
    around = parallel.surroundings(problem, day, 1)
    parallel.search(problem, day, first, around, ENDLESS, 2, 0, 1)
    compiled.mark(_mark(travel_type))


def smallest_problem() -> Problem:
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
