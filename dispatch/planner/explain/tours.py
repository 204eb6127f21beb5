"""The tours of a finished plan, and the earliest and latest times of their stops.

Units: seconds since the start of the company's day. A tour is all the work of one duty: its
stops are planned trips and commitments, first[k] to first[k + 1] for duty k, in the order they
are driven. (The engines use routes instead: the stretches between commitments.) Gap g of duty
k lies before stop first[k] + g; the last gap lies before the end of the duty. The order is
fixed, times may move within the time windows, the break may move to any gap.

Labels per stop, as in `search/route_labels.py` but across commitments; NEVER where there is no
such time:
  0  free, break due   when the driver can be free at the earliest, the break still to come
  1  free, break had   the same, the break had or none due
  2  need, break due   when boarding has to start at the latest, the break still to come
  3  need, break had   the same, the break had or none due
"""

from typing import NamedTuple

import numpy as np

from dispatch.planner.problem import Plan, Problem
from dispatch.planner.search import route_labels
from dispatch.planner.search.arrays import (
    NEVER,
    Day,
    Durations,
    Index,
    Ints,
    Longs,
    collapse,
)
from dispatch.planner.search.compiled import kernel

BEYOND = NEVER // 2  # a time beyond is NEVER plus or minus some driving

after_break = kernel(route_labels.ready_after_break)
before_break = kernel(route_labels.leave_before_break)


class Tours(NamedTuple):
    """The stops of all duties in arrays; S stops, K duties, p drivers."""

    first: Index  # (K + 1,)
    trip: Longs  # (S,) index into problem.trips, or -1 - index into the duty's commitments
    early: Longs  # (S,)
    late: Longs  # (S,)
    service: Longs  # (S,)
    pickup_at: Longs  # (S,) column of travel
    dropoff_at: Longs  # (S,) row of travel
    leg: Longs  # (S,) empty drive to the stop
    back: Longs  # (K,) empty drive from the last stop to the end; 0 without stops
    start_at: Ints  # (K,) row of travel
    end_at: Ints  # (K,) column of travel
    opens: Longs  # (K,)
    closes: Longs  # (K,)
    rest: Longs  # (K, 3) break from, until, length; length 0 without one
    driver: Longs  # (K,)
    planned: Longs  # (p,) trips of the driver in this plan
    labels: Longs  # (S, 4)
    travel: Durations


def read_tours(problem: Problem, plan: Plan, day: Day | None = None) -> Tours:
    """Return the tours of a sound plan; `day` is the collapsed problem, if at hand."""
    day = day or collapse(problem)
    trips = {trip.id: i for i, trip in enumerate(problem.trips)}
    number = {duty.id: k for k, duty in enumerate(problem.duties)}
    rows = []
    for row in plan.trips:
        i = trips[row.trip_id]
        ends_s = row.dropoff_s + problem.trips[i].alighting_s
        rows.append((number[row.duty_id], row.pickup_s, ends_s, i))
    rows += [
        (k, commitment.pickup_s, commitment.free_s, -1 - c)
        for k, duty in enumerate(problem.duties)
        for c, commitment in enumerate(duty.commitments)
    ]
    rows.sort()
    duty_of, pickup_s, free_s, trip = np.array(rows, np.int64).reshape(-1, 4).T.copy()
    first = np.searchsorted(duty_of, np.arange(len(problem.duties) + 1))
    # The routes of a duty follow each other, with a commitment between two of them.
    piece = np.searchsorted(day.duty, np.arange(len(problem.duties) + 1))
    opening, closing = piece[:-1], piece[1:] - 1
    fixed = trip < 0
    before = opening[duty_of] + (-1 - trip)  # the route that ends with this commitment
    start_at, end_at = day.start_at[opening], day.end_at[closing]
    pickup_at = np.where(fixed, _pick(day.end_at, before), _pick(day.pickup_at, trip))
    dropoff_at = np.where(fixed, _pick(day.start_at, before + 1), _pick(day.dropoff_at, trip))
    rest = [
        (d.break_.earliest_s, d.break_.latest_s, d.break_.length_s) if d.break_ else (0, 0, 0)
        for d in problem.duties
    ]
    leg = day.travel[np.roll(dropoff_at, 1), pickup_at].astype(np.int64)
    used = np.flatnonzero(first[:-1] < first[1:])
    leg[first[used]] = day.travel[start_at[used], pickup_at[first[used]]]
    back = np.zeros(len(problem.duties), np.int64)
    back[used] = day.travel[dropoff_at[first[used + 1] - 1], end_at[used]]
    driver = day.driver[opening].astype(np.int64)
    tours = Tours(
        first=first,
        trip=trip,
        early=np.where(fixed, pickup_s, _pick(day.earliest, trip)),
        late=np.where(fixed, pickup_s, _pick(day.last_start, trip)),
        service=np.where(fixed, free_s - pickup_s, _pick(day.service, trip)),
        pickup_at=pickup_at,
        dropoff_at=dropoff_at,
        leg=leg,
        back=back,
        start_at=start_at,
        end_at=end_at,
        opens=np.array([d.start_s for d in problem.duties], np.int64),
        closes=np.array([d.end_s for d in problem.duties], np.int64),
        rest=np.array(rest, np.int64).reshape(-1, 3),
        driver=driver,
        planned=np.bincount(driver[duty_of[~fixed]], minlength=len(problem.drivers)),
        labels=np.empty((len(rows), 4), np.int64),
        travel=day.travel,
    )
    label_tours(tours)
    return tours


