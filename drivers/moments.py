"""How times are written for machines, and where there is no room for more, for people."""

from datetime import UTC

from django.utils import timezone
from django.utils.formats import date_format


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
