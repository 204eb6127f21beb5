"""Compare the rows of a file with the stored bookings: the changes an import is to write.

The customer and the reference identify a booking. Of a stored booking only the columns of the file
are compared, and of a row only the cells that are not blank. Nothing is written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from bookings.events import Changes as FieldChanges
from bookings.importing.result import Skipped
from bookings.importing.rows import ADDRESS_OF, RELATED, REQUIRED, BookingRow, Key, RowError
from bookings.models import SETTLED_STATUSES, Booking, Status
from bookings.own_places import ADDRESSES
from bookings.pickup_times import INPUTS
from drivers.db.folding import fold
from drivers.models import Company
from drivers.phones import person_key

# Started or ended for good: a row changes nothing. A canceled booking is booked again.
OVER = [status for status in SETTLED_STATUSES if status != Status.CANCELED]
# Of the other trip of a pair, in the order of `Linked`.
LINKED = ("reference", "scheduled_time", "appointment_at", "will_call", "is_open")


@dataclass(frozen=True, slots=True)
class Linked:
    """The other trip of a stored pair."""

    reference: str
    at: datetime
    appointment_at: datetime | None
    will_call: bool
    is_open: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored booking; `way_there_id` is its outbound trip, `way_back_id` its return trip."""

    id: int
    version: int
    status: str
    way_there_id: int | None
    way_back_id: int | None
    client_id: int | None
    appointment_at: datetime | None
    will_call: bool
    cancel_reason: str
    way_there: "Linked | None"
    way_back: "Linked | None"
    client: tuple[str, str] | None
    values: dict[str, Any]


@dataclass(slots=True)
class Changes:
    """The changes an import is to write."""

    created: list[BookingRow] = field(default_factory=list)
    updated: list[tuple[BookingRow, Stored, FieldChanges]] = field(default_factory=list)
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)


def read_stored(rows: Sequence[BookingRow], columns: Sequence[str]) -> dict[Key, Stored]:
    """Return the stored bookings that the rows name, by their keys: 1 statement."""
    names = list(
        dict.fromkeys((*plain_columns(columns), "pickup_computed", *INPUTS, *sorted(ADDRESSES)))
    )
    references = {row.reference for row in rows} | {row.return_of for row in rows}
    query = Booking.objects.filter(
        ~Q(reference=""),
        customer__any_of=sorted({row.customer.pk for row in rows}),
        reference__any_of=sorted(references - {""}),
    ).values_list(
        "customer_id",
        "reference",
        "id",
        "version",
        "status",
        "return_of_id",
        "return_trip__id",
        "client_id",
        "appointment_at",
        "will_call",
        "cancel_reason",
        *(f"return_of__{name}" for name in LINKED),
        *(f"return_trip__{name}" for name in LINKED),
        "client__name",
        "client__phone",
        *names,
    )
    stored: dict[Key, Stored] = {}
    for row in query:
        key, plain, row = row[:2], row[2:11], row[11:]
        there, back = (_linked(row[i : i + len(LINKED)]) for i in (0, len(LINKED)))
        name, phone, *values = row[2 * len(LINKED) :]
        client = (name, phone) if name is not None else None
        fields: list[Any] = [*plain, there, back, client, dict(zip(names, values, strict=True))]
        stored[key] = Stored(*fields)
    return stored


def _linked(values: Sequence[Any]) -> Linked | None:
    return Linked(*values) if values[0] is not None else None


def plain_columns(columns: Iterable[str]) -> list[str]:
    """Return the columns that are plain fields of a booking, without the reference."""
    return [name for name in columns if name != "reference" and name not in RELATED]


