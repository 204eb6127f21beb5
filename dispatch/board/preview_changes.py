"""Read what a preview would change, driver by driver, from its stored plan."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bookings.models import Booking
from dispatch.day.queries import read_bookings
from dispatch.models import DispatchRun
from drivers.models import Driver


@dataclass(frozen=True, slots=True)
class Change:
    """One trip in a driver's list; `kind` is placed, moved, retimed, removed or released.

    `other` is the driver it comes from or goes to, `before_at` the pickup that was planned.
    """

    kind: str
    label: str
    client: str
    pickup_at: datetime
    other: str = ""
    before_at: datetime | None = None


@dataclass(slots=True)
class DriverChanges:
    """The changes of one driver, and the number of trips that stay as they are."""

    driver_id: int
    name: str
    unchanged: int = 0
    changes: list[Change] = field(default_factory=list)


def read_changes(run: DispatchRun) -> list[DriverChanges]:
    """Return the drivers whose trips change, by name: 3 queries.

    Moments are local to the company; the changes of a driver are in order of time.
    """
    company, plan = run.company, run.stored_plan
    start_at = company.day_bounds(run.day)[0]
    rows = read_bookings(Booking.objects.on(company, run.day))
    names = dict(Driver.objects.filter(company=company).values_list("id", "name"))
    found = {i: DriverChanges(i, name) for i, name in names.items()}
    planned = set()
    for booking_id, driver_id, pickup_s, _dropoff_s in plan.trips:
        row = rows.get(booking_id)
        if row is None:
            continue
        planned.add(booking_id)
        pickup_at = company.local(start_at + timedelta(seconds=pickup_s))
        _add(found, names, company, row, driver_id, pickup_at)
    unassigned = {excluded["booking"] for excluded in run.unassigned}
    for row in rows.values():
        if row.id in planned or not row.standing():
            continue
        if row.id in unassigned:
            at = company.local(row.planned_pickup_at)
            found[row.driver_id].changes.append(_change("released", row, at))
        else:
            found[row.driver_id].unchanged += 1
    changed = [of_driver for of_driver in found.values() if of_driver.changes]
    for of_driver in changed:
        of_driver.changes.sort(key=lambda change: change.pickup_at)
    return sorted(changed, key=lambda of_driver: (of_driver.name, of_driver.driver_id))


def _add(found, names, company, row, driver_id, pickup_at):
    if not row.standing():
        found[driver_id].changes.append(_change("placed", row, pickup_at))
        return
    before_at = company.local(row.planned_pickup_at)
    if row.driver_id != driver_id:
        moved = _change("moved", row, pickup_at, names[row.driver_id], before_at)
        found[driver_id].changes.append(moved)
        removed = _change("removed", row, before_at, names[driver_id])
        found[row.driver_id].changes.append(removed)
    elif before_at.timestamp() // 60 != pickup_at.timestamp() // 60:  # dispatchers see minutes
        found[driver_id].changes.append(_change("retimed", row, pickup_at, "", before_at))
    else:
        found[driver_id].unchanged += 1


def _change(kind, row, pickup_at, other="", before_at=None):
    return Change(kind, row.label, row.client_name or "", pickup_at, other, before_at)
