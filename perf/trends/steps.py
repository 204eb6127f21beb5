"""The history as series: like with like, and where a series took a step.

A step, not the last value against the one before: one noisy run is no change (asv finds
regressions the same way). Pure: rows in, values out.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from statistics import median

import numpy as np

FEWEST = 3  # values on each side of a step
SMALLEST = 0.10  # of the level before
CLEAR = 0.8
CHANCE, DRAWS = 0.04, 1_999  # how often pure noise may show a step; permutations drawn
HIGHER_IS_BETTER = "_per_s"


@dataclass(frozen=True)
class Step:
    """From `at` on (an index) the level is another: medians before and after."""

    at: int
    before: float
    after: float

    @property
    def change(self):
        """Return the change as a share of the level before; None where that was nothing."""
        return (self.after - self.before) / self.before if self.before else None


@dataclass(frozen=True)
class Series:
    """One figure of comparable measurements, oldest first."""

    name: str
    values: tuple[float, ...]
    commits: tuple[str, ...]
    times: tuple[datetime, ...]

    @cached_property
    def step(self):
        return find_step(self.values)

    @property
    def better(self):
        """Say whether the step was an improvement; None without one."""
        step = self.step
        if step is None:
            return None
        return (step.after > step.before) == self.name.endswith(HIGHER_IS_BETTER)


@dataclass(frozen=True)
class Group:
    """Measurements that can be compared: same kind, database, size and machine."""

    kind: str
    engine: str
    size: int | None
    machine: str
    rows: tuple

    @property
    def latest(self):
        return self.rows[-1]

    def series(self, most):
        """Return the first `most` figures of the latest row that are numbers."""
        names = [name for name, value in self.latest.figures.items() if is_number(value)]
        return [self._one(name) for name in names[:most]]

    def _one(self, name):
        rows = [row for row in self.rows if is_number(row.figures.get(name))]
        return Series(
            name,
            tuple(float(row.figures[name]) for row in rows),
            tuple(row.commit for row in rows),
            tuple(row.at for row in rows),
        )


def is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def groups_of(measurements):
    """Return the groups, the one measured last first; rows come newest first."""
    found = {}
    for row in measurements:
        if not isinstance(row.figures, dict):
            continue
        key = row.kind, row.engine, row.size, row.machine
        found.setdefault(key, []).append(row)
    return [Group(*key, tuple(reversed(rows))) for key, rows in found.items()]


def find_step(values):
    """Return the clearest step, or None.

    It is where two levels fit best (least absolute deviations from their medians). It is clear
    if four in five pairs of a value before and one after differ as the medians do, and these
    by more than SMALLEST; and if the best of all splits is seldom as good by chance, which takes
    4 values on each side. Values that are all the same on either side are counts, and no chance.
    """
    splits = range(FEWEST, len(values) - FEWEST + 1)
    if not splits:
        return None
    at = min(splits, key=lambda at: _deviation(values[:at]) + _deviation(values[at:]))
    step = Step(at, median(values[:at]), median(values[at:]))
    rises = step.after > step.before
    if abs(step.after - step.before) <= SMALLEST * abs(step.before):
        return None
    if _beyond(values[:at], values[at:], up=rises) < CLEAR:
        return None
    counted = len(set(values[:at])) == len(set(values[at:])) == 1
    return step if counted or chance_of_step(values) <= CHANCE else None


def chance_of_step(values, *, seed=0):
    """Return how often the same values in another order show as clear a step, at any split.

    A permutation test on the ranks, over the best of all splits: Pettitt, Applied Statistics
    28:126-135 (1979), with the splits weighed by what chance does to them.
    """
    count = len(values)
    ranks = np.searchsorted(np.sort(values), values, side="left").astype(float)
    ranks += np.searchsorted(np.sort(values), values, side="right")
    ranks -= ranks.mean()
    places = np.arange(FEWEST, count - FEWEST + 1)
    scale = np.sqrt(places * (count - places))

    def best(rows):
        return (np.abs(np.cumsum(rows, axis=-1)[..., places - 1]) / scale).max(axis=-1)

    rng = np.random.default_rng(seed)
    drawn = rng.permuted(np.tile(ranks, (DRAWS, 1)), axis=1)
    return float((1 + np.sum(best(drawn) >= best(ranks) - 1e-9)) / (1 + DRAWS))


def _deviation(values):
    level = median(values)
    return sum(abs(value - level) for value in values)


def _beyond(before, after, *, up):
    """Return the share of pairs (one before, one after) that lie as the step says."""
    right = sum((b > a) if up else (b < a) for a in before for b in after)
    return right / (len(before) * len(after))
