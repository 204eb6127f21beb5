"""A trip lies inside one duty: a shift, less the absences in it.

The planner counts the way to the pickup and the way back; where no route is made, the trip alone
has to lie inside. Periods are half-open.
"""

from collections.abc import Iterator
from typing import Any

from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import Breach, Placed, Rule, Sentence, gettext_noop, minutes
from dispatch.planner.travel import in_traffic

NO_DUTY = Sentence(Block.NO_DUTY, gettext_noop("%(driver)s has no duty."))
OFF_SHIFT = Sentence(
    Block.OFF_SHIFT,
    gettext_noop(
        "%(driver)s is on duty from %(from_s)s to %(until_s)s, %(away_min)s min from the pickup "
        "and %(back_min)s min back from the dropoff."
    ),
)


def covers(duty_start: Any, duty_end: Any, start: Any, end: Any) -> Any:
    """Return whether the duty holds [start, end): times of one kind, or arrays of them."""
    return (duty_start <= start) & (end <= duty_end)


def missing(duty_start: Any, duty_end: Any, start: Any, end: Any, away: Any, back: Any) -> Any:
    """Return how much time the duty lacks for [start, end) with the ways there and back."""
    return max(start, duty_start + away) - min(start, duty_end - back - (end - start))


def no_duty(driver: str) -> Breach:
    return Breach(Block.NO_DUTY, NO_DUTY, {"driver": driver})


def off_shift(driver: str, start: object, end: object, away_s: float, back_s: float) -> Breach:
    """Return that the duty, [start, end), does not hold the trip with the ways there and back."""
    numbers = {"away_min": minutes(away_s), "back_min": minutes(back_s)}
    times = {"from_s": start, "until_s": end}
    return Breach(Block.OFF_SHIFT, OFF_SHIFT, {"driver": driver, **times, **numbers})


def _breaches(placed: Placed, trip_id: int | None) -> Iterator[Breach]:
    duty, trip = placed.duty, placed.trip
    away_s = in_traffic(placed.travel.leg(duty.start, trip.pickup)[0], duty.onward_factor)
    back_s = in_traffic(placed.travel.leg(trip.dropoff, duty.end)[0], trip.onward_factor)
    yield off_shift(placed.driver.name, duty.start_s, duty.end_s, away_s, back_s)


DUTY = Rule(
    sentences=(NO_DUTY, OFF_SHIFT),
    checked_as=("duty_start", "duty_end"),
    breaches=_breaches,
)
