"""Change the fleet: every door goes this way, past the guards that apps above have registered.

A change of a vehicle, a driver, a shift or an absence may break trips that are assigned already.
This app knows nothing of trips: who does registers a guard in its `ready()`. The order of locks is
everybody's: drivers, then vehicles, shifts or absences, then bookings, each in order of id.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from drivers.companies.actors import Actor
from drivers.models import Absence, Driver, Shift, Vehicle, VehicleAbsence, driven_by
from drivers.refused import Refused

Row = Vehicle | Driver | Shift | Absence | VehicleAbsence

# What decides which trips a driver can drive; a change of anything else asks no guard.
DECIDES: dict[type[Row], tuple[str, ...]] = {
    Vehicle: (
        "seats",
        "wheelchair_places",
        "other_layouts",
        "skills",
        "insurance_until",
        "inspection_until",
    ),
    Driver: (
        "vehicle_id",
        "is_active",
        "is_available",
        "skills",
        "licence_until",
        "permit_until",
    ),  # fmt: skip
    Shift: ("driver_id", "vehicle_id", "start_at", "end_at"),
    Absence: ("driver_id", "start_at", "end_at"),
    VehicleAbsence: ("vehicle_id", "start_at", "end_at"),
}


class Guard(Protocol):
    """Surrounds a change that affects these locked drivers; yields what had to give way for it.

    It raises if the change would break something that `agreed` does not name: then nothing is
    written.
    """

    def __call__(
        self,
        driver_ids: Sequence[int],
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


class VehicleTaken(Refused):
    """Another shift has the vehicle at the same time; nothing was written."""

    code = "vehicle_taken"
    status = 400
    field = "vehicle"


class StaleRow(Refused):
    """The row was changed or deleted by someone else after it was read; nothing was written."""

    code = "stale"
    status = 409


@dataclass(frozen=True, slots=True)
class Change:
    """A change under way: the locked rows as they are stored, and what had to give way for it."""

    stored: tuple[Row, ...]
    gave_way: list[Any] = field(default_factory=list)


@contextmanager
def changing(
    read: Sequence[Row],
    row: Row | None,
    *,
    actor: Actor,
    now: datetime,
    agreed: Collection[int] = (),
    reason: str = "",
) -> Iterator[Change]:
    """Lock, and guard, a change that is made inside the block, in one transaction.

    `read` are the stored rows as the caller read them, none if `row` is new; `row` is as it will
    be, None if those are deleted. What gave way is in the Change after the block; `agreed` are the
    ids of the assignments that may. A driver's other vehicle is that of the coming shifts, too. At
    most 4 statements besides those of the guards, 2 more for another vehicle. Raises StaleRow,
    VehicleTaken, and what the guards raise.
    """
    with transaction.atomic():
        stored, driver_ids = _lock(read, row, now)
        before = _vehicles(stored)
        change = Change(stored)
        with ExitStack() as stack:
            results = [
                stack.enter_context(
                    guard(driver_ids, actor=actor, now=now, agreed=agreed, reason=reason)
                )
                for guard in GUARDS
                if driver_ids and matters(stored, row)
            ]
            yield change
            if isinstance(row, Driver) and before not in ([], [row.vehicle_id]):
                _change_vehicle(row, before[0], now)
        for result in results:
            change.gave_way.extend(result)


def matters(stored: Sequence[Row], row: Row | None) -> bool:
    """Return whether a change of what is stored to this row can take a trip from its driver.

    What is new takes nothing away but an absence, whose end takes nothing away. No query.
    """
    if row is None:
        return not isinstance(stored[0], Absence | VehicleAbsence)
    if not stored:
        return isinstance(row, Absence | VehicleAbsence)
    return any(getattr(stored[0], name) != getattr(row, name) for name in DECIDES[type(row)])


def _vehicles(stored: Sequence[Row]) -> list[int | None]:
    """Return the ids of the drivers' vehicles: none for other rows."""
    return [row.vehicle_id for row in stored if isinstance(row, Driver)]


