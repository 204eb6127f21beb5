"""Read what one run changed, for its page: the trips that each driver got or lost."""

from collections import defaultdict
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from dispatch.models import Assignment, DispatchRun

METRICS = {
    "bookings": _("bookings"),
    "assigned": _("assigned"),
    "passenger_km": _("kilometres with passengers"),
    "deadhead_km": _("kilometres without passengers"),
    "drivers_used": _("drivers used"),
    "drivers_on_duty": _("drivers on duty"),
    "emergency_drivers": _("emergency drivers"),
    "missed_preferences": _("preferences not met"),
    "load_sd": _("trips per driver, standard deviation"),
    "statements": _("SQL statements"),
}
CHANGES = {
    "placed": _("placed"),
    "moved": _("moved to another driver"),
    "retimed": _("new times"),
    "kept": _("unchanged"),
    "released": _("released"),
    "left": _("fixed"),
}
TIMINGS = {
    "load_s": _("load"),
    "plan_s": _("plan"),
    "check_s": _("check and reasons"),
    "apply_s": _("apply"),
    "total_s": _("total"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """A trip that the run assigned or released, with the planned clock times."""

    booking_id: int
    booking: str
    pickup: str
    dropoff: str
    what: str
    since: str  # the status of the assignment now
    locked: bool


def changes_of(run: DispatchRun):
    """Return ([(driver, [Change])] by name, [(driver before, Change)] released): 2 queries."""
    made = _assignments(run.assignments)
    ended = {row.booking_id: row for row in _assignments(run.superseded)}
    by_driver = defaultdict(list)
    for row in made:
        by_driver[row.driver].append(_change(run, row, _what(row, ended.get(row.booking_id))))
    placed = {row.booking_id for row in made}
    released = [
        (row.driver, _change(run, row, _("released")))
        for row in ended.values()
        if row.booking_id not in placed
    ]
    drivers = sorted(by_driver.items(), key=lambda pair: (pair[0].name, pair[0].id))
    return drivers, released


def _assignments(rows):
    return list(rows.select_related("driver", "booking").order_by("planned_pickup_at", "id"))


def _what(row, before):
    if before is None:
        return _("placed")
    if before.driver_id != row.driver_id:
        return _("from %(driver)s") % {"driver": before.driver}
    return _("new time")


def _change(run, row: Assignment, what):
    clock = run.company.clock
    return Change(
        row.booking_id,
        str(row.booking),
        clock(row.planned_pickup_at),
        clock(row.planned_dropoff_at),
        what,
        row.get_status_display(),
        row.locked,
    )


def labelled(values, labels):
    """Return [(label, value)] of the values that exist."""
    return [(label, values[name]) for name, label in labels.items() if name in values]
