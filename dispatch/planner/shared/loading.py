"""Load the kernels of the shared search before its clock starts: as `search/loading.py` does."""

from dataclasses import replace
from functools import cache

from dispatch.planner.problem import Sharing
from dispatch.planner.search import compiled
from dispatch.planner.search.clock import ENDLESS
from dispatch.planner.search.loading import smallest_problem
from dispatch.planner.shared import search
from dispatch.planner.shared.arrays import SharedDay, share
from dispatch.planner.shared.schedule import schedule


def load_kernels(day: SharedDay) -> None:
    """Load, once in a process, the kernels that search such a day."""
    _load(day.travel.dtype.name)


@cache
def _load(travel_type: str) -> None:
    sharing = Sharing(factor=2.0)
    problem = smallest_problem()
    first, second = problem.trips
    second = replace(second, wanted_s=first.wanted_s, earliest_s=first.earliest_s)
    problem = replace(problem, trips=(first, second), sharing=sharing)
    base, day, pinned = share(problem, sharing, 1)
    travel = day.travel.astype(travel_type)
    base = base._replace(travel=travel, travel_to=travel.T)
    day = day._replace(travel=travel)
    plan = search.first_plan(base, day, pinned)
    plan, _ = search.search(problem, base, plan, ENDLESS, 2, 0, 1)
    schedule(problem, base, plan, pinned, {})
    compiled.mark(f"shared-{travel_type}")
