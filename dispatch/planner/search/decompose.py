"""Nearness of trips, and the cutting of a large day into parts that fit together.

Units: seconds; the map is flat and its axes are scaled to seconds of driving.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from dispatch.planner.search.arrays import FORBIDDEN, Day
from dispatch.planner.search.compiled import kernel

NEAREST = 60
HORIZON_S = 5400  # trips that begin further apart are not near


def flat_map(problem):
    """Return pickups and dropoffs of all trips on a flat map, shape (n, 4), in seconds.

    The scale is that of the rides: their seconds over their straight distance.
    """
    places = np.array([(*t.pickup, *t.dropoff) for t in problem.trips]).reshape(-1, 4)
    if not len(places):
        return places
    narrowing = np.cos(np.radians(places[:, 0].mean()))
    places = places * [1.0, narrowing, 1.0, narrowing]
    straight = np.hypot(places[:, 2] - places[:, 0], places[:, 3] - places[:, 1]).sum()
    ride_s = sum(trip.ride_s for trip in problem.trips)
    return places * (ride_s / straight if straight > 0 else 0.0)


@kernel
def nearest(day, places, by_time, first, stop, near, score):
    """Find the trips nearest in time and place to those at [first, stop) of `by_time`.

    Each fills its row of `near`, itself first; `score` has room for a row.

    Near are trips that may follow each other with little driving and waiting, and trips that
    may take each other's place. Filled up with -1.
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
def follow(day, i, j, drive):
    """Return driving and waiting when j follows i, a large number when it cannot."""
    if day.earliest[i] + day.service[i] + drive > day.last_start[j]:
        return 1e9
    wait = day.earliest[j] - day.last_start[i] - day.service[i] - drive
    return drive + max(wait, 0) * 1.0


def nearest_of_all(day, places, threads):
    """Return for each trip the NEAREST trips, shape (n, NEAREST), filled up with -1."""
    near = np.empty((len(day.earliest), NEAREST), dtype=np.int32)
    by_time = np.argsort(day.earliest, kind="stable").astype(np.int32)
    edges = np.linspace(0, len(by_time), threads * 4 + 1).astype(int).tolist()
    with ThreadPoolExecutor(threads) as pool:
        jobs = [
            pool.submit(nearest, day, places, by_time, start, stop, near, np.empty(NEAREST))
            for start, stop in pairwise(edges)
        ]
    for job in jobs:
        job.result()
    return near


def choices(day):
    """Return for each trip how many routes could take it at all."""
    return (day.extra != FORBIDDEN).sum(axis=1).astype(np.int32)


def split(day: Day, places, state, parts, rng):
    """Cut drivers and absent trips into parts along a random direction of place and time.

    Return [(routes, trips, absent trips)] and set `state.part_of`. All routes of a driver go
    to one part; drivers without trips are dealt out at random, absent trips to the part
    where they would be.
    """
    points = np.column_stack(
        [places[:, 0] + places[:, 2], places[:, 1] + places[:, 3], day.earliest]
    ).astype(float)
    spread = points.std(axis=0)
    points = (points - points.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    # Shifts make time the widest axis of the drivers; place must have its say, too.
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
        (
            np.flatnonzero(state.part_of == p).astype(np.int32),
            np.flatnonzero(part_of_trip == p).astype(np.int32),
            np.flatnonzero((part_of_trip == p) & absent).astype(np.int32),
        )
        for p in range(parts)
    ]