def fill_blanks(
    rows: Iterable[BookingRow], stored: dict[Key, Stored], columns: Sequence[str]
) -> tuple[list[BookingRow], list[RowError], set[int]]:
    """Return (valid rows, errors, lines whose blank cells hide a value of the stored booking).

    A blank cell leaves what is stored. A new booking needs the required columns; its
    pickup may be computed later (`pickups`).
    """
    filled: list[BookingRow] = []
    errors: list[RowError] = []
    kept: set[int] = set()
    for row in rows:
        old = stored.get(row.key)
        if old is None:
            needed = (column for column in REQUIRED if column != "scheduled_time")
            missing = [column for column in needed if column in row.blank]
            errors += [RowError(row.line, column, "", _needed(column)) for column in missing]
            if not missing:
                filled.append(row)
            continue
        full = _filled(row, old, columns)
        if row.blank and (full != row or ("return_of" in row.blank and old.way_there_id)):
            kept.add(row.line)
        error = None if old.status in OVER else _too_few_passengers(full)
        if error:
            errors.append(error)
        else:
            filled.append(full)
    return filled, errors, kept


def _needed(column: str) -> str:
    if column in ADDRESS_OF:
        return _("write a number, or the address: a new booking needs it")
    return _("write a number: a new booking needs it")


def spelled_as_stored(
    company: Company, rows: Iterable[BookingRow], stored: dict[Key, Stored]
) -> list[BookingRow]:
    """Return the rows with the client of their booking spelled as it is stored.

    Another spelling of the same name and telephone number is no other person.
    """
    spelled = []
    for row in rows:
        old = stored.get(row.key)
        if old and old.client and row.client and row.client != old.client:
            keys = [person_key(*client, company.timezone) for client in (row.client, old.client)]
            if keys[0] == keys[1]:
                row = replace(row, client=old.client)
        spelled.append(row)
    return spelled


def _filled(row: BookingRow, old: Stored, columns: Sequence[str]) -> BookingRow:
    """Return the row with the stored values of its blank cells.

    The telephone number belongs to the name: it stays where the name stays.
    """
    client = row.client
    if "client_name" in row.blank:
        client = old.client
    elif client and old.client and fold(client[0]) == fold(old.client[0]):
        blank_phone = "client_phone" in row.blank or "client_phone" not in columns
        client = old.client if blank_phone else client
    elif not row.blank:
        return row
    values = {name: old.values[name] for name in row.blank if name in old.values}
    return replace(row, values=row.values | values, client=client)


def _too_few_passengers(row: BookingRow) -> RowError | None:
    passengers, wheelchairs = row.values["passengers"], row.values["wheelchairs"]
    if wheelchairs <= passengers:
        return None
    if "passengers" in row.blank:
        message = _("the booking has %(passengers)s passengers: write at most as many")
        return RowError(
            row.line, "wheelchairs", str(wheelchairs), message % {"passengers": passengers}
        )
    message = _("the booking has %(wheelchairs)s wheelchair users: write at least as many")
    return RowError(row.line, "passengers", str(passengers), message % {"wheelchairs": wheelchairs})


def check_ways_there(
    rows: list[BookingRow], stored: dict[Key, Stored]
) -> tuple[list[BookingRow], list[RowError]]:
    """Return (valid rows, errors) by their outbound trips.

    An outbound trip is in the file or in the database, is not a return trip, and has one return
    trip.
    """
    kept = rows
    errors: list[RowError] = []
    while True:
        in_file = {row.key: row for row in kept}
        bad = {
            row.line: message
            for row in kept
            if row.return_of and (message := _wrong_way_there(row, in_file, stored))
        }
        if not bad:
            return kept, errors
        errors += [
            RowError(row.line, "return_of", row.return_of, bad[row.line])
            for row in kept
            if row.line in bad
        ]
        kept = [row for row in kept if row.line not in bad]


def _wrong_way_there(
    row: BookingRow, in_file: dict[Key, BookingRow], stored: dict[Key, Stored]
) -> str | None:
    there, there_stored = in_file.get(row.way_there), stored.get(row.way_there)
    if there:
        keeps = "return_of" in there.blank and there_stored and there_stored.way_there_id
        is_way_back = bool(there.return_of or keeps)
    elif there_stored:
        is_way_back = there_stored.way_there_id is not None
    else:
        return _("no booking and no valid row of the file has this reference")
    if is_way_back:
        return _("this booking is itself a return trip")
    this = stored.get(row.key)
    if there_stored and there_stored.way_back_id not in (None, this and this.id):
        return _("this booking already has another return trip")
    return None


