"""What the page of reports shows: figures beside those before, charts, tables. No query."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.utils.dates import WEEKDAYS_ABBR
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dispatch.models import CANCELED, MINUTES
from dispatch.reports.read import Figures, Group, Report
from drivers.admin.charts import Chart, bars, percent, shares, text

MINUTES_NAMES = dict(
    zip(
        MINUTES,
        ("< −15", "−15…−5", "±5", "5–10", "10–15", "15–30", "30–60", "> 60"),
        strict=True,
    )
)
CANCELED_NAMES = {
    "canceled_late": gettext_lazy("canceled < 2 h"),
    "canceled_short": gettext_lazy("canceled 2–24 h"),
    "canceled_ahead": gettext_lazy("canceled > 24 h"),
}
# As short as the labels of a chart must be.
NOTICE_NAMES = dict(zip(CANCELED, ("< 2 h", "2–24 h", "> 24 h"), strict=True))


class Told(NamedTuple):
    """A figure beside that of the period before; `change` is "" where nothing can be said."""

    name: str
    value: str
    change: str
    help: str = ""


def tell(report: Report) -> dict[str, Any]:
    """Return the context of the page's template."""
    return {
        "report": report,
        "said": _told(report),
        "charts": _charts(report),
        "tables": _tables(report),
        "is_empty": not report.whole["booked"] and not report.whole["paid_s"],
    }


def _told(report: Report) -> list[Told]:
    now, before = report.whole, report.before

    def count(name: str, get: Callable[[Figures], float]) -> Told:
        a, b = get(now), get(before)
        change = f"{'+' if a >= b else '−'}{percent(abs(a - b) / b)}" if b else ""
        return Told(name, text(a), change)

    def part(name: str, get: Callable[[Figures], float | None], says: str = "") -> Told:
        a, b = get(now), get(before)
        change = "" if a is None or b is None else _points(a - b)
        return Told(name, percent(a, 1), change, says)

    def rate(name: str, get: Callable[[Figures], float | None]) -> Told:
        a, b = get(now), get(before)
        change = "" if a is None or b is None else _signed(a - b, 2)
        return Told(name, text(a, 2), change)

    told = [
        count(_("trips done"), lambda row: row["done"]),
        part(
            _("on time"),
            lambda row: row.on_time_share,
            _("The vehicle at the pickup, by each customer's definition."),
        ),
        count(_("passengers"), lambda row: row["passengers"]),
        part(_("no-shows"), lambda row: row.no_show_share, _("Of the trips driven to.")),
        part(_("canceled"), lambda row: row.canceled_share, _("Of the trips booked.")),
        count(_("appointments missed"), lambda row: row["appointments_missed"]),
    ]
    if report.customer is None:
        told += [
            rate(_("passengers per paid hour"), lambda row: row.passengers_per_hour),
            rate(_("km per paid hour"), lambda row: row.km_per_hour),
            part(
                _("driven empty"), lambda row: row.empty_share, _("Of the kilometres of vehicles.")
            ),
            part(_("load"), lambda row: row.load, _("Of the paid time, with somebody on board.")),
            count(_("paid hours"), lambda row: row["paid_s"] / 3600),
            count(_("km driven"), lambda row: row.km),
        ]
    return told


def _signed(value: float, decimals: int) -> str:
    return f"{'+' if value >= 0 else '−'}{text(abs(value), decimals)}"


def _points(value: float) -> str:
    return _("%(points)s points") % {"points": _signed(value * 100, 1)}


def _values(groups: Sequence[Group], get: Callable[[Figures], Any]) -> list[Any]:
    return [get(group.figures) for group in groups]


