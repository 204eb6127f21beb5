"""Check that the return trips of a file are wanted after their outbound trips.

Either trip of a pair may stand in the file or in the database. Nothing is written.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bookings.importing.compare import OVER, Stored, differences_of
from bookings.importing.rows import BookingRow, Key, RowError
from bookings.models import OPEN_STATUSES, Status
from bookings.order import enter_after, enter_before, is_wanted_after
from drivers.models import Company


@dataclass(frozen=True, slots=True)
class _Wanted:
    """When a trip is wanted once the file is imported; `moved` if the file changes it."""

    reference: str
    at: datetime
    appointment_at: datetime | None
    will_call: bool
    moved: bool


def check_order(
    company: Company,
    rows: list[BookingRow],
    stored: dict[Key, Stored],
    columns: Sequence[str],
) -> tuple[list[BookingRow], list[RowError]]:
    """Return (valid rows, errors): a return trip is wanted after its outbound trip.

    Pairs that the file does not move are left as they are, and so is a canceled booking whose row
    is equal: it stays canceled.
    """

    def over(row: BookingRow, old: Stored) -> bool:
        return old.status in OVER or (
            old.status == Status.CANCELED and not differences_of(row, old, stored, columns)
        )

    kept, errors = rows, list[RowError]()
    while True:
        in_file = {row.key: row for row in kept}
        found = [error for row in kept for error in _faults(company, row, in_file, stored, over)]
        if not found:
            return kept, errors
        errors += found
        bad = {error.line for error in found}
        kept = [row for row in kept if row.line not in bad]


def _faults(
    company: Company,
    row: BookingRow,
    in_file: dict[Key, BookingRow],
    stored: dict[Key, Stored],
    over: Callable[[BookingRow, Stored], bool],
) -> Iterator[RowError]:
    old = stored.get(row.key)
    if old and over(row, old):
        return
    this = _of_row(row, old)
    there = _way_there(row, old, in_file, stored, over)
    if there and (this.moved or there.moved) and not _in_order(there, this):
        sentence = enter_after(company, there.reference, there.at, there.appointment_at)
        yield RowError(row.line, "scheduled_time", _shown(this.at), sentence)
    back = old.way_back if old else None
    if back and (row.customer.pk, back.reference) not in in_file and this.moved:
        after = _Wanted(back.reference, back.at, None, back.will_call, False)
        if not _in_order(this, after):
            sentence = enter_before(company, back.reference, back.at)
            yield RowError(row.line, "scheduled_time", _shown(this.at), sentence)


def _in_order(there: _Wanted, back: _Wanted) -> bool:
    return is_wanted_after(back.at, there.at, there.appointment_at, will_call=back.will_call)


def _of_row(row: BookingRow, old: Stored | None) -> _Wanted:
    at, appointment_at = row.values["scheduled_time"], row.values.get("appointment_at")
    will_call = bool(row.values.get("will_call"))
    if old is None:
        return _Wanted(row.reference, at, appointment_at, will_call, True)
    if "appointment_at" not in row.values:
        appointment_at = old.appointment_at
    if "will_call" not in row.values:
        will_call = old.will_call
    before = (old.values["scheduled_time"], old.appointment_at)
    moved = old.status == Status.CANCELED or before != (at, appointment_at)
    return _Wanted(row.reference, at, appointment_at, will_call, moved)


def _way_there(
    row: BookingRow,
    old: Stored | None,
    in_file: dict[Key, BookingRow],
    stored: dict[Key, Stored],
    over: Callable[[BookingRow, Stored], bool],
) -> _Wanted | None:
    """Return the outbound trip, or None without one that is still to be driven."""
    keeps = old is not None and ("return_of" in row.blank or not row.has_return_of)
    linked = old.way_there if old and keeps else None
    reference = linked.reference if linked else row.return_of
    before = stored.get((row.customer.pk, reference))
    there = in_file.get((row.customer.pk, reference))
    again = there is not None and before is not None and not over(there, before)
    if before and before.status not in OPEN_STATUSES and not again:
        return None
    if there:
        wanted = _of_row(there, before)
    elif linked and linked.is_open:
        wanted = _Wanted(reference, linked.at, linked.appointment_at, False, False)
    elif before:
        at = before.values["scheduled_time"]
        wanted = _Wanted(reference, at, before.appointment_at, False, False)
    else:
        return None
    newly_linked = old is None or bool(before and old.way_there_id != before.id)
    if not keeps and newly_linked:
        return _Wanted(wanted.reference, wanted.at, wanted.appointment_at, False, True)
    return wanted


def _shown(at: datetime) -> str:
    return at.isoformat(timespec="minutes")
