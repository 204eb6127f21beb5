"""Invent a day of patient transport around Geneva: same seed, same day.

Units: seconds of the local day, metres, degrees (WGS 84). Indexes count from 0 and point
into the tuples of the same `Scenario`. Persons, telephone numbers and plates are invented;
hospitals and communes are real, addresses are not (see `geneva`).

The kind of day: trips of 5 to 15 road kilometres between home and hospital, appointments in
a morning peak, an afternoon peak and in between, a way back for 85 % of them, and a fleet of
one driver per nine bookings that cannot quite serve the morning peak.

Values only: writing them to a database is the caller's business.
"""

from dataclasses import dataclass

import numpy as np

from dispatch.planner.travel import EARTH_RADIUS_M
from perf.project.scenarios.geneva import (
    COMMUNES,
    DEPOT,
    FIRST_NAMES,
    HOSPITALS,
    LAST_NAMES,
    SHIFTS,
    STREETS,
    VEHICLES,
)

SPEED_KMH, CIRCUITY = 30.0, 1.35
BOARDING_S, ALIGHTING_S = 300, 180
OUTBOUND_EARLY_S, OUTBOUND_LATE_S = 600, 900
RETURN_EARLY_S, RETURN_LATE_S = 0, 1800
APPOINTMENT_MARGIN_S = 600
BREAK_S = 1800
CAP = 14
NORMAL, HIGH, URGENT = 0, 1, 2
SHORTEST_M, LONGEST_M, USUAL_M = 5_000, 15_000, 7_000


@dataclass(frozen=True, slots=True)
class ScenarioClient:
    """A person who is driven. `preferred` are indexes of drivers."""

    first_name: str
    last_name: str
    phone: str
    address: str
    latitude: float
    longitude: float
    uses_wheelchair: bool
    preferred: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ScenarioDriver:
    """A driver with a vehicle and one shift; the car stands at `latitude`, `longitude`.

    `kind` is "regular" or "emergency". The break of `break_length_s` lies inside
    [break_earliest_s, break_latest_s).
    """

    first_name: str
    last_name: str
    kind: str
    vehicle: str
    plate: str
    seats: int
    wheelchair_places: int
    shift: str
    shift_start_s: int
    shift_end_s: int
    break_earliest_s: int
    break_latest_s: int
    break_length_s: int
    address: str
    latitude: float
    longitude: float
    max_bookings: int


@dataclass(frozen=True, slots=True)
class ScenarioBooking:
    """A trip that somebody asked for.

    `passengers` counts everybody, `wheelchairs` those of them who travel in a wheelchair.
    `appointment_s` is None on the way back; `return_of` is then the index of the way there.
    """

    client: int
    reference: str
    pickup_name: str
    pickup_address: str
    pickup_latitude: float
    pickup_longitude: float
    dropoff_name: str
    dropoff_address: str
    dropoff_latitude: float
    dropoff_longitude: float
    wanted_s: int
    appointment_s: int | None
    return_of: int | None
    passengers: int
    wheelchairs: int
    priority: int
    preferred: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    seed: int
    clients: tuple[ScenarioClient, ...]
    drivers: tuple[ScenarioDriver, ...]
    bookings: tuple[ScenarioBooking, ...]


def geneva_day(bookings, drivers=None, seed=1):
    """Invent one day: every client is driven once, most of them back again.

    Without `drivers`, one for nine bookings.
    """
    outbound = outbound_count(bookings)
    fleet = geneva_fleet(max(1, round(bookings / 9)) if drivers is None else drivers, seed)
    clients = geneva_clients(outbound, len(fleet), seed)
    return Scenario(
        seed=seed,
        clients=clients,
        drivers=fleet,
        bookings=geneva_bookings(clients, bookings, seed),
    )


def outbound_count(bookings):
    """Return how many of so many bookings are ways there: 85 % of them have a way back."""
    return bookings - int(bookings * 0.85 / 1.85)


