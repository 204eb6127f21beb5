"""Explain unserved trips: the reason, and the drivers who come closest.

Units: seconds since the start of the company's day. Everything is computed from the finished
plan, not from the search. The sentences and the order of the codes are in `sentences.py`.

"Could be inserted" means: the trips of the plan keep their drivers and their order; their
times may move within the time windows, and a break to another gap.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from dispatch.planner.explain.blockers import Blocker, blockers
from dispatch.planner.explain.findings import Finding, find
from dispatch.planner.explain.sentences import Why
from dispatch.planner.explain.sharing import Along, along
from dispatch.planner.explain.slack import FITS
from dispatch.planner.problem import Plan, Problem, Trip
from dispatch.planner.rules import appointment
from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import minutes
from dispatch.planner.search.arrays import NEVER, Day

# What is said of drivers who have no time for the trip alone, and may have others on board then.
TOO_BUSY = (Block.BUSY, Block.BUSY_UNTIL, Block.DUE_AT, Block.STARTS_AND_DUE, Block.BACK_BY)
# Of so many trips it is asked who could take them along with others.
MOST_ALONG = 100


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one trip is unserved; `detail` holds the parameters of the code's sentence."""

    trip_id: int
    code: Why
    detail: dict[str, object]
    blockers: tuple[Blocker, ...]


@dataclass(frozen=True, slots=True)
class Insertion:
    """An insertion into a finished plan; `price_s` is what it adds to the objective."""

    trip_id: int
    driver_id: int
    duty_id: int
    pickup_s: int
    price_s: int


def reasons(problem: Problem, plan: Plan, day: Day | None = None) -> tuple[Reason, ...]:
    """Return a reason for every unserved trip; `day` is the collapsed problem, if at hand."""
    findings = find(problem, plan, plan.unserved, day)
    asked = [finding.trip for finding in findings[:MOST_ALONG]]
    with_others = everybody_along(problem, plan, asked)
    return tuple(
        reason_of(finding, with_others if i < MOST_ALONG else None)
        for i, finding in enumerate(findings)
    )


def everybody_along(problem: Problem, plan: Plan, trips: Collection[Trip]) -> Along | None:
    """Return the day of all drivers and these trips beside it; None where nobody shares or asks."""
    if not trips:
        return None
    return along(problem, plan, trips, {driver.id for driver in problem.drivers})


def insertable(problem: Problem, plan: Plan, day: Day | None = None) -> tuple[Insertion, ...]:
    """Return the cheapest insertion of every unserved trip that has one.

    Leaving it out never costs less: the search has missed it.
    """
    found = (_cheapest(finding) for finding in find(problem, plan, plan.unserved, day))
    return tuple(insertion for insertion in found if insertion)


def _cheapest(finding: Finding) -> Insertion | None:
    prices = finding.prices()
    if not len(prices) or prices.min() >= NEVER:
        return None
    k = int(prices.argmin())
    duty = finding.problem.duties[k]
    pickup_s = int(finding.slack.found[k, FITS, 2])
    return Insertion(finding.trip.id, duty.driver_id, duty.id, pickup_s, int(prices[k]))


def reason_of(finding: Finding, with_others: Along | None = None) -> Reason:
    """Return the reason of one trip; `with_others` is the day that it asks to join, if it may."""
    trip = finding.trip
    code, detail = _why(finding)
    if code in (Why.APPOINTMENT_IMPOSSIBLE, Why.COULD_BE_INSERTED):
        return Reason(trip.id, code, detail, ())
    found = blockers(finding)
    if with_others is None or code != Why.ALL_BUSY:
        return Reason(trip.id, code, detail, found)
    places = (with_others.place(trip, driver_id) for driver_id in with_others.prices(trip))
    if row := next(filter(None, places), None):
        names = {driver.id: driver.name for driver in finding.problem.drivers}
        place: dict[str, object] = {"driver": names[row.driver_id], "driver_id": row.driver_id}
        place["pickup_s"] = row.pickup_s
        return Reason(trip.id, Why.COULD_BE_INSERTED, place, ())
    busy = {row.driver_id for row in found if row.breach.code in TOO_BUSY}
    why = {driver_id: with_others.why_not(trip, driver_id) for driver_id in busy}
    found = tuple(replace(row, breach=why.get(row.driver_id) or row.breach) for row in found)
    return Reason(trip.id, code, detail, found)


def _why(finding: Finding) -> tuple[Why, dict[str, object]]:
    """Return (code, detail) of the first reason that holds."""
    trip, problem = finding.trip, finding.problem
    if not appointment.is_possible(trip):
        return Why.APPOINTMENT_IMPOSSIBLE, {
            "earliest_s": trip.earliest_s,
            "ride_min": minutes(trip.boarding_s + trip.ride_s),
            "arrival_s": trip.earliest_s + trip.boarding_s + trip.ride_s,
            "arrive_by_s": trip.arrive_by_s,
        }
    if not problem.duties:
        return Why.NO_DRIVER, {}
    if not finding.roomy.any():
        return Why.NO_VEHICLE, {"seats": trip.seats, "wheelchairs": trip.wheelchairs}
    able = finding.roomy & finding.skilled
    if not able.any():
        return Why.NO_SKILL, {"needs": ", ".join(sorted(trip.needs))}
    if not (able & finding.welcome).any():
        return Why.FORBIDDEN, {"drivers": int(able.sum())}
    crews = [*problem.drivers, *problem.crews()]
    if not finding.able.any() and any(driver.expired for driver in crews):
        return Why.EXPIRED, {}
    window = {"earliest_s": trip.earliest_s, "latest_s": trip.last_start_s}
    on_duty = finding.allowed & finding.covered
    if not on_duty.any():
        return Why.OFF_SHIFT, {"drivers": int(finding.able.sum()), **window}
    drivers = np.unique(finding.tours.driver[on_duty])
    capped = int(finding.capped[drivers].sum())
    if capped == len(drivers):
        return Why.CAP_REACHED, {"drivers": capped}
    insertion = _cheapest(finding)
    if insertion is None:
        return Why.ALL_BUSY, {"drivers": len(drivers), "capped": capped, **window}
    names = {driver.id: driver.name for driver in problem.drivers}
    return Why.COULD_BE_INSERTED, {
        "driver": names[insertion.driver_id],
        "driver_id": insertion.driver_id,
        "pickup_s": insertion.pickup_s,
    }
