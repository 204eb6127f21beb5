"""The times at which a trip that is about to be booked can be driven.

This app knows no drivers: who does registers an answerer in its `ready()`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bookings.models import Booking
from drivers.models import Company


@dataclass(frozen=True, slots=True)
class OfferedTime:
    """A time at which a driver can pick up the trip, and when it then arrives."""

    pickup_at: datetime
    dropoff_at: datetime
    driver: str


@dataclass(frozen=True, slots=True)
class Offered:
    """The offered times in order of time, or `why` there are none, as a sentence.

    `driving` says where the driving times come from, in a sentence.
    """

    times: Sequence[OfferedTime]
    why: str = ""
    driving: str = ""


class Answerer(Protocol):
    """Finds the times nearest to the booking's `scheduled_time`, which keep its appointment."""

    def __call__(self, company: Company, booking: Booking, *, now: datetime) -> Offered: ...


ANSWERERS: list[Answerer] = []


def register(answerer: Answerer) -> None:
    """Let this answerer say when trips can be driven."""
    ANSWERERS[:] = [answerer]


def offer_times(company: Company, booking: Booking, *, now: datetime) -> Offered:
    """Return when a booking that is not stored can be driven: the statements of the answerer."""
    (answer,) = ANSWERERS
    return answer(company, booking, now=now)
