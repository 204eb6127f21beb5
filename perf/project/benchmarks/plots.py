"""Draw a benchmark. Every point is a number of its JSON; needs matplotlib (development)."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # files only, whatever display there is
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, MaxNLocator

from perf.project.benchmarks.goals import measured

COLORS = {
    "naive": "#b5483a",
    "indexes": "#c98a3b",
    "eager": "#8d9a4a",
    "bulk": "#5b8c8a",
    "tuned": "#2f5d8a",
    "copy": "#6b6b6b",
    "control": "#9db4c8",
}
LIGHT, DARK = 0.45, 1.0


def draw_dispatch(result: dict, folder: Path) -> list[tuple[str, str]]:
    """Write the charts; return (file name, title) of each."""
    before, after = result["compare"]
    charts = [
        ("performance_comparison.png", f"{before} and {after} compared", _comparison),
        ("time_by_size.png", "Time by size and phase", _by_size),
        ("pair_ratios.png", "The ratio of every round, beside the A/A control", _pair_ratios),
    ]
    if any(len(size["ratios"]) > 1 for size in result["sizes"].values()):
        charts.append(("optimisations.png", "Each optimisation alone", _optimisations))
    for name, title, draw in charts:
        figure = draw(result, before, after)
        figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
        figure.text(0.99, 0.005, _origin(result), ha="right", fontsize=7, color="#777777")
        figure.savefig(folder / name, dpi=130)
        plt.close(figure)
    return [(name, title) for name, title, _draw in charts]


def _origin(result):
    machine = result["machine"]
    return f"{machine['database']}, commit {machine['commit']}, {result['ended_at'][:10]}"


def _comparison(result, before, after):
    """Draw the guide's three panels: time, statements, slow statements."""
    sizes = list(result["sizes"].values())
    figure, panels = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0.03, 1, 0.93))
    for panel, (key, title, unit) in zip(
        panels,
        (
            ("total_s", "load and apply, median", "s"),
            ("statements", "statements", ""),
            ("slow_50", "statements over 50 ms", ""),
        ),
        strict=True,
    ):
        for offset, name, which in ((-0.2, before, 0), (0.2, after, 1)):
            values = [measured(size, before, after)[key][which] for size in sizes]
            bars = panel.bar(
                [i + offset for i in range(len(sizes))], values, 0.38, label=name,
                color=COLORS[name],
            )  # fmt: skip
            panel.bar_label(bars, [_short(v, unit) for v in values], fontsize=8, padding=2)
        if key != "slow_50":
            panel.set_yscale("log")
            low = min(measured(size, before, after)[key][1] for size in sizes)
            high = max(measured(size, before, after)[key][0] for size in sizes)
            panel.set_ylim(max(low / 3, 1e-4), high * 4)
        else:
            most = max(max(measured(size, before, after)[key][:2]) for size in sizes)
            panel.set_ylim(0, max(1, most) * 1.15)
            panel.yaxis.set_major_locator(MaxNLocator(integer=True))
        panel.set_xticks(range(len(sizes)), [f"{size['bookings']:,}" for size in sizes])
        panel.set_xlabel("bookings")
        _finish(panel, title)
    panels[0].legend(frameon=False, fontsize=9, loc="upper left")
    return figure


def _by_size(result, before, after):
    sizes = list(result["sizes"].values())
    figure, panels = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0.03, 1, 0.93))
    for name in (before, after):
        for key, style, label in (("load_s", "--", "load"), ("apply_s", "-", "apply")):
            points = [size["arms"][name]["summary"][key] for size in sizes]
            panels[0].errorbar(
                [size["bookings"] for size in sizes],
                [p["median"] for p in points],
                yerr=[
                    [p["median"] - p["min"] for p in points],
                    [p["max"] - p["median"] for p in points],
                ],
                fmt=f"o{style}", color=COLORS[name], label=f"{name}, {label}", capsize=3,
            )  # fmt: skip
        panels[1].plot(
            [size["bookings"] for size in sizes],
            [_total(size["arms"][name], "statements") for size in sizes],
            "o-", color=COLORS[name], label=name,
        )  # fmt: skip
    for panel, title in zip(panels, ("seconds: median, least and most", "statements"), strict=True):
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xticks([s["bookings"] for s in sizes], [f"{s['bookings']:,}" for s in sizes])
        panel.minorticks_off()
        panel.set_xlabel("bookings")
        panel.legend(frameon=False, fontsize=8)
        _finish(panel, title)
    return figure


