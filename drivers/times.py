"""Read days, and format times for machines and for people."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import overload

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _

YEARS = range(2000, 2100)  # others are typing errors, and some have no bounds in UTC
# The moments of these years, which begin and end in UTC: [EARLIEST, LATEST).
EARLIEST, LATEST = (datetime(year, 1, 1, tzinfo=UTC) for year in (YEARS.start, YEARS.stop))
# As people type it: 9:30, 9.30, 9h30, 9h, 930, 0930, 09:30:15, 9:30 pm. A lone 9 or 30 may be
# either hours or minutes.
CLOCK = re.compile(
    r"(?P<hour>[0-9]{1,2})"
    r"(?:(?:[:.]| ?h ?)(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?| ?h|(?P<digits>[0-9]{2}))"
    r"(?: ?(?P<half>[ap])\.?m\.?)?",
    re.IGNORECASE,
)


def day_of(text: str) -> date:
    """Return the day written as 2026-06-17.

    Raises ValueError if it is not a day, or not in YEARS.
    """
    day = date.fromisoformat(text)
    if day.year not in YEARS:
        raise ValueError(_("write years from 2000 to 2099"))
    return day


def clock_of(text: str) -> time:
    """Return the clock time that a person has typed; see CLOCK.

    Raises ValueError if it is not one.
    """
    found = CLOCK.fullmatch(" ".join(text.split()))
    if not found:
        raise ValueError(_("Enter a time, such as 08:30, 8h30 or 830."))
    hour = int(found["hour"])
    if found["half"]:
        # From 1 to 12; 13 pm is as wrong as 25:00.
        hour = hour % 12 + (12 if found["half"] in "pP" else 0) if 1 <= hour <= 12 else 24
    minute, second = int(found["minute"] or found["digits"] or 0), int(found["second"] or 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(_("There is no such time: the hours end with 23:59."))
    return time(hour, minute, second)


def moment_of(text: str) -> datetime:
    """Return the moment written in ISO 8601 with its offset from UTC.

    Raises ValueError if it is none, or not in YEARS.
    """
    try:
        at = parse_datetime(text)
    except ValueError:  # the shape of a moment, such as 2026-02-30T09:00Z
        at = None
    if at is None or timezone.is_naive(at):
        raise ValueError(
            _("Enter a date and time with an offset, such as 2026-06-17T09:00:00+02:00.")
        )
    return in_years(at)


def in_years(at: datetime) -> datetime:
    """Return the moment in UTC. Raises ValueError if it is not in YEARS."""
    try:
        found = at.astimezone(UTC)
    except OverflowError:  # in UTC it is before the year 1, or after 9999
        found = LATEST
    if not EARLIEST <= found < LATEST:
        raise ValueError(_("The year must be from 2000 to 2099."))
    return found


@overload
def moment(value: datetime) -> str: ...
@overload
def moment(value: None) -> None: ...
def moment(value: datetime | None) -> str | None:
    """Format a time as the API does: UTC, whole microseconds, `Z`; None stays None."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def clock(local: datetime) -> str:
    """Write the clock time of a local time that has its zone: 08:30.

    With the zone's name where the clock shows it twice on that day, in the night that is an hour
    longer: 02:10 CET. Boards call it thousands of times: it costs about as much as formatting.
    """
    text = f"{local.hour:02}:{local.minute:02}"
    return f"{text} {local.tzname()}" if is_repeated(local) else text


def is_repeated(local: datetime) -> bool:
    """Say whether a local time that has its zone is twice on its day."""
    if local.tzinfo is None or not repeats_an_hour(local.tzinfo, local.date()):
        return False
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


@lru_cache(1024)
def repeats_an_hour(zone: tzinfo, day: date) -> bool:
    """Say whether the clock shows some times of the day twice."""
    start, end = (
        datetime.combine(d, time.min, zone).astimezone(UTC) for d in (day, day + timedelta(days=1))
    )
    return end - start > timedelta(days=1)


def shown(value: datetime) -> str:
    """Format a time in the current timezone, with the timezone's name."""
    local = timezone.localtime(value)
    return f"{date_format(local, 'SHORT_DATETIME_FORMAT')} {timezone.get_current_timezone_name()}"


def shown_period(start: datetime, end: datetime) -> str:
    """Format a period in the current timezone, with the timezone's name."""
    local = timezone.localtime(start)
    return f"{date_format(local, 'SHORT_DATETIME_FORMAT')} – {shown(end)}"
