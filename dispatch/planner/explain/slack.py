"""Look at every gap of every tour for trips that are in none.

Units and labels as in `tours.py`. For each trip and each duty the survey notes how many
seconds are missing where it comes closest, and the best place for every kind of change that
is measured in seconds. Seats, skills, caps and bans are not looked at here.
"""

from typing import NamedTuple

import numpy as np

from dispatch.planner.explain.tours import (
    BEYOND,
    after_break,
    before_break,
    drives,
    free_before,
    need_after,
    replaced_leg,
    room,
)
from dispatch.planner.search.arrays import NEVER
from dispatch.planner.search.compiled import kernel

# Kinds of places, the third axis of `found`. The measure is additional empty driving for
# FITS, the price of the swap for INSTEAD, and otherwise the seconds of the change.
FITS, LATER, EARLIER, ARRIVE_LATE, START_EARLIER, END_LATER, INSTEAD = range(7)
KINDS = 7
EVER = -NEVER // 4  # earlier than any duty starts, and can still be added to


class Asked(NamedTuple):
    """The trips in question; u of them, times as in `problem.Trip`."""

    earliest: np.ndarray  # (u,)
    latest: np.ndarray  # (u,) the window alone
    due: np.ndarray  # (u,) last start that keeps the appointment, NEVER without one
    wanted: np.ndarray  # (u,)
    service: np.ndarray  # (u,)
    unserved: np.ndarray  # (u,)
    pickup_at: np.ndarray  # (u,) column of travel
    dropoff_at: np.ndarray  # (u,) row of travel


class Survey(NamedTuple):
    """u trips, K duties. Seconds; what is missing is at most 0 where nothing is missing."""

    uncovered: np.ndarray  # (u, K) missing if the duty had no stops and no break
    missing: np.ndarray  # (u, K) missing in the tour as it is, NEVER if nothing can be added
    closest: np.ndarray  # (u, K) the stop before which that is
    found: np.ndarray  # (u, K, KINDS, 3) measure or NEVER, stop, start of boarding


def survey(tours, day, trips, indices) -> Survey:
    """Return the survey for these trips, given with their indices in the problem."""
    asked = Asked(
        earliest=_column(trip.earliest_s for trip in trips),
        latest=_column(trip.latest_s for trip in trips),
        due=_column(
            NEVER if trip.arrive_by_s is None else trip.arrive_by_s - trip.boarding_s - trip.ride_s
            for trip in trips
        ),
        wanted=_column(trip.wanted_s for trip in trips),
        service=_column(trip.service_s for trip in trips),
        unserved=day.unserved[indices].astype(np.int64),
        pickup_at=day.pickup_at[indices],
        dropoff_at=day.dropoff_at[indices],
    )
    shape = (len(trips), len(tours.opens))
    found = np.zeros((*shape, KINDS, 3), np.int64)
    found[..., 0] = NEVER
    result = Survey(
        np.zeros(shape, np.int64), np.full(shape, NEVER), np.zeros(shape, np.int64), found
    )
    look(tours, asked, day.unserved, result)
    return result


def _column(values):
    return np.array(list(values), np.int64)


@kernel
def look(tours, asked, unserved, result):
    """Fill the survey."""
    for u in range(len(asked.earliest)):
        earliest, service = asked.earliest[u], asked.service[u]
        last = min(asked.latest[u], asked.due[u])
        pickup_at, dropoff_at = asked.pickup_at[u], asked.dropoff_at[u]
        for k in range(len(tours.opens)):
            there = np.int64(tours.travel[tours.start_at[k], pickup_at])
            on = np.int64(tours.travel[dropoff_at, tours.end_at[k]])
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
                elif tours.trip[s] >= 0 and unserved[tours.trip[s]] <= asked.unserved[u]:
                    instead(tours, asked, u, k, s, unserved[tours.trip[s]], result)


@kernel(inline="always")
def note(result, u, k, kind, measure, s, start):
    if measure < result.found[u, k, kind, 0]:
        result.found[u, k, kind, 0] = measure
        result.found[u, k, kind, 1] = s
        result.found[u, k, kind, 2] = start


@kernel
def note_gap(asked, u, k, s, low, high, detour, result):
    """Note what boarding in [low, high] before stop s is good for."""
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
def start_earlier(tours, asked, u, k, there, on, need, result):
    """Note by how much duty k has to start earlier to take the trip first."""
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
def end_later(tours, asked, u, k, there, on, free, result):
    """Note by how much duty k has to end later to take the trip last."""
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


@kernel
def instead(tours, asked, u, k, s, unserved, result):
    """Note what it costs to take the trip in the place of stop s."""
    there, _ = drives(tours, k, s, asked.pickup_at[u], asked.dropoff_at[u])
    _, on = drives(tours, k, s + 1, asked.pickup_at[u], asked.dropoff_at[u])
    free, need = free_before(tours, k, s), need_after(tours, k, s + 1)
    last = min(asked.latest[u], asked.due[u])
    for way in range(4):
        low, high = room(way, free, need, there, on, asked.service[u], tours.rest[k])
        low, high = max(low, asked.earliest[u]), min(high, last)
        if low <= high:
            detour = there + on - tours.leg[s] - replaced_leg(tours, k, s + 1)
            start = min(max(asked.wanted[u], low), high)
            note(result, u, k, INSTEAD, unserved + detour, s, start)
