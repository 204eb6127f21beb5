"""The chart of a load test: every request as a point, and how percentiles grow with the day.

Every number is one of the JSON beside it.
"""

from perf.project.charts import AMBER, BLUE, MANY, RED, Dots, During, Line, Mark, Panel, draw

PERCENTILES = (("p50_ms", "o-", BLUE), ("p95_ms", "s-", AMBER), ("p99_ms", "^-", RED))
TIME = "response time, ms"


def draw_load(runs, path):
    """Write the chart: a panel for each run, and one for the percentiles if there are several."""
    doors = sorted({sample.door for run in runs for sample in run.samples})
    colors = {door: MANY[number % len(MANY)] for number, door in enumerate(doors)}
    panels = [_every_request(run, colors) for run in runs]
    if len(runs) > 1:
        panels.append(_by_size(runs))
    draw(path, panels, width=11, height=3.2 * len(panels), is_stacked=True, legend_beside=True)


def _every_request(run, colors):
    marks: list[Mark] = [
        During(dispatch.done_s - dispatch.seconds, dispatch.done_s, "" if number else "a dispatch")
        for number, dispatch in enumerate(run.dispatches)
    ]
    for door, color in colors.items():
        mine = [sample for sample in run.samples if sample.door == door]
        for wrong in (False, True):
            shown = [sample for sample in mine if bool(sample.error) == wrong]
            x, y = [sample.scheduled_s for sample in shown], [sample.ms for sample in shown]
            marks.append(Dots(x, y, color, "" if wrong else door, wrong=wrong))
    figures = run.figures()
    size = "" if run.bookings is None else f"{run.bookings:,} bookings a day, "
    title = (
        f"{size}{figures['offered_per_s']:.1f} requests/s offered, {figures['errors']} errors (×)"
    )
    return Panel(title, marks, x_label="scheduled at, s", y_label=TIME, y_log=True)


def _by_size(runs):
    sizes = [run.bookings for run in runs]
    figures = [run.figures() for run in runs]
    return Panel(
        "Percentiles of all requests by size of the day",
        [
            Line(sizes, [found[name] for found in figures], color, name[:3], style)
            for name, style, color in PERCENTILES
        ],
        x_label="bookings a day",
        y_label=TIME,
        x_at={size: f"{size:,}" for size in sizes},
        x_log=True,
        y_log=True,
        legend=True,
    )
