"""A duty with trips has the break that is due, in one piece, never during a trip."""

from collections.abc import Iterator

from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import Breach, Placed, Rule, Sentence, gettext_noop, minutes

NO_BREAK = Sentence(
    Block.BREAK,
    gettext_noop(
        "%(driver)s has no time left for the break of %(length_min)s min between %(from_s)s and "
        "%(to_s)s."
    ),
)
IMPOSSIBLE = Sentence(
    Block.BREAK_IMPOSSIBLE,
    gettext_noop("%(driver)s has fixed trips that leave no room for the break."),
)


def breach(driver: str, length_min: int, from_s: object, to_s: object) -> Breach:
    """Return that the break of this length, due between these times, is not given."""
    values = {"driver": driver, "length_min": length_min, "from_s": from_s, "to_s": to_s}
    return Breach(Block.BREAK, NO_BREAK, values)


def impossible(driver: str) -> Breach:
    return Breach(Block.BREAK_IMPOSSIBLE, IMPOSSIBLE, {"driver": driver})


def _breaches(placed: Placed, trip_id: int | None) -> Iterator[Breach]:
    if due := placed.duty.break_:
        length_min = minutes(due.length_s)
        yield breach(placed.driver.name, length_min, due.earliest_s, due.latest_s)


BREAK = Rule(
    sentences=(NO_BREAK, IMPOSSIBLE),
    checked_as=(
        "break_missing",
        "break_length",
        "break_window",
        "break_during_trip",
        "break_drive",
    ),
    breaches=_breaches,
)
