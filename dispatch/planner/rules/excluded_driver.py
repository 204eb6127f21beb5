"""No client is driven by a driver who is excluded for them."""

from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import Asks, Breach, Offers, PairRule, Sentence, gettext_noop

EXCLUDED = Sentence(Block.FORBIDDEN, gettext_noop("%(driver)s is excluded for this client."))


def fits(forbidden: frozenset[int], driver_id: int) -> bool:
    return driver_id not in forbidden


def breach(trip: Asks, driver: Offers) -> Breach:
    return Breach(Block.FORBIDDEN, EXCLUDED, {"driver": driver.name})


EXCLUDED_DRIVER = PairRule(
    sentences=(EXCLUDED,),
    checked_as=("forbidden",),
    wanted=lambda trip: trip.forbidden,
    have=lambda driver: driver.id,
    fits=fits,
    breach=breach,
)
