"""No driver has two trips at the same time. Periods are half-open."""

from collections.abc import Iterator
from typing import Any

from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import Breach, Placed, Rule, Sentence, gettext_noop

SAME_TIME = Sentence(
    Block.OVERLAP,
    gettext_noop(
        "%(driver)s is on trip %(trip)s from %(from_s)s to %(until_s)s, at the same time."
    ),
)


def fits(pickup: Any, free: Any, other_pickup: Any, other_free: Any) -> Any:
    """Return whether the trips are apart: times of one kind, or arrays of them."""
    return (free <= other_pickup) | (other_free <= pickup)


def breach(driver: str, trip: str, from_s: object, until_s: object) -> Breach:
    values = {"driver": driver, "trip": trip, "from_s": from_s, "until_s": until_s}
    return Breach(Block.OVERLAP, SAME_TIME, values)


def _breaches(placed: Placed, trip_id: int | None) -> Iterator[Breach]:
    for other in placed.others:
        if not fits(placed.row.pickup_s, placed.free_s, other.pickup_s, other.free_s):
            yield breach(placed.driver.name, other.reference, other.pickup_s, other.free_s)


OVERLAP = Rule(sentences=(SAME_TIME,), checked_as=("overlap",), breaches=_breaches)
