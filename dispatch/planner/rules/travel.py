"""Between two trips, and from or to the ends of a duty, the driver has the time to drive.

"Until" is the earliest and "by" the latest time the tour allows. They may differ from the times of
the plan, but the sum of a sentence comes out with them.
"""

from collections.abc import Iterator
from typing import Any

from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import (
    Breach,
    Placed,
    Rule,
    Sentence,
    Values,
    gettext_noop,
    minutes,
)
from dispatch.planner.travel import in_traffic

BUSY = Sentence(
    Block.BUSY,
    gettext_noop(
        "%(driver)s is on trip %(trip)s until %(until_s)s, %(away_min)s min away, and then due at "
        "trip %(next_trip)s by %(next_s)s, %(next_min)s min from the dropoff."
    ),
)
BUSY_UNTIL = Sentence(
    Block.BUSY_UNTIL,
    gettext_noop("%(driver)s is on trip %(trip)s until %(until_s)s, %(away_min)s min away."),
)
DUE_AT = Sentence(
    Block.DUE_AT,
    gettext_noop(
        "%(driver)s is due at trip %(next_trip)s by %(next_s)s, %(next_min)s min from the dropoff."
    ),
)
STARTS_AND_DUE = Sentence(
    Block.STARTS_AND_DUE,
    gettext_noop(
        "%(driver)s starts at %(from_s)s, %(away_min)s min away, and is due at trip "
        "%(next_trip)s by %(next_s)s, %(next_min)s min from the dropoff."
    ),
)
BACK_BY = Sentence(
    Block.BACK_BY,
    gettext_noop(
        "%(driver)s is on trip %(trip)s until %(until_s)s, %(away_min)s min away, and has to "
        "be back by %(next_s)s, %(next_min)s min from the dropoff."
    ),
)


def fits(free: Any, drive: Any, pickup: Any) -> Any:
    """Return whether a driver who is free then is at the pickup in time, or an array of it."""
    return free + drive <= pickup


def breach(code: Block, driver: str, values: Values) -> Breach:
    """Return the breach of one of this module's codes; they are the keys of its sentences."""
    return Breach(code, BY_CODE[code], {"driver": driver, **values})


def _breaches(placed: Placed, trip_id: int | None) -> Iterator[Breach]:
    commitments, trip, travel = placed.duty.commitments, placed.trip, placed.travel
    if trip_id == trip.id:
        standing = [c for c in commitments if c.pickup_s <= placed.row.pickup_s]
        before = max(standing, key=lambda c: c.free_s)
        away_s = travel.leg(before.dropoff, trip.pickup)[0]
        away_min = minutes(in_traffic(away_s, before.onward_factor))
        values = {"trip": before.reference, "until_s": before.free_s, "away_min": away_min}
        yield breach(Block.BUSY_UNTIL, placed.driver.name, values)
    else:
        after = next(c for c in commitments if c.trip_id == trip_id)
        next_s = travel.leg(trip.dropoff, after.pickup)[0]
        next_min = minutes(in_traffic(next_s, trip.onward_factor))
        values = {"next_trip": after.reference, "next_s": after.pickup_s, "next_min": next_min}
        yield breach(Block.DUE_AT, placed.driver.name, values)


TRAVEL = Rule(
    sentences=(BUSY, BUSY_UNTIL, DUE_AT, STARTS_AND_DUE, BACK_BY),
    checked_as=("drive",),
    breaches=_breaches,
)
BY_CODE = {Block(sentence.key): sentence for sentence in TRAVEL.sentences}