def geneva_fleet(drivers, seed):
    """Invent drivers, every eighth of them for emergencies, all starting from the depot."""
    rng = np.random.default_rng([seed, 1])
    emergency = np.zeros(drivers, dtype=bool)
    emergency[rng.permutation(drivers)[: round(drivers * 0.125)]] = True
    shifts = rng.permutation(_shares([s[-1] for s in SHIFTS], drivers))
    vehicles = rng.permutation(_shares([v[-1] for v in VEHICLES], drivers))
    first = rng.integers(len(FIRST_NAMES), size=drivers)
    last = rng.integers(len(LAST_NAMES), size=drivers)
    fleet = []
    for i in range(drivers):
        shift, start_h, end_h, (break_from_h, break_until_h), _ = SHIFTS[shifts[i]]
        vehicle, seats, wheelchair_places, _ = VEHICLES[vehicles[i]]
        fleet.append(
            ScenarioDriver(
                first_name=FIRST_NAMES[first[i]],
                last_name=LAST_NAMES[last[i]],
                kind="emergency" if emergency[i] else "regular",
                vehicle=vehicle,
                plate=f"GE {900_000 + i}",
                seats=seats,
                wheelchair_places=wheelchair_places,
                shift=shift,
                shift_start_s=int(start_h * 3600),
                shift_end_s=int(end_h * 3600),
                break_earliest_s=int(break_from_h * 3600),
                break_latest_s=int(break_until_h * 3600),
                break_length_s=BREAK_S,
                address=DEPOT[0],
                latitude=DEPOT[1],
                longitude=DEPOT[2],
                max_bookings=CAP,
            )
        )
    return tuple(fleet)


def geneva_clients(clients, drivers, seed):
    """Invent persons; 16 % use a wheelchair, 6 % prefer one or two of so many drivers."""
    rng = np.random.default_rng([seed, 2])
    inhabitants = np.array([c[4] for c in COMMUNES], dtype=float)
    commune = rng.choice(len(COMMUNES), size=clients, p=inhabitants / inhabitants.sum())
    centre = np.array([c[2:4] for c in COMMUNES])[commune]
    home = np.round(centre + rng.normal(0, [0.0050, 0.0072], size=(clients, 2)), 6).tolist()
    first = rng.integers(len(FIRST_NAMES), size=clients).tolist()
    last = rng.integers(len(LAST_NAMES), size=clients).tolist()
    street = rng.integers(len(STREETS), size=clients).tolist()
    number = rng.integers(1, 90, size=clients).tolist()
    wheelchair = (rng.random(clients) < 0.16).tolist()
    choosy = (rng.random(clients) < 0.06).tolist()
    favourites = rng.integers(max(drivers, 1), size=(clients, 2)).tolist()
    two = (rng.random(clients) < 0.3).tolist()
    town = [f"{c[1]} {c[0]}" for c in COMMUNES]
    commune = commune.tolist()
    return tuple(
        ScenarioClient(
            first_name=FIRST_NAMES[first[i]],
            last_name=LAST_NAMES[last[i]],
            phone=f"+41 70 {i // 10_000:03d} {i // 100 % 100:02d} {i % 100:02d}",
            address=f"{STREETS[street[i]]} {number[i]}, {town[commune[i]]}",
            latitude=home[i][0],
            longitude=home[i][1],
            uses_wheelchair=wheelchair[i],
            preferred=(
                tuple(sorted(set(favourites[i][: 2 if two[i] else 1])))
                if choosy[i] and drivers
                else ()
            ),
        )
        for i in range(clients)
    )


