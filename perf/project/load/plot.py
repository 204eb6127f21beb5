"""Draw a load test: every request as a point, and how the percentiles grow with the day.

Every number is one of the JSON beside it.
"""

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

PERCENTILES = (("p50_ms", "o-"), ("p95_ms", "s-"), ("p99_ms", "^-"))
COLOURS = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f",
    "#bcbd22", "#17becf", "#003f5c",
)  # fmt: skip


def draw_load(runs, path):
    """Write the PNG: a row for each run, and one for the percentiles if there are several."""
    several = len(runs) > 1
    rows = len(runs) + several
    figure = Figure(figsize=(11, 3.2 * rows), layout="constrained")
    axes = figure.subplots(rows, 1, squeeze=False)[:, 0]
    doors = sorted({sample.door for run in runs for sample in run.samples})
    colours = {door: COLOURS[i % len(COLOURS)] for i, door in enumerate(doors)}
    for axis, run in zip(axes, runs, strict=False):
        _every_request(axis, run, colours)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", fontsize=8, markerscale=2)
    if several:
        _by_size(axes[-1], runs)
    figure.savefig(path, dpi=110)


def _every_request(axis, run, colours):
    for number, dispatch in enumerate(run.dispatches):
        start = dispatch.done_s - dispatch.seconds
        label = "a dispatch under way" if number == 0 else None
        axis.axvspan(start, dispatch.done_s, color="#d9d9d9", lw=0, label=label)
    for door, colour in colours.items():
        mine = [sample for sample in run.samples if sample.door == door]
        good = [sample for sample in mine if not sample.error]
        axis.scatter(
            [s.scheduled_s for s in good], [s.ms for s in good], s=9, color=colour, label=door
        )
        wrong = [sample for sample in mine if sample.error]
        axis.scatter(
            [s.scheduled_s for s in wrong], [s.ms for s in wrong], s=40, color=colour, marker="x"
        )
    figures = run.figures()
    size = "" if run.bookings is None else f"{run.bookings:,} bookings a day, "
    axis.set_title(
        f"{size}{figures['offered_per_s']:.1f} requests/s offered, {figures['errors']} errors (×)",
        fontsize=10,
        loc="left",
    )
    _milliseconds(axis)
    axis.set_xlabel("scheduled at, s")
    axis.grid(alpha=0.3)


def _milliseconds(axis):
    """Label a logarithmic axis with plain numbers: 20, 50, 100, 200, 500."""
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(lambda value, position: f"{value:,g}")
    axis.yaxis.set_minor_locator(NullLocator())
    axis.set_ylabel("response time, ms")


def _by_size(axis, runs):
    sizes = [run.bookings for run in runs]
    for name, marker in PERCENTILES:
        axis.plot(sizes, [run.figures()[name] for run in runs], marker, label=name[:3])
    axis.set_xscale("log")
    axis.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel("bookings a day")
    _milliseconds(axis)
    axis.set_title("Percentiles of all requests by size of the day", fontsize=10, loc="left")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
