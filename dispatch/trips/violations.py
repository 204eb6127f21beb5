"""Describe to people the rules that a trip would break with a driver.

The checker says which rule is broken; the numbers in the sentences come from the problem that it
checked. Codes are those of `planner.explain.sentences` where one exists.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from dispatch.day.load import Day
from dispatch.day.reasons import sentence
from dispatch.planner.check.plan import Rule, Violation
from dispatch.planner.explain.blockers import minutes
from dispatch.planner.explain.sentences import SENTENCES, Block
from dispatch.planner.problem import Plan, Problem
from drivers.models import Driver

# The sentences that the planner's explanations lack.
MORE_SENTENCES = {
    "not_available": gettext_noop("%(driver)s is not available."),
    "late": gettext_noop(
        "%(late_min)s min late: the pickup at %(pickup_s)s is after the window, which ends at "
        "%(latest_s)s."
    ),
    "early": gettext_noop(
        "%(early_min)s min early: the pickup at %(pickup_s)s is before the window, which starts "
        "at %(earliest_s)s."
    ),
    "appointment": gettext_noop(
        "Arrives at %(dropoff_s)s, %(late_min)s min after the appointment at %(arrive_by_s)s."
    ),
    "overlap": gettext_noop(
        "%(driver)s is on trip %(trip)s from %(from_s)s to %(until_s)s, at the same time."
    ),
    "before_arrival": gettext_noop(
        "The client is on outbound trip %(trip)s until %(until_s)s: the pickup at %(pickup_s)s is "
        "before that."
    ),
    "after_return": gettext_noop(
        "The client arrives at %(until_s)s, after the pickup of return trip %(trip)s at "
        "%(pickup_s)s."
    ),
    "breaks": gettext_noop("%(driver)s would not get the required break."),
}
BREAKS = {rule for rule in Rule if rule.startswith("break_")}

# (code of the fault, code of its sentence, the sentence's parameters)
Description = tuple[str, str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule that a trip breaks with its driver."""

    code: str
    text: str


def unavailable(driver: Driver) -> Fault:
    code = "not_available"
    return Fault(code, _(MORE_SENTENCES[code]) % {"driver": driver.name})


def off_duty(driver: Driver) -> Fault:
    return Fault(str(Block.NO_DUTY), _(SENTENCES[Block.NO_DUTY]) % {"driver": driver.name})


def out_of_order(day: Day, code: str, trip: str, pickup_s: int, until_s: int) -> Fault:
    """Describe that a client boards a return trip before the outbound trip is over."""
    values = {"trip": trip, "pickup_s": pickup_s, "until_s": until_s}
    return Fault(Rule.BEFORE_ARRIVAL, sentence(day, code, values, MORE_SENTENCES))


def describe(
    day: Day, problem: Problem, plan: Plan, violations: Iterable[Violation]
) -> tuple[Fault, ...]:
    """Return the faults behind the violations, each once, in the checker's order.

    `problem` has one trip and one driver, and `plan` assigns the trip to the driver.
    """
    describer = _Describer(problem, plan)
    found: dict[tuple[str, str], Fault] = {}
    for violation in violations:
        for code, key, detail in describer.describe(violation):
            values = {"driver": describer.driver.name, **detail}
            text = sentence(day, key, values, SENTENCES | MORE_SENTENCES)
            found.setdefault((str(code), text), Fault(str(code), text))
    return tuple(found.values())


