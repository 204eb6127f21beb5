"""Leave out the rows that would break the trips of assigned bookings, or agree to release these.

Nothing is written: the guards say what would break (see `bookings.guards.HeldTrips`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef

from bookings.events import Changes as FieldChanges
from bookings.guards import PLANNED_FIELDS, Outcome, hold_trips
from bookings.importing.compare import Changes, Stored, check_ways_there, compare
from bookings.importing.order import check_order
from bookings.importing.result import BrokenRow, Skipped
from bookings.importing.rows import BookingRow, Key, Person
from bookings.models import Client, CompanyPlace, DriverPreference, Status
from bookings.own_places import other_minutes
from drivers.db.folding import fold
from drivers.models import Company
from drivers.phones import person_key

# The id of an outbound trip that the file creates.
TO_COME = -1

ClientIds = dict[Person | None, int]
Updated = tuple[BookingRow, Stored, FieldChanges]


@dataclass(frozen=True, slots=True)
class Settled:
    """The changes to write, and after them the `outcomes` for the trips.

    `broken` are the rows left out because they break a trip, `released` those whose trip is
    released.
    """

    changes: Changes
    broken: tuple[BrokenRow, ...] = ()
    released: tuple[BrokenRow, ...] = ()
    outcomes: Sequence[Outcome] = ()


def settle(
    company: Company,
    rows: list[BookingRow],
    stored: dict[Key, Stored],
    columns: Sequence[str],
    *,
    release_broken: bool | Collection[int],
    now: datetime,
    lock: bool,
    places: Mapping[str, CompanyPlace],
) -> Settled:
    """Compare the valid rows with the stored bookings, and settle which trips they break.

    A row that breaks a trip is left out, unless `release_broken` agrees: to every trip, or to these
    assignments. Without a row, others may break a trip or the order of a pair: all are checked
    again. Without `lock`, for a preview, nobody has to wait. `places` are the company's places by
    folded address.

    The statements are those of the guards, and 1 if clients change; none unless a row changes what
    the trip of an assigned booking depends on.
    """
    changes = compare(rows, stored, columns)
    assigned = [old.id for _row, old, _changes in _of_trips(changes, places)]
    held = hold_trips(company, assigned, now=now, lock=lock)
    if not held:
        return Settled(changes)
    client_ids = find_clients(
        company,
        {row.person for row, _old, changed in _of_trips(changes, places) if "client" in changed},
    )
    broken: list[BrokenRow] = []
    released: dict[int, BrokenRow] = {}
    skipped: list[Skipped] = []
    while True:
        wanted = {
            old.id: _with_ids(row, differing, stored, client_ids)
            for row, old, differing in _of_trips(changes, places)
        }
        row_of = {old.id: row for row, old, _differing in _of_trips(changes, places)}
        outcomes = [trips.check(wanted, released.keys()) for trips in held]
        found = [
            BrokenRow(row_of[trip.booking_id].line, row_of[trip.booking_id].reference, trip)
            for outcome in outcomes
            for trip in outcome.broken
        ]
        if not found:
            break
        refused = [row for row in found if not _is_agreed(row, release_broken)]
        if refused:
            broken += refused
            released = {}  # what breaks without these rows may be less
            rows, lost = _without(company, {row.line for row in refused}, rows, stored, columns)
            skipped += lost
            changes = compare(rows, stored, columns)
        else:
            released |= {row.trip.booking_id: row for row in found}
    changes.skipped = sorted([*changes.skipped, *skipped], key=lambda row: row.line)
    return Settled(changes, _in_order(broken), _in_order(released.values()), outcomes)


def find_clients(company: Company, wanted: Collection[Person | None]) -> ClientIds:
    """Return {person: id} of the wanted who are stored, however they are spelled there.

    Of several stored ones it is the one who forbids drivers, so that none is forgotten, else the
    oldest. 1 statement, or none.
    """
    keys = {one: (one[0], *person_key(*one[1:], company.timezone)) for one in wanted if one}
    if not keys:
        return {}
    forbids = DriverPreference.objects.filter(client=OuterRef("pk"), kind="forbidden")
    rows = Client.objects.filter(
        customer__any_of=sorted({key[0] for key in keys.values()}),
        folded_name__any_of=sorted({key[1] for key in keys.values()}),
    ).order_by(Exists(forbids).desc(), "id")
    by_key: dict[Person, int] = {}
    found = rows.values_list("id", "customer_id", "folded_name", "phone_key")
    for pk, owner, name, phone in found:
        by_key.setdefault((owner, name, phone), pk)
    return {person: by_key[key] for person, key in keys.items() if key in by_key}


def _of_trips(changes: Changes, places: Mapping[str, CompanyPlace]) -> list[Updated]:
    """Return the changes of assigned bookings that matter to their trips, of minutes there too."""
    found = [
        (row, old, differing | _at_places(differing, places))
        for row, old, differing in changes.updated
        if old.status == Status.ASSIGNED
    ]
    return [updated for updated in found if updated[2].keys() & PLANNED_FIELDS]


def _with_ids(
    row: BookingRow,
    differing: FieldChanges,
    stored: Mapping[Key, Stored],
    client_ids: ClientIds,
) -> FieldChanges:
    """Return the changes with the ids of the new client and of the new outbound trip.

    A client who is still to come has none: nothing is known of them.
    """
    ids: FieldChanges = {}
    if "client" in differing:
        ids["client"] = (differing["client"][0], client_ids.get(row.person))
    if "return_of" in differing:
        there = stored.get(row.way_there)
        there_id = there.id if there else TO_COME if row.return_of else None
        ids["return_of"] = (differing["return_of"][0], there_id)
    return differing | ids


def _at_places(differing: FieldChanges, places: Mapping[str, CompanyPlace]) -> FieldChanges:
    """Return the minutes that change with the addresses, of the company's places there."""
    ends = [differing.get(f"{end}_address", ("", "")) for end in ("pickup", "dropoff")]
    was, now = (
        (places.get(fold(pickup)), places.get(fold(dropoff)))
        for pickup, dropoff in zip(*ends, strict=True)
    )
    return other_minutes(was, now)


def _is_agreed(row: BrokenRow, release_broken: bool | Collection[int]) -> bool:
    if isinstance(release_broken, bool):
        return release_broken
    return row.trip.assignment_id in release_broken


def _without(
    company: Company,
    lines: Collection[int],
    rows: Iterable[BookingRow],
    stored: dict[Key, Stored],
    columns: Sequence[str],
) -> tuple[list[BookingRow], list[Skipped]]:
    """Return (the rows without these lines, rows that are not valid without them)."""
    left = [row for row in rows if row.line not in lines]
    kept, unordered = check_order(company, left, stored, columns)
    kept, lost = check_ways_there(kept, stored)
    reference = {row.line: row.reference for row in left}
    skipped = {
        error.line: Skipped(error.line, reference[error.line], error.message)
        for error in (*lost, *unordered)
    }
    return kept, list(skipped.values())


def _in_order(rows: Iterable[BrokenRow]) -> tuple[BrokenRow, ...]:
    return tuple(sorted(rows, key=lambda row: row.line))
