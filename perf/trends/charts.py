"""The line charts of the Performance page, as inline SVG: nothing to load, nothing to run.

The page is served where no library that draws is installed, and its colours are those of its style
sheet, which follow the admin's dark mode: so these are not drawn as the charts of reports are.
"""

from django.utils.formats import date_format, number_format
from django.utils.html import format_html, format_html_join

WIDTH, HEIGHT = 260, 72
LEFT, RIGHT, TOP, BOTTOM = 6, 6, 8, 8


def shown(value, name=""):
    """Return a number for people: three digits where it is small; its unit is in the name."""
    if value is None:
        return "–"
    digits = 0 if abs(value) >= 100 or float(value).is_integer() else 1 if abs(value) >= 10 else 2
    return number_format(round(float(value), digits), decimal_pos=digits, force_grouping=True)


def line_chart(series):
    """Return the SVG of a series; a step is a vertical line. Every point tells its commit."""
    low, high = min(0.0, *series.values), max(series.values)
    span = (high - low) or 1.0
    count = len(series.values)
    across = (WIDTH - LEFT - RIGHT) / max(count - 1, 1)

    def x(index):
        return round(LEFT + across * index if count > 1 else WIDTH / 2, 1)

    def y(value):
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / span), 1)

    line = " ".join(f"{x(i)},{y(value)}" for i, value in enumerate(series.values))
    points = format_html_join(
        "",
        '<circle cx="{}" cy="{}" r="{}"><title>{}</title></circle>',
        (
            (
                x(i),
                y(value),
                "3.5" if i == count - 1 else "2.2",
                f"{shown(value)} · {commit or '?'} · {date_format(at, 'Y-m-d H:i')}",
            )
            for i, (value, commit, at) in enumerate(
                zip(series.values, series.commits, series.times, strict=True)
            )
        ),
    )
    step = series.step
    mark = (
        format_html(
            '<line class="step" x1="{0}" y1="2" x2="{0}" y2="{1}"/>', x(step.at - 0.5), HEIGHT - 2
        )
        if step
        else ""
    )
    return format_html(
        '<svg class="trend" viewBox="0 0 {w} {h}" role="img" aria-label="{label}">'
        '<line class="zero" x1="0" y1="{zero}" x2="{w}" y2="{zero}"/>{mark}'
        '<polyline points="{line}"/>{points}</svg>',
        w=WIDTH,
        h=HEIGHT,
        label=f"{series.name}: {', '.join(shown(value) for value in series.values[-10:])}",
        zero=y(0.0),
        mark=mark,
        line=line,
        points=points,
    )
