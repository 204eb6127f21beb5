"""The page "Performance": what got worse since the last release, and what was measured by commit.

For superusers alone. Its number of queries does not depend on what there is: two for the samples,
one for the history, three in Silk's own database.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from perf.models import Kind, Measurement
from perf.silk.records import silk_records
from perf.trends.charts import line_chart, shown
from perf.trends.releases import sampled_section
from perf.trends.steps import groups_of, is_number

ROWS = 500  # newest measurements that are read
GROUPS = 12
CHARTS = 8  # figures of a group
LISTED = 30
MARKS = {"keep": "good", "drop": "bad", "better": "bad"}


@dataclass(frozen=True)
class Chart:
    name: str
    svg: str
    last: str
    count: int
    change: str
    better: bool | None


@dataclass(frozen=True)
class ChartedGroup:
    title: str
    about: str
    commit: str
    at: object
    charts: list


@dataclass(frozen=True)
class Worsened:
    """A figure that took a step for the worse: the first commit and time at which it was so."""

    title: str
    about: str
    name: str
    before: str
    after: str
    change: str
    commit: str
    at: datetime


@dataclass(frozen=True)
class IndexRow:
    name: str
    table: str
    size: str
    used: str
    read: str
    write: str
    verdict: str
    mark: str
    why: str


def performance_page(request, admin_site):
    """Answer with the page; who may see it is the caller's to say."""
    measurements = list(Measurement.objects.order_by("-id")[:ROWS])
    groups = groups_of(measurements)
    drawn = [(group, group.series(CHARTS)) for group in groups[:GROUPS]]
    return TemplateResponse(
        request,
        "perf/performance.html",
        {
            **admin_site.each_context(request),
            "title": _("Performance"),
            "sampled": sampled_section(),
            "worsened": worsened(drawn),
            "groups": [_charted(group, series) for group, series in drawn],
            "more_groups": max(0, len(groups) - GROUPS),
            "indexes": index_tables(measurements),
            "silk": silk_records(),
            "listed": [
                (row, "–" if row.size is None else shown(row.size)) for row in measurements[:LISTED]
            ],
            "shown_of": (min(len(measurements), LISTED), len(measurements)),
        },
    )


def _charted(group, found):
    return ChartedGroup(
        title=_title(group),
        about=_about(group),
        commit=group.latest.commit,
        at=group.latest.at,
        charts=[_chart(series) for series in found],
    )


def _title(group):
    return group.latest.get_kind_display().capitalize()


def _about(group):
    size, latest = "", group.latest
    if group.size is not None:
        size = _("%(size)s bookings") % {"size": shown(group.size)}
    return " · ".join(filter(None, [size, f"{latest.engine} {latest.version}", group.machine]))


def worsened(drawn) -> list[Worsened]:
    """Return the steps for the worse of (group, its series), the newest first."""
    rows = [
        Worsened(
            title=_title(group),
            about=_about(group),
            name=series.name,
            before=shown(series.step.before),
            after=shown(series.step.after),
            change="" if series.step.change is None else f"{series.step.change:+.0%}",
            commit=series.commits[series.step.at] or "?",
            at=series.times[series.step.at],
        )
        for group, found in drawn
        for series in found
        if series.better is False
    ]
    return sorted(rows, key=lambda row: row.at, reverse=True)


def _chart(series):
    step, change = series.step, ""
    if step is not None:
        commit = series.commits[step.at] or "?"
        amount = "" if step.change is None else f"{step.change:+.0%} "
        change = _("%(amount)ssince %(commit)s") % {"amount": amount, "commit": commit}
    return Chart(
        name=series.name,
        svg=line_chart(series) if len(series.values) > 1 else "",
        last=shown(series.values[-1]),
        count=len(series.values),
        change=change,
        better=series.better,
    )


def index_tables(measurements):
    """Return the latest index table of each database: (measurement, rows)."""
    latest = {}
    for row in measurements:
        figures = row.figures if isinstance(row.figures, dict) else {}
        if row.kind == Kind.INDEXES and isinstance(figures.get("indexes"), list):
            latest.setdefault(row.engine, row)
    return [
        (row, [index_row(index) for index in row.figures["indexes"] if isinstance(index, dict)])
        for row in latest.values()
    ]


def index_row(index):
    """Return the cells of an index; what was not measured is a dash."""
    verdict, _colon, why = str(index.get("verdict", "–")).partition(": ")
    used = index.get("used")
    return IndexRow(
        name=str(index.get("name", "?")),
        table=str(index.get("table", "")),
        size=shown(index["size_mb"]) if is_number(index.get("size_mb")) else "–",
        used=shown(len(used) if isinstance(used, list) else used)
        if isinstance(used, list) or is_number(used)
        else "–",
        read=ratio(index.get("read_ratio")),
        write=ratio(index.get("write_ratio")),
        verdict=verdict,
        mark=MARKS.get(re.split(r"\W", verdict, maxsplit=1)[0], ""),
        why=why,
    )


def ratio(value):
    """Return '× 0.18 [0.13, 0.23]' of a list, '× 0.18' of a number."""
    if is_number(value):
        return f"× {value:.2f}"
    if isinstance(value, list) and len(value) == 3 and all(map(is_number, value)):
        middle, low, high = value
        return f"× {middle:.2f} [{low:.2f}, {high:.2f}]"
    return "–"
