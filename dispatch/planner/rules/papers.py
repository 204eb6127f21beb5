"""Driver and vehicle have no paper that has expired, where the company wants that.

Papers are named by what they are: licence and permit of the driver, insurance and inspection of the
vehicle.
"""

from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import Asks, Breach, Offers, PairRule, Sentence, gettext_noop

EXPIRED = {
    "licence": Sentence("licence_expired", gettext_noop("%(driver)s's licence has expired.")),
    "permit": Sentence(
        "permit_expired", gettext_noop("%(driver)s's passenger transport permit has expired.")
    ),
    "insurance": Sentence(
        "insurance_expired",
        gettext_noop("The insurance of the vehicle of %(driver)s has expired."),
    ),
    "inspection": Sentence(
        "inspection_expired",
        gettext_noop("The inspection of the vehicle of %(driver)s has expired."),
    ),
}


def fits(_asked: None, expired: frozenset[str]) -> bool:
    return not expired


def breach(_trip: Asks, driver: Offers) -> Breach:
    first = next(name for name in EXPIRED if name in driver.expired)
    return Breach(Block.EXPIRED, EXPIRED[first], {"driver": driver.name})


PAPERS = PairRule(
    sentences=tuple(EXPIRED.values()),
    checked_as=("expired",),
    wanted=lambda _trip: None,
    have=lambda driver: driver.expired,
    fits=fits,
    breach=breach,
)
