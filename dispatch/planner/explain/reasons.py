"""Say why trips are unserved, who comes closest, and what would help.

Seconds since the start of the company's day. Everything is computed from the finished plan,
not from the search. The sentences and the order of the codes are in `sentences.py`.

"Could be inserted" means: the trips of the plan stay with their drivers and in their order;
their times may move within the windows, and a break to another gap.
"""

from dataclasses import dataclass

import numpy as np

from dispatch.planner.explain.blockers import Blocker, blockers, minutes
from dispatch.planner.explain.sentences import Why
from dispatch.planner.explain.slack import FITS, Survey, survey
from dispatch.planner.explain.suggestions import Suggestion, smallest_change
from dispatch.planner.explain.tours import Tours, read_tours
from dispatch.planner.problem import Driver, Plan, Problem, Trip
from dispatch.planner.search.arrays import NEVER, Day, collapse
from dispatch.planner.search.greedy import entry_prices


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one trip is unserved; `blockers` are the drivers who come closest."""

    trip_id: int
    code: Why
    detail: dict
    blockers: tuple[Blocker, ...]
    suggestion: Suggestion | None


@dataclass(frozen=True, slots=True)
class Insertion:
    """A place for a trip in a finished plan; `price_s` is what it adds to the objective."""

    trip_id: int
    driver_id: int
    duty_id: int
    pickup_s: int
    price_s: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of one trip that is not in the plan; drivers as in the problem."""

    problem: Problem
    day: Day
    tours: Tours
    trip: Trip
    index: int
    roomy: np.ndarray  # per driver: seats and wheelchair places suffice
    skilled: np.ndarray  # per driver: the needs are met
    welcome: np.ndarray  # per driver: not forbidden
    capped: np.ndarray  # per driver: may have no more trips
    seen: Survey  # of this trip only: the first axis is gone

    @property
    def allowed(self):
        """Return per duty whether its driver may take the trip at all."""
        return (self.roomy & self.skilled & self.welcome)[self.tours.driver]

    @property
    def covered(self):
        """Return per duty whether it is long enough and near enough, were it empty."""
        return self.seen.uncovered <= 0

    def prices(self):
        """Return per duty what the trip would add to the objective, NEVER where it cannot."""
        measure = self.seen.found[:, FITS, 0]
        costs, trip, drivers = self.problem.costs, self.trip, self.problem.drivers
        entry = entry_prices(self.day, self.tours.planned)
        if trip.preferred:
            entry = entry + costs.missed_preference_s * np.array(
                [driver.id not in trip.preferred for driver in drivers], np.int64
            )
        if trip.standing and costs.move_s:
            entry = entry + costs.move_s * np.array(
                [driver.id != trip.standing.driver_id for driver in drivers], np.int64
            )
        possible = (measure < NEVER) & self.allowed & ~self.capped[self.tours.driver]
        return np.where(possible, measure + entry[self.tours.driver], NEVER)


def reasons(problem: Problem, plan: Plan, day: Day | None = None) -> tuple[Reason, ...]:
    """Return a reason for every unserved trip. `day` spares collapsing the problem again."""
    return tuple(_reason(finding, plan) for finding in find(problem, plan, plan.unserved, day))


def insertable(problem: Problem, plan: Plan, day: Day | None = None) -> tuple[Insertion, ...]:
    """Return the cheapest place of every unserved trip that has one.

    Where the price is below the trip's price of being unserved, the search has missed it.
    """
    found = (_cheapest(finding) for finding in find(problem, plan, plan.unserved, day))
    return tuple(insertion for insertion in found if insertion)


