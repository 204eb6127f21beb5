"""What a standing order says of each of its dates: the values of the bookings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q

from bookings.models import Booking, Pause, Series
from bookings.series.rule import Break, Rhythm, moments, without
from drivers.models import Company
from drivers.public_holidays import public_holidays

Leg = Booking.Leg
Values = dict[str, Any]
SHARED = (
    "passengers", "wheelchairs", "may_share", "max_ride_min", "needs", "priority", "notes",
)  # fmt: skip
PLACE = ("address", "lat", "lon")
# {column of a booking: column of the series}, for each leg.
COLUMNS: Mapping[int, Mapping[str, str]] = {
    leg: {
        "company_id": "company_id",
        "customer_id": "customer_id",
        "client_id": "client_id",
        **{f"pickup_{what}": f"{start}_{what}" for what in PLACE},
        **{f"dropoff_{what}": f"{end}_{what}" for what in PLACE},
        **{name: name for name in SHARED},
    }
    for leg, start, end in (
        (Leg.OUTBOUND, "pickup", "dropoff"),
        (Leg.RETURN, "dropoff", "pickup"),
    )
}
# What a changed order changes in its bookings.
OWNERS = ("company_id", "customer_id", "client_id")
FOLLOWED = tuple(name for name in COLUMNS[0] if name not in OWNERS)


def rhythm_of(series: Series) -> Rhythm:
    """Return the rhythm of a series. No query."""
    return Rhythm(
        weekdays=tuple(series.weekday_numbers),
        every_weeks=series.every_weeks,
        first_day=series.first_day,
        last_day=series.last_day,
        count=series.count,
    )


@dataclass(frozen=True, slots=True)
class Template:
    """A standing order with its pauses and its company. No query."""

    series: Series
    company: Company
    pauses: Sequence[Break] = ()
    rhythm: Rhythm = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rhythm", rhythm_of(self.series))

    def days(self, first: date, last: date) -> list[date]:
        """Return the dates with trips from `first` to `last`, both inclusive."""
        days = without(self.rhythm.days(first, last), self.pauses)
        return [day for day in days if not self.holiday(day)]

    def holiday(self, day: date) -> str:
        """Return the name of the public holiday that leaves the day out, or ""."""
        if not self.series.skips_holidays:
            return ""
        company = self.company
        calendar = public_holidays(company.holiday_country, company.holiday_canton, day.year)
        return calendar.get(day, "")

    def why_left_out(self, day: date) -> str:
        """Return "pause", the name of the holiday, or "" of a date of the rhythm."""
        if any(pause.has(day) for pause in self.pauses):
            return "pause"
        return self.holiday(day)

    def has(self, day: date, leg: int) -> bool:
        """Return whether the day has this leg."""
        if leg == Leg.RETURN and self.series.return_time is None:
            return False
        return bool(self.days(day, day))

    def is_will_call(self, leg: int) -> bool:
        return leg == Leg.RETURN and self.series.return_will_call

    @property
    def zones(self) -> list[ZoneInfo]:
        """The timezones that booked dates may have: the company's, and the one it had before."""
        before = self.series.booked_zone
        other = [ZoneInfo(before)] if before not in ("", self.company.timezone) else []
        return [self.company.zone, *other]

    def times(
        self, day: date, zone: ZoneInfo | None = None
    ) -> tuple[datetime, datetime | None, datetime | None]:
        """Return (pickup, appointment, return) of the day, in UTC."""
        series = self.series
        optional = {"appointment": series.appointment_time, "return": series.return_time}
        later = {name: clock for name, clock in optional.items() if clock is not None}
        pickup, *others = moments(
            day, [series.pickup_time, *later.values()], zone or self.company.zone
        )
        found = dict(zip(later, others, strict=True))
        return pickup, found.get("appointment"), found.get("return")

    def values(self, day: date, leg: int, zone: ZoneInfo | None = None) -> Values:
        """Return {field of a booking: value} of a leg on a day, of `FOLLOWED` and the times."""
        pickup, appointment, back = self.times(day, zone)
        there = leg == Leg.OUTBOUND
        own = {name: getattr(self.series, COLUMNS[leg][name]) for name in FOLLOWED}
        own["scheduled_time"] = pickup if there else back
        own["appointment_at"] = appointment if there else None
        return own


def read_pauses(
    company: Company, series: Collection[Series], since: date | None = None
) -> dict[int, list[Break]]:
    """Return the pauses of each series, those of its client too: 1 statement.

    Without those that ended before `since`, which no date from then on can lie in.
    """
    rows = Pause.objects.filter(company=company).order_by("id")
    if since is not None:
        rows = rows.filter(Q(last_day__isnull=True) | Q(last_day__gte=since))
    by_series: dict[int, list[Break]] = {}
    by_client: dict[int, list[Break]] = {}
    wanted = {one.pk for one in series}, {one.client_id for one in series if one.client_id}
    columns = rows.values_list("series_id", "client_id", "first_day", "last_day")
    for series_id, client_id, first_day, last_day in columns:
        if series_id in wanted[0]:
            by_series.setdefault(series_id, []).append(Break(first_day, last_day))
        elif client_id in wanted[1]:
            by_client.setdefault(client_id, []).append(Break(first_day, last_day))
    return {
        one.pk: by_series.get(one.pk, []) + by_client.get(one.client_id or 0, []) for one in series
    }


def read_templates(
    company: Company, series: Sequence[Series], since: date | None = None
) -> list[Template]:
    """Return the templates of series of the company, in order: 1 statement.

    With `since`, for dates from then on only.
    """
    pauses = read_pauses(company, series, since)
    return [Template(one, company, tuple(pauses[one.pk])) for one in series]
