"""Read days, and write times for machines and in short for people."""

from datetime import UTC, date

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

YEARS = range(2000, 2100)  # others are typing errors, and some have no borders in UTC


def day_of(text: str) -> date:
    """Return the day that is written like 2026-06-17.

    Raises ValueError where it is none, or of none of the YEARS.
    """
    day = date.fromisoformat(text)
    if day.year not in YEARS:
        raise ValueError(_("write years from 2000 to 2099"))
    return day


def moment(value):
    """Write a time as the API does: UTC, whole microseconds, `Z`."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def shown(value):
    """Write a time in the current zone, which is named: a page's is that of its company."""
    local = timezone.localtime(value)
    return f"{date_format(local, 'SHORT_DATETIME_FORMAT')} {timezone.get_current_timezone_name()}"


def shown_period(start, end):
    """Write a period in the current zone, which is named after its end."""
    local = timezone.localtime(start)
    return f"{date_format(local, 'SHORT_DATETIME_FORMAT')} – {shown(end)}"
