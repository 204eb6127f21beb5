"""Read what one run changed, for its page: the trips that each driver got or lost."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from bookings.models import Booking
from dispatch.day.reasons import translated
from dispatch.models import Assignment, DispatchRun

MINUTE = timedelta(minutes=1)

# What a dispatcher reads of a plan.
RESULT = {
    "bookings": _("bookings"),
    "assigned": _("with a driver"),
    "drivers_used": _("drivers used"),
    "drivers_on_duty": _("drivers on duty"),
    "emergency_drivers": _("reserve drivers used"),
    "missed_preferences": _("wishes for a driver not met"),
    "passenger_km": _("kilometres with passengers"),
    "deadhead_km": _("kilometres without passengers"),
}
CHANGES = {
    "placed": _("got a driver"),
    "moved": _("got another driver"),
    "retimed": _("same driver, new time"),
    "kept": _("unchanged"),
    "released": _("lost the driver"),
    "left": _("not touched: locked, started or too soon"),
}
# What a developer reads.
METRICS = {
    "load_sd": _("trips per driver, standard deviation"),
    "objective": _("objective"),
    "statements": _("SQL statements"),
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
    """A trip that the run assigned or released, with the planned clock times.

    `late_min` is how much later than wanted the pickup is planned, below 0 if earlier.
    """

    booking_id: int
    booking: str
    late_min: int
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
    rows = rows.select_related("driver", "booking__client")
    return list(rows.order_by("planned_pickup_at", "id"))


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
        str(row.booking.client or row.booking),
        round((row.planned_pickup_at - row.booking.scheduled_time) / MINUTE),
        clock(row.planned_pickup_at),
        clock(row.planned_dropoff_at),
        what,
        row.get_status_display(),
        row.locked,
    )


def punctuality(drivers):
    """Return [(label, value)]: how far the planned pickups are from the wanted ones."""
    late = [change.late_min for _driver, trips in drivers for change in trips]
    later = [minutes for minutes in late if minutes > 0]
    if not late:
        return []
    return [
        (_("pickups at the wanted time or earlier"), len(late) - len(later)),
        (_("pickups later than wanted"), len(later)),
        (_("the latest, minutes after the wanted time"), max(later, default=0)),
    ]


def left_out(run: DispatchRun):
    """Return [(booking, why)] of the bookings without a driver: 1 query."""
    rows = [translated(row) for row in run.unassigned]
    bookings = Booking.objects.filter(
        company=run.company_id, id__any_of=[row["booking"] for row in rows]
    ).select_related("client")
    found = bookings.in_bulk()
    return [(found.get(row["booking"]), row) for row in rows]


def labelled(values, labels):
    """Return [(label, value)] of the values that exist."""
    return [(label, values[name]) for name, label in labels.items() if name in values]
