"""Hold what "who could drive" says of planned trips against the objective of the whole day."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from dispatch.day.day import Day
from dispatch.day.keeping import BY_HAND, MOVE_COST_S
from dispatch.day.load import load_problem
from dispatch.day.rows import BookingRow
from dispatch.planner.measures import measure
from dispatch.planner.problem import Plan, PlannedTrip, Problem
from dispatch.runs.figures import what_stands
from dispatch.runs.options import Mode, RunOptions
from dispatch.trips.candidates import Candidate, candidates_for
from dispatch.trips.changed_day import part_of
from dispatch.trips.insertion import propose
from drivers.models import Company, Driver
from tests.support import builders as make

IMPROVE = RunOptions(mode=Mode.IMPROVE)
# Where vehicles are shared, the price of riding longer is a share of the seconds: of a whole day it
# is rounded down once, of the two drivers of a candidate for each.
ROUNDED_S = 2


@dataclass(frozen=True, slots=True)
class Compared:
    """Another driver of a planned trip, and by how much the objective of the day rises with it.

    That is in seconds, without the price of a move, as a candidate says it, who may differ by
    `rounded_s`. `broken` trips would board beyond what was told, or lose their margin before an
    appointment.
    """

    row: BookingRow
    candidate: Candidate
    rises_s: int
    broken: int
    rounded_s: int

    @property
    def saves(self) -> bool:
        """Return whether it saves what a run must save to move a trip."""
        return self.rises_s + MOVE_COST_S < 0

    @property
    def lowers(self) -> bool:
        """Return whether a run that improves the day would gain by it."""
        return self.saves and not self.broken

    @property
    def is_right(self) -> bool:
        """Return whether the candidate says what is so."""
        one = self.candidate
        near = abs(one.difference_s - self.rises_s) <= self.rounded_s
        return near and (one.is_better == self.lowers or one.difference_s != self.rises_s)

    def __str__(self) -> str:
        one = self.candidate
        told_at = self.row.planned()[0]
        said = f"{one.driver} at {one.pickup_at} instead of {told_at}, {one.difference_s} s"
        return f"{self.row.label}: {said}, the objective rises by {self.rises_s} s"


def compared(company: Company, now: datetime, *, most: int) -> Iterator[Compared]:
    """Yield every other driver that is offered for about `most` planned trips, all over the day."""
    day = load_problem(company, make.DAY, now=now, leeway=BY_HAND)
    costs = replace(day.problem.costs, move_s=0)
    problem = replace(day.problem, costs=costs)
    standing = what_stands(day)
    before = measure(problem, standing).objective
    for planned in standing.trips[:: max(1, len(standing.trips) // most)]:
        row = day.bookings[planned.trip_id]
        _own, *others = candidates_for(day, row, top=4)
        for one in others:
            then = _with(day, standing, row, one)
            after = measure(problem, then)
            broken = after.retimed + _late_for_the_margin(problem, standing, then)
            rounded_s = ROUNDED_S if problem.sharing else 0
            yield Compared(row, one, after.objective - before, broken, rounded_s)


def _late_for_the_margin(problem: Problem, standing: Plan, then: Plan) -> int:
    """Return how many trips arrive in good time as they stand, and would not then."""
    good = {
        trip.id: trip.arrive_by_s - trip.margin_s
        for trip in problem.trips
        if trip.arrive_by_s is not None
    }
    arrives = {row.trip_id: row.dropoff_s for row in standing.trips}
    return sum(
        arrives[row.trip_id] <= good[row.trip_id] < row.dropoff_s
        for row in then.trips
        if row.trip_id in good
    )


def _with(day: Day, standing: Plan, row: BookingRow, one: Candidate) -> Plan:
    """Return the plan that stands with the trip at the candidate, as the dialog proposes it."""
    part = part_of(day, {one.driver_id}, {row.id})
    driver = Driver(id=one.driver_id, name=one.driver)
    found = propose(part, row, driver, pickup_at=one.pickup_at)
    trips = {trip.trip_id: trip for trip in standing.trips}
    for trip in found.trips:
        duty_id = next(
            duty.id
            for duty in day.problem.duties
            if duty.driver_id == trip.driver_id and duty.start_s <= trip.pickup_s < duty.end_s
        )
        trips[trip.trip_id] = PlannedTrip(
            trip.trip_id, duty_id, trip.driver_id, trip.pickup_s, trip.dropoff_s
        )
    rows = sorted(trips.values(), key=lambda trip: (trip.duty_id, trip.pickup_s))
    return replace(standing, trips=tuple(rows))
