"""The goals that a benchmark is held against, and whether its result reaches them."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Goal:
    """`what` is a key of `measured`; `at_most` is what may remain of the baseline, 1 is all."""

    name: str
    what: str
    at_most: float


class Answer(StrEnum):
    """A time is measured as an interval: only where all of it is on one side, it is known."""

    REACHED = "reached"
    MISSED = "missed"
    UNDECIDED = "undecided"


GUIDE = (
    Goal("dispatch time, at least −50 %", "total_s", 0.50),
    Goal("statements, at least −67 %", "statements", 0.33),
    Goal("slow statements, at least −80 %", "slow", 0.20),
    Goal("time of writing, at least −90 %", "apply_s", 0.10),
)
OURS_AT = 1_000  # bookings
OURS = (
    Goal("statements, at least −99 %", "statements", 0.01),
    Goal("time of writing, at least −95 %", "apply_s", 0.05),
    Goal("load and apply, at least 20 times faster", "total_s", 0.05),
    Goal("slow statements gone", "slow", 0.0),
)


def measured(size: dict, before: str, after: str) -> dict:
    """Return what remains of the baseline: {what: (before, after, ratio or None)}."""
    arms = size["arms"]
    found = {}
    for key in ("total_s", "load_s", "apply_s"):
        found[key] = (
            arms[before]["summary"][key]["median"],
            arms[after]["summary"][key]["median"],
            size["ratios"][after][key]["ratio"],
        )
    for key in ("statements", "slow", "slow_50", "slow_100", "rows", "commits"):
        old, new = (
            sum(phase[key] for phase in arms[name]["recorded"].values()) for name in (before, after)
        )
        found[key] = old, new, new / old if old else None
    return found


def reached(goal: Goal, size: dict, before: str, after: str) -> tuple[Answer, str]:
    """Return the answer and why."""
    old, new, ratio = measured(size, before, after)[goal.what]
    if goal.what.endswith("_s"):
        judged = size["ratios"][after][goal.what]
        remains = f"{100 * judged['low']:.1f} to {100 * judged['high']:.1f} % remain"
        shown = f"{old:.3f} s → {new:.3f} s, {remains}"
        if judged["high"] <= goal.at_most and judged["verdict"] != "no difference shown":
            return Answer.REACHED, shown
        if judged["low"] > goal.at_most:
            return Answer.MISSED, shown
        return Answer.UNDECIDED, f"{shown}; {judged['why'] or 'the goal lies between'}"
    if ratio is None:
        return (
            (Answer.REACHED, "there was none")
            if new == 0
            else (Answer.MISSED, f"none before, {new} after")
        )
    answer = Answer.REACHED if ratio <= goal.at_most else Answer.MISSED
    return answer, f"{old} → {new}, {change(ratio)}"


def change(ratio: float) -> str:
    """Return "−98.5 %" for a ratio of 0.015; no more digits than tell."""
    percent = (ratio - 1) * 100
    digits = 2 if percent < -99 else 1
    return f"{percent:+.{digits}f} %".replace("-", "−")
