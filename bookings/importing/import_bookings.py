"""Import a CSV or Excel file of bookings: create new bookings and update changed ones.

Read (`csv_file`, `xlsx_file`: bytes to rows of texts; `rows`: texts to values), compare with the
stored bookings (`compare`) and their trips (`trips`), write. A dry run is the same path, stopped
before the writing.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from bookings.events import Changes as FieldChanges
from bookings.events import booking_changed, booking_created, client_created
from bookings.importing.apart import OF_COMMAND_S, OF_REQUEST_S, read_apart
from bookings.importing.compare import (
    Changes,
    Stored,
    check_appointments,
    check_ways_there,
    fill_blanks,
    plain_columns,
    read_stored,
    spelled_as_stored,
)
from bookings.importing.csv_file import read_table
from bookings.importing.order import check_order
from bookings.importing.overlaps import find_overlaps
from bookings.importing.owners import owners_of
from bookings.importing.pickups import compute_pickups
from bookings.importing.places import Choices, find_places, place_rows
from bookings.importing.result import AskedRow, BrokenRow, ImportResult, Skipped
from bookings.importing.rows import (
    ADDRESS_OF,
    OPTIONAL,
    REQUIRED,
    UNREAD,
    BookingRow,
    Key,
    Person,
    RowError,
    all_columns,
    read_rows,
)
from bookings.importing.trips import ClientIds, Settled, find_clients, settle
from bookings.importing.xlsx_file import ZIP, read_workbook
from bookings.models import Actor, Booking, Client, CompanyPlace, Event, Status
from bookings.own_places import ADDRESSES, places_at
from bookings.save import StaleBookingError
from drivers.companies.actors import Door
from drivers.db.bulk import update_rows
from drivers.db.folding import fold
from drivers.models import Company, Customer
from drivers.models.far_places import Entered, far_places_of
from drivers.phones import person_key
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
    choices: Choices | None = None,
    customer: Customer | None = None,
) -> ImportResult:
    """Import the bytes of a CSV file or an Excel workbook; return the ImportResult.

    The bookings are the `customer`'s, the only one that rows may name then, else of the customers
    that they name, or the default one's; the references of each identify them. Nothing is written
    if a row is invalid, unless `skip_invalid` skips invalid rows. `order` says which
    number of a date like 05/06/2026 is first: "day" or "month". New bookings are accepted,
    except will-calls, which are pending. Bookings that have started or ended are not changed,
    but a canceled one is booked again by a row that differs from it.
    A blank cell leaves what a stored booking has; “-” clears an optional value. A new booking
    without a pickup but with an appointment gets the pickup that follows from it.

    An address without a position is searched: a match that is sure is taken, of others `choices`
    say which place is meant, {folded address: Place}.

    A row that would break the trip of an assigned booking is left out, unless `release_broken`
    agrees to release the trip: True to every one, or the ids of the assignments. What still fits
    keeps its driver.

    At most twelve statements for 5,000 rows, three if nothing changed, four where rows name their
    customers, twelve more if addresses have no positions; on SQLite one insert takes some 50
    bookings. If rows change what the trips of assigned bookings depend on, at most 19 more, and 3
    for each four weeks of these trips. Imports of one company wait for each other.

    Raises FileRefusedError if the file is not a list of bookings, or ImportConflictError.
    """
    read = read_workbook if data.startswith(ZIP) else read_table
    table = read_apart(
        read,
        data,
        longest_s=OF_COMMAND_S if actor.door == Door.COMMAND else OF_REQUEST_S,
        required=REQUIRED,
        optional=OPTIONAL,
        unread=UNREAD,
        instead=ADDRESS_OF,
    )
    columns = all_columns(table.columns)
    owners = owners_of(company, customer, are_named="customer" in table.columns)
    rows, errors = read_rows(table, zone=company.zone, owners=owners, order=order)
    addresses = find_places(company, rows, columns, choices or {})
    try:
        with transaction.atomic():
            Company.objects.select_for_update(no_key=True).get(pk=company.pk)
            stored = read_stored(rows, columns)
            rows, unplaced = place_rows(rows, stored, addresses)
            rows, missing, kept = fill_blanks(rows, stored, columns)
            rows = spelled_as_stored(company, rows, stored)
            places = places_at(company, _addresses(rows, stored))
            rows, unknown = compute_pickups(company, rows, stored, places, now=now)
            rows, early = check_appointments(rows, stored, columns)
            rows, unordered = check_order(company, rows, stored, columns)
            rows, lost = check_ways_there(rows, stored)
            errors += [*unplaced, *missing, *unknown, *early, *unordered, *lost]
            errors.sort(key=lambda error: error.line)
            refused = bool(errors) and not skip_invalid
            settled = Settled(Changes())
            if not refused:
                settled = settle(
                    company,
                    rows,
                    stored,
                    columns,
                    release_broken=release_broken,
                    now=now,
                    lock=not dry_run,
                    places=places,
                )
            changes = settled.changes
            overlapping = find_overlaps(company, changes, stored, columns, places)
            if not dry_run and not refused:
                _write(company, changes, stored, columns, places, actor, now, filename)
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
        addresses=tuple(addresses.values()),
        overlapping=overlapping,
        computed=sum(
            bool(row.values.get("pickup_computed"))
            for row in (*changes.created, *(row for row, *_rest in changes.updated))
        ),
        sample=_sample(changes),
        customers=_by_customer(changes) if "customer" in table.columns else {},
    )


def _sample(changes: Changes) -> tuple[tuple[BookingRow, tuple[str, ...]], ...]:
    written: list[tuple[BookingRow, tuple[str, ...]]] = [
        (row, ()) for row in changes.created[:SAMPLE]
    ]
    written += [(row, tuple(differing)) for row, _old, differing in changes.updated[:SAMPLE]]
    return tuple(sorted(written, key=lambda pair: pair[0].line)[:SAMPLE])


def _by_customer(changes: Changes) -> dict[str, int]:
    """Return how many bookings of each customer are written, by its name."""
    written = [*changes.created, *(row for row, _old, _differing in changes.updated)]
    return dict(sorted(Counter(row.customer.name for row in written).items()))


def _addresses(rows: Iterable[BookingRow], stored: Mapping[Key, Stored]) -> Iterator[str]:
    """Yield the addresses of the rows, and what they replace."""
    for row in rows:
        old = stored.get(row.key)
        for name in ADDRESSES & row.values.keys():
            yield row.values[name]
            if old:
                yield old.values[name]


def _write(
    company: Company,
    changes: Changes,
    stored: dict[Key, Stored],
    columns: Sequence[str],
    places: Mapping[str, CompanyPlace],
    actor: Actor,
    now: datetime,
    filename: str,
) -> None:
    _lock_unchanged([old for _row, old, _changes in changes.updated])
    written = [*changes.created, *(row for row, _old, _changes in changes.updated)]
    client_ids, new_clients = find_or_make_clients(
        company,
        list(dict.fromkeys(row.person for row in written if row.person)),
        actor=actor,
        now=now,
    )
    ids = {key: booking.id for key, booking in stored.items()}

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
            [_booking(company, row, client_ids, ids, places, now) for row in batch],
            batch_size=BATCH,
        )
        ids |= {row.key: booking.id for row, booking in zip(batch, bookings, strict=True)}
        events += [
            (row.line, booking_created(booking, **origin(row)))
            for row, booking in zip(batch, bookings, strict=True)
        ]

    for row, old, differing in changes.updated:
        if "client" in differing:
            differing["client"] = (old.client_id, client_ids.get(row.person))
        if "return_of" in differing:
            differing["return_of"] = (old.way_there_id, ids.get(row.way_there))
        events.append((row.line, booking_changed(company.pk, old.id, differing, **origin(row))))
    _update(changes.updated, columns, places, now)
    events.sort(key=lambda pair: pair[0])
    log(new_clients + [event for _line, event in events])


def log(events: Sequence[Event]) -> None:
    """Write events in their order, in bounded statements: the last thing of a transaction."""
    for first in range(0, len(events), BATCH):
        Event.objects.bulk_create(events[first : first + BATCH])


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


def find_or_make_clients(
    company: Company,
    wanted: list[Person],
    *,
    actor: Actor,
    now: datetime,
) -> tuple[ClientIds, list[Event]]:
    """Return {person: id}, and the events of new clients, to be written at the end.

    One id for all spellings of one person, of which the first stays. At most two statements.
    """
    known = find_clients(company, wanted)
    people: dict[Person, list[Person]] = {}
    for person in wanted:
        if person in known:
            continue
        owner, name, phone = person
        people.setdefault((owner, *person_key(name, phone, company.timezone)), []).append(person)
    made = Client.objects.bulk_create(
        [
            Client(company=company, customer_id=owner, name=name, phone=phone)
            for (owner, name, phone), *_others in people.values()
        ],
        batch_size=BATCH,
    )
    ids = known | {
        spelling: client.id
        for spellings, client in zip(people.values(), made, strict=True)
        for spelling in spellings
    }
    return ids, [client_created(client, actor=actor, now=now) for client in made]


def _booking(
    company: Company,
    row: BookingRow,
    client_ids: ClientIds,
    ids: dict[Key, int],
    places: Mapping[str, CompanyPlace],
    now: datetime,
) -> Booking:
    return Booking(
        company=company,
        customer=row.customer,
        client_id=client_ids.get(row.person),
        return_of_id=ids.get(row.way_there),
        status=Status.PENDING if row.values.get("will_call") else Status.ACCEPTED,
        created_at=now,
        updated_at=now,
        pickup_place_id=_place_id(row, "pickup", places),
        dropoff_place_id=_place_id(row, "dropoff", places),
        **row.values,
    )


def _update(
    updated: list[tuple[BookingRow, Stored, FieldChanges]],
    columns: Sequence[str],
    places: Mapping[str, CompanyPlace],
    now: datetime,
) -> None:
    """Update all columns of the file, because rows differ in the columns that changed."""
    names = [*plain_columns(columns), "pickup_computed"]
    relations = [
        attribute
        for attribute, column in (("client_id", "client_name"), ("return_of_id", "return_of"))
        if column in columns
    ]

    ends = [end for end in ("pickup", "dropoff") if f"{end}_address" in columns]

    def relation(old: Stored, differing: FieldChanges, attribute: str) -> int | None:
        name = attribute.removesuffix("_id")
        kept = old.client_id if name == "client" else old.way_there_id
        return differing[name][1] if name in differing else kept

    def status(old: Stored, differing: FieldChanges) -> str:
        return differing["status"][1] if "status" in differing else old.status

    update_rows(
        Booking,
        [
            *names,
            *relations,
            *(f"{end}_place_id" for end in ends),
            "status",
            "cancel_reason",
            "version",
            "updated_at",
        ],
        [
            (
                old.id,
                *(row.values[name] for name in names),
                *(relation(old, differing, attribute) for attribute in relations),
                *(_place_id(row, end, places) for end in ends),
                status(old, differing),
                old.cancel_reason if "cancel_reason" not in differing else "",
                old.version + 1,
                now,
            )
            for row, old, differing in updated
        ],
    )


def _place_id(row: BookingRow, end: str, places: Mapping[str, CompanyPlace]) -> int | None:
    place = places.get(fold(row.values.get(f"{end}_address", "")))
    return place.pk if place else None


def _far_away(
    company: Company, rows: Iterable[BookingRow], stored: dict[Key, Stored]
) -> tuple[AskedRow, ...]:
    """Return the rows with a far place that their booking does not have already."""
    rows = list(rows)
    entered = [
        Entered(row.values, known.values if (known := stored.get(row.key)) else None)
        for row in rows
    ]
    return tuple(
        AskedRow(row.line, row.reference, text)
        for row, asked in zip(rows, far_places_of(company, entered, Booking.ENDS), strict=True)
        for text in asked.values()
    )
