"""Find the places of rows that have an address but no position.

Each address of the file is searched once, however it is spelled in capitals and accents. A match
that is sure is taken; of others somebody has to choose one, and until then the row is in error:
nothing is guessed. The text of the file stays the booking's address, so that the same file finds
its places again. Before the transaction: a geocoder may take seconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bookings.importing.compare import OVER, Stored, read_stored
from bookings.importing.result import NOT_SEARCHED, AddressOfFile
from bookings.importing.rows import ADDRESS_OF, BookingRow, Key, RowError
from bookings.models import Booking
from bookings.places.known import Place
from bookings.places.many import search_many
from drivers.db.folding import fold
from drivers.models import Company

Choices = Mapping[str, Place]  # by folded address


def find_places(
    company: Company,
    rows: Sequence[BookingRow],
    columns: Sequence[str],
    choices: Choices,
) -> dict[str, AddressOfFile]:
    """Return the addresses without positions by their folded text: 11 statements if there are any.

    An address that the stored booking has already is not searched: its position stays.
    """
    if not any(ADDRESS_OF.keys() & row.blank for row in rows):
        return {}
    stored = read_stored(rows, columns)
    lines: dict[str, list[tuple[str, int]]] = {}
    for row in rows:
        for end in Booking.ENDS:
            if address := _wanted(row, end, stored):
                lines.setdefault(fold(address), []).append((address, row.line))
    wanted = {key: ones[0][0] for key, ones in lines.items()}
    found = search_many(company, wanted.values()) if wanted else {}
    result = {}
    for key, address in wanted.items():
        sure, chosen = found[key].sure, choices.get(key)
        place = chosen or (Place(sure.address, sure.lat, sure.lon) if sure else None)
        on = tuple(dict.fromkeys(line for _address, line in lines[key]))
        result[key] = AddressOfFile(address, on, found[key], place, chosen is not None)
    return result


def _wanted(row: BookingRow, end: str, stored: Mapping[Key, Stored]) -> str:
    """Return the address of this end of the row if it has to be searched, otherwise ""."""
    address: str = row.values.get(f"{end}address", "")
    if f"{end}lat" not in row.blank or not address or _keeps(row, end, stored):
        return ""
    return address


def _keeps(row: BookingRow, end: str, stored: Mapping[Key, Stored]) -> bool:
    old = stored.get(row.key)
    if old is None:
        return False
    return old.status in OVER or fold(old.values[f"{end}address"]) == fold(
        row.values[f"{end}address"]
    )


def place_rows(
    rows: Iterable[BookingRow],
    stored: Mapping[Key, Stored],
    addresses: Mapping[str, AddressOfFile],
) -> tuple[list[BookingRow], list[RowError]]:
    """Return (rows with their positions, errors of those whose place is not known)."""
    placed: list[BookingRow] = []
    errors: list[RowError] = []
    for row in rows:
        values: dict[str, float] = {}
        faults = []
        for end in Booking.ENDS:
            if not row.values.get(f"{end}address") or f"{end}lat" not in row.blank:
                continue
            names = f"{end}lat", f"{end}lon"
            address = row.values[f"{end}address"]
            if _keeps(row, end, stored):
                values |= {name: stored[row.key].values[name] for name in names}
                continue
            known = addresses.get(fold(address))
            if known is None:  # the stored booking has changed since the search
                faults.append(RowError(row.line, f"{end}address", address, str(NOT_SEARCHED)))
            elif known.place is None:
                faults.append(RowError(row.line, f"{end}address", address, known.problem()))
            else:
                values |= dict(zip(names, (known.place.lat, known.place.lon), strict=True))
        errors += faults
        if not faults:
            blank = row.blank.difference(values)
            placed.append(replace(row, values=row.values | values, blank=blank) if values else row)
    return placed, errors
