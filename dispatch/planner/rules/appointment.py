"""The client arrives by the time of the appointment."""

from collections.abc import Iterator

from dispatch.planner.problem import Trip
from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import Breach, Placed, Rule, Sentence, gettext_noop, minutes

ARRIVES_LATE = Sentence(
    Block.APPOINTMENT,
    gettext_noop(
        "Arrives at %(dropoff_s)s, %(late_min)s min after the appointment at %(arrive_by_s)s."
    ),
)


def fits(dropoff_s: int, arrive_by_s: int | None) -> bool:
    return arrive_by_s is None or dropoff_s <= arrive_by_s


def is_possible(trip: Trip) -> bool:
    """Return whether the trip arrives in time if it boards as early as its window allows."""
    return fits(trip.earliest_s + trip.boarding_s + trip.ride_s, trip.arrive_by_s)


def _breaches(placed: Placed, trip_id: int | None) -> Iterator[Breach]:
    dropoff_s, arrive_by_s = placed.row.dropoff_s, placed.trip.arrive_by_s
    if arrive_by_s is not None:
        late_min = minutes(dropoff_s - arrive_by_s)
        times = {"dropoff_s": dropoff_s, "arrive_by_s": arrive_by_s}
        yield Breach(Block.APPOINTMENT, ARRIVES_LATE, {**times, "late_min": late_min})


APPOINTMENT = Rule(sentences=(ARRIVES_LATE,), checked_as=("appointment",), breaches=_breaches)
