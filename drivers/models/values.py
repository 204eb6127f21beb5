"""Validators and conditions shared by several tables: positions, timezones, tags, shift length."""

from datetime import timedelta
from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import BaseValidator, MaxValueValidator, MinValueValidator
from django.db.models import Q
from django.utils.deconstruct import deconstructible
from django.utils.translation import gettext_lazy as _

from drivers.db.rules import Between
from drivers.times import EARLIEST, LATEST

SHIFT_AT_MOST = timedelta(hours=24)
IN_YEARS = _("The year must be from 2000 to 2099.")

LATITUDE: dict[str, Any] = {"validators": [MinValueValidator(-90), MaxValueValidator(90)]}
LONGITUDE: dict[str, Any] = {"validators": [MinValueValidator(-180), MaxValueValidator(180)]}


@deconstructible
class FromOrZero(BaseValidator):
    """A number from a limit on, or 0."""

    message = _("The number must be 0, or at least %(limit_value)s.")
    code = "min_value"

    def compare(self, a: int, b: int) -> bool:
        return a != 0 and a < b


def on_earth(prefix: str, *, optional: bool = False) -> Q:
    """Return the condition that a position is valid, or empty if it is optional."""
    inside = Q(
        **{
            f"{prefix}_lat__gte": -90,
            f"{prefix}_lat__lte": 90,
            f"{prefix}_lon__gte": -180,
            f"{prefix}_lon__lte": 180,
        }
    )
    if not optional:
        return inside
    empty = Q(**{f"{prefix}_lat__isnull": True, f"{prefix}_lon__isnull": True})
    known = Q(**{f"{prefix}_lat__isnull": False, f"{prefix}_lon__isnull": False})
    return empty | (known & inside)


def within_years(name: str, field: str) -> Between:
    """Return the rule that a moment lies in the years in which people may write one."""
    return Between(name=name, field=field, first=EARLIEST, end=LATEST, says=IN_YEARS)


def validate_timezone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(
            _("“%(name)s” is not a timezone; use an IANA name such as Europe/Zurich."),
            params={"name": name},
        )


def validate_tags(value: Any) -> None:
    """Raise ValidationError unless the value is a list of distinct lower-case words."""
    if (
        not isinstance(value, list)
        or not all(isinstance(tag, str) and tag and tag == tag.strip().lower() for tag in value)
        or len(set(value)) != len(value)
    ):
        raise ValidationError(
            _("Enter a list of distinct lower-case words, such as [“stretcher”, “oxygen”].")
        )
