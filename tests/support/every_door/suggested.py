"""The suggestions for each booking of the company, as a door is sent them."""

from collections.abc import Iterator
from typing import Any

from dispatch.trips.advice.advise import advise
from drivers.refused import Refused
from tests.support.every_door.company import NOW, Busy


def suggested(busy: Busy) -> Iterator[tuple[int, dict[str, Any], str]]:
    """Yield (booking, change, key) of every kind for each booking, and each with another key."""
    for row in busy.bookings.values():
        try:
            found = advise(busy.company, row.pk, now=NOW, most=9).suggestions
        except Refused:
            continue
        for advised in found:
            change = advised.suggestion.change.as_dict()
            del change["booking_id"]
            yield row.pk, change, advised.suggestion.key
            yield row.pk, change, "another"
