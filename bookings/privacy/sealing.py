"""Seal events that were written in the clear, and wrap keys anew. Both go on where they stopped."""

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from bookings.models import ClientKey, Event
from bookings.models.event import Told, seal_sides
from bookings.models.seals import SEALED, is_wrapped_anew, unwrap, wrap
from drivers.db.bulk import update_rows

CHUNK = 2_000


def seal_events() -> Iterator[tuple[int, int]]:
    """Seal the events of clients that were written in the clear.

    Yields (last id looked at, how many were sealed) after each chunk, which is a transaction of at
    most 5 statements, 8 where clients were merged. Killed, it goes on: what is sealed is not
    sealed again.
    """
    after = 0
    while True:
        with transaction.atomic():
            rows = list(
                _raw().filter(id__gt=after).order_by("id")
                .values_list("id", "booking_id", "kind", "old", "new")[:CHUNK]
            )  # fmt: skip
            if not rows:
                return
            told = [
                (pk, Told(booking_id, kind, old, new))
                for pk, booking_id, kind, old, new in rows
                if booking_id and not any(map(_is_sealed, (old, new)))
            ]
            sides = seal_sides([event for _pk, event in told], using="default") or []
            changed = [
                (pk, old, new)
                for (pk, event), (old, new) in zip(told, sides, strict=bool(sides))
                if (old, new) != (event.old, event.new)
            ]
            update_rows(Event, ["old", "new"], changed)
        after = rows[-1][0]
        yield after, len(changed)


def rewrap_keys() -> Iterator[int]:
    """Wrap the keys that another master key wrapped by the first one; yields how many, by chunk.

    Afterwards the other secrets of SEALING_KEYS are not needed. Raises UnknownMasterKey.
    """
    after = 0
    while True:
        with transaction.atomic():
            rows = list(
                ClientKey.objects.filter(id__gt=after)
                .order_by("id")
                .values_list("id", "wrapped")[:CHUNK]
            )
            if not rows:
                return
            changed = [(pk, wrap(unwrap(w))) for pk, w in rows if not is_wrapped_anew(w)]
            update_rows(ClientKey, ["wrapped"], changed)
        after = rows[-1][0]
        yield len(changed)


def _is_sealed(side: Any) -> bool:
    return isinstance(side, dict) and SEALED in side


def _raw() -> "QuerySet[Event]":
    """Return the events as they are stored, sealed."""
    return QuerySet(Event)
