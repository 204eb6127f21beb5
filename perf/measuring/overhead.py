"""Measure what watching costs: the same work with and without it, in pairs.

The arms take turns after every unit of work, in an order that is drawn each time: in a fixed one
the garbage of all arms was collected in the same one again and again. What is compared are sums of
units, so that what comes once in many (a sample of a hundred, a write) counts with its weight.

Time is the processor's: watching costs no other, and a busy machine does not disturb it. Waiting
for a server counts for no arm, so the ratios are those of a database that answers at once.
"""

import gc
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time

from perf.measuring.statistics import Ratio, paired_ratio

WARM_UP = 3


def nothing():
    """Finish an arm that leaves nothing to do."""


@dataclass(frozen=True)
class Arm:
    """One way to do the work: `run()` does a unit, `finish()` what is put off until a sum ends.

    `goal` is the most that it may take, as a multiple of the time without.
    """

    name: str
    run: Callable[[], object]
    finish: Callable[[], object] = nothing
    goal: float | None = None


@dataclass(frozen=True)
class Overhead:
    """Processor time of an arm over that without; `control` is without over without."""

    name: str
    ms: float
    ratio: Ratio
    control: Ratio
    goal: float | None

    def summary(self):
        goal = "" if self.goal is None else f"; goal at most × {self.goal}"
        return f"{self.name}: × {self.ratio}{goal}"

    def as_dict(self):
        return {
            "name": self.name,
            "ms": round(self.ms, 4),
            "ratio": self.ratio.as_dict(),
            "control": self.control.as_dict(),
            "goal": self.goal,
        }


def measure_overhead(without, arms: Sequence[Arm], *, pairs=30, units=1) -> list[Overhead]:
    """Compare each arm with `without()`, in `pairs` of sums of `units`; `ms` is a unit's.

    The last of the list is the control: without again.
    """
    base = Arm("without", without)
    control = Arm("the same without it twice", without)
    everything = [base, *arms, control]
    times: dict[str, list[float]] = {arm.name: [] for arm in everything}
    by_name = {arm.name: arm for arm in everything}
    for _ in range(WARM_UP):
        for arm in everything:
            arm.run()
            arm.finish()
    gc.collect()
    gc.freeze()  # what is there already is no arm's, and is not looked through for any
    draw = random.Random(0)  # noqa: S311 - an order of measuring, no secret
    order = list(times)
    try:
        for _pair in range(pairs):
            sums = dict.fromkeys(times, 0.0)
            for _unit in range(units):
                draw.shuffle(order)
                for name in order:
                    start = process_time()
                    by_name[name].run()
                    sums[name] += process_time() - start
            for name, arm in by_name.items():
                start = process_time()
                arm.finish()
                times[name].append(sums[name] + process_time() - start)
    finally:
        gc.unfreeze()
    aa = paired_ratio(times[base.name], times[control.name])
    return [
        Overhead(
            name=arm.name,
            ms=1000 * sum(times[arm.name]) / pairs / units,
            ratio=paired_ratio(times[base.name], times[arm.name]),
            control=aa,
            goal=arm.goal,
        )
        for arm in (*arms, control)
    ]
