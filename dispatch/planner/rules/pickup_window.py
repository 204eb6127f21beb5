"""Boarding starts inside the pickup window, both ends included."""

from collections.abc import Iterator
from typing import Any

from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import Breach, Placed, Rule, Sentence, gettext_noop, minutes

LATE = Sentence(
    "late",
    gettext_noop(
        "%(late_min)s min late: the pickup at %(pickup_s)s is after the window, which ends at "
        "%(latest_s)s."
    ),
)
EARLY = Sentence(
    "early",
    gettext_noop(
        "%(early_min)s min early: the pickup at %(pickup_s)s is before the window, which starts "
        "at %(earliest_s)s."
    ),
)


def fits(pickup: Any, earliest: Any, latest: Any) -> Any:
    """Return whether the pickup is inside the window: times of one kind, or arrays of them."""
    return (earliest <= pickup) & (pickup <= latest)


def _breaches(placed: Placed, trip_id: int | None) -> Iterator[Breach]:
    pickup_s, trip = placed.row.pickup_s, placed.trip
    values: dict[str, object] = {"pickup_s": pickup_s}
    if pickup_s > trip.latest_s:
        values |= {"late_min": minutes(pickup_s - trip.latest_s), "latest_s": trip.latest_s}
        yield Breach(Block.PICKUP_WINDOW, LATE, values)
    else:
        values |= {"early_min": minutes(trip.earliest_s - pickup_s), "earliest_s": trip.earliest_s}
        yield Breach(Block.PICKUP_WINDOW, EARLY, values)


PICKUP_WINDOW = Rule(sentences=(LATE, EARLY), checked_as=("pickup_window",), breaches=_breaches)
