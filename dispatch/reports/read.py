"""Read what a period was like from its daily figures: in all, over time, and by what made it up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from django.db.models import Q, Sum
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from dispatch.models import CANCELED, MEASURES, DayFigures, FiguresState
from drivers.models import Company, Customer, Driver, Weekday
from drivers.refused import Refused

Kind = DayFigures.Kind
DAY = timedelta(days=1)
DAYS_AT_MOST = 1100  # three years
# Up to how many days a period is shown by day, and by week; longer ones by month.
BY_DAY, BY_WEEK = 31, 182


class PeriodRefused(Refused):
    """These days are no period of a report; the message says why."""

    code = "invalid"
    status = 400
    field = "until"


class ByRefused(Refused):
    """The figures are not told apart by this; the message says why."""

    code = "invalid"
    status = 400
    field = "by"


class Period(NamedTuple):
    """Local days, both included. Raises PeriodRefused by `checked`."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def before(self) -> "Period":
        """Return the period before, of as many days; whole months before whole months."""
        months = self._months()
        if months:
            first = month_before(self.first, months)
            return Period(first, self.first - DAY)
        return Period(self.first - self.days * DAY, self.first - DAY)

    def _months(self) -> int:
        """Return how many whole months it is, 0 if it begins or ends in the middle of one."""
        after = self.last + DAY
        if self.first.day != 1 or after.day != 1:
            return 0
        return (after.year - self.first.year) * 12 + after.month - self.first.month

    def checked(self) -> "Period":
        if self.last < self.first:
            raise PeriodRefused(_("The last day must not be before the first."))
        if self.days > DAYS_AT_MOST:
            raise PeriodRefused(
                _("A report covers at most %(most)d days.") % {"most": DAYS_AT_MOST}
            )
        if self.first.year < 2001 or self.last.year > 2098:
            raise PeriodRefused(_("Choose days from 2001 to 2098."))
        return self


