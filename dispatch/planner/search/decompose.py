"""Find the neighbours of each trip, and decompose a large day into parts.

Units: seconds; the map is flat and its axes are scaled to seconds of driving. Sizes: n trips,
m routes, p drivers.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from dispatch.planner.problem import Problem
from dispatch.planner.search.arrays import FORBIDDEN, Day, Floats, Ints
from dispatch.planner.search.clock import Clock
from dispatch.planner.search.compiled import kernel
from dispatch.planner.search.moves import State

NEAREST = 60
NEAREST_AT_ONCE = 500  # trips between two looks at the clock
HORIZON_S = 5400  # trips that begin further apart are no neighbours


class Part(NamedTuple):
    """Routes and trips that are searched together. Parts share no driver and no trip."""

    number: int  # `State.part_of` of its routes
    routes: Ints
    trips: Ints  # all of them, in routes or absent
    absent: Ints


class Neighbourhood(NamedTuple):
    """What the search knows of the trips before it starts."""

    near: Ints  # (n, NEAREST) the nearest trips, the trip itself first, filled up with -1
    choices: Ints  # (n,) number of routes that could take the trip if they were empty


def neighbourhood(day: Day, places: Floats, threads: int, clock: Clock) -> Neighbourhood:
    """Return the neighbourhood of all trips; `places` as `flat_map` returns them.

    Trips for which no time is left have no neighbours.
    """
    choices = (day.extra != FORBIDDEN).sum(axis=1).astype(np.int32)
    return Neighbourhood(nearest_of_all(day, places, threads, clock), choices)


def flat_map(problem: Problem) -> Floats:
    """Return pickups and dropoffs of all trips on a flat map, shape (n, 4), in seconds.

    The scale is that of the rides: their seconds divided by their straight distance.
    """
    places: Floats = np.array([(*t.pickup, *t.dropoff) for t in problem.trips]).reshape(-1, 4)
    if not len(places):
        return places
    narrowing = np.cos(np.radians(places[:, 0].mean()))
    places = places * [1.0, narrowing, 1.0, narrowing]
    straight = np.hypot(places[:, 2] - places[:, 0], places[:, 3] - places[:, 1]).sum()
    ride_s = sum(trip.ride_s for trip in problem.trips)
    return places * (ride_s / straight if straight > 0 else 0.0)


@kernel
def nearest(
    day: Day, places: Floats, by_time: Ints, first: int, stop: int, near: Ints, score: Floats
) -> None:
    """Fill the rows of `near` for the trips at [first, stop) of `by_time`.

    Near are trips that can follow each other with little driving and waiting, and trips that
    can take each other's place. Each row holds the trip itself, then the nearest trips, then
    -1. `score` (NEAREST,) is scratch memory.
    """
    n = len(by_time)
    count = len(score)
    since = 0
    for place in range(first, stop):
        i = by_time[place]
        row = near[i]
        row[:] = -1
        row[0] = i
        found = 1
        score[0] = -1.0
        while day.earliest[by_time[since]] < day.earliest[i] - HORIZON_S:
            since += 1
        for other in range(since, n):
            j = by_time[other]
            apart = abs(day.earliest[i] - day.earliest[j])
            if apart > HORIZON_S:
                break
            if j == i:
                continue
            swap = 0.5 * (
                math.hypot(places[i, 0] - places[j, 0], places[i, 1] - places[j, 1])
                + math.hypot(places[i, 2] - places[j, 2], places[i, 3] - places[j, 3])
                + apart
            )
            drive = day.travel[day.dropoff_at[i], day.pickup_at[j]]
            back = day.travel_to[day.pickup_at[i], day.dropoff_at[j]]
            s = min(swap, follow(day, i, j, int(drive)), follow(day, j, i, int(back)))
            if found == count and s >= score[found - 1]:
                continue
            at = found if found < count else count - 1
            while score[at - 1] > s:
                score[at], row[at] = score[at - 1], row[at - 1]
                at -= 1
            score[at], row[at] = s, j
            if found < count:
                found += 1


@kernel(forceinline=True)
def follow(day: Day, i: int, j: int, drive: int) -> float:
    """Return the seconds of driving and waiting if j follows i, 1e9 if it cannot."""
    if day.earliest[i] + day.service[i] + drive > day.last_start[j]:
        return 1e9
    wait: int = day.earliest[j] - day.last_start[i] - day.service[i] - drive
    return drive + max(wait, 0) * 1.0


def nearest_of_all(day: Day, places: Floats, threads: int, clock: Clock) -> Ints:
    """Return `Neighbourhood.near`, computed on so many threads until the clock is over."""
    near = np.full((len(day.earliest), NEAREST), -1, dtype=np.int32)
    near[:, 0] = np.arange(len(near))
    by_time = np.argsort(day.earliest, kind="stable").astype(np.int32)
    blocks = max(threads * 4, len(by_time) // NEAREST_AT_ONCE)
    edges = np.linspace(0, len(by_time), blocks + 1).astype(int).tolist()

    def fill(start: int, stop: int) -> None:
        if not clock.is_over():
            nearest(day, places, by_time, start, stop, near, np.empty(NEAREST))

    with ThreadPoolExecutor(threads) as pool:
        jobs = [pool.submit(fill, start, stop) for start, stop in pairwise(edges)]
    for job in jobs:
        job.result()
    return near


def decompose(
    day: Day, places: Floats, state: State, parts: int, rng: np.random.Generator
) -> Sequence[Part]:
    """Decompose the day into parts along a random direction of place and time.

    Sets `state.part_of`. All routes of a driver go to one part, a driver without trips to a
    random one, an absent trip to the part whose trips lie around it.
    """
    points = np.column_stack(
        [places[:, 0] + places[:, 2], places[:, 1] + places[:, 3], day.earliest]
    ).astype(float)
    spread = points.std(axis=0)
    points = (points - points.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    # Drivers differ most in time, because of their shifts; the weight lets place count, too.
    direction = rng.normal(size=3) * [1.0, 1.0, 0.6]
    along = points @ (direction / np.linalg.norm(direction))

    placed = np.flatnonzero(state.route_of >= 0)
    driver_of = day.driver[state.route_of[placed]]
    drivers = len(day.capacity)
    count = np.bincount(driver_of, minlength=drivers)
    total = np.bincount(driver_of, weights=along[placed], minlength=drivers)
    centre = np.where(count > 0, total / np.maximum(count, 1), rng.normal(size=drivers) * 0.5)
    rank = np.empty(drivers, dtype=np.int64)
    rank[np.argsort(centre, kind="stable")] = np.arange(drivers)
    part_of_driver = rank * parts // max(drivers, 1)
    state.part_of[:] = part_of_driver[day.driver]

    edges = np.sort(centre)[[drivers * p // parts for p in range(1, parts)]]
    part_of_trip = np.searchsorted(edges, along)
    part_of_trip[placed] = part_of_driver[driver_of]
    absent = state.route_of < 0
    return [
        Part(
            number=p,
            routes=np.flatnonzero(state.part_of == p).astype(np.int32),
            trips=np.flatnonzero(part_of_trip == p).astype(np.int32),
            absent=np.flatnonzero((part_of_trip == p) & absent).astype(np.int32),
        )
        for p in range(parts)
    ]
