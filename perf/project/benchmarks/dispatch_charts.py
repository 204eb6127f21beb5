"""The charts of a dispatch benchmark. Every point is a number of its JSON."""

from pathlib import Path

from perf.project.benchmarks.goals import measured
from perf.project.charts import (
    AMBER,
    BLUE,
    GREY,
    OLIVE,
    PALE_BLUE,
    RED,
    TEAL,
    Bars,
    Dots,
    Interval,
    Level,
    Line,
    Mark,
    Panel,
    draw,
)

COLORS = {
    "naive": RED,
    "indexes": AMBER,
    "eager": OLIVE,
    "bulk": TEAL,
    "tuned": BLUE,
    "copy": GREY,
    "control": PALE_BLUE,
}


def draw_dispatch(result: dict, folder: Path) -> list[tuple[str, str]]:
    """Write the charts; return (file name, title) of each."""
    before, after = result["compare"]
    sizes = list(result["sizes"].values())
    charts = [
        (
            "performance_comparison.png",
            f"{before} and {after} compared",
            _comparison(sizes, before, after),
        ),
        ("time_by_size.png", "Time by size and phase", _by_size(sizes, before, after)),
        (
            "pair_ratios.png",
            "The ratio of every round, beside the A/A control",
            [_pair_ratios(size, before, after) for size in sizes],
        ),
    ]
    several = [size for size in sizes if len(size["ratios"]) > 1]
    if several:
        panels = [_optimisations(size, before) for size in several]
        charts.append(("optimisations.png", "Each optimisation alone", panels))
    machine = result["machine"]
    origin = f"{machine['database']}, commit {machine['commit']}, {result['ended_at'][:10]}"
    for name, title, panels in charts:
        width = 1 + 10 * len(panels) / max(len(panels), 2)
        draw(folder / name, panels, width=width, height=4, title=title, origin=origin)
    return [(name, title) for name, title, _panels in charts]


def _comparison(sizes, before, after):
    """Return the guide's three panels: time, statements, slow statements."""
    return [
        _bars(sizes, before, after, "total_s", "load and apply, median s", "{:.3g} s", y_log=True),
        _bars(sizes, before, after, "statements", "statements", "{:,}", y_log=True, legend=True),
        _bars(sizes, before, after, "slow_50", "statements over 50 ms", "{:,}"),
    ]


def _bars(sizes, before, after, key, title, form, **options):
    values = [measured(size, before, after)[key] for size in sizes]
    marks = []
    for which, name in enumerate((before, after)):
        shown = [pair[which] for pair in values]
        at = [place - 0.2 + 0.4 * which for place in range(len(sizes))]
        marks.append(Bars(at, shown, COLORS[name], name, [form.format(value) for value in shown]))
    names = {place: f"{size['bookings']:,}" for place, size in enumerate(sizes)}
    return Panel(title, marks, x_label="bookings", x_at=names, **options)


def _by_size(sizes, before, after):
    bookings = [size["bookings"] for size in sizes]
    times, statements = [], []
    for name in (before, after):
        for key, style, phase in (("load_s", "o--", "load"), ("apply_s", "o-", "apply")):
            found = [size["arms"][name]["summary"][key] for size in sizes]
            median, least, most = ([one[of] for one in found] for of in ("median", "min", "max"))
            label = f"{name}, {phase}"
            times.append(Line(bookings, median, COLORS[name], label, style, least, most))
        counts = [_statements(size["arms"][name]) for size in sizes]
        statements.append(Line(bookings, counts, COLORS[name], name))
    names = {number: f"{number:,}" for number in bookings}
    return [
        Panel(title, lines, "bookings", x_at=names, x_log=True, y_log=True, legend=True)
        for title, lines in (
            ("seconds: median, least and most", times),
            ("statements", statements),
        )
    ]


def _statements(arm):
    return sum(phase["statements"] for phase in arm["recorded"].values())


def _pair_ratios(size, before, after):
    values = {name: arm["values"]["total_s"] for name, arm in size["arms"].items()}
    marks: list[Mark] = [Level(1)]
    for at, (old, new, ratio, color) in enumerate(
        (
            (values[before], values[after], size["ratios"][after]["total_s"], COLORS[after]),
            (values[after], values["control"], size["control"], COLORS["control"]),
        )
    ):
        points = [b / a for a, b in zip(old, new, strict=False)]
        spread = [at + 0.16 * ((number % 5) - 2) / 2 for number in range(len(points))]
        marks += [
            Dots(spread, points, color, size=5),
            Interval(at, ratio["ratio"], ratio["low"], ratio["high"], color),
        ]
    names = {0: f"{after} / {before}", 1: "A/A"}
    return Panel(f"{size['bookings']:,} bookings", marks, x_at=names, y_log=True)


def _optimisations(size, before):
    names = [before, *size["ratios"]][::-1]  # the first is uppermost
    summaries = [size["arms"][name]["summary"] for name in names]
    load, apply = ([one[key]["median"] for one in summaries] for key in ("load_s", "apply_s"))
    colors = [COLORS[name] for name in names]
    ends = [f"{a + b:.3g} s" for a, b in zip(load, apply, strict=True)]
    at = range(len(names))
    return Panel(
        f"{size['bookings']:,} bookings",
        [
            Bars(at, load, colors, is_lying=True, is_light=True),
            Bars(at, apply, colors, texts=ends, is_lying=True, after=load),
        ],
        x_label="seconds, medians: load (light), apply (dark)",
        y_at=dict(enumerate(names)),
    )
