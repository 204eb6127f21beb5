"""Travel times: one small interface, and the default that needs no map.

Units: seconds and metres, both whole numbers; places are (latitude, longitude) in degrees,
WGS 84. Arrays of places have the shape (n, 2).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

EARTH_RADIUS_M = 6_371_008.8

Place = tuple[float, float]


class TravelTimes(Protocol):
    """What the planner asks of a road network. Every answer is deterministic."""

    def seconds(self, origins: np.ndarray, destinations: np.ndarray) -> np.ndarray:
        """Return the driving times from each of n origins to each of m destinations.

        Shapes (n, 2) and (m, 2) give (n, m), int32.
        """

    def metres(self, origins: np.ndarray, destinations: np.ndarray) -> np.ndarray:
        """Return the driving distances, shaped like `seconds`."""

    def leg(self, origin: Place, destination: Place) -> tuple[int, int]:
        """Return (seconds, metres) of one leg; the same numbers as the matrices hold."""


@dataclass(frozen=True, slots=True)
class GreatCircle:
    """Great-circle distance x circuity / speed.

    `circuity` is road distance over straight distance (about 1.35 in European cities).
    Haversine formula: Sinnott, Virtues of the Haversine, Sky & Telescope 68 (1984), p. 159.
    """

    speed_kmh: float
    circuity: float

    def __post_init__(self):
        if not self.speed_kmh > 0:
            raise ValueError(f"Speed must be above 0 km/h, got {self.speed_kmh}.")
        if not self.circuity >= 1:
            raise ValueError(f"Circuity must be at least 1, got {self.circuity}.")

    def seconds(self, origins, destinations):
        return self._rounded(origins, destinations, self.circuity * 3.6 / self.speed_kmh)

    def metres(self, origins, destinations):
        return self._rounded(origins, destinations, self.circuity)

    def leg(self, origin, destination):
        a, b = np.array([origin]), np.array([destination])
        return int(self.seconds(a, b)[0, 0]), int(self.metres(a, b)[0, 0])

    def _rounded(self, origins, destinations, factor):
        lat1, lon1 = np.radians(np.asarray(origins, dtype=float)).T[:, :, None]
        lat2, lon2 = np.radians(np.asarray(destinations, dtype=float)).T[:, None, :]
        half_chord = (
            np.sin((lat2 - lat1) / 2) ** 2
            + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
        )
        straight = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(half_chord, 1.0)))
        return np.rint(straight * factor).astype(np.int32)
