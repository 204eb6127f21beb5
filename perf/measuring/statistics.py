"""Compare measurements on a noisy machine: summaries, paired ratios, verdicts, growth.

Two arms are run in interleaved, order-alternated pairs; what is compared is the ratio within
each pair, so that slow drift of the machine falls out. On a busy machine a block of A, then a
block of B and a t-test called two identical programs different in half of all trials; pairs
in 0 to 4 %. All comparisons of a report are judged together (`judge_together`).

Pure: values in, values out, the same draws every time. Values are any positive unit.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

import numpy as np

LEVEL = 0.95
DRAWS = 5_000
# An effect smaller than this is not called one, however narrow its interval.
SMALLEST_EFFECT = 0.05
# With fewer pairs even the extremes are no 95 % interval: five pairs fall on the same side of 1
# by chance in 2 of 32 cases.
FEWEST_PAIRS = 6
# An A/A interval that reaches further from 1 labels the whole report unstable.
UNSTABLE = 0.10
# Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993): modified z over 3.5.
OUTLYING = 3.5


@dataclass(frozen=True, slots=True)
class Summary:
    """One arm's values. With fewer than 60 of them `p95` is nearly the maximum.

    `outliers` are counted, never removed: they happened.
    """

    n: int
    mean: float
    sd: float
    min: float
    max: float
    median: float
    p95: float
    outliers: int

    def as_dict(self):
        return asdict(self)


def summarize(values: Sequence[float]) -> Summary:
    """Return the summary of one arm; the deviation is the sample's (n - 1)."""
    if not values:
        raise ValueError("There is nothing to summarize.")
    data = np.asarray(values, dtype=float)
    return Summary(
        n=len(data),
        mean=float(data.mean()),
        sd=float(data.std(ddof=1)) if len(data) > 1 else 0.0,
        min=float(data.min()),
        max=float(data.max()),
        median=float(np.median(data)),
        p95=float(np.percentile(data, 95)),
        outliers=_outliers(data),
    )


def _outliers(data):
    deviation = np.abs(data - np.median(data))
    mad = np.median(deviation)
    if mad == 0:
        return 0
    return int((0.6745 * deviation / mad > OUTLYING).sum())


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of B/A over pairs, below 1 where B takes less; with its bootstrap interval.

    `p` is the second voice, the Wilcoxon signed-rank test on the logarithms. `t_p` is that of
    Student's t: with few pairs only it becomes small enough to hold among many comparisons.
    """

    pairs: int
    ratio: float
    low: float
    high: float
    p: float
    t_p: float = 1.0

    @property
    def includes_one(self):
        return self.low <= 1 <= self.high

    def as_dict(self):
        return asdict(self)

    def __str__(self):
        return f"{self.ratio:.3f} [{self.low:.3f}, {self.high:.3f}]"


def paired_ratio(before: Sequence[float], after: Sequence[float], *, draws=DRAWS, seed=0) -> Ratio:
    """Return the ratio after/before; the values at one index are one pair.

    The interval is the percentile bootstrap over pairs, 95 %.
    """
    if len(before) != len(after) or not before:
        raise ValueError("Pairs need as many values on both sides, and at least one.")
    ratios = np.asarray(after, dtype=float) / np.asarray(before, dtype=float)
    rng = np.random.default_rng(seed)
    drawn = np.median(ratios[rng.integers(len(ratios), size=(draws, len(ratios)))], axis=1)
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Ratio(
        pairs=len(ratios),
        ratio=float(np.median(ratios)),
        low=float(low),
        high=float(high),
        p=signed_rank(np.log(ratios)),
        t_p=student(np.log(ratios)),
    )


def student(differences: Sequence[float]) -> float:
    """Return the two-sided p of Student's t against 0; 1 for fewer than two.

    The distribution is the finite series for whole degrees of freedom (Abramowitz and Stegun,
    Handbook of Mathematical Functions, 26.7.3 and 26.7.4).
    """
    data = np.asarray(differences, dtype=float)
    free = len(data) - 1
    if free < 1 or not np.any(data):
        return 1.0
    spread = data.std(ddof=1)
    if spread <= 1e-12 * abs(data.mean()):
        return 0.0
    angle = math.atan(abs(data.mean()) / spread * math.sqrt(len(data) / free))
    cosine, term, total = math.cos(angle), 1.0, 0.0
    for number in range(1 + free % 2, free, 2):
        total += term
        term *= cosine**2 * number / (number + 1)
    if free % 2 == 0:
        within = math.sin(angle) * total
    else:
        within = 2 / math.pi * (angle + math.sin(angle) * cosine * total)
    return max(0.0, 1 - within)


def signed_rank(differences: Sequence[float]) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test, exact for any ties.

    Zero differences are left out (Wilcoxon, Biometrics Bulletin 1:80-83, 1945). The number
    of sign patterns behind each rank sum is counted, with ranks doubled so that the middle
    ranks of ties are whole; that costs n cubed, which hundreds of pairs do not feel.
    """
    data = [float(d) for d in differences if d != 0]
    if not data:
        return 1.0
    ranks = _doubled_ranks([abs(d) for d in data])
    ways = np.zeros(sum(ranks) + 1)
    ways[0] = 1.0
    for rank in ranks:
        ways[rank:] = ways[rank:] + ways[:-rank]
        ways /= 2
    positive = sum(rank for rank, d in zip(ranks, data, strict=True) if d > 0)
    smaller = min(positive, sum(ranks) - positive)
    return min(1.0, 2 * float(ways[: smaller + 1].sum()))