def find(problem: Problem, plan: Plan, trip_ids, day: Day | None = None) -> list[Finding]:
    """Return the finding of each of these trips, none of which may be in the plan."""
    if not trip_ids:
        return []
    day = day or collapse(problem)
    tours = read_tours(problem, plan, day)
    index = {trip.id: i for i, trip in enumerate(problem.trips)}
    indices = [index[trip_id] for trip_id in trip_ids]
    trips = [problem.trips[i] for i in indices]
    seen = survey(tours, day, trips, indices)
    drivers = problem.drivers
    seats = np.array([driver.seats for driver in drivers], np.int64)
    places = np.array([driver.wheelchair_places for driver in drivers], np.int64)
    capped = tours.planned >= day.capacity
    skilled = {
        needs: _each(drivers, lambda driver, needs=needs: needs <= driver.skills)
        for needs in {trip.needs for trip in trips}
    }
    return [
        Finding(
            problem=problem,
            day=day,
            tours=tours,
            trip=trip,
            index=i,
            roomy=(seats >= trip.seats) & (places >= trip.wheelchairs),
            skilled=skilled[trip.needs],
            welcome=_each(drivers, lambda driver, trip=trip: driver.id not in trip.forbidden),
            capped=capped,
            seen=Survey(*(values[u] for values in seen)),
        )
        for u, (i, trip) in enumerate(zip(indices, trips, strict=True))
    ]


def _each(drivers: tuple[Driver, ...], claim):
    return np.array([claim(driver) for driver in drivers], bool)


def _cheapest(finding):
    prices = finding.prices()
    if not len(prices) or prices.min() >= NEVER:
        return None
    k = int(prices.argmin())
    duty = finding.problem.duties[k]
    pickup_s = int(finding.seen.found[k, FITS, 2])
    return Insertion(finding.trip.id, duty.driver_id, duty.id, pickup_s, int(prices[k]))


def _reason(finding, plan):
    code, detail = _why(finding)
    blocked = code not in (Why.APPOINTMENT_IMPOSSIBLE, Why.COSTS_MORE, Why.COULD_BE_INSERTED)
    return Reason(
        finding.trip.id,
        code,
        detail,
        blockers(finding) if blocked else (),
        smallest_change(finding, plan),
    )


def _why(finding):
    """Return (code, detail) of the first reason that holds."""
    trip, problem = finding.trip, finding.problem
    if trip.last_start_s < trip.earliest_s:
        return Why.APPOINTMENT_IMPOSSIBLE, {
            "earliest_s": trip.earliest_s,
            "ride_min": minutes(trip.boarding_s + trip.ride_s),
            "arrival_s": trip.earliest_s + trip.boarding_s + trip.ride_s,
            "arrive_by_s": trip.arrive_by_s,
        }
    if not finding.roomy.any():
        return Why.NO_VEHICLE, {"seats": trip.seats, "wheelchairs": trip.wheelchairs}
    able = finding.roomy & finding.skilled
    if not able.any():
        return Why.NO_SKILL, {"needs": ", ".join(sorted(trip.needs))}
    if not (able & finding.welcome).any():
        return Why.FORBIDDEN, {"drivers": int(able.sum())}
    window = {"earliest_s": trip.earliest_s, "latest_s": trip.last_start_s}
    on_duty = finding.allowed & finding.covered
    if not on_duty.any():
        return Why.OFF_SHIFT, {"drivers": int((able & finding.welcome).sum()), **window}
    drivers = np.unique(finding.tours.driver[on_duty])
    capped = int(finding.capped[drivers].sum())
    if capped == len(drivers):
        return Why.CAP_REACHED, {"drivers": capped}
    insertion = _cheapest(finding)
    if insertion is None:
        return Why.ALL_BUSY, {"drivers": len(drivers), "capped": capped, **window}
    unserved_s = int(finding.day.unserved[finding.index])
    names = {driver.id: driver.name for driver in problem.drivers}
    detail = {
        "driver": names[insertion.driver_id],
        "driver_id": insertion.driver_id,
        "pickup_s": insertion.pickup_s,
        "price_min": minutes(insertion.price_s),
        "unserved_min": minutes(unserved_s),
    }
    missed = insertion.price_s < unserved_s
    return (Why.COULD_BE_INSERTED if missed else Why.COSTS_MORE), detail
