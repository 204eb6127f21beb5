"""What a vehicle whose places fold can carry: one of its layouts at a time.

A layout is written as seats + wheelchair places, such as 2+1; several with commas between them.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

Layout = tuple[int, int]  # seats and wheelchair places at the same time
MOST_SEATS, MOST_WHEELCHAIRS = 100, 20
MOST_LAYOUTS = 8
WRITTEN = re.compile(r"\s*([0-9]{1,3})\s*\+\s*([0-9]{1,2})\s*")


def written(layouts: Iterable[Layout]) -> str:
    """Return layouts as people write them."""
    return ", ".join(f"{seats}+{places}" for seats, places in layouts)


@lru_cache(maxsize=1024)
def read_layouts(text: str) -> tuple[Layout, ...]:
    """Return the layouts that are written in a text, none for "". Raises ValidationError."""
    if not text.strip():
        return ()
    found = [WRITTEN.fullmatch(part) for part in text.split(",")]
    layouts = [(int(match[1]), int(match[2])) for match in found if match]
    if len(layouts) < len(found):
        raise ValidationError(
            _("Write seats + wheelchair places of each layout, with commas between: 2+1, 0+2.")
        )
    if any(seats > MOST_SEATS or places > MOST_WHEELCHAIRS for seats, places in layouts):
        raise ValidationError(_("A vehicle has at most 100 seats and 20 wheelchair places."))
    if len(layouts) > MOST_LAYOUTS:
        raise ValidationError(
            _("A vehicle has at most %(most)d other layouts.") % {"most": MOST_LAYOUTS}
        )
    return tuple(dict.fromkeys(layouts))


def validate_layouts(value: str) -> None:
    """Raise ValidationError unless the value is a text of layouts."""
    read_layouts(value)


def all_layouts(seats: int, wheelchair_places: int, others: str) -> tuple[Layout, ...]:
    """Return the layouts of a vehicle, the usual one first, each once."""
    return tuple(dict.fromkeys([(seats, wheelchair_places), *read_layouts(others)]))
