"""Tell of whom nothing is known: drivers who report nothing. No query.

Of a driver who has reported nothing all day nobody knows which trips are late, except those that
are late by the plan itself.
"""

from datetime import timedelta

from django.utils.translation import gettext_noop

from dispatch.forecast.expected import LATE
from dispatch.models import Assignment

# A driver is silent so long after the report of leaving, arriving or ending was due.
SILENT_AFTER = timedelta(minutes=10)
LEAVING = gettext_noop("No report: leaving was due at %(at)s.")
ARRIVING = gettext_noop("No report: arriving was due at %(at)s.")
ENDING = gettext_noop("No report: the end of the ride was due at %(at)s.")


def unreported(day, now, *, after=SILENT_AFTER):
    """Return (when its report was due, trip) of a driver who has reported nothing on this day.

    Nothing if the driver has, or was seen, or if no report is missing for so long, `after`.
    """
    trips = [trip for trip in day.trips if not trip.other_day]
    if any(trip.row.assignment_status != Assignment.Status.PLANNED for trip in trips):
        return []
    missing = [(report_due(trip)[0], trip) for trip in trips]
    missing = [(due_at, trip) for due_at, trip in missing if due_at + after < now]
    seen_at = day.row.last_position_at
    return [] if missing and seen_at and seen_at >= missing[0][0] else missing


def is_late_by_plan(trip):
    """Return whether a trip is late even if its driver does all as planned."""
    return trip.expected.late - trip.expected.behind >= LATE


def report_due(trip):
    """Return when the driver's next report is due, None if there is none, and what is missing."""
    row, status = trip.row, Assignment.Status
    if row.assignment_status == status.PLANNED:
        return row.planned_pickup_at - trip.empty, LEAVING
    if row.assignment_status == status.EN_ROUTE and not row.arrived_at:
        return row.planned_pickup_at, ARRIVING
    if row.assignment_status == status.IN_PROGRESS:
        return max(row.planned_dropoff_at, trip.expected.ride_until_at), ENDING
    return None, ""
