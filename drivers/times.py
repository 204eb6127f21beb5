"""Read days, and format times for machines and for people."""

from datetime import UTC, date, datetime
from typing import overload

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

YEARS = range(2000, 2100)  # others are typing errors, and some have no bounds in UTC


def day_of(text: str) -> date:
    """Return the day written as 2026-06-17.

    Raises ValueError if it is not a day, or not in YEARS.
    """
    day = date.fromisoformat(text)
    if day.year not in YEARS:
        raise ValueError(_("write years from 2000 to 2099"))
    return day


@overload
def moment(value: datetime) -> str: ...
@overload
def moment(value: None) -> None: ...
def moment(value: datetime | None) -> str | None:
    """Format a time as the API does: UTC, whole microseconds, `Z`; None stays None."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def shown(value: datetime) -> str:
    """Format a time in the current timezone, with the timezone's name."""
    local = timezone.localtime(value)
    return f"{date_format(local, 'SHORT_DATETIME_FORMAT')} {timezone.get_current_timezone_name()}"


def shown_period(start: datetime, end: datetime) -> str:
    """Format a period in the current timezone, with the timezone's name."""
    local = timezone.localtime(start)
    return f"{date_format(local, 'SHORT_DATETIME_FORMAT')} – {shown(end)}"
