"""Nearness of trips, and the cutting of a large day into parts that fit together.

Units: seconds; the map is flat and its axes are scaled to seconds of driving.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from dispatch.planner.arrays import FORBIDDEN, Day
from dispatch.planner.compiled import kernel

NEAREST = 60


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
def nearest(day, places, first, near, score):
    """Fill `near` with the trips nearest in time and place to `first` and its followers.

    One row for each trip, which is itself the first of its row; `score` has room for a row.

    Near are trips that may follow each other with little driving and waiting, and trips that
    may take each other's place. Filled up with -1.
    """
    n = len(day.earliest)
    count = len(score)
    near[:] = -1
    for i in range(first, first + len(near)):
        row = near[i - first]
        row[0] = i
        found = 1
        score[0] = -1.0
        for j in range(n):
            apart = abs(day.earliest[i] - day.earliest[j])
            if j == i or apart > 7200:
                continue
            swap = 0.5 * (
                math_hypot(places[i, 0] - places[j, 0], places[i, 1] - places[j, 1])
                + math_hypot(places[i, 2] - places[j, 2], places[i, 3] - places[j, 3])
                + apart
            )
            s = min(swap, chain(day, i, j), chain(day, j, i))
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
def math_hypot(x, y):
    return (x * x + y * y) ** 0.5


@kernel(forceinline=True)
def chain(day, i, j):
    """Return driving and waiting when j follows i, a large number when it cannot."""
    drive = int(day.travel[day.dropoff_at[i], day.pickup_at[j]])
    if day.earliest[i] + day.service[i] + drive > day.last_start[j]:
        return 1e9
    wait = day.earliest[j] - day.last_start[i] - day.service[i] - drive
    return drive + max(wait, 0) * 1.0


def nearest_of_all(day, places, threads):
    """Return for each trip the NEAREST trips, shape (n, NEAREST), filled up with -1."""
    n = len(day.earliest)
    near = np.empty((n, NEAREST), dtype=np.int32)
    edges = np.linspace(0, n, threads * 4 + 1).astype(int)
    with ThreadPoolExecutor(threads) as pool:
        jobs = [
            pool.submit(nearest, day, places, start, near[start:stop], np.empty(NEAREST))
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
