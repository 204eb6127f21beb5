"""Only drivers who work for the company, and are not off work, are given trips.

The planner never sees the others.
"""

from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import Breach, Rule, Sentence, gettext_noop

NOT_ACTIVE = Sentence("not_active", gettext_noop("%(driver)s is not active."))
NOT_AVAILABLE = Sentence(Block.NOT_AVAILABLE, gettext_noop("%(driver)s is not available."))

VEHICLE_AWAY = Sentence(
    "vehicle_not_available", gettext_noop("%(driver)s's vehicle is not available then.")
)


def fits(is_active: bool, is_available: bool) -> bool:
    return is_active and is_available


def breach(driver: str, *, is_active: bool = True) -> Breach:
    sentence = NOT_AVAILABLE if is_active else NOT_ACTIVE
    return Breach(Block.NOT_AVAILABLE, sentence, {"driver": driver})


def vehicle_away(driver: str) -> Breach:
    return Breach(Block.NOT_AVAILABLE, VEHICLE_AWAY, {"driver": driver})


AVAILABILITY = Rule(sentences=(NOT_ACTIVE, NOT_AVAILABLE, VEHICLE_AWAY))