def _pair_ratios(result, before, after):
    sizes = list(result["sizes"].values())
    figure, panels = plt.subplots(
        1, len(sizes), figsize=(3.6 * len(sizes) + 1, 4.2), layout="constrained", squeeze=False
    )
    figure.get_layout_engine().set(rect=(0, 0.03, 1, 0.92))
    for panel, size in zip(panels[0], sizes, strict=True):
        values = {name: arm["values"]["total_s"] for name, arm in size["arms"].items()}
        pairs = [
            (
                f"{after} / {before}",
                values[before],
                values[after],
                size["ratios"][after]["total_s"],
            ),
            ("A/A", values[after], values["control"], size["control"]),
        ]
        for x, (_label, old, new, ratio) in enumerate(pairs):
            color = COLORS[after] if x == 0 else COLORS["control"]
            points = [b / a for a, b in zip(old, new, strict=False)]
            spread = [x + 0.16 * ((i % 5) - 2) / 2 for i in range(len(points))]
            panel.plot(spread, points, "o", color=color, alpha=0.55, markersize=5)
            panel.plot([x - 0.25, x + 0.25], [ratio["ratio"]] * 2, color=color, linewidth=2)
            panel.fill_between(
                [x - 0.25, x + 0.25], ratio["low"], ratio["high"], color=color, alpha=0.2
            )
        panel.axhline(1, color="#444444", linewidth=0.8, linestyle=":")
        panel.set_yscale("log")
        for axis in (panel.yaxis.set_major_formatter, panel.yaxis.set_minor_formatter):
            axis(FuncFormatter(lambda value, _pos: f"{value:g}"))
        panel.set_xticks(range(2), [label for label, *_ in pairs])
        panel.set_xlim(-0.5, 1.5)
        _finish(panel, f"{size['bookings']:,} bookings")
    return figure


def _optimisations(result, before, after):
    sizes = [size for size in result["sizes"].values() if len(size["ratios"]) > 1]
    figure, panels = plt.subplots(
        1, len(sizes), figsize=(5 * len(sizes) + 1, 3.6), layout="constrained", squeeze=False
    )
    figure.get_layout_engine().set(rect=(0, 0.04, 1, 0.91))
    for panel, size in zip(panels[0], sizes, strict=True):
        names = [before, *size["ratios"]]
        for y, name in enumerate(reversed(names)):
            summary = size["arms"][name]["summary"]
            load, apply = summary["load_s"]["median"], summary["apply_s"]["median"]
            panel.barh(y, load, color=COLORS[name], alpha=LIGHT)
            panel.barh(y, apply, left=load, color=COLORS[name], alpha=DARK)
            panel.text(load + apply, y, f"  {load + apply:.3g} s", va="center", fontsize=8)
        panel.set_yticks(range(len(names)), list(reversed(names)))
        panel.margins(x=0.18)
        panel.set_xlabel("seconds, medians: load (light), apply (dark)")
        _finish(panel, f"{size['bookings']:,} bookings")
    return figure


def _total(arm, key):
    return sum(phase[key] for phase in arm["recorded"].values())


def _short(value, unit):
    return f"{value:.3g} {unit}".strip() if unit else f"{value:,}"


def _finish(panel, title):
    panel.set_title(title, loc="left", fontsize=10)
    panel.spines[["top", "right"]].set_visible(False)
    panel.tick_params(labelsize=9)
