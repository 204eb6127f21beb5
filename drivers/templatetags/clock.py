"""Write clock times in templates: in the current timezone, each with one meaning."""

from datetime import datetime

from django import template

from drivers import times

register = template.Library()


@register.filter(expects_localtime=True)
def clock(value: datetime | None) -> str:
    return times.clock(value) if value else ""


@register.filter(expects_localtime=True)
def clock_input(value: datetime) -> str:
    """Write a clock time as `ClockField` reads it: with its offset where it is twice."""
    return f"{value:%H:%M}{value.isoformat()[-6:] if times.is_repeated(value) else ''}"
