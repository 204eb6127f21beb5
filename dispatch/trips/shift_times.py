"""Change when a shift begins and ends, together with trips: to follow a suggestion, or undo it."""

from copy import copy
from datetime import datetime
from typing import Any

from bookings.models import Actor
from drivers.fleet.changes import changing
from drivers.models import Shift
from drivers.times import moment

Times = dict[str, Any]


def change_times(
    read: Shift, start_at: datetime, end_at: datetime, *, actor: Actor, now: datetime, reason: str
) -> tuple[Times, Times]:
    """Write the times of a shift, past the guards; return what the log says, before and after.

    Raises StaleRow, ValidationError, or what the guards raise.
    """
    shift = copy(read)
    shift.start_at, shift.end_at = start_at, end_at
    with changing([read], shift, actor=actor, now=now, reason=reason) as under_way:
        (stored,) = under_way.stored
        if not isinstance(stored, Shift):
            raise TypeError(stored)
        before = _times(stored)
        stored.start_at, stored.end_at = start_at, end_at
        stored.clean_fields(exclude=["driver", "vehicle"])  # as they are stored
        stored.clean()
        stored.validate_constraints()
        stored.save(update_fields=["start_at", "end_at"])
    return before, _times(stored)


def _times(shift: Shift) -> Times:
    return {
        "shift": shift.pk,
        "shift_start": moment(shift.start_at),
        "shift_end": moment(shift.end_at),
    }
