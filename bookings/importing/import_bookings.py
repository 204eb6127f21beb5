"""Import a CSV or Excel file of bookings: create new bookings and update changed ones.

Read (`csv_file`, `xlsx_file`: bytes to rows of texts; `rows`: texts to values), compare with the
stored bookings (`compare`) and their trips (`trips`), write. A dry run is the same path, stopped
before the writing.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from bookings.events import Changes as FieldChanges
from bookings.events import booking_changed, booking_created
from bookings.importing.compare import (
    Changes,
    Stored,
    check_appointments,
    check_ways_there,
    fill_blanks,
    plain_columns,
    read_stored,
)
from bookings.importing.csv_file import read_table
from bookings.importing.order import check_order
from bookings.importing.result import BrokenRow, FarRow, ImportResult, Skipped
from bookings.importing.rows import OPTIONAL, REQUIRED, UNREAD, BookingRow, RowError, read_rows
from bookings.importing.trips import ClientIds, Settled, find_clients, settle
from bookings.importing.xlsx_file import ZIP, read_workbook
from bookings.models import Actor, Booking, Client, Event, Status
from bookings.save import StaleBookingError
from drivers.db.bulk import update_rows
from drivers.models import Company, far_places
from drivers.refused import Refused

BATCH = 5_000
SAMPLE = 50


class ImportConflictError(Refused):
    """The same bookings were written during the import; nothing was imported."""

    code = "conflict"
    status = 409


def import_bookings(
    company: Company,
    data: bytes,
    *,
    actor: Actor,
    now: datetime,
    filename: str = "",
    dry_run: bool = False,
    skip_invalid: bool = False,
    release_broken: bool | Collection[int] = False,
    order: str | None = None,
) -> ImportResult:
    """Import the bytes of a CSV file or an Excel workbook; return the ImportResult.

    Nothing is written if a row is invalid, unless `skip_invalid` skips invalid rows. `order` says
    which number of a date like 05/06/2026 is first: "day" or "month". New bookings are accepted,
    except will-calls, which are pending. Bookings that have started or ended are not changed,
    but a canceled one is booked again by a row that differs from it.
    A blank cell leaves what a stored booking has; “-” clears an optional value.

    A row that would break the trip of an assigned booking is left out, unless `release_broken`
    agrees to release the trip: True to every one, or the ids of the assignments. What still fits
    keeps its driver.

    At most nine statements for 5,000 rows, two if nothing changed; on SQLite one insert takes some
    50 bookings or clients. If rows change what the trips of assigned bookings depend on, at most 13
    more, 3 for each day of these trips, and 6 for each where dropoffs change. Imports of one
    company wait for each other.

    Raises FileRefusedError if the file is not a list of bookings, or ImportConflictError.
    """
    read = read_workbook if data.startswith(ZIP) else read_table
    table = read(data, required=REQUIRED, optional=OPTIONAL, unread=UNREAD)
    rows, errors = read_rows(table, zone=company.zone, order=order)
    try:
        with transaction.atomic():
            Company.objects.select_for_update(no_key=True).get(pk=company.pk)
            stored = read_stored(company, rows, table.columns)
            rows, missing, kept = fill_blanks(rows, stored, table.columns)
            rows, early = check_appointments(rows, stored, table.columns)
            rows, unordered = check_order(company, rows, stored, table.columns)
            rows, lost = check_ways_there(rows, stored)
            errors += [*missing, *early, *unordered, *lost]
            errors.sort(key=lambda error: error.line)
            refused = bool(errors) and not skip_invalid
            settled = Settled(Changes())
            if not refused:
                settled = settle(
                    company,
                    rows,
                    stored,
                    table.columns,
                    release_broken=release_broken,
                    now=now,
                    lock=not dry_run,
                )
            changes = settled.changes
            if not dry_run and not refused:
                _write(company, changes, stored, table.columns, actor, now, filename)
                for outcome in settled.outcomes:
                    outcome.write(actor=actor, now=now)
    except (IntegrityError, StaleBookingError) as error:
        raise ImportConflictError(
            _(
                "Nothing was imported: someone else wrote the same bookings during the "
                "import. Import again."
            )
        ) from error
    gone: list[RowError | Skipped | BrokenRow] = [*errors, *changes.skipped, *settled.broken]
    left_out = {row.line for row in gone}
    return ImportResult(
        filename=filename,
        encoding=table.encoding,
        delimiter=table.delimiter,
        rows=len(table.rows),
        created=len(changes.created),
        updated=len(changes.updated),
        unchanged=changes.unchanged,
        skipped=tuple(changes.skipped),
        broken=settled.broken,
        released=settled.released,
        errors=tuple(errors),
        refused=refused,
        dry_run=dry_run,
        kept=tuple(sorted(kept - left_out)),
        far_away=_far_away(company, [row for row in rows if row.line not in left_out], stored),
        sample=_sample(changes),
    )


def _sample(changes: Changes) -> tuple[tuple[BookingRow, tuple[str, ...]], ...]:
    written: list[tuple[BookingRow, tuple[str, ...]]] = [
        (row, ()) for row in changes.created[:SAMPLE]
    ]
    written += [(row, tuple(differing)) for row, _old, differing in changes.updated[:SAMPLE]]
    return tuple(sorted(written, key=lambda pair: pair[0].line)[:SAMPLE])


def _write(
    company: Company,
    changes: Changes,
    stored: dict[str, Stored],
    columns: Sequence[str],
    actor: Actor,
    now: datetime,
    filename: str,
) -> None:
    _lock_unchanged([old for _row, old, _changes in changes.updated])
    written = [*changes.created, *(row for row, _old, _changes in changes.updated)]
    client_ids = _find_or_make_clients(company, {row.client for row in written if row.client})
    ids = {reference: booking.id for reference, booking in stored.items()}

    def origin(row: BookingRow) -> dict[str, Any]:
        return {
            "actor": actor,
            "now": now,
            "reason": _("%(file)s, line %(line)s") % {"file": filename, "line": row.line},
        }

    events: list[tuple[int, Event]] = []
    # Outbound trips first: return trips need their ids.
    for ways_back in (False, True):
        batch = [row for row in changes.created if bool(row.return_of) == ways_back]
        bookings = Booking.objects.bulk_create(
            [_booking(company, row, client_ids, ids, now) for row in batch], batch_size=BATCH
        )
        ids |= {booking.reference: booking.id for booking in bookings}
        events += [
            (row.line, booking_created(booking, **origin(row)))
            for row, booking in zip(batch, bookings, strict=True)
        ]

    for row, old, differing in changes.updated:
        if "client" in differing:
            differing["client"] = (old.client_id, client_ids.get(row.client))
        if "return_of" in differing:
            differing["return_of"] = (old.way_there_id, ids.get(row.return_of))
        events.append((row.line, booking_changed(company.pk, old.id, differing, **origin(row))))
    _update(changes.updated, columns, now)
    events.sort(key=lambda pair: pair[0])
    ordered = [event for _line, event in events]
    for first in range(0, len(ordered), BATCH):
        Event.objects.bulk_create(ordered[first : first + BATCH])


def _lock_unchanged(old: list[Stored]) -> None:
    """Lock the bookings by id. Raises ImportConflictError if one has changed since it was read."""
    if not old:
        return
    versions = dict(
        Booking.objects.select_for_update()
        .filter(id__any_of=[booking.id for booking in old])
        .order_by("id")
        .values_list("id", "version")
    )
    if any(versions.get(booking.id) != booking.version for booking in old):
        raise ImportConflictError(
            _(
                "Nothing was imported: someone else changed the same bookings during the "
                "import. Import again."
            )
        )


def _find_or_make_clients(company: Company, wanted: set[tuple[str, str]]) -> ClientIds:
    """Return {(name, phone): id}. At most two statements."""
    known = find_clients(company, wanted)
    made = Client.objects.bulk_create(
        [
            Client(company=company, name=name, phone=phone)
            for name, phone in sorted(wanted - known.keys())
        ],
        batch_size=BATCH,
    )
    return known | {(client.name, client.phone): client.id for client in made}


def _booking(
    company: Company,
    row: BookingRow,
    client_ids: ClientIds,
    ids: dict[str, int],
    now: datetime,
) -> Booking:
    return Booking(
        company=company,
        client_id=client_ids.get(row.client),
        return_of_id=ids.get(row.return_of),
        status=Status.PENDING if row.values.get("will_call") else Status.ACCEPTED,
        created_at=now,
        updated_at=now,
        **row.values,
    )


def _update(
    updated: list[tuple[BookingRow, Stored, FieldChanges]], columns: Sequence[str], now: datetime
) -> None:
    """Update all columns of the file, because rows differ in the columns that changed."""
    names = plain_columns(columns)
    relations = [
        attribute
        for attribute, column in (("client_id", "client_name"), ("return_of_id", "return_of"))
        if column in columns
    ]

    def relation(old: Stored, differing: FieldChanges, attribute: str) -> int | None:
        name = attribute.removesuffix("_id")
        kept = old.client_id if name == "client" else old.way_there_id
        return differing[name][1] if name in differing else kept

    def status(old: Stored, differing: FieldChanges) -> str:
        return differing["status"][1] if "status" in differing else old.status

    update_rows(
        Booking,
        [*names, *relations, "status", "cancel_reason", "version", "updated_at"],
        [
            (
                old.id,
                *(row.values[name] for name in names),
                *(relation(old, differing, attribute) for attribute in relations),
                status(old, differing),
                old.cancel_reason if "cancel_reason" not in differing else "",
                old.version + 1,
                now,
            )
            for row, old, differing in updated
        ],
    )


def _far_away(
    company: Company, rows: Iterable[BookingRow], stored: dict[str, Stored]
) -> tuple[FarRow, ...]:
    """Return the rows with a far place that their booking does not have already."""
    asked = []
    for row in rows:
        known = stored.get(row.reference)
        found = far_places(company, row.values, Booking.ENDS, known.values if known else None)
        asked += [FarRow(row.line, row.reference, text) for text in found.values()]
    return tuple(asked)
