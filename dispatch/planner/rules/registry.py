"""All rules, the most permanent first: what cannot change soon is said before what can.

A new rule is a module beside this one, its code in `codes.py` and a line here.
"""

from collections.abc import Iterator, Sequence

from dispatch.planner.rules.appointment import APPOINTMENT
from dispatch.planner.rules.availability import AVAILABILITY
from dispatch.planner.rules.cap import CAP
from dispatch.planner.rules.driver_break import BREAK
from dispatch.planner.rules.duty import DUTY
from dispatch.planner.rules.excluded_driver import EXCLUDED_DRIVER
from dispatch.planner.rules.order import ORDER
from dispatch.planner.rules.overlap import OVERLAP
from dispatch.planner.rules.papers import PAPERS
from dispatch.planner.rules.pickup_window import PICKUP_WINDOW
from dispatch.planner.rules.rule import Asks, Breach, Flags, Offers, PairRule, Rule
from dispatch.planner.rules.seats import SEATS
from dispatch.planner.rules.sharing import SHARING
from dispatch.planner.rules.skills import SKILLS
from dispatch.planner.rules.travel import TRAVEL
from dispatch.planner.rules.two_places import TWO_PLACES
from dispatch.planner.rules.wheelchairs import WHEELCHAIRS

# The rules of trip and driver, whatever the time.
PAIR_RULES: tuple[PairRule, ...] = (SEATS, WHEELCHAIRS, SKILLS, EXCLUDED_DRIVER, PAPERS)
RULES: tuple[Rule | PairRule, ...] = (
    AVAILABILITY,
    *PAIR_RULES,
    DUTY,
    CAP,
    APPOINTMENT,
    PICKUP_WINDOW,
    ORDER,
    TWO_PLACES,
    SHARING,
    OVERLAP,
    TRAVEL,
    BREAK,
)
BY_CHECK = {code: rule for rule in RULES for code in rule.checked_as}
SENTENCES = {sentence.key: sentence.text for rule in RULES for sentence in rule.sentences}


def may_drive(trips: Sequence[Asks], drivers: Sequence[Offers]) -> Flags:
    """Return trips x drivers: whether the driver may take the trip at some time."""
    first, *others = PAIR_RULES
    allowed = first.mask(trips, drivers)
    for rule in others:
        allowed &= rule.mask(trips, drivers)
    return allowed


def misfits(trip: Asks, driver: Offers) -> Iterator[Breach]:
    """Yield what keeps this driver from this trip whatever the time."""
    return (rule.breach(trip, driver) for rule in PAIR_RULES if not rule.keeps(trip, driver))