def check_appointments(
    rows: list[BookingRow], stored: dict[Key, Stored], columns: Sequence[str]
) -> tuple[list[BookingRow], list[RowError]]:
    """Return (valid rows, errors): the pickup must be before an appointment not in the file."""
    in_file = "appointment_at" in columns
    errors = [
        RowError(
            row.line,
            "scheduled_time",
            row.values["scheduled_time"].isoformat(timespec="minutes"),
            _("the booking has an appointment at %(at)s: write a time before it")
            % {"at": old.appointment_at.isoformat(timespec="minutes")},
        )
        for row in rows
        if (not in_file or "appointment_at" in row.blank)
        and (old := stored.get(row.key))
        and old.appointment_at
        and old.status not in OVER
        and row.values["scheduled_time"] >= old.appointment_at
    ]
    bad = {error.line for error in errors}
    return [row for row in rows if row.line not in bad], errors


def _of_will_call(row: BookingRow, old: Stored) -> tuple[FieldChanges, str]:
    """Return (change of the status, reason to skip the row) that follow from column `will_call`.

    A will-call is pending and becomes accepted when the file has its time. A booking whose time is
    already known does not become a will-call again.
    """
    wanted = row.values.get("will_call", False)
    if wanted and old.status in (Status.ACCEPTED, Status.ASSIGNED):
        reason = _("is %(status)s: its time is known, so it is no longer a will-call")
        return {}, reason % {"status": Status(old.status).label}
    if old.values.get("will_call") and not wanted and old.status == Status.PENDING:
        return {"status": (old.status, Status.ACCEPTED)}, ""
    return {}, ""


def _booked_again(row: BookingRow, old: Stored) -> tuple[FieldChanges, str] | None:
    """Return what follows for a canceled booking from a row that differs, None for any other."""
    if old.status != Status.CANCELED:
        return None
    waits = row.values.get("will_call", old.will_call)
    changes: FieldChanges = {"status": (old.status, Status.PENDING if waits else Status.ACCEPTED)}
    if old.cancel_reason:
        changes["cancel_reason"] = (old.cancel_reason, "")
    return changes, ""


def differences_of(
    row: BookingRow, old: Stored, stored: dict[Key, Stored], columns: Sequence[str]
) -> FieldChanges:
    """Return what the row says otherwise than the stored booking; relations as the stored id."""
    differing: FieldChanges = {
        name: (old.values[name], value)
        for name, value in row.values.items()
        if name != "reference" and old.values[name] != value
    }
    if "client_name" in columns and row.client != old.client:
        differing["client"] = (old.client_id, None)
    names_way_there = "return_of" in columns and "return_of" not in row.blank
    if names_way_there and old.way_there_id != _stored_id(row, stored):
        differing["return_of"] = (old.way_there_id, None)
    return differing


def compare(
    rows: Iterable[BookingRow], stored: dict[Key, Stored], columns: Sequence[str]
) -> Changes:
    """Return the changes that make the stored bookings equal to the rows."""
    changes = Changes()
    for row in rows:
        old = stored.get(row.key)
        if old is None:
            changes.created.append(row)
            continue
        differing = differences_of(row, old, stored, columns)
        status, refused = _booked_again(row, old) or _of_will_call(row, old)
        if not differing:
            changes.unchanged += 1
        elif old.status in OVER:
            reason = _("is %(status)s and can no longer be changed") % {
                "status": Status(old.status).label
            }
            changes.skipped.append(Skipped(row.line, row.reference, reason))
        elif refused:
            changes.skipped.append(Skipped(row.line, row.reference, refused))
        else:
            changes.updated.append((row, old, differing | status))
    return changes


def _stored_id(row: BookingRow, stored: Mapping[Key, Stored]) -> int | None:
    """Return the id of the outbound trip; None if there is none, 0 if it is still to come."""
    if not row.return_of:
        return None
    return stored[row.way_there].id if row.way_there in stored else 0
