"""List the trips of a day that need a dispatcher now, the least time left first. No query.

One line for each trip, with the reason that comes first in `Kind`. Only what is near is listed:
from six hours ago to two hours ahead. What went wrong more than an hour ago comes last.

Of a driver who has reported nothing all day nobody knows which trips are late: they are one line,
after all that is known to need somebody. What is late by the plan itself is listed nevertheless.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from bookings.models import DRIVEN_STATUSES
from dispatch.day.trip_names import name_of
from dispatch.forecast.expected import LOOK_AHEAD, LOOK_BACK, is_fresh
from dispatch.forecast.silence import SILENT_AFTER, is_late_by_plan, report_due, unreported
from dispatch.forecast.states import State
from dispatch.models import Assignment
from drivers.models import km_between

LOST = timedelta(hours=-1)
CONFIRM_BEFORE = timedelta(hours=1)


# A car so near a stop, in kilometres, stands there; what a phone in a street knows is no better.
AT_STOP_KM = 0.15
AT_PICKUP = gettext_noop("The car was at the pickup at %(at)s; nothing was reported.")
AT_DROPOFF = gettext_noop("The car was at the dropoff at %(at)s; nothing was reported.")


class Kind(StrEnum):
    SEEN = "seen"
    LATE = "late"
    WILL_BE_LATE = "will_be_late"
    UNASSIGNED = "unassigned"
    MISSED = "missed"
    SILENT = "silent"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True)
class Attention:
    """A trip that needs somebody; `left` is the time until it is too late, negative after that.

    `driver` is the row of its driver, None without one. `of_driver` if the line is about all trips
    of a driver who reports nothing; the trip is the first of them. `report` is the action that the
    driver's position lets one think of, for a person to carry out.
    """

    kind: Kind
    row: object
    driver: object
    left: timedelta
    cause: str
    of_driver: bool = False
    report: str = ""


def attention(company, days, waiting, now) -> tuple[Attention, ...]:
    """Return what needs somebody in these drivers' days, and in what waits."""
    # Where nobody confirms trips, none is missing.
    confirms = any(trip.row.confirmed for day in days for trip in day.trips)
    found = [item for one in waiting if (item := _of_waiting(one, now))]
    silent = []
    for day in days:
        missing = unreported(day, now)
        for i, trip in enumerate(day.trips):
            if missing and not is_late_by_plan(trip):
                continue
            if item := _of_trip(company, day, i, now, confirms=confirms):
                found.append(item)
        if missing and missing[-1][0] - now >= LOOK_BACK:
            silent.append(_of_silent(company, day.row, missing, now))
    near = [item for item in found if LOOK_BACK <= item.left <= LOOK_AHEAD]
    return tuple(sorted([*near, *silent], key=_urgency))


def _urgency(item):
    return item.of_driver, item.left < LOST, item.left, item.row.id


def _of_silent(company, driver, missing, now):
    (since, first), count = missing[0], len(missing)
    cause = ngettext("Since %(at)s, %(n)d trip.", "Since %(at)s, %(n)d trips.", count)
    cause %= {"at": company.clock(since), "n": count}
    return Attention(Kind.SILENT, first.row, driver, since - now, cause, of_driver=True)


def _of_waiting(waiting, now):
    left = waiting.latest_at - now
    if State.MISSED in waiting.states:
        return Attention(Kind.MISSED, waiting.row, None, left, waiting.reason)
    if State.UNASSIGNED in waiting.states:
        return Attention(Kind.UNASSIGNED, waiting.row, None, left, waiting.reason)
    return None


