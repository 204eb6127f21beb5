"""Everybody who travels in a wheelchair has a place for it."""

from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import Asks, Breach, Offers, PairRule, Sentence, gettext_noop

NO_PLACE = Sentence(
    Block.NO_WHEELCHAIR_PLACE,
    gettext_noop("%(driver)s has %(wheelchair_places)s wheelchair places."),
)


def fits(wanted: int, have: int) -> bool:
    return wanted <= have


def breach(trip: Asks, driver: Offers) -> Breach:
    places = {"driver": driver.name, "wheelchair_places": driver.wheelchair_places}
    return Breach(Block.NO_WHEELCHAIR_PLACE, NO_PLACE, places)


WHEELCHAIRS = PairRule(
    sentences=(NO_PLACE,),
    checked_as=("wheelchairs",),
    wanted=lambda trip: trip.wheelchairs,
    have=lambda driver: driver.wheelchair_places,
    fits=fits,
    breach=breach,
)
