"""Rescue trips that will be late: by another driver, or by another trip that gives way. No query.

A trip that has a driver is advised on as if it had none: the same ideas, the same judge, the same
button. An action has to spare more waiting than it brings to others, with a margin for what nobody
foresees; where nothing does, the client can only be told (`new_times`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from dispatch.day.day import Day
from dispatch.day.rows import BookingRow
from dispatch.day.trips import pickup_window
from dispatch.trips.advice.advise import Advised, concerned
from dispatch.trips.advice.ideas import Ground, ideas
from dispatch.trips.advice.sentences import sentence
from dispatch.trips.advice.suggestion import Kind, Suggestion
from dispatch.trips.advice.work_out import may_be_rescued, work_out

# How far a forecast may err: who is planned closer to the latest pickup counts as late in part.
MARGIN = timedelta(minutes=10)
# What an action has to spare all clients together: nobody is told something new for less.
WORTH = timedelta(minutes=5)
NONE = timedelta(0)


def rescues(day: Day, late: Mapping[int, datetime]) -> dict[int, Advised]:
    """Return the best action for trips of a loaded day that will be late, by booking.

    `late` has the moments at which their drivers are expected at the pickups. Of a driver's trips
    the first that can be helped has an action: what it makes of the others is seen once it is
    taken. No two actions concern the same driver or trip, so all can be taken.
    """
    found: dict[int, Advised] = {}
    taken: set[tuple[str, int]] = set()
    for booking_id, expected_at in sorted(late.items(), key=lambda one: (one[1], one[0])):
        row = day.bookings.get(booking_id)
        if row is None or not may_be_rescued(row) or ("driver", row.driver_id) in taken:
            continue
        for change in ideas(Ground(day, (row,)), row):
            one = work_out(day, change)
            if one and _helps(day, row, one, expected_at) and not taken & concerned(one):
                found[booking_id] = Advised(one, sentence(day, one))
                taken |= concerned(one) | {("driver", row.driver_id or 0)}
                break
    return found


def _helps(day: Day, row: BookingRow, found: Suggestion, expected_at: datetime) -> bool:
    """Return whether the action spares enough waiting, and nobody loses a driver for it.

    The present driver comes sooner only where another trip gives way.
    """
    stays = found.change.driver_id == row.driver_id and not found.moves
    if found.kind == Kind.INSTEAD_OF or stays:
        return False
    spared = _at_risk(day, row, expected_at) - _at_risk(day, row, found.pickup_at)
    for move in found.moves:
        other = day.bookings[move.booking_id]
        spared -= _at_risk(day, other, move.pickup_at) - _at_risk(day, other, move.before_at)
    return spared >= WORTH


def _at_risk(day: Day, row: BookingRow, pickup_at: datetime) -> timedelta:
    """Return how late the trip is with this pickup, if the forecast errs by the margin."""
    due_at = pickup_window(day.company, row)[1]
    if row.appointment_at:
        planned_pickup_at, planned_dropoff_at = row.planned()
        due_at = min(due_at, row.appointment_at - (planned_dropoff_at - planned_pickup_at))
    return max(NONE, pickup_at + MARGIN - due_at)
