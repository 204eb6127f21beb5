"""Read what a preview would change, as a decision: what is gained, whom to call, who stays out.

From the run's report and its stored plan, against the day as it stands.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils.formats import number_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.models import Booking
from dispatch.day.queries import read_bookings
from dispatch.models import DispatchRun
from dispatch.runs.report import Report
from drivers.models import Driver

KINDS = {
    "placed": gettext_lazy("New"),
    "moved": gettext_lazy("To another driver"),
    "retimed": gettext_lazy("At another time"),
    "released": gettext_lazy("Released"),
}
# Figures of a plan, and those of what stands; the less the better, but for the first.
FIGURES = {
    "assigned": gettext_lazy("trips with a driver"),
    "unkept": gettext_lazy("trips that their driver cannot keep"),
    "deadhead_km": gettext_lazy("km without passengers"),
    "deadhead_min": gettext_lazy("minutes without passengers"),
    "drivers_used": gettext_lazy("drivers used"),
    "wait_min": gettext_lazy("minutes after the time asked for, on average"),
}
NAMED = 3  # of the drivers of a part


@dataclass(frozen=True, slots=True)
class Change:
    """One trip in a driver's list; `kind` is one of KINDS, or removed: it goes to another driver.

    `other` is the driver it comes from or goes to, `before_at` the pickup that was planned.
    """

    kind: str
    label: str
    client: str
    pickup_at: datetime
    driver: str
    other: str = ""
    before_at: datetime | None = None


@dataclass(slots=True)
class DriverChanges:
    """The changes of one driver, and the number of trips that stay as they are."""

    driver_id: int
    name: str
    unchanged: int = 0
    changes: list[Change] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PartChanges:
    """Drivers whose changes go together."""

    drivers: list[DriverChanges]

    @property
    def names(self) -> str:
        """Return the names of the drivers, of many those of the first."""
        names = [driver.name for driver in self.drivers]
        if len(names) > NAMED + 1:
            names = [*names[:NAMED], _("%(count)d others") % {"count": len(names) - NAMED}]
        return get_text_list(names, _("and"))


@dataclass(frozen=True, slots=True)
class Call:
    """A client who was told otherwise; `pickup_at` is None without a driver."""

    booking: Booking
    told_at: datetime
    pickup_at: datetime | None
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What a preview would change; moments are local to the company.

    `gains` are (what, before, after, verdict) of the figures that change, with the verdict better,
    worse or empty; `kinds` the changes by kind, (title, changes).
    """

    gains: list[tuple[str, str, str, str]]
    calls: list[Call]
    kinds: list[tuple[str, list[Change]]]
    parts: list[PartChanges]
    without_driver: list[tuple[Booking | None, str, str]]

    @property
    def changes_nothing(self) -> bool:
        return not self.parts

    @property
    def changed(self) -> int:
        return sum(len(changes) for _title, changes in self.kinds)


def read_decision(run: DispatchRun, report: Report) -> Decision:
    """Return what the preview would change: 4 queries."""
    drivers = _by_driver(run)
    of_trip = [change for row in drivers for change in row.changes if change.kind != "removed"]
    bookings = _bookings(run, report)
    return Decision(
        gains=list(_gains(report)),
        calls=_calls(run, report, bookings),
        kinds=[
            (str(title), sorted(found, key=lambda change: change.pickup_at))
            for kind, title in KINDS.items()
            if (found := [change for change in of_trip if change.kind == kind])
        ],
        parts=_grouped(report, drivers),
        without_driver=[
            (bookings.get(row.booking), row.reference, row.detail) for row in report.unassigned
        ],
    )


def _gains(report: Report) -> Iterator[tuple[str, str, str, str]]:
    if not (report.before.get("assigned") or report.before.get("unkept")):  # the first plan
        return
    after = report.metrics | {"assigned": report.assigned}
    serves_more = after["assigned"] > report.before["assigned"]
    for name, label in FIGURES.items():
        was, now = report.before[name], after[name]
        if was == now:
            continue
        is_better = now > was if name == "assigned" else now < was
        # More trips need more driving: that is no worse plan.
        is_worse = not is_better and (name == "assigned" or not serves_more)
        verdict = "better" if is_better else "worse" if is_worse else ""
        yield str(label), number_format(was), number_format(now), verdict


def _bookings(run: DispatchRun, report: Report) -> dict[int, Booking]:
    ids = [row["booking"] for row in report.broken] + [row.booking for row in report.unassigned]
    found = Booking.objects.filter(company=run.company_id, id__any_of=ids)
    return found.select_related("client").in_bulk()


def _calls(run: DispatchRun, report: Report, bookings: dict[int, Booking]) -> list[Call]:
    local = run.company.local
    calls = []
    for row in report.broken:
        booking = bookings.get(row["booking"])
        if booking is None or not (row["time"] or row["confirmed"]):
            continue
        told_at = local(datetime.fromisoformat(row["told_at"]))
        now_at = row["pickup_at"] and local(datetime.fromisoformat(row["pickup_at"]))
        calls.append(Call(booking, told_at, now_at, row["confirmed"]))
    return sorted(calls, key=lambda call: (call.told_at, call.booking.id))


def _grouped(report: Report, drivers: list[DriverChanges]) -> list[PartChanges]:
    """Return the drivers by part; those of a preview kept before there were parts together."""
    part_of = {i: n for n, part in enumerate(report.parts) for i in part["drivers"]}
    parts = defaultdict(list)
    for row in drivers:
        parts[part_of.get(row.driver_id)].append(row)
    return [PartChanges(rows) for rows in parts.values()]


def _by_driver(run: DispatchRun) -> list[DriverChanges]:
    """Return the drivers whose trips change, by name: 3 queries."""
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
        standing = row.standing()
        if row.id in planned or standing is None:
            continue
        driver_id, at = standing[1], company.local(standing[2])
        if row.id in unassigned:
            found[driver_id].changes.append(_change("released", row, at, names[driver_id]))
        else:
            found[driver_id].unchanged += 1
    changed = [of_driver for of_driver in found.values() if of_driver.changes]
    for of_driver in changed:
        of_driver.changes.sort(key=lambda change: change.pickup_at)
    return sorted(changed, key=lambda of_driver: (of_driver.name, of_driver.driver_id))


def _add(found, names, company, row, driver_id, pickup_at):
    name = names[driver_id]
    if not row.standing():
        found[driver_id].changes.append(_change("placed", row, pickup_at, name))
        return
    before_at = company.local(row.planned_pickup_at)
    if row.driver_id != driver_id:
        before = names[row.driver_id]
        moved = _change("moved", row, pickup_at, name, before, before_at)
        found[driver_id].changes.append(moved)
        removed = _change("removed", row, before_at, before, name)
        found[row.driver_id].changes.append(removed)
    elif before_at.timestamp() // 60 != pickup_at.timestamp() // 60:  # dispatchers see minutes
        found[driver_id].changes.append(_change("retimed", row, pickup_at, name, "", before_at))
    else:
        found[driver_id].unchanged += 1


def _change(kind, row, pickup_at, driver, other="", before_at=None):
    return Change(kind, row.label, row.client_name or "", pickup_at, driver, other, before_at)