def _pick(values: Ints, index: Longs) -> Longs:
    """Return values[index], and an arbitrary value where the index is out of range."""
    if not len(values):
        return np.zeros(len(index), np.int64)
    picked: Longs = values[np.clip(index, 0, len(values) - 1)].astype(np.int64)
    return picked


@kernel
def label_tours(tours: Tours) -> None:
    """Compute the labels of every stop.

    Commitments are fixed: a drive between two of them, or to the start or end of the duty,
    that does not fit cannot be changed and does not close the tour.
    """
    for k in range(len(tours.opens)):
        a, b = tours.first[k], tours.first[k + 1]
        rest_from, rest_until, length = tours.rest[k]
        due = tours.opens[k] if length else NEVER
        had = NEVER if length else tours.opens[k]
        beside_fixed = True
        for s in range(a, b):
            early, late, service, leg = (
                tours.early[s],
                tours.late[s],
                tours.service[s],
                tours.leg[s],
            )
            fixed = tours.trip[s] < 0
            stands = fixed and beside_fixed
            rested = NEVER
            if due < BEYOND:
                rested = after_break(due, leg, length, rest_from, rest_until)
            floor_due, floor_had = -NEVER, -NEVER
            if stands and due < BEYOND:
                floor_due, due = due, early - leg  # one commitment may outlast the next
            if stands and had < BEYOND:
                floor_had, had = had, early - leg
            start = max(due + leg, early)
            start_rested = max(min(had + leg, rested), early)
            due = max(start + service, floor_due) if start <= late else NEVER
            had = max(start_rested + service, floor_had) if start_rested <= late else NEVER
            tours.labels[s, 0], tours.labels[s, 1] = due, had
            beside_fixed = fixed
        due, had, leg = -NEVER, tours.closes[k], tours.back[k]
        beside_fixed = True
        for s in range(b - 1, a - 1, -1):
            early, late, service = tours.early[s], tours.late[s], tours.service[s]
            fixed = tours.trip[s] < 0
            stands = fixed and beside_fixed
            rested = -NEVER
            if length:
                rested = before_break(had, leg, length, rest_from, rest_until)
            if stands and due > -BEYOND:
                due = late + service + leg
            if stands and had > -BEYOND:
                had = late + service + leg
            due = min(max(due - leg, rested) - service, late)
            had = min(had - leg - service, late)
            due = due if due >= early else -NEVER
            had = had if had >= early else -NEVER
            tours.labels[s, 2], tours.labels[s, 3] = due, had
            leg = tours.leg[s]
            beside_fixed = fixed


@kernel(inline="always")
def free_before(tours: Tours, k: int, s: int) -> tuple[int, int]:
    """Return labels 0 and 1 of the stop before stop s of duty k, or of its start."""
    if s > tours.first[k]:
        return tours.labels[s - 1, 0], tours.labels[s - 1, 1]
    if tours.rest[k, 2]:
        return tours.opens[k], NEVER
    return NEVER, tours.opens[k]


@kernel(inline="always")
def need_after(tours: Tours, k: int, s: int) -> tuple[int, int]:
    """Return labels 2 and 3 of stop s of duty k, or of its end."""
    if s < tours.first[k + 1]:
        return tours.labels[s, 2], tours.labels[s, 3]
    return -NEVER, tours.closes[k]


@kernel(inline="always")
def room(
    way: int,
    free: tuple[int, int],
    need: tuple[int, int],
    there: int,
    on: int,
    service: int,
    rest: Longs,
) -> tuple[int, int]:
    """Return the first and last start of boarding for a trip between two stops.

    `free` and `need` as `free_before` and `need_after` return them, `rest` a row of `Tours`.

    `there` and `on` are the deadheads before and after it. Four ways: 0 with the break had
    before or none due, 1 with the break on the way there, 2 on the way on, 3 later.
    Nothing fits when the first exceeds the last.
    """
    rest_from, rest_until, length = rest
    low, high = NEVER, -NEVER
    if way == 0:
        low, high = free[1] + there, need[1] - on
    elif length > 0 and free[0] < BEYOND:
        low, high = free[0] + there, need[0] - on
        if way == 1:
            low = after_break(free[0], there, length, rest_from, rest_until)
            high = need[1] - on
        elif way == 2:
            high = before_break(need[1], on, length, rest_from, rest_until)
    if low > BEYOND or high < -BEYOND:
        return NEVER, -NEVER
    return low, high - service


@kernel(inline="always")
def drives(tours: Tours, k: int, s: int, pickup_at: int, dropoff_at: int) -> tuple[int, int]:
    """Return the deadheads to and from a trip inserted before stop s of duty k."""
    # np.int64 because Numba adds an unsigned and a signed number as floats; int for mypy.
    row = tours.dropoff_at[s - 1] if s > tours.first[k] else tours.start_at[k]
    column = tours.pickup_at[s] if s < tours.first[k + 1] else tours.end_at[k]
    there = int(np.int64(tours.travel[row, pickup_at]))
    return there, int(np.int64(tours.travel[dropoff_at, column]))


@kernel(inline="always")
def replaced_leg(tours: Tours, k: int, s: int) -> int:
    """Return the deadhead that a trip inserted before stop s of duty k replaces."""
    leg: int = tours.leg[s] if s < tours.first[k + 1] else tours.back[k]
    return leg
