"""What must hold when a booking changes that others rely on.

This app knows nothing of assignments: who does registers a guard in its `ready()`, below
`save_booking`.
"""

from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bookings.events import Changes
from bookings.models import Booking, Status
from drivers.companies.actors import Actor

# What a trip's driver, vehicle and time depend on.
PLANNED_FIELDS = frozenset(
    {
        "client",
        "pickup_lat",
        "pickup_lon",
        "dropoff_lat",
        "dropoff_lon",
        "scheduled_time",
        "appointment_at",
        "passengers",
        "wheelchairs",
        "needs",
        "return_of",
    }
)


@dataclass(frozen=True, slots=True)
class Agreed:
    """The assignments that may be released, or moved to a new time of the same driver, by id."""

    release: frozenset[int] = frozenset()
    move: frozenset[int] = frozenset()


NOTHING_AGREED = Agreed()


class Held(Protocol):
    """A booking whose driver is locked; `check` is called after the change, in its transaction."""

    def check(self, stored: Booking, changes: Changes) -> None:
        """Raise if the change breaks something that was not agreed to."""


class Guard(Protocol):
    """Locks what the booking's trip depends on, before the booking itself is locked."""

    def __call__(
        self, booking: Booking, *, actor: Actor, now: datetime, agreed: Agreed
    ) -> AbstractContextManager[Held]: ...


GUARDS: list[Guard] = []


def register(guard: Guard) -> None:
    """Let this guard hold every assigned booking that changes."""
    if guard not in GUARDS:
        GUARDS.append(guard)


def hold(
    stack: ExitStack, booking: Booking, *, actor: Actor, now: datetime, agreed: Agreed
) -> list[Held]:
    """Enter the guards of an assigned booking, for as long as `stack` is open.

    Whether it is assigned is what the caller read: the version, compared under the lock, says
    whether that is still true.
    """
    if booking.status != Status.ASSIGNED:
        return []
    return [
        stack.enter_context(guard(booking, actor=actor, now=now, agreed=agreed)) for guard in GUARDS
    ]
