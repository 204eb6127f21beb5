"""Carry a suggestion out: exactly what was shown, or nothing.

The change is worked out again under the locks, by the same code. Only if it means the same, down to
the versions of the trips that it touches, is it written.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from bookings.models import Actor, Booking
from bookings.save import save_agreed
from dispatch import ledger
from dispatch.day.day import Day
from dispatch.models import Assignment
from dispatch.trips.advice.sentences import sentence
from dispatch.trips.advice.suggestion import Change, Suggestion
from dispatch.trips.advice.work_out import work_out
from dispatch.trips.assign import load_trip
from dispatch.trips.locking import no_such_driver
from dispatch.trips.release import release_trips
from dispatch.trips.shift_times import change_times
from dispatch.trips.write_assignment import Beside, write_days
from drivers.models import Company, Shift
from drivers.refused import Refused


class Outdated(Refused):
    """The suggestion does not mean any more what was shown; nothing was written."""

    code = "outdated"
    status = 409
    advice: dict[str, Any] | None = None  # what a door shows instead

    def members(self) -> dict[str, Any]:
        return {"advice": self.advice} if self.advice else {}


def look_at(company: Company, change: Change, *, now: datetime) -> tuple[Day, Suggestion]:
    """Return the day and what the change means on it: 4 statements. Raises Outdated, NoSuchTrip."""
    day, _row = load_trip(company, change.booking_id, now, named=True)
    return day, _worked_out(day, change)


def carry_out(
    company: Company, change: Change, *, key: str, actor: Actor, now: datetime
) -> Suggestion:
    """Carry the change out, if it still has this key.

    At most 13 statements, 14 to move another trip, 21 to release one, 29 to change a shift, 31 to
    change the booking, which is validated; 7 more if that has a driver. The log says of the trips
    that the suggestion was followed, and names trips by reference. Raises Outdated, NoSuchTrip,
    NoSuchDriver, DoubleBooked, or what saving a booking or a shift raises: then nothing is written.
    """
    with transaction.atomic():
        stands = Assignment.objects.open().filter(company=company, booking=change.booking_id)
        seen, is_late = stands.values_list("driver_id", "expected__is_late").first() or (None, None)
        wanted = {change.driver_id, change.other_driver_id or change.driver_id}
        if not wanted <= ledger.lock_drivers(company, wanted | ({seen} if seen else set())).keys():
            raise no_such_driver()
        day, row = load_trip(company, change.booking_id, now)
        found = _worked_out(day, change)
        if found.key != key:
            raise outdated()
        reason = _("Suggestion followed: %(text)s") % {"text": sentence(day, found)}
        how: dict[str, Any] = {"actor": actor, "now": now, "reason": reason}
        beside = dict(_change_shift(change, **how))
        if is_late:
            old, new = beside.get(row.id, ({}, {}))
            beside[row.id] = ({**old, **ledger.LATE}, new)
        ledger.lock_bookings(company.id, [booking_id for booking_id, _v, _a in found.touched])
        if found.client and row.standing():
            release_trips([_assignment_of(found, row.id)], **how)
        _change_booking(company, change, **how)
        if found.released:
            release_trips([_assignment_of(found, found.released.booking_id)], **how)
        write_days([(found.worked.day, found.worked.proposals)], beside=beside, **how)
        return found


def outdated() -> Outdated:
    return Outdated(_("The day has changed: this can no longer be done as it was shown."))


def _worked_out(day: Day, change: Change) -> Suggestion:
    found = work_out(day, change)
    if found is None:
        raise outdated()
    return found


def _change_shift(
    change: Change, *, actor: Actor, now: datetime, reason: str
) -> Mapping[int, Beside]:
    """Write the longer shift, past the guards of the fleet; return what the log says of it."""
    if change.shift_id is None or change.shift_start_at is None or change.shift_end_at is None:
        return {}
    read = Shift.objects.get(pk=change.shift_id)
    times = (change.shift_start_at, change.shift_end_at)
    how: dict[str, Any] = {"actor": actor, "now": now, "reason": reason}
    return {change.booking_id: change_times(read, *times, **how)}


def _change_booking(
    company: Company, change: Change, *, actor: Actor, now: datetime, reason: str
) -> None:
    """Write the time for which the client was asked."""
    if change.wanted_at is None:
        return
    booking = Booking.objects.select_related("company").get(company=company, pk=change.booking_id)
    booking.scheduled_time = change.wanted_at
    save_agreed(booking, actor=actor, now=now, reason=reason)


def _assignment_of(found: Suggestion, booking_id: int) -> int:
    return next(assignment for i, _version, assignment in found.touched if i == booking_id)
