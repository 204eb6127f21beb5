"""A place that a search offers."""

from dataclasses import dataclass
from enum import StrEnum

from drivers.models.far_places import km_between


class Source(StrEnum):
    """Where a place is known from."""

    COMPANY = "company"
    REGISTER = "register"
    GEOCODER = "geocoder"


@dataclass(frozen=True, slots=True)
class Match:
    """An address with its position, degrees; `score` is from 0 to 1, how well it was meant.

    Not `is_exact` if the position is that of the street or the locality, not of the house.
    """

    address: str
    lat: float
    lon: float
    source: Source
    score: float
    is_exact: bool = True

    def as_dict(self) -> dict[str, object]:
        return {
            "address": self.address,
            "lat": self.lat,
            "lon": self.lon,
            "source": self.source.value,
            "score": self.score,
            "is_exact": self.is_exact,
        }


NEAR_KM = 50
LEAST = 0.55  # the score of what is offered


def nearness(lat: float, lon: float, near: tuple[float, float]) -> float:
    """Return what is added to the score of a place: up to 0.05 within `NEAR_KM`."""
    return 0.05 * max(0.0, 1 - km_between(*near, lat, lon) / NEAR_KM)
