"""Describe to people the rules that a trip would break with a driver.

The checker says which rule is broken; the rule's own module says it in a sentence, with the numbers
of the problem that was checked (`planner/rules`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from dispatch.day.day import Day
from dispatch.day.off_road import SENTENCES, unreached
from dispatch.day.reasons import say
from dispatch.day.rows import BookingRow
from dispatch.planner.check.plan import Violation
from dispatch.planner.problem import Plan, Problem
from dispatch.planner.rules.registry import BY_CHECK
from dispatch.planner.rules.rule import Breach, Placed
from drivers.models import Company


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule that a trip breaks with its driver."""

    code: str
    text: str


def fault_of(company: Company, day: date, breach: Breach) -> Fault:
    """Return the broken rule in the reader's language; its clock times are those of the day."""
    return Fault(str(breach.code), say(company, day, breach))


def unreached_faults(day: Day, row: BookingRow) -> tuple[Fault, ...]:
    """Return the fault that no road reaches the trip, naming the place, if so."""
    found = unreached(day.company, day.problem.travel, [row]).values()
    return tuple(Fault(one.code, _(SENTENCES[one.key]) % one.values) for one in found)


def describe(
    day: Day, problem: Problem, plan: Plan, violations: Iterable[Violation]
) -> tuple[Fault, ...]:
    """Return the faults behind the violations, each once, in the checker's order.

    `problem` has one trip and one driver, and `plan` assigns the trip to the driver. Raises
    ValueError if the plan was put together wrongly: that is no rule to be overridden.
    """
    faults: dict[Fault, None] = {}
    for violation in violations:
        found = _breaches(problem, plan, violation)
        faults |= dict.fromkeys(fault_of(day.company, day.day, breach) for breach in found)
    return tuple(faults)


def _breaches(problem: Problem, plan: Plan, violation: Violation) -> tuple[Breach, ...]:
    rule = BY_CHECK.get(violation.code)
    if rule is None or rule.breaches is None:
        raise ValueError(violation.detail)
    (driver,), (trip,), (row,) = problem.drivers, problem.trips, plan.trips
    duties = {duty.id: duty for duty in problem.duties}
    duty = duties[row.duty_id if violation.duty_id is None else violation.duty_id]
    others = tuple(c for known in problem.duties for c in known.commitments)
    placed = Placed(driver.on(duty), trip, row, duty, others, problem.travel)
    found = tuple(rule.breaches(placed, violation.trip_id))
    if not found:  # the rule does not see what the checker has found
        raise ValueError(violation.detail)
    return found
