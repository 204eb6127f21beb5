"""Invent a fleet that suits the trips a company has: same trips and seed, same fleet.

Units: seconds of the local day (above 86,400 after midnight), degrees. Values only.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from perf.project.scenarios.geneva import FIRST_NAMES, LAST_NAMES

SLOT_S = 1800
SHIFT_S = 30_600  # eight and a half hours
BREAK_S, BREAK_FROM_S, BREAK_UNTIL_S = 1800, 10_800, 21_600  # counted from the shift's start
EMERGENCY_EVERY = 8
AT_HOME = 0.4  # of the drivers begin at home, near a pickup; the others at the depot


@dataclass(frozen=True, slots=True)
class Demand:
    """One trip of the past or future: when, for how many, from where."""

    pickup_s: int
    seats: int
    wheelchairs: int
    pickup: tuple[float, float]


@dataclass(frozen=True, slots=True)
class FleetDriver:
    """A driver with a car and the shift of every day; `home` None is the depot."""

    name: str
    emergency: bool
    seats: int
    wheelchair_places: int
    shift_start_s: int
    shift_end_s: int
    home: tuple[float, float] | None


def fleet_around(trips, drivers, *, seed):
    """Return so many drivers, in no particular order of shifts."""
    rng = np.random.default_rng([seed, 4])
    starts = sorted(shift_starts(trips, drivers))
    cars = vehicles(trips, drivers)
    first = rng.integers(len(FIRST_NAMES), size=drivers)
    last = rng.integers(len(LAST_NAMES), size=drivers)
    near = rng.integers(len(trips), size=drivers)
    away = rng.normal(0, 0.005, size=(drivers, 2))
    at_home = rng.random(drivers) < AT_HOME
    fleet = []
    for i, (start_s, (seats, places)) in enumerate(zip(starts, cars, strict=True)):
        lat, lon = trips[near[i]].pickup
        fleet.append(
            FleetDriver(
                name=f"{FIRST_NAMES[first[i]]} {LAST_NAMES[last[i]]}",
                emergency=i % EMERGENCY_EVERY == EMERGENCY_EVERY // 2,
                seats=seats,
                wheelchair_places=places,
                shift_start_s=start_s,
                shift_end_s=start_s + SHIFT_S,
                home=(round(lat + away[i][0], 6), round(lon + away[i][1], 6))
                if at_home[i]
                else None,
            )
        )
    return [fleet[i] for i in rng.permutation(drivers)]


def shift_starts(trips, drivers):
    """Return the start of each driver's shift, one after the other where most is left to do.

    The trips of a half hour are shared among those on duty (d'Hondt's rule of apportionment);
    their square root stands for them, so that the quiet hours have somebody too.
    """
    slots = SHIFT_S // SLOT_S
    last_slot = max(trip.pickup_s for trip in trips) // SLOT_S
    wanted = np.zeros(last_slot + 1 + slots)
    for trip in trips:
        wanted[trip.pickup_s // SLOT_S] += 1
    wanted = np.sqrt(wanted)
    on_duty = np.zeros_like(wanted)
    starts = []
    for _ in range(drivers):
        useful = np.concatenate([[0], np.cumsum(wanted / (1 + on_duty))])
        first = int(np.argmax(useful[slots:] - useful[:-slots]))
        on_duty[first : first + slots] += 1
        starts.append(first * SLOT_S)
    return starts


def vehicles(trips, drivers):
    """Return (seats, wheelchair places) of each car, the kinds evenly mixed.

    There are somewhat more wheelchair places than the trips' share asks for, and at least one
    car takes the largest trip there is.
    """
    with_wheelchair = sum(trip.wheelchairs > 0 for trip in trips) / len(trips)
    with_several = sum(trip.wheelchairs > 1 for trip in trips) / len(trips)
    large = sum(trip.seats > 4 for trip in trips) / len(trips)
    bus = (
        min(100, max(6, *(trip.seats for trip in trips))),
        min(20, max(2, *(trip.wheelchairs for trip in trips))),
    )
    kinds = [
        (bus, max(0.12, 1.3 * with_several + large)),
        ((3, 1), min(0.7, 1.3 * max(0.0, with_wheelchair - with_several))),
        ((4, 0), 1.0),
    ]
    bounds = [0.0]
    for _car, share in kinds:
        bounds.append(min(1.0, bounds[-1] + share))
    mixed = [(i * 0.618_034) % 1.0 for i in range(drivers)]  # spread evenly, the bus first
    return [
        next(
            car
            for (car, _share), (low, high) in zip(kinds, pairwise(bounds), strict=True)
            if low <= at < high
        )
        for at in mixed
    ]
