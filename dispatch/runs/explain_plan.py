"""What an assignment keeps of the plan it came from: its price, and who else could drive it."""

from typing import Any

from dispatch.planner.explain.alternatives import alternatives
from dispatch.planner.explain.reasons import Reason, reasons
from dispatch.planner.problem import Plan, Problem
from dispatch.planner.search.arrays import collapse


def explain_plan(
    problem: Problem, plan: Plan
) -> tuple[tuple[Reason, ...], dict[int, dict[str, Any]]]:
    """Return the reasons of the unserved trips, and an explanation of each planned one.

    Detours are seconds of empty driving: {"detour_s": ..., "others": [{"driver": id,
    "detour_s": ...}, ...]}, the others best first.
    """
    arrays = collapse(problem)
    costs = {
        cost.trip_id: {
            "detour_s": cost.detour_s,
            "others": [
                {"driver": other.driver_id, "detour_s": other.detour_s} for other in cost.others
            ],
        }
        for cost in alternatives(problem, plan, day=arrays)
    }
    return reasons(problem, plan, day=arrays), costs
