"""Everybody who does not travel in a wheelchair has a seat."""

from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import Asks, Breach, Offers, PairRule, Sentence, gettext_noop

NO_SEATS = Sentence(Block.NO_SEATS, gettext_noop("%(driver)s has %(seats)s seats."))
NO_VEHICLE = Sentence(
    "no_vehicle_for_passengers", gettext_noop("%(driver)s has no vehicle for passengers.")
)


def fits(wanted: int, have: int) -> bool:
    return wanted <= have


def breach(trip: Asks, driver: Offers) -> Breach:
    empty = not driver.seats and not driver.wheelchair_places
    values: dict[str, object] = {"driver": driver.name, "seats": driver.seats}
    return Breach(Block.NO_SEATS, NO_VEHICLE if empty else NO_SEATS, values)


SEATS = PairRule(
    sentences=(NO_SEATS, NO_VEHICLE),
    checked_as=("seats",),
    wanted=lambda trip: trip.seats,
    have=lambda driver: driver.seats,
    fits=fits,
    breach=breach,
)
