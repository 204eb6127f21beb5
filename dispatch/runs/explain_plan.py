"""What an assignment keeps of the plan it came from: the empty driving that it causes."""

from typing import Any

from dispatch.planner.explain.alternatives import detours
from dispatch.planner.explain.reasons import Reason, reasons
from dispatch.planner.problem import Plan, Problem
from dispatch.planner.search.arrays import collapse


def explain_plan(
    problem: Problem, plan: Plan
) -> tuple[tuple[Reason, ...], dict[int, dict[str, Any]]]:
    """Return the reasons of the unserved trips, and an explanation of each planned one.

    {"detour_s": ...} are seconds of empty driving. Who else could drive a trip, at what price, is
    found on the day as it stands (`dispatch.trips.candidates`).
    """
    arrays = collapse(problem)
    costs = {i: {"detour_s": detour_s} for i, detour_s in detours(problem, plan, arrays).items()}
    return reasons(problem, plan, day=arrays), costs