def geneva_bookings(clients, bookings, seed):
    """Invent the bookings of one day for some of these clients.

    A history is made by calling this once a day with another seed: no client is driven
    to two hospitals on one day while there are clients enough.
    """
    rng = np.random.default_rng([seed, 3])
    outbound = outbound_count(bookings)
    if len(clients) >= outbound:
        who = rng.permutation(len(clients))[:outbound]
    else:
        who = rng.integers(len(clients), size=outbound)
    home = np.array([(c.latitude, c.longitude) for c in clients]).reshape(-1, 2)[who]
    hospital, ride_s = _hospitals_for(home, rng)

    kind = rng.random(outbound)
    appointment = np.where(
        kind < 0.40,
        rng.normal(8 + 25 / 60, 33 / 60, outbound),
        np.where(
            kind < 0.62,
            rng.normal(13 + 50 / 60, 33 / 60, outbound),
            rng.uniform(7.5, 17.0, outbound),
        ),
    )
    appointment = _to_five_minutes(np.clip(appointment, 7.0, 17.5) * 3600)
    wanted = _to_five_minutes(appointment - APPOINTMENT_MARGIN_S - BOARDING_S - ride_s)
    stay = rng.gamma(4.0, 0.45, outbound) + 0.5
    back = _to_five_minutes(np.minimum(appointment + stay * 3600, 18.75 * 3600))
    comes_back = np.zeros(outbound, dtype=bool)
    comes_back[rng.permutation(outbound)[: bookings - outbound]] = True
    passengers = 1 + (rng.random(outbound) < 0.14) + (rng.random(outbound) < 0.03)
    chance = rng.random(outbound)
    priority = np.where(chance < 0.10, URGENT, np.where(chance < 0.13, HIGH, NORMAL))

    rows = []
    columns = (who, hospital, appointment, wanted, back, comes_back, passengers, priority)
    for i, (c, h, arrive, leave, leave_back, returns, people, urgency) in enumerate(
        zip(*(column.tolist() for column in columns), strict=True)
    ):
        client, place = clients[c], HOSPITALS[h]
        name = f"{client.first_name} {client.last_name}"
        at_home = (name, client.address, client.latitude, client.longitude)
        wheelchairs = int(client.uses_wheelchair)
        there = len(rows)
        rows.append(
            ScenarioBooking(
                c,
                f"G{seed}-{i + 1}",
                *at_home,
                *place[:4],
                leave,
                arrive,
                None,
                people,
                wheelchairs,
                urgency,
                client.preferred,
            )
        )
        if returns:
            rows.append(
                ScenarioBooking(
                    c,
                    f"G{seed}-{i + 1}R",
                    *place[:4],
                    *at_home,
                    leave_back,
                    None,
                    there,
                    people,
                    wheelchairs,
                    NORMAL,
                    client.preferred,
                )
            )
    return tuple(rows)


def _hospitals_for(homes, rng):
    """Choose a hospital for each home, and return (its index, the ride in seconds).

    Drawn by weight and by how usual the road distance is, between the shortest and the
    longest; the nearest to that range where none is inside it.
    """
    places = np.array([h[2:4] for h in HOSPITALS])
    road_m = _road_metres(homes[:, None, :], places[None, :, :])
    weight = np.array([h[4] for h in HOSPITALS]) * np.exp(-np.maximum(road_m - USUAL_M, 0) / 3e3)
    outside = np.maximum(SHORTEST_M - road_m, 0) + np.maximum(road_m - LONGEST_M, 0)
    weight = np.where(outside > 0, 0.0, weight)
    none = weight.sum(axis=1) == 0
    weight[none, np.argmin(outside[none], axis=1)] = 1.0
    cumulative = np.cumsum(weight, axis=1)
    draw = rng.random(len(homes)) * cumulative[:, -1]
    chosen = np.minimum((cumulative <= draw[:, None]).sum(axis=1), len(HOSPITALS) - 1)
    ride_s = road_m[np.arange(len(homes)), chosen] * 3.6 / SPEED_KMH
    return chosen, ride_s


def _road_metres(a, b):
    """Return road distances on a flat map: good to 0.1 % over 20 km."""
    north = np.radians(b[..., 0] - a[..., 0])
    east = np.radians(b[..., 1] - a[..., 1]) * np.cos(np.radians(DEPOT[1]))
    return EARTH_RADIUS_M * np.hypot(north, east) * CIRCUITY


def _to_five_minutes(seconds):
    return (np.rint(np.asarray(seconds) / 300) * 300).astype(np.int64)


def _shares(shares, count):
    """Return `count` indexes of the shares, each as often as its share says."""
    bounds = np.cumsum(shares) / np.sum(shares)
    return np.searchsorted(bounds, (np.arange(count) + 0.5) / max(count, 1))