class _Describer:
    """Turns the violations of one trip with one driver into codes and numbers."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        (self.driver,), (self.trip,), (self.row,) = problem.drivers, problem.trips, plan.trips
        self.travel = problem.travel
        self.duty = next(duty for duty in problem.duties if duty.id == self.row.duty_id)
        self.others = [c for duty in problem.duties for c in duty.commitments]
        self.free_s = self.row.dropoff_s + self.trip.alighting_s

    def describe(self, violation: Violation) -> Iterator[Description]:
        rule, driver, trip = violation.code, self.driver, self.trip
        if rule == Rule.SEATS:
            seats: dict[str, object] = {"seats": driver.seats}
            yield Block.NO_SEATS, Block.NO_SEATS, seats
        elif rule == Rule.WHEELCHAIRS:
            places: dict[str, object] = {"wheelchair_places": driver.wheelchair_places}
            yield Block.NO_WHEELCHAIR_PLACE, Block.NO_WHEELCHAIR_PLACE, places
        elif rule == Rule.NEEDS:
            needs: dict[str, object] = {"needs": ", ".join(sorted(trip.needs - driver.skills))}
            yield Block.NO_SKILL, Block.NO_SKILL, needs
        elif rule == Rule.FORBIDDEN:
            yield Block.FORBIDDEN, Block.FORBIDDEN, {}
        elif rule == Rule.CAPACITY:
            yield Block.CAP_REACHED, Block.CAP_REACHED, {"trips": driver.load}
        elif rule == Rule.PICKUP_WINDOW:
            yield self._window()
        elif rule == Rule.APPOINTMENT:
            yield self._appointment()
        elif rule == Rule.OVERLAP:
            yield from self._overlaps()
        elif rule == Rule.DRIVE:
            yield self._drive(violation)
        elif rule in (Rule.DUTY_START, Rule.DUTY_END):
            yield self._off_duty()
        elif rule in BREAKS:
            yield Block.BREAK, "breaks", {}
        else:  # the plan was put together wrongly: that is no rule to be overridden
            raise ValueError(violation.detail)

    def _window(self) -> Description:
        pickup_s, trip = self.row.pickup_s, self.trip
        if pickup_s > trip.latest_s:
            late_min = minutes(pickup_s - trip.latest_s)
            times = {"pickup_s": pickup_s, "latest_s": trip.latest_s}
            return "pickup_window", "late", {"late_min": late_min, **times}
        early_min = minutes(trip.earliest_s - pickup_s)
        times = {"pickup_s": pickup_s, "earliest_s": trip.earliest_s}
        return "pickup_window", "early", {"early_min": early_min, **times}

    def _appointment(self) -> Description:
        dropoff_s = self.row.dropoff_s
        arrive_by_s = self.trip.arrive_by_s or 0  # the checker found the trip late for it
        late_min = minutes(dropoff_s - arrive_by_s)
        times = {"dropoff_s": dropoff_s, "arrive_by_s": arrive_by_s}
        return "appointment", "appointment", {**times, "late_min": late_min}

    def _overlaps(self) -> Iterator[Description]:
        for other in self.others:
            if other.pickup_s < self.free_s and self.row.pickup_s < other.free_s:
                times = {"from_s": other.pickup_s, "until_s": other.free_s}
                yield "overlap", "overlap", {**times, "trip": other.reference}

    def _drive(self, violation: Violation) -> Description:
        if violation.trip_id == self.trip.id:
            before = max(
                (c for c in self.duty.commitments if c.pickup_s <= self.row.pickup_s),
                key=lambda c: c.free_s,
            )
            away = self.travel.leg(before.dropoff, self.trip.pickup)[0]
            numbers = {"until_s": before.free_s, "away_min": minutes(away)}
            return Block.BUSY_UNTIL, Block.BUSY_UNTIL, {**numbers, "trip": before.reference}
        after = next(c for c in self.duty.commitments if c.trip_id == violation.trip_id)
        on = self.travel.leg(self.trip.dropoff, after.pickup)[0]
        numbers = {"next_s": after.pickup_s, "next_min": minutes(on)}
        return Block.DUE_AT, Block.DUE_AT, {**numbers, "next_trip": after.reference}

    def _off_duty(self) -> Description:
        duty, trip = self.duty, self.trip
        numbers: dict[str, object] = {
            "from_s": duty.start_s,
            "until_s": duty.end_s,
            "away_min": minutes(self.travel.leg(duty.start, trip.pickup)[0]),
            "back_min": minutes(self.travel.leg(trip.dropoff, duty.end)[0]),
        }
        return Block.OFF_SHIFT, Block.OFF_SHIFT, numbers
