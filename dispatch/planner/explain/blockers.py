"""Find what keeps the drivers who come closest from taking one trip.

Units: seconds since the start of the company's day. Closest first: drivers who may take the
trip and are on duty for it, by the seconds missing in their tours (none if only the cap is
reached); then those off duty, by the seconds missing in their duties; then those who may not
take it, by the seconds missing in their tours. Of a driver with several duties the closest
duty counts.
"""

from dataclasses import dataclass

import numpy as np

from dispatch.planner.explain.findings import Finding
from dispatch.planner.explain.tours import BEYOND, Tours
from dispatch.planner.problem import Driver, Duty, Problem
from dispatch.planner.rules import cap, driver_break, travel
from dispatch.planner.rules import duty as duties
from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.registry import misfits
from dispatch.planner.rules.rule import Breach, Values, minutes

MOST_BLOCKERS = 3


@dataclass(frozen=True, slots=True)
class Blocker:
    """One driver and the rule that keeps the driver from the trip."""

    driver_id: int
    breach: Breach


def blockers(finding: Finding, most: int = MOST_BLOCKERS) -> tuple[Blocker, ...]:
    """Return what blocks the `most` drivers who come closest, one row per driver."""
    tours, problem, slack = finding.tours, finding.problem, finding.slack
    allowed, covered = finding.allowed, finding.covered
    missing = np.maximum(slack.missing, 0)
    rank = np.where(allowed, np.where(covered, 0, 1), 2)
    close = np.where(rank == 1, slack.uncovered, missing)
    rows: list[Blocker] = []
    listed = set()
    for k in np.lexsort((np.arange(len(rank)), close, rank)).tolist():
        d = int(tours.driver[k])
        if d not in listed and len(rows) < most:
            listed.add(d)
            driver = problem.drivers[d].on(problem.duties[k])
            rows.append(Blocker(driver.id, _block(finding, k, driver)))
    on_duty = {duty.driver_id for duty in problem.duties}
    for driver in problem.drivers:
        if len(rows) < most and driver.id not in on_duty:
            unfit = next(misfits(finding.trip, driver), None)
            rows.append(Blocker(driver.id, unfit or duties.no_duty(driver.name)))
    return tuple(rows)


def _block(finding: Finding, k: int, driver: Driver) -> Breach:
    """Return what keeps the driver of duty k from the trip."""
    tours, duty = finding.tours, finding.problem.duties[k]
    d = int(tours.driver[k])
    unfit = next(misfits(finding.trip, driver), None)
    if unfit:
        return unfit
    if not finding.covered[k]:
        day, i = finding.day, finding.index
        away_s = tours.travel[tours.start_at[k], day.pickup_at[i]].item()
        back_s = tours.travel[day.dropoff_at[i], tours.end_at[k]].item()
        return duties.off_shift(driver.name, duty.start_s, duty.end_s, away_s, back_s)
    if finding.capped[d]:
        return cap.breach(driver.name, driver.load + int(tours.planned[d]))
    if duty.break_ and not _break_fits(tours, k):
        return driver_break.impossible(driver.name)
    return _busy(finding, k, driver, duty)


def _break_fits(tours: Tours, k: int) -> bool:
    """Return whether the break of duty k fits before its first stop or after it."""
    a, b = tours.first[k], tours.first[k + 1]
    return bool(a == b or tours.labels[a, 1] < BEYOND or tours.labels[a, 2] > -BEYOND)


def _busy(finding: Finding, k: int, driver: Driver, duty: Duty) -> Breach:
    """Return the breach at the two stops between which fewest seconds are missing.

    If the stops alone leave room, the break is what does not fit.
    """
    tours, trip, day, i = finding.tours, finding.trip, finding.day, finding.index
    s, a, b = int(finding.slack.closest[k]), tours.first[k], tours.first[k + 1]
    row = tours.dropoff_at[s - 1] if s > a else tours.start_at[k]
    column = tours.pickup_at[s] if s < b else tours.end_at[k]
    there = tours.travel[row, day.pickup_at[i]].item()
    on = tours.travel[day.dropoff_at[i], column].item()
    free = tours.labels[s - 1, :2].min().item() if s > a else duty.start_s
    need = tours.labels[s, 2:].max().item() if s < b else duty.end_s
    low, high = free + there, need - on - trip.service_s
    late, early = low > trip.last_start_s, high < trip.earliest_s
    due = duty.break_
    if due is not None and not late and not early and low <= high:
        length_min = minutes(due.length_s)
        return driver_break.breach(driver.name, length_min, due.earliest_s, due.latest_s)
    before: Values = {}
    after: Values = {}
    if s > a and (late or not early):
        name, trip_id = _name(finding.problem, duty, tours.trip[s - 1])
        before = {"trip": name, "trip_id": trip_id, "until_s": free, "away_min": minutes(there)}
    if early or not late:
        after = {"next_s": need, "next_min": minutes(on)}
        if s < b:
            name, trip_id = _name(finding.problem, duty, tours.trip[s])
            after |= {"next_trip": name, "next_trip_id": trip_id}
    if not after:
        return travel.breach(Block.BUSY_UNTIL, driver.name, before)
    if s == b:
        return travel.breach(Block.BACK_BY, driver.name, before | after)
    if early and not late:
        return travel.breach(Block.DUE_AT, driver.name, after)
    if s == a:
        start = {"from_s": duty.start_s, "away_min": minutes(there)}
        return travel.breach(Block.STARTS_AND_DUE, driver.name, start | after)
    return travel.breach(Block.BUSY, driver.name, before | after)


def _name(problem: Problem, duty: Duty, stop: int) -> tuple[str, int]:
    """Return (reference, id) of a stop as `Tours.trip` numbers them."""
    if stop < 0:
        commitment = duty.commitments[-1 - stop]
        return commitment.reference, commitment.trip_id
    return problem.trips[stop].reference, problem.trips[stop].id
