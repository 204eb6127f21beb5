"""Draw the charts of reports into files, by Matplotlib (a package of development).

A report says what is to be seen, as panels with marks; how that looks is said here alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

BLUE, RED, AMBER, OLIVE, TEAL = "#2f5d8a", "#b5483a", "#c98a3b", "#8d9a4a", "#5b8c8a"
GREY, PALE_BLUE, PALE = "#6b6b6b", "#9db4c8", "#d9d9d9"
MANY = (
    BLUE, AMBER, TEAL, RED, "#7a5c99", OLIVE, "#c77ba6", "#3e7d4c", "#7b5646", PALE_BLUE, GREY,
    "#bfae6a", "#12284c", "#e0876a", "#4fb0c6", "#a3a3a3",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """Points that are joined, each with a whisker from `low` to `high` if these are given."""

    x: Sequence[float]
    y: Sequence[float]
    color: str
    label: str = ""
    style: str = "o-"
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    width: float = 1.5

    def draw(self, axes):
        below = [y - low for y, low in zip(self.y, self.low, strict=bool(self.low))]
        above = [high - y for y, high in zip(self.y, self.high, strict=bool(self.high))]
        axes.errorbar(
            self.x, self.y, [below, above] if below else None, fmt=self.style, color=self.color,
            label=self.label, linewidth=self.width, capsize=3, zorder=1.5,
        )  # fmt: skip


@dataclass(frozen=True)
class Dots:
    """Points that are not joined; what went wrong is drawn as crosses."""

    x: Sequence[float]
    y: Sequence[float]
    color: str
    label: str = ""
    size: float = 3
    wrong: bool = False

    def draw(self, axes):
        axes.plot(
            self.x, self.y, "x" if self.wrong else "o", color=self.color, alpha=0.7,
            label=self.label, markersize=2 * self.size if self.wrong else self.size,
        )  # fmt: skip


@dataclass(frozen=True)
class Bars:
    """Upright bars, or lying ones that begin where others end; `texts` stand at their ends."""

    at: Sequence[float]
    values: Sequence[float]
    colors: str | Sequence[str]
    label: str = ""
    texts: Sequence[str] = ()
    is_lying: bool = False
    after: Sequence[float] = ()
    is_light: bool = False

    def draw(self, axes):
        alpha = 0.45 if self.is_light else 1
        if self.is_lying:
            bars = axes.barh(
                self.at, self.values, left=self.after or None, color=self.colors, alpha=alpha
            )
        else:
            bars = axes.bar(
                self.at, self.values, 0.38, color=self.colors, label=self.label, alpha=alpha
            )
        if self.texts:
            axes.bar_label(bars, self.texts, fontsize=7.5, padding=4 if self.is_lying else 2)


@dataclass(frozen=True)
class Interval:
    """A value about a place of the axis, and the interval that it lies in."""

    at: float
    value: float
    low: float
    high: float
    color: str

    def draw(self, axes):
        across = [self.at - 0.25, self.at + 0.25]
        axes.plot(across, [self.value] * 2, color=self.color, linewidth=2)
        axes.fill_between(across, self.low, self.high, color=self.color, alpha=0.2)


@dataclass(frozen=True)
class Level:
    """A dotted line across the panel."""

    y: float

    def draw(self, axes):
        axes.axhline(self.y, color="#444444", linewidth=0.8, linestyle=":")


@dataclass(frozen=True)
class During:
    """A grey period behind everything."""

    start: float
    end: float
    label: str = ""

    def draw(self, axes):
        axes.axvspan(self.start, self.end, color=PALE, linewidth=0, label=self.label)


Mark = Line | Dots | Bars | Interval | Level | During


@dataclass(frozen=True)
class Panel:
    """What is drawn over one pair of axes; `x_at` and `y_at` name the places of an axis."""

    title: str
    marks: Sequence[Mark]
    x_label: str = ""
    y_label: str = ""
    x_at: Mapping[int, str] | None = None
    y_at: Mapping[int, str] | None = None
    x_log: bool = False
    y_log: bool = False
    legend: bool = False

    def draw(self, axes):
        for mark in self.marks:
            mark.draw(axes)
        axes.set_title(self.title, loc="left", fontsize=10)
        axes.set_xlabel(self.x_label, fontsize=9)
        axes.set_ylabel(self.y_label, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=9)
        axes.set_axisbelow(True)
        if self.x_log:
            axes.set_xscale("log")
        if self.y_log:
            _plain_logarithms(axes)
        if self.x_at is not None:
            _name(axes.set_xticks, axes.xaxis, self.x_at)
        if self.y_at is not None:
            _name(axes.set_yticks, axes.yaxis, self.y_at)
            axes.margins(x=0.12)  # for what stands at the ends of bars
        else:
            axes.grid(axis="y", alpha=0.3)
            if not self.y_log:
                axes.set_ylim(0, max(1, axes.get_ylim()[1]))
                axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        if self.legend:
            axes.legend(frameon=False, fontsize=8)


def _plain_logarithms(axes):
    """Label a logarithmic axis with plain numbers: 20, 50, 100, 200, 500; or 0.1, 1, 10."""
    axes.set_yscale("log")
    axes.margins(y=0.12)
    low, high = axes.get_ylim()
    if any(
        isinstance(one, BarContainer) for one in axes.containers
    ):  # the shortest bar is to be seen too
        low /= 3
    middle = sqrt(low * high)
    low, high = min(low, middle / 2.5), max(high, middle * 2.5)
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1_000 * low else (1,)))
    axes.yaxis.set_major_formatter(lambda value, _position: f"{value:,g}")
    axes.yaxis.set_minor_locator(NullLocator())


def _name(set_ticks, axis, places):
    axis.set_minor_locator(NullLocator())
    set_ticks(list(places), list(places.values()))


def draw(
    path: Path,
    panels: Sequence[Panel],
    *,
    width: float,
    height: float,
    title: str = "",
    origin: str = "",
    is_stacked: bool = False,
    legend_beside: bool = False,
):
    """Write the panels, beside each other or stacked, into a file of the kind its name ends in.

    The size is in inches. `origin` is printed small below; with `legend_beside` the legend of the
    first panel stands beside all of them.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    rows, columns = (len(panels), 1) if is_stacked else (1, len(panels))
    for axes, panel in zip(figure.subplots(rows, columns, squeeze=False).flat, panels, strict=True):
        panel.draw(axes)
    if legend_beside:
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper", fontsize=8, frameon=False)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
    if origin:
        figure.supxlabel(origin, x=0.99, ha="right", fontsize=7, color="#777777")
    figure.savefig(path, dpi=130, metadata={"Date": None} if path.suffix == ".svg" else None)