def _charts(report: Report) -> list[Chart]:
    before = _("period before")
    steps = {"day": _("Day"), "week": _("Week of"), "month": _("Month")}
    first, trend, earlier = steps[report.step], report.trend, report.trend_before
    names = [_short(report, group) for group in trend]
    not_driven = ["no_shows", *CANCELED]
    charts = [
        bars(
            "trips",
            _("Trips done"),
            _("How many trips were done, beside the period before."),
            names=names,
            first=first,
            series=[("main", _("done"), _values(trend, lambda row: row["done"]))],
            before=(before, _values(earlier, lambda row: row["done"])),
        ),
        shares(
            "on-time",
            _("On time"),
            _("The share of trips on time, beside the period before."),
            names=names,
            first=first,
            now=(_("on time"), _values(trend, lambda row: row.on_time_share)),
            before=(before, _values(earlier, lambda row: row.on_time_share)),
        ),
        bars(
            "minutes",
            _("Minutes early or late"),
            _("Trips by the minutes from the requested time to the vehicle's arrival."),
            names=list(MINUTES_NAMES.values()),
            first=_("Minutes"),
            series=[("main", _("trips"), [report.whole[name] for name in MINUTES])],
            before=(before, [report.before[name] for name in MINUTES]),
        ),
        bars(
            "not-driven",
            _("No-shows and cancellations"),
            _("No-shows, and cancellations by how long before the requested pickup."),
            names=[_("no-shows"), *NOTICE_NAMES.values()],
            first=_("Canceled"),
            series=[("warn", _("trips"), [report.whole[name] for name in not_driven])],
            before=(before, [report.before[name] for name in not_driven]),
        ),
        _punctual("weekdays", _("By weekday"), _("Weekday"), report.weekdays),
        _punctual("hours", _("By hour"), _("Hour"), report.hours),
    ]
    if report.customer is None:
        charts += [
            bars(
                "km",
                _("Kilometres"),
                _("Kilometres of vehicles, with and without somebody on board."),
                names=names,
                first=first,
                series=[
                    ("main", _("loaded"), _values(trend, lambda row: row["loaded_m"] / 1000)),
                    ("quiet", _("empty"), _values(trend, lambda row: row["empty_m"] / 1000)),
                ],
            ),
            bars(
                "per-hour",
                _("Passengers per paid hour"),
                _("Passengers per paid hour, beside the period before."),
                names=names,
                first=first,
                series=[
                    (
                        "main",
                        _("passengers per paid hour"),
                        _values(trend, lambda row: row.passengers_per_hour or 0),
                    )
                ],
                before=(before, _values(earlier, lambda row: row.passengers_per_hour or 0)),
                decimals=2,
            ),
        ]
    return charts


def _short(report: Report, group: Group) -> str:
    """Write a part of the period as short as a chart's labels must be."""
    return str(date_format(group.key, "M y" if report.step == "month" else "j.n."))


def _punctual(slug: str, title: str, first: str, groups: Sequence[Group]) -> Chart:
    driven = [group for group in groups if group.figures["done"]]
    by_day = slug == "weekdays"
    shown = groups[groups.index(driven[0]) : groups.index(driven[-1]) + 1] if driven else groups
    return bars(
        slug,
        title,
        _("Trips done: on time, early or late, and without a known time."),
        names=[str(WEEKDAYS_ABBR[group.key]) if by_day else group.name for group in shown],
        first=first,
        series=[
            ("main", _("on time"), _values(shown, lambda row: row["on_time"])),
            ("warn", _("early or late"), _values(shown, lambda row: row["early"] + row["late"])),
            ("quiet", _("unknown"), _values(shown, lambda row: row["untimed"])),
        ],
    )


class Table(NamedTuple):
    """`rows` are (the name, its link or "", the texts); `slug` names the grouping of its export."""

    slug: str
    title: str
    head: list[str]
    rows: list[tuple[str, str, list[str]]]


def _tables(report: Report) -> list[Table]:
    if report.customer is not None:
        return []
    trips: list[tuple[str, Callable[[Figures], str]]] = [
        (_("trips done"), lambda row: text(row["done"])),
        (_("on time"), lambda row: percent(row.on_time_share)),
        (_("early"), lambda row: text(row["early"])),
        (_("late"), lambda row: text(row["late"])),
        (_("no-shows"), lambda row: text(row["no_shows"])),
    ]
    of_customers = [
        *trips,
        *((str(CANCELED_NAMES[name]), lambda row, name=name: text(row[name])) for name in CANCELED),
        (_("passengers"), lambda row: text(row["passengers"])),
        (_("km"), lambda row: text(row["trip_m"] / 1000)),
        (_("waiting (min)"), lambda row: text(row["wait_s"] / 60)),
    ]
    of_drivers = [
        *trips,
        (_("paid hours"), lambda row: text(row["paid_s"] / 3600, 1)),
        (_("breaks (h)"), lambda row: text(row["break_s"] / 3600, 1)),
        (_("passengers per hour"), lambda row: text(row.passengers_per_hour, 2)),
        (_("km"), lambda row: text(row.km)),
        (_("km per hour"), lambda row: text(row.km_per_hour, 1)),
        (_("driven empty"), lambda row: percent(row.empty_share)),
        (_("load"), lambda row: percent(row.load)),
    ]
    return [
        _table("customer", _("Customers"), _("Customer"), report.customers, of_customers),
        _table("driver", _("Drivers"), _("Driver"), report.drivers, of_drivers),
    ]


def _table(
    slug: str,
    title: str,
    first: str,
    groups: Sequence[Group],
    columns: Sequence[tuple[str, Callable[[Figures], str]]],
) -> Table:
    return Table(
        slug,
        title,
        [first, *(name for name, _get in columns)],
        [
            (
                group.name,
                str(group.key) if slug == "customer" else "",
                [get(group.figures) for _name, get in columns],
            )
            for group in groups
        ],
    )
