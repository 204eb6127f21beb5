"""What a suggestion is: a change that a person may make, and everything that comes of it."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from dispatch.day.day import Day
from dispatch.trips.insertion import Proposal
from dispatch.trips.violations import Fault


class Kind(StrEnum):
    """The kinds of changes, in the order in which they are suggested."""

    ASSIGN = "assign"
    OVER_CAP = "over_cap"
    MOVE_OTHER = "move_other"
    ARRIVE_LATE = "arrive_late"
    ASK_CLIENT = "ask_client"
    START_EARLIER = "start_earlier"
    END_LATER = "end_later"
    INSTEAD_OF = "instead_of"


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done: the trip goes to the driver at `pickup_at`, after what makes it possible.

    The other trip gives way: to `other_driver_id` at `other_pickup_at`, or it loses its driver. The
    booking is wanted at `wanted_at`, the shift lasts from `shift_start_at` to `shift_end_at`.
    """

    kind: Kind
    booking_id: int
    driver_id: int
    pickup_at: datetime
    other_id: int | None = None
    other_driver_id: int | None = None
    other_pickup_at: datetime | None = None
    wanted_at: datetime | None = None
    shift_id: int | None = None
    shift_start_at: datetime | None = None
    shift_end_at: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the change for machines, without what it does not name; moments are in UTC."""
        values = ((name, getattr(self, name)) for name in self.__dataclass_fields__)
        return {name: _plain(value) for name, value in values if value is not None}


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


@dataclass(frozen=True, slots=True)
class Move:
    """Another trip that changes its driver or its time. Two drivers may share a name."""

    booking_id: int
    trip: str
    driver_before_id: int
    driver_before: str
    before_at: datetime
    dropoff_before_at: datetime
    driver_id: int
    driver: str
    pickup_at: datetime
    dropoff_at: datetime

    @property
    def changes_driver(self) -> bool:
        return self.driver_id != self.driver_before_id

    @property
    def changes_ride(self) -> bool:
        """Return whether the client is on board longer than before, or less: with others."""
        before = self.dropoff_before_at - self.before_at
        return self.dropoff_at - self.pickup_at != before


@dataclass(frozen=True, slots=True)
class ShiftChange:
    """A shift that begins earlier or ends later."""

    shift_id: int
    driver: str
    start_before_at: datetime
    end_before_at: datetime
    start_at: datetime
    end_at: datetime

    @property
    def minutes(self) -> int:
        """Return how many minutes the shift is longer."""
        longer = self.start_before_at - self.start_at + self.end_at - self.end_before_at
        return longer // timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ClientTime:
    """The time for which the client has to be asked."""

    client: str
    before_at: datetime
    wanted_at: datetime

    @property
    def minutes(self) -> int:
        return abs(self.wanted_at - self.before_at) // timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Release:
    """A trip that loses its driver."""

    booking_id: int
    trip: str
    driver: str


@dataclass(frozen=True, slots=True)
class BreakMove:
    """A driver's break that gets another time; None for none planned before."""

    shift_id: int
    driver: str
    before_at: datetime | None
    start_at: datetime


@dataclass(frozen=True, slots=True)
class Worked:
    """How a change is written: the day before it, with the rows of the trip itself as they will be,
    and the trips with their drivers and times."""

    day: Day
    proposals: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change that was worked out on a day, with all its consequences.

    `faults` are the rules that it breaks on purpose: then the trip is locked. `touched` are
    (booking, version, assignment) of all trips that it changes, as they were. `excluded_by` are
    the trips whose own suggestions it contradicts.
    """

    change: Change
    trip: str
    driver: str
    pickup_at: datetime
    dropoff_at: datetime
    moves: tuple[Move, ...]
    shift: ShiftChange | None
    client: ClientTime | None
    released: Release | None
    breaks: tuple[BreakMove, ...]
    faults: tuple[Fault, ...]
    late_min: int
    touched: tuple[tuple[int, int, int], ...]
    worked: Worked = field(compare=False, repr=False)
    excluded_by: tuple[str, ...] = field(default=(), compare=False)

    @property
    def kind(self) -> Kind:
        return self.change.kind

    @property
    def locked(self) -> bool:
        return bool(self.faults)

    def consequences(self) -> dict[str, Any]:
        """Return everything that comes of the change, for machines; moments are in UTC."""
        return {
            "driver": self.change.driver_id,
            "pickup_at": _plain(self.pickup_at),
            "dropoff_at": _plain(self.dropoff_at),
            "moves": [
                {
                    "booking": move.booking_id,
                    "trip": move.trip,
                    "driver_before": move.driver_before,
                    "pickup_before_at": _plain(move.before_at),
                    "driver": move.driver,
                    "pickup_at": _plain(move.pickup_at),
                    "dropoff_at": _plain(move.dropoff_at),
                }
                for move in self.moves
            ],
            "shift": self.shift
            and {
                "shift": self.shift.shift_id,
                "driver": self.shift.driver,
                "start_at": _plain(self.shift.start_at),
                "end_at": _plain(self.shift.end_at),
            },
            "client": self.client
            and {
                "wanted_before_at": _plain(self.client.before_at),
                "wanted_at": _plain(self.client.wanted_at),
            },
            "released": self.released
            and {
                "booking": self.released.booking_id,
                "trip": self.released.trip,
                "driver": self.released.driver,
            },
            "breaks": [
                {
                    "driver": row.driver,
                    "before_at": _plain(row.before_at),
                    "start_at": _plain(row.start_at),
                }
                for row in self.breaks
            ],
            "broken_rules": [fault.code for fault in self.faults],
            "locked": self.locked,
        }

    def meaning(self) -> dict[str, Any]:
        """Return the consequences without what the trips are called, which may differ."""
        said = self.consequences()
        for row in (*said["moves"], said["released"] or {}):
            row.pop("trip", None)
        return said

    @property
    def key(self) -> str:
        """Return a digest of the change, its consequences and the versions of what it touches."""
        parts = [self.change.as_dict(), self.meaning(), self.touched]
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:24]
