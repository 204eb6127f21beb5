"""Import a file of addresses into the register: bulk, idempotent, in bounded memory.

A list is read twice: all rows are checked before the first is written. Each chunk is one
transaction of a constant number of statements, so that an import that was stopped is continued by
starting it again. What the file does not have stays. Then the new streets are made searchable.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models import Avg, Count, F, IntegerField, OuterRef, Subquery
from django.db.models.functions import Cast, Floor

from bookings.models import Address, AddressWord, Street, WordInStreet, WordSpelling
from bookings.places.address_file import AddressFileError, AddressRow, BadRowError, read_addresses
from bookings.places.osm_file import is_osm, read_osm
from bookings.places.words import (
    CELLS_PER_DEGREE,
    cell_of,
    numbers_like,
    spellings,
    street_words,
)
from drivers.db.folding import fold
from drivers.db.sent import sent_rows

CHUNK = 5_000
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Imported:
    """How many rows were read, written because they were new or had moved, and left out.

    `streets` of the rows have no number.
    """

    rows: int
    written: int
    left_out: int
    streets: int

    def summary(self) -> str:
        same = self.rows - self.written
        parts = [f"{self.rows} addresses read: {self.written} written, {same} unchanged"]
        if self.streets:
            parts.append(f"{self.streets} of them without a number")
        if self.left_out:
            parts.append(f"{self.left_out} rows left out")
        return f"{', '.join(parts)}."


def import_addresses(
    path: Path, *, skip_invalid: bool, locality: str = "", progress: Callable[[int], None]
) -> Imported:
    """Write the addresses of a file; `progress` is told the number of rows so far.

    Raises AddressFileError: of the first bad rows too, unless they are left out, as those of a map
    always are: it has houses that nobody has given an address in full. `locality` is that of what
    a map puts nowhere.
    """
    of_map = is_osm(path)
    if not of_map:
        _check(path, skip_invalid)
    rows = written = streets = left_out = 0
    for chunk in _chunks(read_osm(path, locality) if of_map else read_addresses(path)):
        good = [row for row in chunk if isinstance(row, AddressRow)]
        with transaction.atomic():
            written += _write(good)
        rows += len(good)
        left_out += len(chunk) - len(good)
        streets += sum(not row.number for row in good)
        progress(rows)
    make_searchable()  # whatever was written: an import before may have been stopped before this
    return Imported(rows, written, left_out, streets)


def _check(path: Path, skip_invalid: bool) -> None:
    """Read the whole file. Raises AddressFileError, also of bad rows unless they are left out."""
    bad: list[str] = []
    count = 0
    for row in read_addresses(path):
        if isinstance(row, BadRowError):
            count += 1
            if len(bad) < SHOWN:
                bad.append(str(row))
    if bad and not skip_invalid:
        more = f" And {count - len(bad)} more." if count > len(bad) else ""
        raise AddressFileError(" ".join(bad) + more)


def _chunks(rows: Iterable[Any]) -> Iterator[list[Any]]:
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def _write(chunk: Sequence[AddressRow]) -> int:
    """Write a chunk and return how many addresses were new or had moved: 3 statements."""
    keys = [_key(row) for row in chunk]
    streets = {
        key: (key, row.street, row.postcode, row.locality, row.lat, row.lon,
              cell_of(row.lat, row.lon), False)
        for key, row in zip(keys, chunk, strict=True)
    }  # fmt: skip
    _insert(Street, STREET_COLUMNS, streets.values(), "(key) DO NOTHING")
    ids = dict(Street.objects.filter(key__any_of=list(streets)).values_list("key", "id"))
    numbers = numbers_like(row.number for row in chunk)
    addresses = {
        (ids[key], number): (ids[key], number, row.lat, row.lon)
        for key, number, row in zip(keys, numbers, chunk, strict=True)
    }
    moved = (
        "(street_id, number) DO UPDATE SET lat = excluded.lat, lon = excluded.lon "
        "WHERE {table}.lat <> excluded.lat OR {table}.lon <> excluded.lon"
    )
    return _insert(Address, ADDRESS_COLUMNS, addresses.values(), moved)


def _key(row: AddressRow) -> str:
    return "|".join(map(fold, (row.street, row.postcode, row.locality)))


STREET_COLUMNS = {
    "key": "text", "name": "text", "postcode": "text", "locality": "text",
    "lat": "double precision", "lon": "double precision", "cell": "integer",
    "is_searchable": "boolean",
}  # fmt: skip
ADDRESS_COLUMNS = {
    "street_id": "bigint", "number": "text", "lat": "double precision", "lon": "double precision",
}  # fmt: skip
WORD_COLUMNS = {"text": "text", "streets": "integer"}
SPELLING_COLUMNS = {"key": "text", "word_id": "bigint"}
IN_STREET_COLUMNS = {"word_id": "bigint", "cell": "integer", "street_id": "bigint"}


def _insert(
    model: Any, columns: dict[str, str], rows: Iterable[tuple[Any, ...]], conflict: str
) -> int:
    """Insert the rows, or do what `conflict` says; return how many were written: 1 statement."""
    rows = list(rows)
    if not rows:
        return 0
    table, names = model._meta.db_table, ", ".join(columns)
    source, params = sent_rows(columns, rows)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) {source} ON CONFLICT {conflict.format(table=table)}",
            params,
        )
        return int(cursor.rowcount)


def make_searchable() -> None:
    """Move the streets to where their addresses are, and store the words of the new ones.

    In chunks of a constant number of statements, each a transaction; may be called again.
    """
    _settle()
    new = Street.objects.filter(is_searchable=False).order_by("id")
    columns = new.values_list("id", "key", "cell")
    while rows := list(columns[:CHUNK]):
        with transaction.atomic():
            _store_words(rows)
            Street.objects.filter(id__any_of=[row[0] for row in rows]).update(is_searchable=True)
    occurrences = (
        WordInStreet.objects.filter(word=OuterRef("pk")).values("word").annotate(n=Count("*"))
    )
    AddressWord.objects.update(streets=Subquery(occurrences.values("n")))


def _settle() -> None:
    """Set the streets' positions to the mean of their addresses, and their cells.

    3 statements; on PostgreSQL one more before them: a server that has last looked at these tables
    when they were empty would join them row by row, which takes minutes.
    """
    if connection.vendor == "postgresql":
        tables = ", ".join(model._meta.db_table for model in (Address, Street, WordInStreet))
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {tables}")
    of_street = Address.objects.filter(street=OuterRef("pk")).values("street")
    lat, lon = (of_street.annotate(mean=Avg(name)).values("mean") for name in ("lat", "lon"))
    Street.objects.update(lat=Subquery(lat), lon=Subquery(lon))
    row, column = (
        Cast(Floor((F(name) + half) * CELLS_PER_DEGREE), IntegerField())
        for name, half in (("lat", 90), ("lon", 180))
    )
    Street.objects.update(cell=row * 10_000 + column)
    cell = Street.objects.filter(pk=OuterRef("street")).values("cell")
    WordInStreet.objects.exclude(street__cell=F("cell")).update(cell=Subquery(cell))


def _store_words(rows: Sequence[tuple[int, str, int]]) -> None:
    """Store the words of streets: 5 statements."""
    words = {street: set(street_words(key)[1]) for street, key, _cell in rows}
    known = set().union(*words.values())
    _insert(AddressWord, WORD_COLUMNS, ((word, 0) for word in sorted(known)), "(text) DO NOTHING")
    stored = AddressWord.objects.filter(text__any_of=sorted(known))
    ids = dict(stored.values_list("text", "id"))
    keys = ((key, pk) for word, pk in ids.items() for key in sorted(spellings(word)))
    _insert(WordSpelling, SPELLING_COLUMNS, keys, "(key, word_id) DO NOTHING")
    places = (
        (ids[word], cell, street) for street, _key, cell in rows for word in sorted(words[street])
    )
    _insert(WordInStreet, IN_STREET_COLUMNS, places, "(word_id, cell, street_id) DO NOTHING")
