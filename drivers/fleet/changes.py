"""Change the fleet: every door goes this way, past the guards that apps above have registered.

A change of a vehicle, a driver, a shift or an absence may break trips that are assigned already.
This app knows nothing of trips: who does registers a guard in its `ready()`.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from typing import Any, Protocol

from django.db import transaction

from drivers.companies.actors import Actor
from drivers.models import Absence, Driver, Shift, Vehicle

Row = Vehicle | Driver | Shift | Absence

# What decides which trips a driver can drive; a change of anything else asks no guard.
DECIDES: dict[type[Row], tuple[str, ...]] = {
    Vehicle: ("seats", "wheelchair_places", "skills"),
    Driver: ("vehicle_id", "is_active", "is_available", "skills"),
    Shift: ("driver_id", "start_at", "end_at"),
    Absence: ("driver_id", "start_at", "end_at"),
}


class Guard(Protocol):
    """Surrounds a change that affects these drivers; yields what had to give way for it.

    It raises if the change would break something that `agreed` does not name: then nothing is
    written.
    """

    def __call__(
        self,
        driver_ids: Iterable[int],
        *,
        actor: Actor,
        now: datetime,
        agreed: Collection[int],
        reason: str,
    ) -> AbstractContextManager[list[Any]]: ...


GUARDS: list[Guard] = []


def register(guard: Guard) -> Guard:
    """Let this guard surround every change of the fleet."""
    if guard not in GUARDS:
        GUARDS.append(guard)
    return guard


@contextmanager
def changing(
    rows: Sequence[Row],
    *,
    actor: Actor,
    now: datetime,
    agreed: Collection[int] = (),
    reason: str = "",
) -> Iterator[list[Any]]:
    """Guard a change of these rows, made inside the block, in one transaction.

    `rows` are as they are stored and as they will be. Yields a list which holds, after the block,
    what had to give way. `agreed` are the ids of the assignments that may. Raises what the guards
    raise.
    """
    gave_way: list[Any] = []
    with transaction.atomic():
        with ExitStack() as guards:
            driver_ids = sorted(set(affected(rows))) if GUARDS and matters(rows) else []
            results = [
                guards.enter_context(
                    guard(driver_ids, actor=actor, now=now, agreed=agreed, reason=reason)
                )
                for guard in GUARDS
                if driver_ids
            ]
            yield gave_way
        for result in results:
            gave_way += result


def matters(rows: Sequence[Row]) -> bool:
    """Return whether a change of these rows can take a trip from its driver.

    Two rows of one id are a row before and after; a row without an id is new, another is deleted.
    No query.
    """
    first, last = rows[0], rows[-1]
    if len(rows) == 2 and first.pk == last.pk:
        return any(getattr(first, name) != getattr(last, name) for name in DECIDES[type(first)])
    # What is new takes nothing away but an absence, whose end takes nothing away.
    return (first.pk is None) == isinstance(first, Absence)


def affected(rows: Iterable[Row]) -> Iterator[int]:
    """Yield the ids of the drivers whom these rows concern: 1 query if there are vehicles."""
    vehicles = []
    for row in rows:
        if isinstance(row, Vehicle):
            vehicles.append(row.pk)
        elif isinstance(row, Driver):
            yield row.pk
        else:
            yield row.driver_id
    if stored := [pk for pk in vehicles if pk]:
        yield from Driver.objects.filter(vehicle__in=stored).values_list("pk", flat=True)
