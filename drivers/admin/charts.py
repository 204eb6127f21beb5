"""Lay small charts out for a template: bars of stacked parts, and lines. No query.

Coordinates are pixels of a drawing WIDE x HIGH, with room for the labels around it; each chart has
the table of its numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.formats import number_format

WIDE, HIGH = 300.0, 110.0
GAP = 0.25  # of the width of a bar
LABELS = 8  # at most, below a chart


class Part(NamedTuple):
    """A piece of a bar; `kind` is its colour."""

    kind: str
    y: float
    high: float


class Bar(NamedTuple):
    """A bar; `mark` is the height at which the period before lies, None if it is not drawn."""

    x: float
    wide: float
    parts: list[Part]
    mark: float | None
    said: str


class Label(NamedTuple):
    x: float
    text: str


class Tick(NamedTuple):
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing and its table: `head` are the names of columns, `rows` their texts.

    `legend` are (kind, name). A line is the text of its points.
    """

    slug: str
    title: str
    said: str
    legend: list[tuple[str, str]]
    ticks: list[Tick]
    labels: list[Label]
    head: list[str]
    rows: list[list[str]]
    bars: Sequence[Bar] = ()
    line: str = ""
    line_before: str = ""


def bars(
    slug: str,
    title: str,
    said: str,
    *,
    names: Sequence[str],
    first: str,
    series: Sequence[tuple[str, str, Sequence[float]]],
    before: tuple[str, Sequence[float]] | None = None,
    decimals: int = 0,
) -> Chart:
    """Return bars, one for each of the `names`, of (kind, name, values) stacked on each other.

    `before` are the name and the values of the period before, drawn as marks. `first` is the head
    of the table's first column.
    """
    sums = [
        sum(values) for values in zip(*(values for _kind, _name, values in series), strict=True)
    ]
    marks = list(before[1]) if before else []
    top = nice(max([*sums, *marks, 0]))
    step = WIDE / max(len(names), 1)
    drawn = []
    for number, name in enumerate(names):
        y, parts = HIGH, []
        for kind, _name, values in series:
            high = values[number] / top * HIGH
            y -= high
            parts.append(Part(kind, round(y, 1), round(high, 1)))
        mark = round(HIGH - marks[number] / top * HIGH, 1) if number < len(marks) else None
        told = ", ".join(f"{label} {text(row[number], decimals)}" for _k, label, row in series)
        x = number * step + step * GAP / 2
        drawn.append(Bar(round(x, 1), round(step * (1 - GAP), 1), parts, mark, f"{name}: {told}"))
    columns = [(name, values) for _kind, name, values in series]
    columns += [(before[0], marks)] if before else []
    return Chart(
        slug,
        title,
        said,
        [(kind, name) for kind, name, _values in series]
        + ([("mark", before[0])] if before else []),
        _ticks(top),
        _labels(names, step, step / 2),
        [first, *(name for name, _values in columns)],
        [
            [name, *(text(_at(values, number), decimals) for _name, values in columns)]
            for number, name in enumerate(names)
        ],
        bars=drawn,
    )


def shares(
    slug: str,
    title: str,
    said: str,
    *,
    names: Sequence[str],
    first: str,
    now: tuple[str, Sequence[float | None]],
    before: tuple[str, Sequence[float | None]],
) -> Chart:
    """Return two lines of shares (0 to 1), of this period and of the one before it."""
    step = WIDE / max(len(names) - 1, 1)
    found = [value for value in (*now[1], *before[1]) if value is not None]
    least = 0.0 if not found or min(found) < 0.5 else 0.5
    lines = [_line(values[: len(names)], step, least) for _name, values in (now, before)]
    ticks = [
        Tick(0, percent(1)),
        Tick(HIGH / 2, percent((1 + least) / 2)),
        Tick(HIGH, percent(least)),
    ]
    return Chart(
        slug,
        title,
        said,
        [("line", now[0]), ("line-before", before[0])],
        ticks,
        _labels(names, step, 0.0),
        [first, now[0], before[0]],
        [
            [name, percent(_at(now[1], number)), percent(_at(before[1], number))]
            for number, name in enumerate(names)
        ],
        line=lines[0],
        line_before=lines[1],
    )


def _at(values, number):
    return values[number] if number < len(values) else None


def _line(values, step, least):
    points = [
        f"{number * step:.1f},{HIGH - (value - least) / (1 - least) * HIGH:.1f}"
        for number, value in enumerate(values)
        if value is not None
    ]
    return " ".join(points * 2 if len(points) == 1 else points)  # one alone is drawn as a dot


def _ticks(top):
    half = top / 2
    return [
        Tick(0, text(top)),
        Tick(HIGH / 2, text(half, 0 if half == round(half) else 1)),
        Tick(HIGH, "0"),
    ]


def _labels(names, step, offset):
    """Return some of the names, evenly, so that they do not lie over each other."""
    every = -(-len(names) // LABELS)
    return [
        Label(round(number * step + offset, 1), name)
        for number, name in enumerate(names)
        if number % max(every, 1) == 0
    ]


def nice(value: float) -> float:
    """Return the next number after this one that reads well: 1, 2, 4, 5 or 10 times a power."""
    power = 1.0
    while power * 10 < value:
        power *= 10
    return next(power * step for step in (1, 2, 4, 5, 10) if power * step >= value)


def text(value: float | None, decimals: int = 0) -> str:
    """Write a number as the reader's language does, – for none."""
    return "–" if value is None else str(number_format(value, decimals, force_grouping=True))


def percent(value: float | None, decimals: int = 0) -> str:
    return "–" if value is None else f"{text(value * 100, decimals)} %"
