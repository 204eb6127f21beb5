"""What must hold when a booking changes, or a client forbids a driver, and others rely on that.

This app knows nothing of assignments: who does registers guards in its `ready()`, below
`save_booking` and below whoever writes preferences.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.db import transaction

from bookings.events import Changes
from bookings.models import Booking, Client, Status
from drivers.companies.actors import Actor
from drivers.models import Company

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
        "may_share",
        "max_ride_min",
        "needs",
        "return_of",
        "overlap_meant",
        # Minutes of the company's places there (`own_places.other_minutes`).
        "pickup_boarding_min",
        "dropoff_margin_min",
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


class Broken(Protocol):
    """A trip that its driver could not drive any more; `pickup_at` is local to the company."""

    @property
    def assignment_id(self) -> int: ...
    @property
    def booking_id(self) -> int: ...
    @property
    def driver(self) -> str: ...
    @property
    def pickup_at(self) -> datetime: ...
    @property
    def why(self) -> str: ...


class Outcome(Protocol):
    """What becomes of the trips of many bookings that change at once."""

    @property
    def broken(self) -> Sequence[Broken]: ...

    def write(self, *, actor: Actor, now: datetime) -> None:
        """Write what becomes of the trips, after the changes; the broken ones must be gone."""


class HeldTrips(Protocol):
    """Many assigned bookings whose drivers are locked until the transaction ends."""

    def check(self, changes: Mapping[int, Changes], released: Collection[int]) -> Outcome:
        """Return what these changes, all together, do to the trips; nothing is written.

        `changes` are by booking: without its changes a booking stays as it is. The bookings
        `released` lose their drivers. To leave out or release the trips that break may break
        others: check again.
        """


class BulkGuard(Protocol):
    """Locks the drivers of many assigned bookings, before the bookings themselves are locked.

    Without `lock` it reads the same, to preview what the changes would do.
    """

    def __call__(
        self, company: Company, booking_ids: Collection[int], *, now: datetime, lock: bool
    ) -> HeldTrips: ...


BULK_GUARDS: list[BulkGuard] = []


def register_bulk(guard: BulkGuard) -> None:
    """Let this guard hold the assigned bookings that change in bulk."""
    if guard not in BULK_GUARDS:
        BULK_GUARDS.append(guard)


def hold_trips(
    company: Company, booking_ids: Collection[int], *, now: datetime, lock: bool
) -> list[HeldTrips]:
    """Enter the bulk guards in the caller's transaction; a preview needs no `lock`.

    No statement without bookings.
    """
    return [guard(company, booking_ids, now=now, lock=lock) for guard in BULK_GUARDS if booking_ids]


class ForbidGuard(Protocol):
    """Surrounds the change by which a client must not be driven by these drivers any more.

    It yields what had to give way, and raises if that is not what was `agreed`.
    """

    def __call__(
        self,
        client: Client,
        driver_ids: Collection[int],
        *,
        actor: Actor,
        now: datetime,
        agreed: Collection[int],
    ) -> AbstractContextManager[list[Any]]: ...


FORBID_GUARDS: list[ForbidGuard] = []


def register_forbid(guard: ForbidGuard) -> None:
    """Let this guard surround every change that forbids a client's drivers."""
    if guard not in FORBID_GUARDS:
        FORBID_GUARDS.append(guard)


@contextmanager
def forbidding(
    client: Client,
    driver_ids: Collection[int],
    *,
    actor: Actor,
    now: datetime,
    agreed: Collection[int] = (),
) -> Iterator[list[Any]]:
    """Guard the change, made inside the block, that forbids these drivers to a client.

    After the block the yielded list has what gave way; `agreed` are the ids of the assignments
    that may. Raises what the guards raise.
    """
    gave_way: list[Any] = []
    with transaction.atomic():
        with ExitStack() as stack:
            results = [
                stack.enter_context(guard(client, driver_ids, actor=actor, now=now, agreed=agreed))
                for guard in FORBID_GUARDS
                if driver_ids
            ]
            yield gave_way
        for result in results:
            gave_way += result


class Cancels(Protocol):
    """Cancels bookings, {id: version}, whatever their trips: all or none."""

    def __call__(
        self,
        company: Company,
        seen: dict[int, int | None],
        *,
        reason: str,
        actor: Actor,
        now: datetime,
    ) -> object: ...


CANCELS: list[Cancels] = []


def register_cancel(cancels: Cancels) -> None:
    """Let this cancel bookings for the use-cases of this app, with their trips."""
    if cancels not in CANCELS:
        CANCELS.append(cancels)


def cancel_bookings(
    company: Company,
    seen: dict[int, int | None],
    *,
    reason: str,
    actor: Actor,
    now: datetime,
) -> None:
    """Cancel bookings and free their drivers, in the caller's transaction; none without bookings.

    `seen` is {booking: version}. Raises what is registered raises, such as StaleBookingError.
    """
    for cancels in CANCELS if seen else ():
        cancels(company, seen, reason=reason, actor=actor, now=now)
