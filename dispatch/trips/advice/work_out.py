"""Work out what a change would mean: the only judge of suggestions. No query.

The day is made again as it would be, step by step, and each trip is inserted by the code of the
hand assignment (`insertion.propose`). What that code would refuse is no suggestion, and neither is
a change whose consequences go beyond what a dispatcher would agree to.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from bookings.models import Status
from dispatch.day.day import Day
from dispatch.day.duties import periods_away
from dispatch.day.rows import BookingRow
from dispatch.day.trips import pickup_window
from dispatch.models import Assignment
from dispatch.planner.rules.codes import Block
from dispatch.planner.rules.rule import minutes
from dispatch.trips.advice.suggestion import (
    BreakMove,
    Change,
    ClientTime,
    Kind,
    Move,
    Release,
    ShiftChange,
    Suggestion,
    Worked,
)
from dispatch.trips.changed_day import given_to, part_of, released, with_rows, with_shift
from dispatch.trips.insertion import Proposal, others_moved, propose
from dispatch.trips.linked_trips import is_wanted_beside
from dispatch.trips.problems import may_give_way
from drivers.models import SHIFT_AT_MOST, Driver

# How much later than the appointment a client may arrive, and how far a wanted time or a shift may
# move: more is no advice.
LATE_AT_MOST_S = 5 * 60
MINUTES_AT_MOST = 60
# The rules that a kind of change breaks on purpose.
BREAKS: dict[Kind, set[str]] = {
    Kind.OVER_CAP: {Block.CAP_REACHED},
    Kind.ARRIVE_LATE: {Block.APPOINTMENT},
    Kind.ASK_CLIENT: {Block.APPOINTMENT},
}


def work_out(day: Day, change: Change) -> Suggestion | None:
    """Return the change with its consequences, or None if it cannot be made as it is meant.

    Only the rows of the day are read: its problem may be older than they are.
    """
    row, names = day.bookings.get(change.booking_id), driver_names(day)
    if row is None or not (may_be_rescued(row) if row.standing() else waits(row)):
        return None
    wanted = {change.driver_id, change.other_driver_id or change.driver_id}
    if not wanted <= names.keys():
        return None
    ids = {row.id, change.other_id or row.id}
    before = part_of(day, wanted, ids)
    shift = shift_change(before, change)
    if (change.shift_id and shift is None) or (change.wanted_at and not _may_ask(day, row, change)):
        return None
    if shift:
        before = with_shift(before, shift.shift_id, shift.start_at, shift.end_at)
    if change.wanted_at:
        if is_wanted_beside(day, row, change.wanted_at):
            return None
        asked = row
        if row.standing():  # it is released first: each step is another version
            asked = released(row)._replace(status=Status.ACCEPTED, version=row.version + 1)
        asked = asked._replace(scheduled_time=change.wanted_at, version=asked.version + 1)
        before = with_rows(before, {row.id: asked})
    made_room = _make_room(before, change)
    if made_room is None:
        return None
    after, proposals = made_room
    driver = Driver(id=change.driver_id, name=names[change.driver_id])
    asked = after.bookings.get(row.id, row)
    found = propose(after, asked, driver, pickup_at=change.pickup_at)
    arrive_at = row.appointment_at
    late_s = found.trip.dropoff_s - day.seconds(arrive_at) if arrive_at else 0
    if not _is_as_meant(change, found, late_s):
        return None
    proposals = (*proposals, found)
    moves = tuple(_moves(before, proposals, row.id, names))
    frozen_until = day.now + timedelta(minutes=day.company.freeze_min)
    if any(
        move.pickup_at < frozen_until or not may_give_way(day, before.bookings[move.booking_id])
        for move in moves
    ):
        return None
    other = before.bookings[change.other_id] if change.other_id else None
    gone = other if other and change.other_driver_id is None else None
    touched = {row.id: row}
    touched |= {move.booking_id: before.bookings[move.booking_id] for move in moves}
    touched |= {gone.id: gone} if gone else {}
    return Suggestion(
        change=change,
        trip=row.label,
        driver=names[change.driver_id],
        pickup_at=day.moment(found.trip.pickup_s),
        dropoff_at=day.moment(found.trip.dropoff_s),
        moves=moves,
        shift=shift,
        client=ClientTime(row.client_name or "", row.scheduled_time, change.wanted_at)
        if change.wanted_at
        else None,
        released=Release(gone.id, gone.label, names[gone.driver_id or 0]) if gone else None,
        breaks=tuple(_breaks(before, proposals)),
        faults=found.faults,
        late_min=max(0, minutes(late_s)),
        touched=tuple(
            (one.id, one.version, one.assignment_id or 0) for _id, one in sorted(touched.items())
        ),
        worked=Worked(before, proposals),
    )


def carried_out(day: Day, suggestion: Suggestion) -> Day:
    """Return the rows of the day after the change; its problem stays the one before it."""
    worked, change = suggestion.worked, suggestion.change
    rows = dict(worked.day.bookings)
    if suggestion.released:
        rows[suggestion.released.booking_id] = released(rows[suggestion.released.booking_id])
    for proposal in worked.proposals:
        for trip in proposal.trips:
            times = day.moment(trip.pickup_s), day.moment(trip.dropoff_s)
            rows[trip.trip_id] = given_to(rows[trip.trip_id], trip.driver_id, *times)
    rows[change.booking_id] = rows[change.booking_id]._replace(locked=suggestion.locked)
    starts = {row.shift_id: row.start_at for row in suggestion.breaks}
    drivers = {
        driver_id: [
            row._replace(break_at=starts.get(row.shift_id or 0, row.break_at)) for row in of
        ]
        for driver_id, of in worked.day.drivers.items()
    }
    return replace(day, bookings=day.bookings | rows, drivers=day.drivers | drivers)


def driver_names(day: Day) -> dict[int, str]:
    return {driver_id: rows[0].name for driver_id, rows in day.drivers.items()}


def waits(row: BookingRow) -> bool:
    """Return whether the trip is to be driven and has no driver."""
    return row.status == Status.ACCEPTED and not row.standing()


def may_be_rescued(row: BookingRow) -> bool:
    """Return whether another driver or another time may be found for the trip by hand."""
    planned = row.assignment_status == Assignment.Status.PLANNED
    return row.status == Status.ASSIGNED and planned and not row.locked


def _may_ask(day: Day, row: BookingRow, change: Change) -> bool:
    """Return whether the client may be asked for this time: not before now, and on this day."""
    wanted_at = change.wanted_at
    early_at, late_at = pickup_window(day.company, row)
    return (
        wanted_at is not None
        and wanted_at == change.pickup_at
        and not _is_far(early_at - wanted_at)
        and not _is_far(wanted_at - max(late_at, day.now))
        and day.now <= wanted_at
        and day.start_at <= wanted_at < day.end_at
        and (row.appointment_at is None or wanted_at < row.appointment_at)
    )


def _is_far(length: timedelta) -> bool:
    return length // timedelta(minutes=1) > MINUTES_AT_MOST


def shift_change(day: Day, change: Change) -> ShiftChange | None:
    """Return the longer shift, or None.

    None if it would begin in the past, or be too long or no longer, or if its driver or its vehicle
    is in another shift then.
    """
    start_at, end_at = change.shift_start_at, change.shift_end_at
    if change.shift_id is None or start_at is None or end_at is None:
        return None
    rows = day.drivers.get(change.driver_id, [])
    row = next((one for one in rows if one.shift_id == change.shift_id), None)
    if row is None or row.shift_start_at is None or row.shift_end_at is None:
        return None
    if not (start_at <= row.shift_start_at and row.shift_end_at <= end_at):
        return None
    if _is_far(row.shift_start_at - start_at) or _is_far(end_at - row.shift_end_at):
        return None
    if start_at < row.shift_start_at and start_at < day.now:
        return None
    others = [
        (one.shift_start_at, one.shift_end_at)
        for of_driver in day.drivers.values()
        for one in of_driver
        if one.shift_id != row.shift_id
        and one.shift_start_at
        and one.shift_end_at
        and (one.id == row.id or (row.vehicle_id and one.vehicle_id == row.vehicle_id))
    ]
    if end_at - start_at > SHIFT_AT_MOST or any(s < end_at and start_at < e for s, e in others):
        return None
    absences = [
        (one.absence_start_at, one.absence_end_at)
        for one in rows
        if one.absence_start_at and one.absence_end_at
    ]
    absences += periods_away(rows, change.shift_id)
    added = ((start_at, row.shift_start_at), (row.shift_end_at, end_at))
    if any(a < until and since < b for since, until in added for a, b in absences):
        return None
    return ShiftChange(
        row.shift_id or 0, row.name, row.shift_start_at, row.shift_end_at, start_at, end_at
    )


def _make_room(day: Day, change: Change) -> tuple[Day, tuple[Proposal, ...]] | None:
    """Return the day after the other trip gave way, and how that is written. None if it cannot."""
    if change.other_id is None:
        return day, ()
    row, other = day.bookings[change.booking_id], day.bookings.get(change.other_id)
    if other is None or other.driver_id != change.driver_id or not may_give_way(day, other):
        return None
    if change.other_driver_id is None:
        if other.priority > row.priority:
            return None
        return with_rows(day, {other.id: released(other)}), ()
    if change.other_driver_id == change.driver_id or change.other_pickup_at is None:
        return None
    name = driver_names(day)[change.other_driver_id]
    driver = Driver(id=change.other_driver_id, name=name)
    found = propose(day, other, driver, pickup_at=change.other_pickup_at)
    if found.faults:
        return None
    rows = {
        trip.trip_id: given_to(
            day.bookings[trip.trip_id],
            trip.driver_id,
            day.moment(trip.pickup_s),
            day.moment(trip.dropoff_s),
        )
        for trip in found.trips
    }
    return with_rows(day, rows), (found,)


def _is_as_meant(change: Change, found: Proposal, late_s: int) -> bool:
    """Return whether the trip breaks nothing but what this kind of change breaks on purpose."""
    codes = {fault.code for fault in found.faults}
    if found.impossible or not codes <= BREAKS.get(change.kind, set()):
        return False
    return Block.APPOINTMENT not in codes or late_s <= LATE_AT_MOST_S


def _moves(
    day: Day, proposals: tuple[Proposal, ...], booking_id: int, names: dict[int, str]
) -> Iterator[Move]:
    """Yield the other trips that get another driver or another time."""
    for proposal in proposals:
        for trip in (proposal.trip, *others_moved(day, proposal)):
            row = day.bookings[trip.trip_id]
            standing = row.standing()
            if row.id == booking_id or standing is None:
                continue
            before = standing[1], names.get(standing[1], ""), standing[2], standing[3]
            times = day.moment(trip.pickup_s), day.moment(trip.dropoff_s)
            yield Move(row.id, row.label, *before, trip.driver_id, names[trip.driver_id], *times)


def _breaks(day: Day, proposals: tuple[Proposal, ...]) -> Iterator[BreakMove]:
    """Yield the breaks that begin at another time than planned."""
    known = {row.shift_id: row for rows in day.drivers.values() for row in rows if row.shift_id}
    starts = {shift: at for proposal in proposals for shift, at in proposal.breaks.items()}
    for shift_id, start_at in sorted(starts.items()):
        if known[shift_id].break_at != start_at:
            yield BreakMove(shift_id, known[shift_id].name, known[shift_id].break_at, start_at)
