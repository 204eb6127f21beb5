"""What goes wrong on a day, drawn from a seed: the same for every way of running the office.

Values in, values out. Each trip and each driver has random numbers of its own, so that what is done
about one of them changes nothing for the others (common random numbers). Drives take the
minutes of a free road times what the traffic is by the hour, times what one drive is by chance.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

# How much longer drives take than on a free road, by the local hour of their beginning.
BY_HOUR = (
    0.85, 0.85, 0.85, 0.85, 0.9, 0.95, 1.05, 1.2, 1.25, 1.1, 1.0, 1.0,
    1.05, 1.05, 1.05, 1.15, 1.25, 1.3, 1.1, 1.0, 0.95, 0.9, 0.9, 0.85,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rates:
    """How much goes wrong. Standard deviations are of the logarithm; shares are of trips."""

    of_day: float = 0.06  # traffic of the whole day
    of_hour: float = 0.06  # traffic of one of its hours
    of_drive: float = 0.15
    boarding: float = 0.5
    not_ready: float = 0.08  # who lets the car wait
    not_ready_min: float = 6.0  # on average
    no_show: float = 0.04
    late_booking: float = 0.06
    booked_ahead_min: tuple[int, int] = (60, 180)
    sick: float = 0.04  # of shifts: the driver falls ill or the car breaks down, any time in it


@dataclass(frozen=True, slots=True)
class TripNoise:
    """Of one trip: factors of its drives and its boarding, minutes, and what becomes of it.

    `booked_min` is how long before its time it is booked, None for before the day.
    """

    empty: float
    ride: float
    boarding: float
    waits_min: float
    no_show: bool
    booked_min: int | None


@dataclass(frozen=True)
class Noise:
    seed: int
    rates: Rates = Rates()

    @cached_property
    def hours(self) -> tuple[float, ...]:
        """Return the factors of the day's 24 hours."""
        rng = np.random.default_rng([self.seed, 1])
        day = _around_one(rng.standard_normal(), self.rates.of_day)
        return tuple(
            usual * day * _around_one(normal, self.rates.of_hour)
            for usual, normal in zip(BY_HOUR, rng.standard_normal(24), strict=True)
        )

    def trip(self, booking_id: int) -> TripNoise:
        rng, rates = np.random.default_rng([self.seed, 2, booking_id]), self.rates
        empty, ride, boarding = rng.standard_normal(3)
        not_ready, no_show, late = rng.random(3)
        waits_min = rng.exponential(rates.not_ready_min)
        return TripNoise(
            empty=_around_one(empty, rates.of_drive),
            ride=_around_one(ride, rates.of_drive),
            boarding=_around_one(boarding, rates.boarding),
            waits_min=waits_min if not_ready < rates.not_ready else 0.0,
            no_show=no_show < rates.no_show,
            booked_min=int(rng.integers(*rates.booked_ahead_min))
            if late < rates.late_booking
            else None,
        )

    def falls_ill(self, driver_id: int) -> float | None:
        """Return after which share of the shift the driver can drive no more, None for never."""
        share, when = np.random.default_rng([self.seed, 3, driver_id]).random(2)
        return float(when) if share < self.rates.sick else None


def _around_one(normal: float, deviation: float) -> float:
    """Return a log-normal factor whose mean is 1."""
    return math.exp(deviation * normal - deviation**2 / 2)
