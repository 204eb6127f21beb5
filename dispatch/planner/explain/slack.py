"""Measure the slack of every gap of every tour for trips that are in none.

Units and labels as in `tours.py`. For each trip and each duty: the seconds missing in the gap
where it comes closest to fitting, and the best insertion for every kind of change that is
measured in seconds. Only times are tested: seats, skills and caps are not.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from dispatch.planner.explain.tours import (
    BEYOND,
    Tours,
    after_break,
    before_break,
    drives,
    free_before,
    need_after,
    replaced_leg,
    room,
)
from dispatch.planner.problem import Trip
from dispatch.planner.search.arrays import NEVER, Day, Ints, Longs
from dispatch.planner.search.compiled import kernel

# Kinds of insertions, the third axis of `found`. The measure is the detour in seconds for FITS, and
# otherwise the seconds of the change.
FITS, LATER, EARLIER, ARRIVE_LATE, START_EARLIER, END_LATER = range(6)
KINDS = 6
EVER = -NEVER // 4  # earlier than any duty starts, far enough from overflow to add to


class Asked(NamedTuple):
    """The u trips to insert, times as in `problem.Trip`."""

    earliest: Longs  # (u,)
    latest: Longs  # (u,) the window alone
    due: Longs  # (u,) last start that keeps the appointment, NEVER without one
    wanted: Longs  # (u,)
    service: Longs  # (u,)
    pickup_at: Ints  # (u,) column of travel
    dropoff_at: Ints  # (u,) row of travel


class Slack(NamedTuple):
    """u trips, K duties. Seconds missing; at most 0 if none is missing."""

    uncovered: Longs  # (u, K) missing if the duty had no stops and no break
    missing: Longs  # (u, K) missing in the tour as it is, NEVER if it takes no trip
    closest: Longs  # (u, K) the stop after the gap where least is missing
    found: Longs  # (u, K, KINDS, 3) measure or NEVER, stop, start of boarding


def measure_slack(tours: Tours, day: Day, trips: Sequence[Trip], indices: Sequence[int]) -> Slack:
    """Return the slack for these trips; `indices` are theirs in the problem."""
    asked = Asked(
        earliest=_column(trip.earliest_s for trip in trips),
        latest=_column(trip.latest_s for trip in trips),
        due=_column(
            NEVER if trip.arrive_by_s is None else trip.arrive_by_s - trip.boarding_s - trip.ride_s
            for trip in trips
        ),
        wanted=_column(trip.wanted_s for trip in trips),
        service=_column(trip.service_s for trip in trips),
        pickup_at=day.pickup_at[indices],
        dropoff_at=day.dropoff_at[indices],
    )
    shape = (len(trips), len(tours.opens))
    found = np.zeros((*shape, KINDS, 3), np.int64)
    found[..., 0] = NEVER
    result = Slack(
        np.zeros(shape, np.int64), np.full(shape, NEVER), np.zeros(shape, np.int64), found
    )
    measure_gaps(tours, asked, result)
    return result


def _column(values: Iterable[int]) -> Longs:
    return np.array(list(values), np.int64)


@kernel
def measure_gaps(tours: Tours, asked: Asked, result: Slack) -> None:
    """Fill the slack."""
    for u in range(len(asked.earliest)):
        earliest, service = asked.earliest[u], asked.service[u]
        last = min(asked.latest[u], asked.due[u])
        pickup_at, dropoff_at = asked.pickup_at[u], asked.dropoff_at[u]
        for k in range(len(tours.opens)):
            there = int(np.int64(tours.travel[tours.start_at[k], pickup_at]))
            on = int(np.int64(tours.travel[dropoff_at, tours.end_at[k]]))
            can_start = max(earliest, tours.opens[k] + there)
            result.uncovered[u, k] = can_start - min(last, tours.closes[k] - on - service)
            result.closest[u, k] = tours.first[k]
            for s in range(tours.first[k], tours.first[k + 1] + 1):
                there, on = drives(tours, k, s, pickup_at, dropoff_at)
                free, need = free_before(tours, k, s), need_after(tours, k, s)
                detour = there + on - replaced_leg(tours, k, s)
                for way in range(4):
                    low, high = room(way, free, need, there, on, service, tours.rest[k])
                    if low < BEYOND:
                        note_gap(asked, u, k, s, low, high, detour, result)
                if s == tours.first[k]:
                    start_earlier(tours, asked, u, k, there, on, need, result)
                if s == tours.first[k + 1]:
                    end_later(tours, asked, u, k, there, on, free, result)


@kernel(inline="always")
def note(result: Slack, u: int, k: int, kind: int, measure: int, s: int, start: int) -> None:
    """Note an insertion before stop s, boarding at `start`, if it is the best of its kind."""
    if measure < result.found[u, k, kind, 0]:
        result.found[u, k, kind, 0] = measure
        result.found[u, k, kind, 1] = s
        result.found[u, k, kind, 2] = start


@kernel
def note_gap(
    asked: Asked, u: int, k: int, s: int, low: int, high: int, detour: int, result: Slack
) -> None:
    """Note the insertions before stop s of duty k, where boarding can start in [low, high]."""
    earliest, latest, due = asked.earliest[u], asked.latest[u], asked.due[u]
    last = min(latest, due)
    missing = max(low, earliest) - min(high, last)
    if missing < result.missing[u, k]:
        result.missing[u, k] = missing
        result.closest[u, k] = s
    if missing <= 0:
        start = min(max(asked.wanted[u], low, earliest), high, last)
        note(result, u, k, FITS, detour, s, start)
        return
    start = max(low, earliest)
    if start <= high:
        if start > due:
            note(result, u, k, ARRIVE_LATE, start - due, s, start)
        elif start > latest:
            note(result, u, k, LATER, start - latest, s, start)
    start = min(high, last)
    if low <= start < earliest:
        note(result, u, k, EARLIER, earliest - start, s, start)


@kernel
def start_earlier(
    tours: Tours,
    asked: Asked,
    u: int,
    k: int,
    there: int,
    on: int,
    need: tuple[int, int],
    result: Slack,
) -> None:
    """Note by how many seconds duty k has to start earlier to take the trip first."""
    rest_from, rest_until, length = tours.rest[k]
    free = (EVER, NEVER) if length > 0 else (NEVER, EVER)
    s = tours.first[k]
    for way in range(4):
        if way == 1:
            high = need[1] - on - asked.service[u]
        else:
            low, high = room(way, free, need, there, on, asked.service[u], tours.rest[k])
            if low > BEYOND:
                continue
        start = min(high, asked.latest[u], asked.due[u])
        if start < asked.earliest[u]:
            continue
        leave = start - there
        if way == 1:
            if length == 0:
                continue
            leave = before_break(start, there, length, rest_from, rest_until)
        if -BEYOND < leave < tours.opens[k]:
            note(result, u, k, START_EARLIER, tours.opens[k] - leave, s, start)


@kernel
def end_later(
    tours: Tours,
    asked: Asked,
    u: int,
    k: int,
    there: int,
    on: int,
    free: tuple[int, int],
    result: Slack,
) -> None:
    """Note by how many seconds duty k has to end later to take the trip last."""
    rest_from, rest_until, length = tours.rest[k]
    for way in range(3):
        if way == 0:
            ready = free[1] + there
        elif length == 0:
            continue
        elif way == 1:
            ready = after_break(free[0], there, length, rest_from, rest_until)
        else:
            ready = free[0] + there
        start = max(ready, asked.earliest[u])
        if start > min(asked.latest[u], asked.due[u]):
            continue
        back = start + asked.service[u] + on
        if way == 2:
            back = after_break(start + asked.service[u], on, length, rest_from, rest_until)
        if tours.closes[k] < back < BEYOND:
            s = tours.first[k + 1]
            note(result, u, k, END_LATER, back - tours.closes[k], s, start)