def _of_trip(company, day, i, now, *, confirms):
    trip = day.trips[i]
    row, expected = trip.row, trip.expected
    cause, report = _seen_at_stop(company, day.row, trip, now)
    for state, kind in ((State.LATE, Kind.LATE), (State.WILL_BE_LATE, Kind.WILL_BE_LATE)):
        if state in trip.states:
            cause = cause or why_late(company, day.trips, i, now)
            return Attention(kind, row, day.row, expected.due_at - now, cause, report=report)
    if report:
        left = _stop_due(trip) - now
        return Attention(Kind.SEEN, row, day.row, left, cause, report=report)
    due_at, missing = report_due(trip)
    if due_at and due_at + SILENT_AFTER < now and not is_fresh(day.row.last_position_at, now):
        cause = _(missing) % {"at": company.clock(due_at)}
        return Attention(Kind.SILENT, row, day.row, due_at - now, cause)
    left = row.planned_pickup_at - now
    planned = row.assignment_status == Assignment.Status.PLANNED
    if confirms and planned and not row.confirmed and timedelta(0) <= left <= CONFIRM_BEFORE:
        cause = _("The driver has not confirmed the trip.")
        return Attention(Kind.UNCONFIRMED, row, day.row, left, cause)
    return None


def _seen_at_stop(company, driver, trip, now):
    """Return (sentence, action) of a car that stands where a report is overdue, else ("", "").

    The action is the next report, at the time of the position. Nothing is reported by itself: who
    is near a hospital need not be there for this client.
    """
    row, seen_at, status = trip.row, driver.last_position_at, Assignment.Status
    due_at, rides = _stop_due(trip), row.assignment_status == status.IN_PROGRESS
    if due_at is None or due_at > now or not is_fresh(seen_at, now):
        return "", ""
    stop = (row.dropoff_lat, row.dropoff_lon) if rides else (row.pickup_lat, row.pickup_lon)
    if km_between(driver.last_lat, driver.last_lon, *stop) > AT_STOP_KM:
        return "", ""
    if rides and (row.actual_pickup_at is None or seen_at <= row.actual_pickup_at):
        return "", ""
    planned = row.assignment_status == status.PLANNED
    report = "completed" if rides else "en_route" if planned else "arrive"
    return _(AT_DROPOFF if rides else AT_PICKUP) % {"at": company.clock(seen_at)}, report


def _stop_due(trip):
    """Return when the driver should be at the next stop of the trip, None if that is reported."""
    due_at, _missing = report_due(trip)
    planned = trip.row.assignment_status == Assignment.Status.PLANNED
    return trip.row.planned_pickup_at if planned else due_at


def why_late(company, trips, i, now: datetime) -> str:
    """Return why the driver's trip `trips[i]` is or will be late, in one sentence."""
    row, trip, status = trips[i].row, trips[i], Assignment.Status
    if row.assignment_status == status.IN_PROGRESS:
        at = company.clock(trip.expected.dropoff_at)
        return _("On board; the ride is expected to end at %(at)s.") % {"at": at}
    if row.arrived_at:
        at = company.clock(row.arrived_at)
        return _("The driver arrived at %(at)s; nobody is on board yet.") % {"at": at}
    if row.assignment_status == status.EN_ROUTE:
        return _("The driver is on the way; no arrival was reported.")
    before = trips[i - 1] if i else None
    if before and before.row.status not in DRIVEN_STATUSES:
        free_at = before.expected.dropoff_at + timedelta(minutes=company.alighting_min)
        if free_at + trip.empty > row.planned_pickup_at:
            return _before(company, before, now)
    leave_at = row.planned_pickup_at - trip.empty
    if leave_at < now:
        at = company.clock(leave_at)
        return _("The driver is not on the way; leaving was due at %(at)s.") % {"at": at}
    return _("It is planned so: pickup at %(at)s.") % {"at": company.clock(row.planned_pickup_at)}


def _before(company, before, now):
    values = {"trip": name_of(company, before.row)}
    if before.row.assignment_status == Assignment.Status.PLANNED and (
        before.row.planned_pickup_at < now
    ):
        return _("Nothing was reported of the trip before, %(trip)s.") % values
    values["at"] = company.clock(before.expected.dropoff_at)
    return _("The trip before, %(trip)s, is expected to end at %(at)s.") % values