def month_before(day: date, count: int = 1) -> date:
    """Return the first of the month so many months before that of a day."""
    months = day.year * 12 + day.month - 1 - count
    return date(months // 12, months % 12 + 1, 1)


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums of daily figures, with what follows from them; a share is None of nothing.

    `counts` are by the names of `DayFigures`.
    """

    counts: Mapping[str, int]

    def __getitem__(self, name: str) -> int:
        return self.counts.get(name) or 0

    @property
    def canceled(self) -> int:
        return sum(self[name] for name in CANCELED)

    @property
    def timed(self) -> int:
        return self["done"] - self["untimed"]

    @property
    def on_time_share(self) -> float | None:
        return share(self["on_time"], self.timed)

    @property
    def no_show_share(self) -> float | None:
        return share(self["no_shows"], self["no_shows"] + self["done"])

    @property
    def canceled_share(self) -> float | None:
        return share(self.canceled, self["booked"])

    @property
    def empty_share(self) -> float | None:
        return share(self["empty_m"], self["empty_m"] + self["loaded_m"])

    @property
    def load(self) -> float | None:
        """The part of the paid time in which somebody is on board."""
        return share(self["loaded_s"], self["paid_s"])

    @property
    def km(self) -> float:
        return (self["loaded_m"] + self["empty_m"]) / 1000

    @property
    def passengers_per_hour(self) -> float | None:
        return share(self["passengers"], self["paid_s"] / 3600)

    @property
    def km_per_hour(self) -> float | None:
        return share(self.km, self["paid_s"] / 3600)


def share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def total(parts: Iterable[Figures]) -> Figures:
    sums = dict.fromkeys(MEASURES, 0)
    for part in parts:
        for name, value in part.counts.items():
            sums[name] += value
    return Figures(sums)


# Vehicles, hours and ways: of the company as a whole, and by driver.
OF_VEHICLES = (
    "loaded_km",
    "loaded_h",
    "empty_km",
    "paid_h",
    "break_h",
    "empty_percent",
    "load_percent",
    "passengers_per_paid_h",
    "km_per_paid_h",
)


def facts(figures: Figures, *, without_vehicles: bool = False) -> dict[str, int | float | None]:
    """Return figures by name as files and the API tell them: kilometres, minutes, hours, percent.

    Those of vehicles are left out where there are none: see `has_vehicles`.
    """
    counts = MEASURES[: MEASURES.index("trip_m")]
    told: dict[str, int | float | None] = {name: figures[name] for name in counts}
    told |= {
        "trip_km": round(figures["trip_m"] / 1000, 1),
        "ride_min": round(figures["ride_s"] / 60),
        "wait_min": round(figures["wait_s"] / 60),
        "loaded_km": round(figures["loaded_m"] / 1000, 1),
        "loaded_h": round(figures["loaded_s"] / 3600, 2),
        "empty_km": round(figures["empty_m"] / 1000, 1),
        "paid_h": round(figures["paid_s"] / 3600, 2),
        "break_h": round(figures["break_s"] / 3600, 2),
        "on_time_percent": _hundredth(figures.on_time_share),
        "no_show_percent": _hundredth(figures.no_show_share),
        "canceled_percent": _hundredth(figures.canceled_share),
        "empty_percent": _hundredth(figures.empty_share),
        "load_percent": _hundredth(figures.load),
        "passengers_per_paid_h": _rounded(figures.passengers_per_hour),
        "km_per_paid_h": _rounded(figures.km_per_hour),
    }
    return {k: v for k, v in told.items() if not (without_vehicles and k in OF_VEHICLES)}


def _hundredth(part: float | None) -> float | None:
    return None if part is None else round(part * 100, 1)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


class By(StrEnum):
    """What figures are told apart by."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    WEEKDAY = "weekday"
    HOUR = "hour"
    CUSTOMER = "customer"
    DRIVER = "driver"


def has_vehicles(by: By, customer: Customer | None) -> bool:
    """Return whether the figures by this tell of vehicles: theirs are of no customer and hour."""
    return customer is None and by not in (By.HOUR, By.CUSTOMER)


class Group(NamedTuple):
    """The figures of one customer, driver, hour, weekday, or part of the period."""

    key: Any
    name: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Report:
    """What a period was like, beside the one before, of a company or of one of its customers.

    `trend` and `trend_before` are by day, week or month (`step`). Of a customer nothing is told by
    customer and driver, of vehicles, hours and ways.
    """

    company: Company
    period: Period
    customer: Customer | None
    whole: Figures
    before: Figures
    step: str
    trend: list[Group]
    trend_before: list[Group]
    weekdays: list[Group]
    hours: list[Group]
    customers: list[Group]
    drivers: list[Group]
    counted_at: datetime | None
    days_left: int


def read_report(company: Company, period: Period, customer: Customer | None = None) -> Report:
    """Read the report: 7 statements, 3 of a customer, however long the period is."""
    rows = _days(company, customer, period.before().first, period.last)
    own = {day: row for day, row in rows.items() if day >= period.first}
    earlier = {day: row for day, row in rows.items() if day < period.first}
    step = "day" if period.days <= BY_DAY else "week" if period.days <= BY_WEEK else "month"
    state = FiguresState.objects.filter(company=company).first()
    return Report(
        company,
        period,
        customer,
        total(own.values()),
        total(earlier.values()),
        step,
        _trend(own, period, step),
        _trend(earlier, period.before(), step),
        _by_weekday(own),
        _by_hour(company, customer, period),
        [] if customer else _by_customer(company, period),
        [] if customer else _by_driver(company, period),
        counted_at=state.counted_at if state else None,
        days_left=_left(state, period),
    )


def days_left(company: Company, period: Period) -> int:
    """Return how many days of the period are not counted as they are now: 1 statement."""
    return _left(FiguresState.objects.filter(company=company).first(), period)


def _left(state: FiguresState | None, period: Period) -> int:
    changed = {*state.stale, *state.unjudged} if state else set()
    return sum(period.first <= date.fromisoformat(day) <= period.last for day in changed)


def read_groups(
    company: Company, period: Period, by: By, customer: Customer | None = None
) -> list[Group]:
    """Return the figures of a period told apart by one thing: 1 statement, or 2 with names.

    Of a customer there are none by customer or driver. Raises ByRefused for that.
    """
    if by == By.HOUR:
        return _by_hour(company, customer, period)
    if by in (By.CUSTOMER, By.DRIVER):
        if customer:
            raise ByRefused(_("The figures of one customer are not told apart by this."))
        return (_by_customer if by == By.CUSTOMER else _by_driver)(company, period)
    days = _days(company, customer, *period)
    return _by_weekday(days) if by == By.WEEKDAY else _trend(days, period, by)


def _rows(company: Company, kind: Kind, first: date, last: date, customer: Customer | None) -> Any:
    rows = DayFigures.objects.filter(company=company, kind=kind, day__gte=first, day__lte=last)
    return rows.filter(customer_id=customer.pk) if customer else rows


def _days(
    company: Company, customer: Customer | None, first: date, last: date
) -> dict[date, Figures]:
    """Return the figures of each day that has any: 1 statement."""
    kind = Kind.CUSTOMER if customer else Kind.DAY
    rows = _rows(company, kind, first, last, customer).values_list("day", *MEASURES)
    return {day: Figures(dict(zip(MEASURES, row, strict=True))) for day, *row in rows}


def _grouped(rows: Any, by: str) -> dict[Any, Figures]:
    """Return the sums of the rows by the value of a column: 1 statement."""
    sums = {f"sum_{name}": Sum(name) for name in MEASURES}
    found = rows.order_by().values(by).annotate(**sums).values_list(by, *sums)
    return {key: Figures(dict(zip(MEASURES, row, strict=True))) for key, *row in found}


def _trend(days: Mapping[date, Figures], period: Period, step: str) -> list[Group]:
    """Return the parts of the period in order, also those in which nothing happened."""
    parts: dict[date, list[Figures]] = {}
    for number in range(period.days):
        day = period.first + number * DAY
        parts.setdefault(_begins(day, step), []).append(days.get(day) or Figures({}))
    shown = {"day": "SHORT_DATE_FORMAT", "week": "SHORT_DATE_FORMAT", "month": "YEAR_MONTH_FORMAT"}
    return [
        Group(first, date_format(first, shown[step]), total(part)) for first, part in parts.items()
    ]


def _begins(day: date, step: str) -> date:
    if step == "week":
        return day - day.weekday() * DAY
    return day.replace(day=1) if step == "month" else day


def _by_weekday(days: Mapping[date, Figures]) -> list[Group]:
    return [
        Group(
            number,
            str(Weekday(number).label),
            total(row for day, row in days.items() if day.weekday() == number),
        )
        for number in range(7)
    ]


def _by_hour(company: Company, customer: Customer | None, period: Period) -> list[Group]:
    kind = Kind.CUSTOMER_HOUR if customer else Kind.HOUR
    found = _grouped(_rows(company, kind, *period, customer), "hour")
    return [Group(hour, f"{hour}:00", found.get(hour, Figures({}))) for hour in range(24)]


def _by_customer(company: Company, period: Period) -> list[Group]:
    """Return the customers with trips, most trips first: 2 statements."""
    found = _grouped(_rows(company, Kind.CUSTOMER, *period, None), "customer_id")
    names = dict(Customer.objects.filter(company=company).values_list("id", "name"))
    return _named(found, names, "booked")


def _by_driver(company: Company, period: Period) -> list[Group]:
    """Return the drivers with trips or hours, most trips first: 2 statements."""
    found = _grouped(_of_drivers(company, period), "driver_id")
    found.pop(0, None)  # trips that nobody drove
    names = dict(Driver.objects.filter(company=company).values_list("id", "name"))
    return _named(found, names, "done")


def _of_drivers(company: Company, period: Period) -> Any:
    """Return the rows that add up to a period: sums of its whole months, days before and after."""
    first = period.first if period.first.day == 1 else month_before(period.first, -1)
    end = (period.last + DAY).replace(day=1)  # of the whole months
    if first >= end:
        return _rows(company, Kind.DRIVER, *period, None)
    rows = DayFigures.objects.filter(company=company)
    return rows.filter(
        Q(kind=Kind.DRIVER_MONTH, day__gte=first, day__lt=end)
        | Q(kind=Kind.DRIVER, day__gte=period.first, day__lt=first)
        | Q(kind=Kind.DRIVER, day__gte=end, day__lte=period.last)
    )


def _named(found: Mapping[int, Figures], names: Mapping[int, str], by: str) -> list[Group]:
    groups = [Group(key, names.get(key, f"#{key}"), row) for key, row in found.items()]
    return sorted(groups, key=lambda group: (-group.figures[by], group.name, group.key))
