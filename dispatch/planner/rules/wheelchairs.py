"""Everybody who travels in a wheelchair has a place for it, beside the seats of the others.

Where places fold, one layout of the vehicle has both. A trip for which no layout has seats enough
breaks the rule of seats; of this one it is said what is there without them.
"""

from dispatch.planner.problem import Layout
from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import Asks, Breach, Offers, PairRule, Sentence, gettext_noop

NO_PLACE = Sentence(
    Block.NO_WHEELCHAIR_PLACE,
    gettext_noop("%(driver)s has %(wheelchair_places)s wheelchair places."),
)
NO_PLACE_BESIDE = Sentence(
    "no_wheelchair_place_beside",
    gettext_noop(
        "%(driver)s has %(wheelchair_places)s wheelchair places beside %(seats)s seats in use."
    ),
)


def most(seats: int, layouts: tuple[Layout, ...]) -> int:
    """Return the most wheelchair places beside so many seats; of all if no layout has as many."""
    able = [layout for layout in layouts if layout[0] >= seats] or layouts
    return max(places for _seats, places in able)


def fits(wanted: tuple[int, int], layouts: tuple[Layout, ...]) -> bool:
    seats, wheelchairs = wanted
    return wheelchairs <= most(seats, layouts)


def breach(trip: Asks, driver: Offers) -> Breach:
    have = most(trip.seats, driver.places)
    values: dict[str, object] = {"driver": driver.name, "wheelchair_places": have}
    if have == driver.wheelchair_places:
        return Breach(Block.NO_WHEELCHAIR_PLACE, NO_PLACE, values)
    return Breach(Block.NO_WHEELCHAIR_PLACE, NO_PLACE_BESIDE, values | {"seats": trip.seats})


WHEELCHAIRS = PairRule(
    sentences=(NO_PLACE, NO_PLACE_BESIDE),
    checked_as=("wheelchairs",),
    wanted=lambda trip: (trip.seats, trip.wheelchairs),
    have=lambda driver: driver.places,
    fits=fits,
    breach=breach,
)
