"""What a rule is made of.

A sentence takes its parameters from the values beside it (`sentence.text % values`). A key ending
in `_s` is a time of day in seconds since the start of the company's day, or a moment; one ending in
`_min` a duration in whole minutes: the caller formats them as local clock times and translates the
sentence. `driver` is a name, `trip` a booking reference.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dispatch.planner.problem import Commitment, Driver, Duty, Layout, PlannedTrip, Trip
from dispatch.planner.rules.codes import Block
from dispatch.planner.travel import TravelTimes

Flags = npt.NDArray[np.bool_]
Values = dict[str, object]


def gettext_noop(message: str) -> str:
    """Mark a sentence for `makemessages` without needing Django."""
    return message


def minutes(seconds: float) -> int:
    """Return whole minutes, rounded up."""
    return int(-(-seconds // 60))


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence in English, and the key under which runs keep it."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Breach:
    """A broken rule: the code for machines, the sentence for people, and what fills it."""

    code: Block
    sentence: Sentence
    values: Values


@dataclass(frozen=True, slots=True)
class Placed:
    """One trip at its time in one duty, beside the other trips of the driver."""

    driver: Driver
    trip: Trip
    row: PlannedTrip
    duty: Duty
    others: tuple[Commitment, ...]
    travel: TravelTimes

    @property
    def free_s(self) -> int:
        """Return when the driver can leave the dropoff."""
        return self.row.dropoff_s + self.trip.alighting_s


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of time or order: its predicate takes plain values, in its own module.

    `checked_as` are the checker's codes for it. `breaches(placed, trip_id)` says what the checker
    has found, at the stop of this trip. It is None if no plan can break the rule.
    """

    sentences: tuple[Sentence, ...]
    checked_as: tuple[str, ...] = ()
    breaches: Callable[[Placed, int | None], Iterable[Breach]] | None = None


class Asks(Protocol):
    """What a trip asks of whoever drives it, as in `problem.Trip`."""

    @property
    def seats(self) -> int: ...
    @property
    def wheelchairs(self) -> int: ...
    @property
    def needs(self) -> frozenset[str]: ...
    @property
    def forbidden(self) -> frozenset[int]: ...


class Offers(Protocol):
    """What a driver brings with the vehicle, as in `problem.Driver`. No vehicle has no places.

    Where places fold, `seats` and `wheelchair_places` are the most of each, and `places` what there
    is at the same time.
    """

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def seats(self) -> int: ...
    @property
    def wheelchair_places(self) -> int: ...
    @property
    def places(self) -> tuple[Layout, ...]: ...
    @property
    def skills(self) -> frozenset[str]: ...
    @property
    def expired(self) -> frozenset[str]: ...


@dataclass(frozen=True, slots=True)
class PairRule:
    """A rule of trip and driver, whatever the time: `fits(wanted(trip), have(driver))`."""

    sentences: tuple[Sentence, ...]
    checked_as: tuple[str, ...]
    wanted: Callable[[Asks], Hashable]
    have: Callable[[Offers], Hashable]
    fits: Callable[[Any, Any], bool]
    breach: Callable[[Asks, Offers], Breach]

    def keeps(self, trip: Asks, driver: Offers) -> bool:
        """Return whether this driver may take this trip as far as this rule goes."""
        return self.fits(self.wanted(trip), self.have(driver))

    def mask(self, trips: Sequence[Asks], drivers: Sequence[Offers]) -> Flags:
        """Return trips x drivers: `keeps`, asked once for each pair of different values."""
        rows, row_of = _distinct(self.wanted(trip) for trip in trips)
        columns, column_of = _distinct(self.have(driver) for driver in drivers)
        table = np.array([[self.fits(w, h) for h in columns] for w in rows], bool)
        kept: Flags = table.reshape(len(rows), len(columns))[row_of][:, column_of]
        return kept

    def breaches(self, placed: Placed, trip_id: int | None) -> Iterator[Breach]:
        yield self.breach(placed.trip, placed.driver)


def _distinct(values: Iterable[Hashable]) -> tuple[list[Hashable], list[int]]:
    """Return the different values, and the index among them of every value."""
    index: dict[Hashable, int] = {}
    positions = [index.setdefault(value, len(index)) for value in values]
    return list(index), positions
