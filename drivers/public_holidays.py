"""Public holidays of a country and its canton or region, as the library `holidays` keeps them."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

import holidays
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


def validate_calendar(country: str, canton: str) -> None:
    """Raise ValidationError, with its field, for a country or a canton that is not known.

    Codes as in ISO 3166: "CH" and "GE". Both may be empty, the canton alone too.
    """
    if not country:
        if canton:
            raise ValidationError({"holiday_country": _("Enter the country of the canton.")})
        return
    known = holidays.list_supported_countries()
    if country not in known:
        message = _("No holidays are known for “%(code)s”: enter a code such as CH, FR or DE.")
        raise ValidationError({"holiday_country": message % {"code": country}})
    if canton and canton not in known[country]:
        if known[country]:
            message = _("“%(code)s” is not known: enter one of %(known)s.")
        else:
            message = _("The holidays are the same everywhere in this country: leave this empty.")
        shown = {"code": canton, "known": ", ".join(known[country])}
        raise ValidationError({"holiday_canton": message % shown})


@lru_cache(256)
def public_holidays(country: str, canton: str, year: int) -> Mapping[date, str]:
    """Return {day: name} of the public holidays of a year; none without a country."""
    if not country:
        return {}
    return dict(holidays.country_holidays(country, subdiv=canton or None, years=year))
