"""Driver and vehicle together have every skill that the trip needs."""

from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import Asks, Breach, Offers, PairRule, Sentence, gettext_noop

NO_SKILL = Sentence(Block.NO_SKILL, gettext_noop("%(driver)s cannot do this: %(needs)s."))


def fits(needs: frozenset[str], skills: frozenset[str]) -> bool:
    return needs <= skills


def breach(trip: Asks, driver: Offers) -> Breach:
    missing = ", ".join(sorted(trip.needs - driver.skills))
    return Breach(Block.NO_SKILL, NO_SKILL, {"driver": driver.name, "needs": missing})


SKILLS = PairRule(
    sentences=(NO_SKILL,),
    checked_as=("needs",),
    wanted=lambda trip: trip.needs,
    have=lambda driver: driver.skills,
    fits=fits,
    breach=breach,
)