def _doubled_ranks(sizes):
    """Return twice the rank of each size, ties sharing the middle of theirs."""
    order = sorted(sizes)
    first, last = {}, {}
    for position, size in enumerate(order, start=1):
        first.setdefault(size, position)
        last[size] = position
    return [first[size] + last[size] for size in sizes]


class Verdict(StrEnum):
    FASTER = "faster"
    SLOWER = "slower"
    NOT_SHOWN = "no difference shown"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and why it is no stronger; two arms are never called equal."""

    verdict: Verdict
    why: str = ""

    def as_dict(self):
        return {"verdict": str(self.verdict), "why": self.why}


def judge(ratio: Ratio, control: Ratio, *, smallest=SMALLEST_EFFECT) -> Judgement:
    """Judge B against A, given the A/A control of the same session."""
    if ratio.pairs < FEWEST_PAIRS:
        return Judgement(Verdict.NOT_SHOWN, f"fewer than {FEWEST_PAIRS} pairs")
    if ratio.includes_one:
        return Judgement(Verdict.NOT_SHOWN, "the interval includes 1")
    if ratio.p > 1 - LEVEL:
        return Judgement(Verdict.NOT_SHOWN, "the signed-rank test does not agree")
    if abs(ratio.ratio - 1) < smallest:
        return Judgement(Verdict.NOT_SHOWN, f"the effect is under {smallest:.0%}")
    if _nearest(ratio) <= _furthest(control):
        if not control.includes_one:
            return Judgement(Verdict.NOT_SHOWN, "the A/A control, without 1, reaches as far")
        if is_unstable(control):
            return Judgement(Verdict.NOT_SHOWN, "the A/A control is unstable and reaches as far")
    return Judgement(Verdict.FASTER if ratio.ratio < 1 else Verdict.SLOWER)


def judge_together(comparisons: Sequence[tuple[Ratio, Ratio]]) -> list[Judgement]:
    """Judge all (ratio, control) of one report, so that 95 % of reports hold no false verdict.

    Each as `judge` does; and what differs has to differ among all of them, by Holm's procedure
    (Holm, Scandinavian Journal of Statistics 6:65-70, 1979).
    """
    adjusted = holm([ratio.t_p for ratio, _control in comparisons])
    judged = []
    for (ratio, control), p in zip(comparisons, adjusted, strict=True):
        judgement = judge(ratio, control)
        if judgement.verdict is not Verdict.NOT_SHOWN and p > 1 - LEVEL:
            why = f"it does not hold among the {len(comparisons)} comparisons of this report"
            judgement = Judgement(Verdict.NOT_SHOWN, why)
        judged.append(judgement)
    return judged


def judge_report(reported: Sequence[tuple[dict, dict]]) -> None:
    """Write the verdicts of a whole report into its (ratio, control) dicts, as in `as_dict`.

    The ratio's dict gets "verdict" and "why", the control's "unstable".
    """
    names = Ratio.__dataclass_fields__

    def read(side):
        return Ratio(**{name: side[name] for name in names})

    pairs = [(read(ratio), read(control)) for ratio, control in reported]
    for (told, control), judgement, pair in zip(
        reported, judge_together(pairs), pairs, strict=True
    ):
        told |= judgement.as_dict()
        control["unstable"] = is_unstable(pair[1])


def holm(values: Sequence[float]) -> list[float]:
    """Return the p of each among all of them: never smaller than that of a smaller one."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    adjusted, largest = [0.0] * len(values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = largest
    return adjusted


def _nearest(ratio):
    """Return how far from 1, on the logarithm, an interval without 1 begins."""
    return min(abs(math.log(ratio.low)), abs(math.log(ratio.high)))


def _furthest(ratio):
    return max(abs(math.log(ratio.low)), abs(math.log(ratio.high)))


def is_unstable(control: Ratio) -> bool:
    """Say whether the A/A control is so wide that times of this session gate nothing."""
    return control.low < 1 - UNSTABLE or control.high > 1 + UNSTABLE


@dataclass(frozen=True, slots=True)
class Growth:
    """The slope of log(time) over log(size), with its bootstrap interval: 1 is linear."""

    slope: float
    low: float
    high: float

    def as_dict(self):
        return asdict(self)

    def __str__(self):
        return f"{self.slope:.2f} [{self.low:.2f}, {self.high:.2f}]"


def growth(values_by_size: dict[int, Sequence[float]], *, draws=DRAWS, seed=0) -> Growth | None:
    """Return how the medians grow with the size; None with fewer than two sizes.

    The interval resamples the values of every size.
    """
    if len(values_by_size) < 2:
        return None
    sizes = np.log(sorted(values_by_size))
    columns = [np.asarray(values_by_size[size], dtype=float) for size in sorted(values_by_size)]
    rng = np.random.default_rng(seed)
    medians = np.array(
        [
            np.median(column[rng.integers(len(column), size=(draws, len(column)))], axis=1)
            for column in columns
        ]
    )
    low, high = np.percentile(
        _slope(sizes, np.log(medians)), [100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2]
    )
    best = _slope(sizes, np.log([[np.median(column)] for column in columns]))
    return Growth(float(best[0]), float(low), float(high))


def _slope(x, y):
    """Return the least-squares slope of every column of y over x."""
    centred = x - x.mean()
    return centred @ (y - y.mean(axis=0)) / math.fsum(centred**2)


def order_of_arms(arms: Sequence[str], round_number: int) -> list[str]:
    """Return the order of a round: forwards, then backwards, so that no arm is always first."""
    return list(arms) if round_number % 2 == 0 else list(reversed(arms))
