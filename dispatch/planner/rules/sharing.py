"""Who may ride with others, and for how long: why a trip is not driven together with another one.

A driver who has the time for a trip alone needs none of this: these are said of drivers who could
take the trip along on the way, and do not. Whether they may is asked of the shared search
(`explain/sharing.py`); the checker has rules of its own (`check/shared.py`).
"""

from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import Breach, Rule, Sentence, gettext_noop, minutes

FULL = Sentence(
    Block.VEHICLE_FULL,
    gettext_noop(
        "%(driver)s could take it along with trip %(trip)s, but the vehicle has not enough places."
    ),
)
RIDE_LIMIT = Sentence(
    Block.RIDE_LIMIT,
    gettext_noop(
        "%(driver)s could take it along with trip %(trip)s, but the ride would be %(over_min)s min "
        "over the limit of %(limit_min)s min."
    ),
)
RIDES_ALONE = Sentence(
    Block.RIDES_ALONE,
    gettext_noop(
        "%(driver)s could take it along with trip %(trip)s, but the client does not ride with "
        "others."
    ),
)
OTHER_RIDES_ALONE = Sentence(
    "other_rides_alone",
    gettext_noop(
        "%(driver)s could take it along with trip %(trip)s, but the client of that trip does not "
        "ride with others."
    ),
)


def full(driver: str, trip: str) -> Breach:
    return Breach(Block.VEHICLE_FULL, FULL, {"driver": driver, "trip": trip})


def ride_limit(driver: str, trip: str, limit_s: int, over_s: int) -> Breach:
    values = {"limit_min": limit_s // 60, "over_min": minutes(over_s)}
    return Breach(Block.RIDE_LIMIT, RIDE_LIMIT, {"driver": driver, "trip": trip, **values})


def rides_alone(driver: str, trip: str) -> Breach:
    return Breach(Block.RIDES_ALONE, RIDES_ALONE, {"driver": driver, "trip": trip})


def other_rides_alone(driver: str, trip: str) -> Breach:
    return Breach(Block.RIDES_ALONE, OTHER_RIDES_ALONE, {"driver": driver, "trip": trip})


SHARING = Rule(sentences=(FULL, RIDE_LIMIT, RIDES_ALONE, OTHER_RIDES_ALONE))
