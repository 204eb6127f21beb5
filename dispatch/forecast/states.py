"""Say what each trip, each waiting booking and each driver is at this moment, in states.

The figures of the board count these states and its filters show them, so that a click on a figure
shows exactly what it counts.
"""

from datetime import timedelta
from enum import StrEnum

from bookings.models import DRIVEN_STATUSES, Status
from dispatch.forecast.expected import Risk

UNDER_WAY = {Status.EN_ROUTE, Status.IN_PROGRESS}
DUE_WITHIN = timedelta(hours=1)


class State(StrEnum):
    """`LATE`: the latest pickup or the appointment has passed; `WILL_BE_LATE`: it will have."""

    ASSIGNED = "assigned"
    LATE = "late"
    WILL_BE_LATE = "will_be_late"
    BEHIND = "behind"
    UNDER_WAY = "under_way"
    DONE = "done"
    UNASSIGNED = "unassigned"
    DUE = "due"
    MISSED = "missed"
    WILL_CALL = "will_call"
    ON_DUTY = "on_duty"


def states_of_trip(row, expected, now) -> tuple[State, ...]:
    """Return the states of a trip that has a driver."""
    found: tuple[State, ...]
    if row.status in UNDER_WAY:
        found = (State.ASSIGNED, State.UNDER_WAY)
    elif row.status in DRIVEN_STATUSES:
        found = (State.ASSIGNED, State.DONE)
    else:
        found = (State.ASSIGNED,)
    if expected.risk == Risk.LATE:
        return (*found, State.LATE if expected.due_at <= now else State.WILL_BE_LATE)
    return (*found, State.BEHIND) if expected.risk == Risk.BEHIND else found


def states_of_waiting(row, latest_at, now) -> tuple[State, ...]:
    """Return the states of a booking without a driver, whose latest pickup this is."""
    if row.will_call and row.status == Status.PENDING:
        return (State.WILL_CALL,)
    if latest_at < now:
        return (State.MISSED,)
    if latest_at <= now + DUE_WITHIN:
        return (State.UNASSIGNED, State.DUE)
    return (State.UNASSIGNED,)


def is_on_duty(shifts, absences, now) -> bool:
    """Return whether a driver is in a shift at this moment, and not absent."""
    return any(shift.start_at <= now < shift.end_at for shift in shifts) and not any(
        absence.start_at <= now < absence.end_at for absence in absences
    )
