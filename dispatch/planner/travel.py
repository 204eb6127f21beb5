"""Travel times: one small interface, and the default that needs no map.

Units: seconds and metres, both whole numbers; places are (latitude, longitude) in degrees,
WGS 84.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

EARTH_RADIUS_M = 6_371_008.8
# A drive of a day or more is none: no shift is as long. Stands for "no road leads there" too.
UNREACHABLE_S = 86_400

Place = tuple[float, float]
Coordinates = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int32]
# Arrays of places: shape (n, 2), or a sequence of n places.
Places = Coordinates | Sequence[Place]


class TravelTimes(Protocol):
    """Driving times and distances of a road network. Every answer is deterministic."""

    def seconds(self, origins: Places, destinations: Places) -> Whole:
        """Return the driving times from each of n origins to each of m destinations.

        Shapes (n, 2) and (m, 2) give (n, m), int32.
        """

    def metres(self, origins: Places, destinations: Places) -> Whole:
        """Return the driving distances, shaped like `seconds`."""

    def legs(self, origins: Places, destinations: Places) -> tuple[Whole, Whole]:
        """Return (seconds, metres) of n legs, each from one origin to its own destination.

        Shapes (n, 2) and (n, 2) give two of (n,); the same numbers as the matrices hold.
        """

    def leg(self, origin: Place, destination: Place) -> tuple[int, int]:
        """Return (seconds, metres) of one leg."""


@dataclass(frozen=True, slots=True)
class GreatCircle:
    """Great-circle distance x circuity / speed.

    `circuity` is road distance over straight distance (about 1.35 in European cities).
    Haversine formula: Sinnott, Virtues of the Haversine, Sky & Telescope 68 (1984), p. 159.
    Raises ValueError for a speed or a circuity that cannot be.
    """

    speed_kmh: float
    circuity: float

    def __post_init__(self) -> None:
        if not self.speed_kmh > 0:
            raise ValueError(f"Speed must be above 0 km/h, got {self.speed_kmh}.")
        if not self.circuity >= 1:
            raise ValueError(f"Circuity must be at least 1, got {self.circuity}.")

    def seconds(self, origins: Places, destinations: Places) -> Whole:
        return self._rounded(_by_pairs(origins, destinations), self.circuity * 3.6 / self.speed_kmh)

    def metres(self, origins: Places, destinations: Places) -> Whole:
        return self._rounded(_by_pairs(origins, destinations), self.circuity)

    def legs(self, origins: Places, destinations: Places) -> tuple[Whole, Whole]:
        straight = _straight(_coordinates(origins), _coordinates(destinations))
        return (
            self._rounded(straight, self.circuity * 3.6 / self.speed_kmh),
            self._rounded(straight, self.circuity),
        )

    def leg(self, origin: Place, destination: Place) -> tuple[int, int]:
        seconds, metres = self.legs([origin], [destination])
        return int(seconds[0]), int(metres[0])

    @staticmethod
    def _rounded(straight: Coordinates, factor: float) -> Whole:
        return np.rint(straight * factor).astype(np.int32)


def in_traffic(seconds: int, factor: float) -> int:
    """Return the whole seconds of a drive in traffic; what is no drive stays none."""
    return seconds if seconds >= UNREACHABLE_S else round(seconds * factor)


def rows_in_traffic(seconds: Whole, factors: Coordinates) -> Whole:
    """Return drives (n, m) in traffic, each row by its own factor (n,), as `in_traffic`."""
    if (factors == 1).all():
        return seconds
    slowed = np.rint(seconds * factors[:, None]).astype(np.int32)
    return np.where(seconds >= UNREACHABLE_S, seconds, slowed)


def _coordinates(places: Places) -> Coordinates:
    """Return latitudes and longitudes of n places in radians, (2, n)."""
    radians: Coordinates = np.radians(np.asarray(places, dtype=float).reshape(-1, 2)).T
    return radians


def _by_pairs(origins: Places, destinations: Places) -> Coordinates:
    """Return the great-circle distances in metres of n origins and m destinations, (n, m)."""
    lat1, lon1 = _coordinates(origins)[:, :, None]
    lat2, lon2 = _coordinates(destinations)[:, None, :]
    return _straight((lat1, lon1), (lat2, lon2))


def _straight(
    origins: Coordinates | tuple[Coordinates, Coordinates],
    destinations: Coordinates | tuple[Coordinates, Coordinates],
) -> Coordinates:
    """Return great-circle distances in metres from (latitudes, longitudes), which broadcast."""
    (lat1, lon1), (lat2, lon2) = origins, destinations
    half_chord = (
        np.sin((lat2 - lat1) / 2) ** 2
        + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    )
    metres: Coordinates = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(half_chord, 1.0)))
    return metres
