"""Days as addresses, forms and commands write them."""

from datetime import date

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
