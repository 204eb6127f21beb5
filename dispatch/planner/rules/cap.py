"""No driver has more trips on a day than allowed."""

from collections.abc import Iterator
from typing import Any

from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import Breach, Placed, Rule, Sentence, gettext_noop

CAP_REACHED = Sentence(
    Block.CAP_REACHED,
    gettext_noop("%(driver)s already has %(trips)s trips, as many as allowed."),
)


def fits(trips: Any, capacity: Any) -> Any:
    """Return whether so many trips are allowed: numbers, or arrays of them."""
    return trips <= capacity


def breach(driver: str, trips: int) -> Breach:
    """Return that this driver has so many trips already."""
    return Breach(Block.CAP_REACHED, CAP_REACHED, {"driver": driver, "trips": trips})


def _breaches(placed: Placed, trip_id: int | None) -> Iterator[Breach]:
    yield breach(placed.driver.name, placed.driver.load)


CAP = Rule(sentences=(CAP_REACHED,), checked_as=("capacity",), breaches=_breaches)
