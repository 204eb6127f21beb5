"""Read the addresses of a CSV file of any common form, a row at a time.

Known forms: the Swiss official directory of building addresses (LV95 coordinates), the French Base
Adresse Nationale, OpenAddresses, and any other whose columns have one of the names below. Comma,
semicolon, tab or bar; UTF-8, UTF-16 with its mark, or Windows-1252; plain or gzip. Lines count from
1, as in an editor.
"""

import codecs
import csv
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from drivers.db.folding import fold
from drivers.refused import Refused

UNREADABLE = (OSError, EOFError, zlib.error)  # a packed file that was cut short, or is damaged

COLUMNS = {
    "street": ("street", "stn_label", "nom_voie", "street_name", "strasse", "rue", "voie",
               "addr_street", "libelle_voie", "strassenname"),
    "number": ("number", "adr_number", "numero", "house_number", "housenumber", "hausnummer",
               "addr_housenumber", "nr", "no"),
    "suffix": ("rep", "suffix", "number_suffix", "indice_repetition"),
    "postcode": ("postcode", "code_postal", "zip", "zip_code", "plz", "npa", "postal_code",
                 "addr_postcode"),
    "locality": ("city", "nom_commune", "locality", "ort", "localite", "commune", "town",
                 "addr_city", "municipality", "com_name"),
    "zip_label": ("zip_label",),  # the Swiss “1204 Genève”
    "lat": ("lat", "latitude", "wgs84_lat"),
    "lon": ("lon", "lng", "longitude", "wgs84_lon", "long"),
    "easting": ("adr_easting", "easting", "e_lv95", "gkode"),
    "northing": ("adr_northing", "northing", "n_lv95", "gkodn"),
}  # fmt: skip
COLUMN_OF = {name: column for column, names in COLUMNS.items() for name in names}
LABEL = re.compile(r"\s*([0-9]{4,5})\s+(.+)")
DELIMITERS = ",;\t|"
BEGINNING = 64 * 1024


class AddressFileError(Refused):
    """The file is no list of addresses; the message says why."""

    code = "invalid"
    status = 400
    field = "file"


@dataclass(frozen=True, slots=True)
class AddressRow:
    """An address of the file: texts as written, degrees rounded to a centimetre."""

    line: int
    street: str
    number: str
    postcode: str
    locality: str
    lat: float
    lon: float


