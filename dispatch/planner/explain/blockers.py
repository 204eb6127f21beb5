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
from dispatch.planner.explain.sentences import Block
from dispatch.planner.explain.tours import BEYOND, Tours
from dispatch.planner.problem import Driver, Duty, Problem

MOST_BLOCKERS = 3

Detail = dict[str, object]


@dataclass(frozen=True, slots=True)
class Blocker:
    """One driver and what keeps that driver from the trip; `detail` fills the code's sentence."""

    driver_id: int
    code: Block
    detail: Detail


def minutes(seconds: float) -> int:
    """Return whole minutes, rounded up."""
    return int(-(-seconds // 60))


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
            code, detail = _block(finding, k, problem.drivers[d])
            rows.append(_row(problem.drivers[d], code, detail))
    on_duty = {duty.driver_id for duty in problem.duties}
    for d, driver in enumerate(problem.drivers):
        if len(rows) < most and driver.id not in on_duty:
            code, detail = _unfit(finding, d, driver) or (Block.NO_DUTY, {})
            rows.append(_row(driver, code, detail))
    return tuple(rows)


def _row(driver: Driver, code: Block, detail: Detail) -> Blocker:
    return Blocker(driver.id, code, {"driver": driver.name, **detail})


def _unfit(finding: Finding, d: int, driver: Driver) -> tuple[Block, Detail] | None:
    """Return (code, detail) if the driver may not take the trip at all, else None."""
    trip = finding.trip
    if trip.seats > driver.seats:
        return Block.NO_SEATS, {"seats": driver.seats}
    if trip.wheelchairs > driver.wheelchair_places:
        return Block.NO_WHEELCHAIR_PLACE, {"wheelchair_places": driver.wheelchair_places}
    if not finding.skilled[d]:
        return Block.NO_SKILL, {"needs": ", ".join(sorted(trip.needs - driver.skills))}
    if not finding.welcome[d]:
        return Block.FORBIDDEN, {}
    return None


def _block(finding: Finding, k: int, driver: Driver) -> tuple[Block, Detail]:
    """Return (code, detail) of what keeps the driver of duty k from the trip."""
    tours, duty = finding.tours, finding.problem.duties[k]
    d = int(tours.driver[k])
    unfit = _unfit(finding, d, driver)
    if unfit:
        return unfit
    if not finding.covered[k]:
        day, i = finding.day, finding.index
        return Block.OFF_SHIFT, {
            "from_s": duty.start_s,
            "until_s": duty.end_s,
            "away_min": minutes(tours.travel[tours.start_at[k], day.pickup_at[i]].item()),
            "back_min": minutes(tours.travel[day.dropoff_at[i], tours.end_at[k]].item()),
        }
    if finding.capped[d]:
        return Block.CAP_REACHED, {"trips": driver.load + int(tours.planned[d])}
    if duty.break_ and not _break_fits(tours, k):
        return Block.BREAK_IMPOSSIBLE, {}
    return _busy(finding, k, duty)


def _break_fits(tours: Tours, k: int) -> bool:
    """Return whether the break of duty k fits before its first stop or after it."""
    a, b = tours.first[k], tours.first[k + 1]
    return bool(a == b or tours.labels[a, 1] < BEYOND or tours.labels[a, 2] > -BEYOND)


def _busy(finding: Finding, k: int, duty: Duty) -> tuple[Block, Detail]:
    """Return (code, detail) of the two stops between which fewest seconds are missing.

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
        return Block.BREAK, {
            "length_min": minutes(due.length_s),
            "from_s": due.earliest_s,
            "to_s": due.latest_s,
        }
    before: Detail = {}
    after: Detail = {}
    if s > a and (late or not early):
        name, trip_id = _name(finding.problem, duty, tours.trip[s - 1])
        before = {"trip": name, "trip_id": trip_id, "until_s": free, "away_min": minutes(there)}
    if early or not late:
        after = {"next_s": need, "next_min": minutes(on)}
        if s < b:
            name, trip_id = _name(finding.problem, duty, tours.trip[s])
            after |= {"next_trip": name, "next_trip_id": trip_id}
    if not after:
        return Block.BUSY_UNTIL, before
    if s == b:
        return Block.BACK_BY, before | after
    if early and not late:
        return Block.DUE_AT, after
    if s == a:
        start = {"from_s": duty.start_s, "away_min": minutes(there)}
        return Block.STARTS_AND_DUE, start | after
    return Block.BUSY, before | after


def _name(problem: Problem, duty: Duty, stop: int) -> tuple[str, int]:
    """Return (reference, id) of a stop as `Tours.trip` numbers them."""
    if stop < 0:
        commitment = duty.commitments[-1 - stop]
        return commitment.reference, commitment.trip_id
    return problem.trips[stop].reference, problem.trips[stop].id
