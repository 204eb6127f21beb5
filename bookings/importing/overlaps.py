"""Find the rows of a file whose clients are on another trip at the same time.

It is a question, answered by importing the file after its dry run: no plan drives the two at once,
unless the column `overlap_meant` says that one of them is for somebody else of that name.
"""

from collections.abc import Hashable, Mapping, Sequence

from django.db.models import Q

from bookings.importing.compare import Changes, Stored
from bookings.importing.result import AskedRow
from bookings.importing.rows import BookingRow, Key
from bookings.models import CompanyPlace
from bookings.overlaps import OVERLAPPING, Ride, lasts, overlapping, question, read_rides
from bookings.own_places import boarding_at
from drivers.db.folding import fold
from drivers.models import Company
from drivers.phones import person_key


def find_overlaps(
    company: Company,
    changes: Changes,
    stored: Mapping[Key, Stored],
    columns: Sequence[str],
    places: Mapping[str, CompanyPlace],
) -> tuple[AskedRow, ...]:
    """Return the rows to be written that overlap, in order: 1 statement if a row has a client."""
    new = {row.key: -row.line for row in changes.created}
    keys = {key: old.id for key, old in stored.items()} | new
    rows: list[tuple[BookingRow, Stored | None]] = [(row, None) for row in changes.created]
    rows += [
        (row, old) for row, old, differing in changes.updated if OVERLAPPING & differing.keys()
    ]
    rides, line_of = [], dict[Hashable, BookingRow]()
    for row, old in rows:
        if ride := _ride(company, row, old, keys, columns, places):
            rides.append(ride)
            line_of[ride.key] = row
    if not rides:
        return ()
    names = sorted({fold(ride.client) for ride in rides})
    owners = sorted({row.customer.pk for row in line_of.values()})
    others = read_rides(
        company,
        Q(client__folded_name__any_of=names, client__customer__any_of=owners),
        rides,
        person=lambda row: (
            row["client__customer_id"],
            *person_key(row["client__name"], row["client__phone"], company.timezone),
        ),
    )
    found = overlapping(rides, others)
    asked = [
        AskedRow(line_of[key].line, line_of[key].reference, question(company, other))
        for key, other in found.items()
    ]
    return tuple(sorted(asked, key=lambda row: row.line))


def _ride(
    company: Company,
    row: BookingRow,
    old: Stored | None,
    keys: Mapping[Key, int],
    columns: Sequence[str],
    places: Mapping[str, CompanyPlace],
) -> Ride | None:
    """Return the row as a ride, None if nothing can be asked about it."""
    client = row.client if old is None or "client_name" in columns else old.client
    values = row.values
    waits = values.get("will_call", old is not None and old.will_call)
    if client is None or waits or values.get("overlap_meant"):
        return None
    there = keys.get(row.way_there)
    if there is None and old is not None:
        there = old.way_there_id
    whole = (old.values if old else {}) | values
    at_place = boarding_at(places.get(fold(whole.get("pickup_address", ""))))
    return Ride(
        key=keys[row.key],
        person=(row.customer.pk, *person_key(*client, company.timezone)),
        client=client[0],
        label=row.reference,
        start_at=values["scheduled_time"],
        end_at=values["scheduled_time"] + lasts(company, whole, at_place=at_place),
        linked=frozenset([there]) - {None},
    )