class BadRowError(ValueError):
    """A row is no address; `line` is where it begins, the message says what would be right."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(f"Line {line}: {message}")


def read_addresses(path: Path) -> Iterator[AddressRow | BadRowError]:
    """Yield the address, or the fault, of every row that is not blank; one row in memory.

    Raises AddressFileError if it is no such file, or a column is missing.
    """
    encoding = _encoding(path)
    with _opened(path, encoding) as file:
        reader = csv.reader(file, delimiter=_delimiter(path, encoding), skipinitialspace=True)
        try:
            header = next((row for row in reader if any(row)), None)
            if header is None:
                raise AddressFileError("The file is empty.")
            places = _places(header)
            line = reader.line_num + 1
            for cells in reader:
                if any(cells):
                    yield _row(line, cells, places)
                line = reader.line_num + 1
        except (UnicodeDecodeError, csv.Error) as error:
            where = reader.line_num + 1
            raise AddressFileError(f"Line {where} or later cannot be read: {error}.") from None


@contextmanager
def _opened(path: Path, encoding: str) -> Iterator[IO[str]]:
    opens: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opens(path, "rt", encoding=encoding, newline="") as file:
            yield file
    except UNREADABLE as error:
        why = getattr(error, "strerror", None) or error
        raise AddressFileError(f"{path} cannot be read: {why}.") from None


def _encoding(path: Path) -> str:
    """Return UTF-8 unless the file has the mark of UTF-16, or bytes that are not UTF-8."""
    opens: Any = gzip.open if path.suffix == ".gz" else open
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with opens(path, "rb") as file:
            block = file.read(BEGINNING)
            if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return "utf-16"
            if b"\0" in block or block.startswith((b"PK", b"%PDF", b"\x1f\x8b")):
                raise AddressFileError(f"{path} is not a CSV file: unpack it, or save it as CSV.")
            while block:
                decoder.decode(block)
                block = file.read(1024 * 1024)
            decoder.decode(b"", final=True)
    except UNREADABLE as error:
        why = getattr(error, "strerror", None) or error
        raise AddressFileError(f"{path} cannot be read: {why}.") from None
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _delimiter(path: Path, encoding: str) -> str:
    with _opened(path, encoding) as file:
        first = file.readline(BEGINNING)
    return max(DELIMITERS, key=lambda one: sum(_name(c) in COLUMN_OF for c in first.split(one)))


def _name(cell: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", fold(cell.strip().strip('"\ufeff'))).strip("_")


def _places(header: list[str]) -> dict[str, int]:
    """Return where each column is; of several names for one, the first that is listed."""
    found = {_name(cell): place for place, cell in reversed(list(enumerate(header)))}
    places = {}
    for column, names in COLUMNS.items():
        if known := next((name for name in names if name in found), None):
            places[column] = found[known]
    needed = (("lat", "lon"), ("easting", "northing"))
    if not any(all(name in places for name in pair) for pair in needed):
        raise AddressFileError(_missing("the position", ("lat", "lon", "easting", "northing")))
    if not places.keys() & {"locality", "zip_label"}:
        raise AddressFileError(_missing("the locality", ("locality", "zip_label")))
    return places


def _missing(what: str, columns: tuple[str, ...]) -> str:
    names = ", ".join(name for column in columns for name in COLUMNS[column])
    return f"The first line must name the columns of {what}: some of {names}."


def _row(line: int, cells: list[str], places: dict[str, int]) -> AddressRow | BadRowError:
    def cell(column: str) -> str:
        place = places.get(column, len(cells))
        return " ".join(cells[place].replace("\0", "").split()) if place < len(cells) else ""

    postcode, locality = cell("postcode"), cell("locality")
    if label := LABEL.fullmatch(cell("zip_label")):
        postcode, locality = postcode or label[1], label[2]
    try:
        lat, lon = _position(cell, places)
    except ValueError as error:
        return BadRowError(line, str(error))
    if not locality:
        return BadRowError(line, "the locality is empty.")
    texts = (cell("street"), f"{cell('number')}{cell('suffix')}", postcode, locality)
    for name, text, most in zip(("street", "number", "postcode", "locality"), texts, MOST,
                                strict=True):  # fmt: skip
        if len(text) > most:
            return BadRowError(line, f"the {name} has more than {most} characters.")
    return AddressRow(line, *texts, lat, lon)


MOST = (200, 20, 20, 100)


def _position(cell: Any, places: dict[str, int]) -> tuple[float, float]:
    """Return degrees. Raises ValueError with what is wrong."""
    if "lat" in places and "lon" in places:
        lat, lon = _number("latitude", cell("lat")), _number("longitude", cell("lon"))
    else:
        lat, lon = of_lv95(
            _number("easting", cell("easting")), _number("northing", cell("northing"))
        )
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise ValueError(f"latitude {lat}, longitude {lon} is nowhere on earth.")
    return round(lat, 7), round(lon, 7)


def _number(name: str, text: str) -> float:
    try:
        number = float(text.replace(",", ".").replace("'", ""))
    except ValueError:
        raise ValueError(f"the {name} {text[:40]!r} is not a number.") from None
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError(f"the {name} {text[:40]!r} is not a number.")
    return number


def of_lv95(easting: float, northing: float) -> tuple[float, float]:
    """Return WGS 84 degrees of Swiss LV95 metres, to about a metre.

    Swisstopo, Approximate formulas for the transformation between Swiss projection coordinates and
    WGS84, 2016. Raises ValueError outside Switzerland's surroundings.
    """
    if not (2_400_000 <= easting <= 2_900_000 and 1_000_000 <= northing <= 1_400_000):
        raise ValueError(f"{easting:.0f}, {northing:.0f} are no Swiss coordinates (LV95).")
    y, x = (easting - 2_600_000) / 1e6, (northing - 1_200_000) / 1e6
    lon = 2.6779094 + 4.728982 * y + 0.791484 * y * x + 0.1306 * y * x**2 - 0.0436 * y**3
    lat = (
        16.9023892 + 3.238272 * x - 0.270978 * y**2 - 0.002528 * x**2
        - 0.0447 * y**2 * x - 0.0140 * x**3
    )  # fmt: skip
    return lat * 100 / 36, lon * 100 / 36
