"""No client boards the return trip before they are out of the outbound trip.

In a plan the pickup windows keep this order (`day/pairs.py`), so a trip beside its pair is judged
by whoever knows both.
"""

from typing import Any

from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import Breach, Rule, Sentence, gettext_noop

BEFORE_ARRIVAL = Sentence(
    "boards_before_arrival",
    gettext_noop(
        "The client is on outbound trip %(trip)s until %(until_s)s: the pickup at %(pickup_s)s is "
        "before that."
    ),
)
AFTER_RETURN = Sentence(
    "arrives_after_return",
    gettext_noop(
        "The client arrives at %(until_s)s, after the pickup of return trip %(trip)s at "
        "%(pickup_s)s."
    ),
)


def fits(out: Any, boards: Any) -> Any:
    """Return whether the client is out of the one trip when they board the other."""
    return out <= boards


def before_arrival(outbound: str, out_s: int, pickup_s: int) -> Breach:
    """Return that the trip boards before its client is out of this outbound trip."""
    values: dict[str, object] = {"trip": outbound, "until_s": out_s, "pickup_s": pickup_s}
    return Breach(Block.BEFORE_ARRIVAL, BEFORE_ARRIVAL, values)


def after_return(way_back: str, out_s: int, pickup_s: int) -> Breach:
    """Return that the trip's client is out only after the pickup of this return trip."""
    values: dict[str, object] = {"trip": way_back, "until_s": out_s, "pickup_s": pickup_s}
    return Breach(Block.BEFORE_ARRIVAL, AFTER_RETURN, values)


ORDER = Rule(sentences=(BEFORE_ARRIVAL, AFTER_RETURN), checked_as=("before_arrival",))
