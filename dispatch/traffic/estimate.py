"""Estimate traffic factors by the hour of the week from rides: mean, and how sure it is.

A factor is what rides took in all over what they would take on free roads. Where few were driven
it is drawn to what is known more widely: an hour of a weekday to that hour on such days (Monday to
Friday, Saturday, Sunday), and that to the company's mean; the more, the less such hours differ
from each other otherwise. How much they do is estimated by the moments of DerSimonian and Laird,
Meta-analysis in clinical trials, Controlled Clinical Trials 7 (1986), pp. 177-188.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from drivers.models.traffic import DAYS, HOURS, LEAST, MOST

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SHORTEST_S = 120  # of a shorter ride the minutes of a report say nothing
PLAUSIBLE = (0.4, 4.0)  # times the free road; beyond somebody reported late, or twice at once
FAR_OUT = 4.0  # standard deviations from the rides of the same hour
KIND_OF_DAY = np.array([0, 0, 0, 0, 0, 1, 2])
NO_NOISE = 1e-6  # seconds: rides that all took exactly as long
SURE = 1.96  # standard deviations of a 95 % interval


class Rides(NamedTuple):
    """Rides (n,): weekday (Monday is 0) and hour of the pickup, seconds planned and driven."""

    weekday: Ints
    hour: Ints
    free_s: Floats
    drove_s: Floats

    def only(self, which: npt.NDArray[np.bool_]) -> "Rides":
        return Rides(self.weekday[which], self.hour[which], self.free_s[which], self.drove_s[which])


class Estimate(NamedTuple):
    """Factors (7, 24), half widths of their 95 % intervals, and the rides of each hour."""

    factors: Floats
    within: Floats
    counts: Ints
    left_out: int


class _Known(NamedTuple):
    """Means of cells with their variances."""

    mean: Floats
    variance: Floats


def estimate(rides: Rides) -> Estimate:
    """Return the factors of at least two hours' plausible rides. Raises ValueError without any."""
    used = plausible(rides)
    if not len(used.hour):
        raise ValueError("There is no plausible ride.")
    hour_of_week = used.weekday * HOURS + used.hour
    kind = np.repeat(KIND_OF_DAY, HOURS) * HOURS + np.tile(np.arange(HOURS), DAYS)

    free_s = _sums(hour_of_week, used.free_s, DAYS * HOURS)
    drove_s = _sums(hour_of_week, used.drove_s, DAYS * HOURS)
    # The variance of a ride grows with its length: that of a factor falls with all their lengths.
    cells = np.flatnonzero(free_s)
    expected = used.free_s * (drove_s / np.maximum(free_s, 1))[hour_of_week]
    noise = float(((used.drove_s - expected) ** 2 / used.free_s).sum())
    noise = max(noise / max(1, len(used.hour) - len(cells)), NO_NOISE)

    whole = _Known(np.array([drove_s.sum() / free_s.sum()]), np.array([noise / free_s.sum()]))
    by_kind = _drawn(_sums(kind, free_s), _sums(kind, drove_s), noise, whole, np.zeros(72, int))
    by_hour = _drawn(free_s, drove_s, noise, by_kind, kind)
    return Estimate(
        np.clip(by_hour.mean, LEAST, MOST).round(3).reshape(DAYS, HOURS),
        (SURE * np.sqrt(by_hour.variance)).round(3).reshape(DAYS, HOURS),
        np.bincount(hour_of_week, minlength=DAYS * HOURS).reshape(DAYS, HOURS),
        len(rides.hour) - len(used.hour),
    )


def plausible(rides: Rides) -> Rides:
    """Return the rides that were driven as reported, as far as that can be told."""
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = rides.drove_s / rides.free_s
    good = (rides.free_s >= SHORTEST_S) & (factor >= PLAUSIBLE[0]) & (factor <= PLAUSIBLE[1])
    rides, factor = rides.only(good), factor[good]
    if not len(factor):
        return rides
    group = (KIND_OF_DAY[rides.weekday] * HOURS + rides.hour).astype(np.int64)
    median = np.zeros(group.max() + 1)
    for number in np.unique(group):
        median[number] = np.median(factor[group == number])
    off = np.log(factor / median[group])
    scale = 1.4826 * float(np.median(np.abs(off)))  # that of a normal distribution's deviation
    return rides.only(np.abs(off) <= max(FAR_OUT * scale, 0.2))


def _sums(of: Ints, values: Floats, count: int = 0) -> Floats:
    return np.bincount(of, values, count).astype(float)


def _drawn(free_s: Floats, drove_s: Floats, noise: float, wide: _Known, of: Ints) -> _Known:
    """Return the factors of cells drawn to the wider ones that they are `of`."""
    known = free_s > 0
    own = np.divide(drove_s, free_s, out=np.ones_like(free_s), where=known)
    chance = np.divide(noise, free_s, out=np.zeros_like(free_s), where=known)
    differ = _differ(own[known], chance[known], of[known])
    # A cell without rides has everything from the wider one, but for how much such cells differ.
    drawn = np.divide(chance, chance + differ, out=np.ones_like(free_s), where=known)
    own_variance = np.where(known, (1 - drawn) * chance, differ)
    return _Known(
        (1 - drawn) * own + drawn * wide.mean[of], own_variance + drawn**2 * wide.variance[of]
    )


def _differ(own: Floats, variance: Floats, of: Ints) -> float:
    """Return the variance between the cells of a wider one, beyond what chance explains."""
    excess = weight = 0.0
    for number in np.unique(of):
        of_it = of == number
        w = 1 / variance[of_it]
        mean = (w * own[of_it]).sum() / w.sum()
        excess += float((w * (own[of_it] - mean) ** 2).sum()) - (of_it.sum() - 1)
        weight += float(w.sum() - (w**2).sum() / w.sum())
    return max(0.0, excess / weight) if weight > 0 else 0.0
