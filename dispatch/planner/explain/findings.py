"""Collect what the explanations need to know of a trip that is not in the plan.

Units: seconds since the start of the company's day. Sizes: p drivers and K duties, in the
order of the problem.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dispatch.planner.explain.slack import FITS, Slack, measure_slack
from dispatch.planner.explain.tours import Tours, read_tours
from dispatch.planner.prices import prices_of
from dispatch.planner.problem import Plan, Problem, Trip
from dispatch.planner.rules import cap
from dispatch.planner.rules.excluded_driver import EXCLUDED_DRIVER
from dispatch.planner.rules.registry import may_drive
from dispatch.planner.rules.seats import SEATS
from dispatch.planner.rules.skills import SKILLS
from dispatch.planner.rules.wheelchairs import WHEELCHAIRS
from dispatch.planner.search.arrays import NEVER, Day, Flags, Index, Longs, collapse
from dispatch.planner.search.greedy import entry_prices
from dispatch.planner.stretches import in_blocks


@dataclass(frozen=True, slots=True)
class Finding:
    """One trip that is not in the plan, its tests per driver, and its slack per duty."""

    problem: Problem
    day: Day
    tours: Tours
    trip: Trip
    index: int
    roomy: Flags  # (p,) seats and wheelchair places suffice, in one duty at least
    skilled: Flags  # (p,) the driver has every skill the trip needs, in one duty at least
    welcome: Flags  # (p,) not forbidden for this client
    able: Flags  # (p,) keeps every rule of trip and driver, these and any other, in one duty
    allowed: Flags  # (K,) whether the driver may take the trip with this car, whatever the time
    capped: Flags  # (p,) has as many trips as allowed
    slack: Slack  # of this trip only: without the first axis
    move_s: int  # the price of moving a trip of this problem

    @property
    def covered(self) -> Flags:
        """Return (K,) whether the trip would fit into the duty if it were empty."""
        covered: Flags = self.slack.uncovered <= 0
        return covered

    def prices(self) -> Longs:
        """Return (K,) what the trip would add to the objective, NEVER if it does not fit."""
        measure = self.slack.found[:, FITS, 0]
        costs, trip, drivers = self.problem.costs, self.trip, self.problem.drivers
        entry = entry_prices(self.day, self.tours.planned)
        if trip.preferred:
            entry = entry + costs.missed_preference_s * np.array(
                [driver.id not in trip.preferred for driver in drivers], np.int64
            )
        if trip.standing and self.move_s:
            entry = entry + self.move_s * np.array(
                [driver.id != trip.standing.driver_id for driver in drivers], np.int64
            )
        possible = (measure < NEVER) & self.allowed & ~self.capped[self.tours.driver]
        return np.where(possible, measure + entry[self.tours.driver], NEVER)


def find(
    problem: Problem, plan: Plan, trip_ids: Sequence[int], day: Day | None = None
) -> list[Finding]:
    """Return the finding of each of these trips, none of which may be in the plan.

    `day` is the collapsed problem, if the caller has it. Where vehicles are shared, the trips are
    asked for as if each rode alone (`in_blocks`). Raises KeyError for unknown trips.
    """
    if not trip_ids:
        return []
    if problem.sharing is not None:
        problem, plan = in_blocks(problem, plan)
        day = None
    day = day or collapse(problem)
    tours = read_tours(problem, plan, day)
    index = {trip.id: i for i, trip in enumerate(problem.trips)}
    indices = [index[trip_id] for trip_id in trip_ids]
    trips = [problem.trips[i] for i in indices]
    slack = measure_slack(tours, day, trips, indices)
    everybody = [*problem.drivers, *problem.crews()]
    roomy = SEATS.mask(trips, everybody) & WHEELCHAIRS.mask(trips, everybody)
    skilled, welcome = SKILLS.mask(trips, everybody), EXCLUDED_DRIVER.mask(trips, everybody)
    able = may_drive(trips, everybody)
    allowed = able[:, len(problem.drivers) :]
    roomy, skilled, welcome, able = (
        _in_one_duty(mask, tours.driver, len(problem.drivers))
        for mask in (roomy, skilled, welcome, able)
    )
    capped = ~cap.fits(tours.planned + 1, day.capacity)
    move_s = prices_of(problem).move_s
    return [
        Finding(
            problem=problem,
            day=day,
            tours=tours,
            trip=trip,
            index=i,
            roomy=roomy[u],
            skilled=skilled[u],
            welcome=welcome[u],
            able=able[u],
            allowed=allowed[u],
            capped=capped,
            slack=Slack(*(values[u] for values in slack)),
            move_s=move_s,
        )
        for u, (i, trip) in enumerate(zip(indices, trips, strict=True))
    ]


def _in_one_duty(mask: Flags, driver: Index, p: int) -> Flags:
    """Return (trips, p) of a mask of p drivers and their K duties (`driver` of each)."""
    found = mask[:, :p].copy()
    for k, d in enumerate(driver.tolist()):
        found[:, d] |= mask[:, p + k]
    return found