def _change_vehicle(driver: Driver, before_id: int | None, now: datetime) -> None:
    """Give the driver's shifts that have not begun the new vehicle for the one before: 2 queries.

    Shifts that name another vehicle keep it. Raises VehicleTaken.
    """
    coming = Shift.objects.filter(driver=driver, vehicle=before_id, start_at__gte=now)
    if driver.vehicle_id is not None:
        own = Shift.objects.filter(driver=driver.pk)
        taken = first_taken(coming, driver.vehicle_id, now, besides=own.values("pk"))
        if taken is not None:
            raise VehicleTaken(driven_by(taken))
    coming.update(vehicle=driver.vehicle_id)


def first_taken(
    moving: QuerySet[Shift], vehicle_id: int, now: datetime, *, besides: QuerySet[Any, Any]
) -> Shift | None:
    """Return the first shift that has the vehicle while one of the `moving` lasts: 1 query.

    Those of `besides`, by id, do not count.
    """
    same_time = moving.filter(start_at__lt=OuterRef("end_at"), end_at__gt=OuterRef("start_at"))
    taken = (
        Shift.objects.filter(Exists(same_time), vehicle=vehicle_id, end_at__gt=now)
        .exclude(pk__in=besides)
        .select_related("driver", "vehicle")
        .order_by("start_at", "id")
    )
    return taken.first()


def _lock(read: Sequence[Row], row: Row | None, now: datetime) -> tuple[tuple[Row, ...], list[int]]:
    """Lock the drivers concerned, then the rows; return the rows as stored and the drivers' ids.

    At most 4 statements. Who adds a row that takes nothing away locks nobody. Raises StaleRow if a
    row is gone, or concerns other drivers than when it was read.
    """
    if not read and not (row and matters(read, row)):
        return (), []
    rows = [*read, row] if row else read
    kind, ids = type(rows[0]), sorted(stored.pk for stored in read)
    vehicles = {found for one in rows for found in _vehicle_ids(one)}
    if vehicles:
        shifts = Shift.objects.filter(vehicle__any_of=sorted(vehicles), end_at__gt=now)
        concerned = Driver.objects.filter(
            Q(vehicle__any_of=sorted(vehicles)) | Q(id__in=shifts.values("driver_id"))
        )
    else:
        concerned = Driver.objects.filter(id__any_of=sorted({_driver_id(row) for row in rows}))
    drivers = _locked(concerned)
    driver_ids = [driver.pk for driver in drivers]
    vehicle_id = row.vehicle_id if isinstance(row, Driver | Shift | VehicleAbsence) else None
    known = drivers if isinstance(row, Driver) else read if isinstance(row, Shift) else ()
    if vehicle_id and vehicle_id not in {getattr(one, "vehicle_id", None) for one in known}:
        # Who changes that vehicle at the same time must not overlook its new driver, or absence.
        _locked(Vehicle.objects.filter(id=vehicle_id))
    stored = drivers if kind is Driver else _locked(kind._default_manager.filter(id__any_of=ids))
    if vehicles:
        concerns = set(concerned.values_list("pk", flat=True))
    else:
        concerns = {_driver_id(row) for row in stored}
    if len(stored) != len(ids) or not concerns <= set(driver_ids):
        raise StaleRow(
            _("Someone else has changed “%(row)s”. Read it again and retry.") % {"row": rows[0]}
        )
    return tuple(stored), driver_ids


def _locked(queryset: QuerySet[Any]) -> list[Any]:
    return list(queryset.order_by("id").select_for_update(no_key=True))


def _vehicle_ids(row: Row) -> list[int]:
    """Return the id of the vehicle that the row is about: none for drivers and their shifts."""
    if isinstance(row, VehicleAbsence):
        return [row.vehicle_id]
    return [row.pk] if isinstance(row, Vehicle) else []


def _driver_id(row: Row) -> int:
    """Return the id of the driver whom the row concerns. Not for vehicles, which have many."""
    if isinstance(row, Vehicle | VehicleAbsence):
        raise TypeError(row)
    return row.pk if isinstance(row, Driver) else row.driver_id
