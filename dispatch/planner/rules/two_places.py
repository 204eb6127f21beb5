"""Nobody is in two places at once: the trips of one person do not overlap. Periods are half-open.

In a plan the pickup windows keep it (`day/pairs.py`), and of two trips of one driver the driver's
own overlap says it, so a trip beside the others of its person is judged by whoever knows them all.
"""

from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import Breach, Rule, Sentence, gettext_noop

UNDER_WAY = Sentence(
    "on_another_trip",
    gettext_noop(
        "%(client)s cannot be in two places: trip %(trip)s lasts from %(from_s)s to %(until_s)s."
    ),
)


def breach(client: str, trip: str, from_s: object, until_s: object) -> Breach:
    values = {"client": client, "trip": trip, "from_s": from_s, "until_s": until_s}
    return Breach(Block.TWO_PLACES, UNDER_WAY, values)


TWO_PLACES = Rule(sentences=(UNDER_WAY,), checked_as=("two_places",))
