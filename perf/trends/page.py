"""The page "Performance": what got worse since the last release, and what was measured by commit.

For superusers alone. Its number of queries does not depend on what there is: two for the samples,
one for the history, three in Silk's own database.
"""

import re
from dataclasses import dataclass

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
    return TemplateResponse(
        request,
        "perf/performance.html",
        {
            **admin_site.each_context(request),
            "title": _("Performance"),
            "sampled": sampled_section(),
            "groups": [_charted(group) for group in groups[:GROUPS]],
            "more_groups": max(0, len(groups) - GROUPS),
            "indexes": index_tables(measurements),
            "silk": silk_records(),
            "listed": [
                (row, "–" if row.size is None else shown(row.size)) for row in measurements[:LISTED]
            ],
            "shown_of": (min(len(measurements), LISTED), len(measurements)),
        },
    )


def _charted(group):
    size = ""
    if group.size is not None:
        size = _("%(size)s bookings") % {"size": shown(group.size)}
    latest = group.latest
    return ChartedGroup(
        title=latest.get_kind_display().capitalize(),
        about=" · ".join(filter(None, [size, f"{latest.engine} {latest.version}", group.machine])),
        commit=latest.commit,
        at=latest.at,
        charts=[_chart(series) for series in group.series(CHARTS)],
    )


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
