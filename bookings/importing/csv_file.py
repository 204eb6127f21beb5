"""Read the bytes of a CSV file, from any program, as rows of named texts.

Lines count from 1, as in an editor; a row with quoted line breaks has the number of its first
line. No database, and no knowledge of the columns' meaning.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.cells import plain_cell
from drivers.refused import Refused

BYTES_AT_MOST = 64 * 1024 * 1024
ROWS_AT_MOST = 250_000
DELIMITERS = ",;\t|"
SEP_LINE = re.compile(r'"?sep=(.)"?\r?\n?', re.IGNORECASE)
# Excel keeps the leading zeros of a number this way: ="00123"
KEPT_AS_TEXT = re.compile(r'="(.*)"', re.DOTALL)
SIGNATURES = (
    (b"PK\x03\x04", gettext_lazy("an Excel workbook or a zip archive")),
    (b"\xd0\xcf\x11\xe0", gettext_lazy("an old Excel workbook")),
    (b"%PDF", gettext_lazy("a PDF document")),
    (b"\x1f\x8b", gettext_lazy("a compressed file")),
    (b"SQLite format 3\0", gettext_lazy("a database")),
    (b"\x89PNG", gettext_lazy("an image")),
    (b"\xff\xd8\xff", gettext_lazy("an image")),
    (b"\x7fELF", gettext_lazy("a program")),
)
MARKS = (  # the longer ones first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)


class FileRefusedError(Refused):
    """The whole file cannot be imported; the message is one sentence that says why."""

    code = "invalid"
    status = 400
    field = "file"


class NoListError(FileRefusedError):
    """The first row does not name the columns of a list of bookings."""


class Unreadable(str):
    """The text of a cell whose value is not in the file; `message` says what would be right."""

    message: str

    def __new__(cls, text: str, message: str) -> "Unreadable":
        cell = super().__new__(cls, text)
        cell.message = message
        return cell

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]  # two values: a str alone has one
        return str(self), self.message


@dataclass(frozen=True, slots=True)
class Row:
    """A row: `cells` by column name, `surplus` values without a column."""

    line: int
    cells: dict[str, str]
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(
    data: bytes,
    *,
    required: Sequence[str],
    optional: Sequence[str] = (),
    unread: Sequence[str] = (),
    instead: Mapping[str, str] = {},
) -> Table:
    """Return the rows that are not blank; columns may be in any order.

    Columns of `unread` are allowed and ignored. `instead` are {required column: that which does
    without it}. Raises FileRefusedError if this is not a CSV file,
    a required column is missing, or the name of a column is unknown.
    """
    text, encoding = _decode(data)
    text, skipped_lines, delimiter = _separator(text, [*required, *optional, *unread])
    return table_of(
        _csv_rows(text, delimiter, skipped_lines),
        encoding,
        delimiter,
        required=required,
        optional=optional,
        unread=unread,
        instead=instead,
    )


def _csv_rows(text: str, delimiter: str, skipped_lines: int) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells) of the rows that are not blank."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    line = 1
    try:
        for cells in reader:
            first_line, line = line, reader.line_num + 1
            yield first_line + skipped_lines, [_unwrapped(cell) for cell in cells]
    except csv.Error as error:
        raise FileRefusedError(
            _("Line %(line)s cannot be read (%(problem)s): is a quotation mark missing?")
            % {"line": line + skipped_lines, "problem": error}
        ) from None


def table_of(
    numbered_rows: Iterable[tuple[int, list[str]]],
    encoding: str,
    delimiter: str,
    *,
    required: Sequence[str],
    optional: Sequence[str],
    unread: Sequence[str],
    instead: Mapping[str, str] = {},
) -> Table:
    """Return the Table of (line, texts) pairs, the first of which names the columns.

    Raises FileRefusedError.
    """
    columns: list[str] | None = None
    rows: list[Row] = []
    for line, cells in numbered_rows:
        if not any(cells):
            continue
        if columns is None:
            columns = _columns(cells, required, [*optional, *unread], instead)
            continue
        rows.append(_row(line, columns, cells, unread))
        if len(rows) > ROWS_AT_MOST:
            raise FileRefusedError(
                _("The file has more than %(rows)s rows: split it.") % {"rows": ROWS_AT_MOST}
            )
    if columns is None:
        raise NoListError(_("The file is empty."))
    read = tuple(name for name in columns if name and name not in unread)
    return Table(encoding, delimiter, read, tuple(rows))


def _decode(data: bytes) -> tuple[str, str]:
    """Return the text and its encoding; lone surrogates are kept, to be reported by row."""
    if len(data) > BYTES_AT_MOST:
        raise FileRefusedError(
            _("The file is larger than %(size)s MB: split it.") % {"size": BYTES_AT_MOST >> 20}
        )
    for signature, kind in SIGNATURES:
        if data.startswith(signature):
            raise FileRefusedError(
                _("This is %(kind)s, not a CSV file.") % {"kind": kind} + _save_as()
            )
    mark = next((encoding for bom, encoding in MARKS if data.startswith(bom)), None)
    if mark:
        try:
            text, encoding = data.decode(mark, "surrogatepass"), mark
        except UnicodeDecodeError as error:
            raise _damaged(data, mark, error) from None
    elif b"\0" in data:
        raise _no_csv(_("a binary file"))
    else:
        text, encoding = _decode_unmarked(data)
    text = text.lstrip("\ufeff")
    if "\0" in text:
        raise _no_csv(_("a binary file"))
    beginning = text[:1000].lstrip()
    if not beginning and not text.strip():
        raise FileRefusedError(_("The file is empty."))
    for character, found in (("<", _("an HTML or XML page")), ("{", "JSON"), ("[", "JSON")):
        if beginning.startswith(character):
            raise _no_csv(found)
    return text, encoding


def _decode_unmarked(data: bytes) -> tuple[str, str]:
    try:
        return data.decode("utf-8", "surrogatepass"), "utf-8"
    except UnicodeDecodeError as error:
        # Some bytes are UTF-8 and some are not: Windows-1252 would decode all of them and turn
        # addresses into "GenÃ¨ve".
        readable = data.decode("utf-8", "surrogateescape")
        if any(ord(c) > 127 and not "\udc80" <= c <= "\udcff" for c in readable):
            raise _damaged(data, "utf-8", error) from None
    try:
        return data.decode("cp1252"), "cp1252"
    except UnicodeDecodeError as error:
        raise _damaged(data, "cp1252", error) from None


def _damaged(data: bytes, encoding: str, error: UnicodeDecodeError) -> FileRefusedError:
    line = data.count(b"\n", 0, error.start) + 1
    return FileRefusedError(
        _("Line %(line)s is not valid %(encoding)s text.")
        % {"line": line, "encoding": encoding.upper()}
        + _save_as()
    )


def _no_csv(kind: str) -> FileRefusedError:
    return FileRefusedError(_("This is %(kind)s, not a CSV file.") % {"kind": kind} + _save_as())


def _save_as() -> str:
    return " " + _("Save it as “CSV UTF-8” and import that.")


def _separator(text: str, known: list[str]) -> tuple[str, int, str]:
    """Return (text without Excel's "sep=" line, lines taken off, delimiter).

    The delimiter is the one that yields the most known column names in the first line.
    """
    if match := SEP_LINE.match(text):
        return text[match.end() :], 1, match[1]

    def known_names(delimiter: str) -> int:
        try:
            rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            header = next((row for row in rows if any(cell.strip() for cell in row)), [])
        except csv.Error:
            header = []
        return sum(_name(cell) in known for cell in header)

    delimiter = max(DELIMITERS, key=known_names)
    if not known_names(delimiter):
        raise FileRefusedError(
            _("The first line must name the columns: %(columns)s.")
            % {"columns": ", ".join(known[:8])}
        )
    return text, 0, delimiter


def _unwrapped(cell: str) -> str:
    cell = cell.strip()
    if match := KEPT_AS_TEXT.fullmatch(cell):
        return match[1].strip()
    return plain_cell(cell)


def _name(cell: str) -> str:
    return "_".join(cell.strip().strip("\ufeff").lower().replace("-", " ").split())


def _columns(
    cells: list[str], required: Sequence[str], optional: list[str], instead: Mapping[str, str]
) -> list[str]:
    columns = [_name(cell) for cell in cells]
    known = [*required, *optional]
    problems = []
    for name in dict.fromkeys(columns):
        if name and columns.count(name) > 1:
            problems.append(_("Column “%(name)s” occurs more than once.") % {"name": name[:60]})
        elif name and name not in known:
            problems.append(_unknown(name, known, columns))
    missing = [n for n in required if n not in columns and instead.get(n) not in columns]
    if missing:
        problems.append(_("Missing columns: %(names)s.") % {"names": ", ".join(missing)})
    if problems:
        raise NoListError(" ".join(problems[:5]))
    return columns


def _unknown(name: str, known: list[str], present: list[str]) -> str:
    candidates = [other for other in known if other not in present]
    if nearest := get_close_matches(name, candidates, n=1, cutoff=0.5):
        return _("Column “%(name)s” is unknown: did you mean “%(nearest)s”?") % {
            "name": name[:60],
            "nearest": nearest[0],
        }
    return _("Column “%(name)s” is unknown; other columns: %(names)s.") % {
        "name": name[:60],
        "names": ", ".join(candidates) or "-",
    }


def _row(line: int, columns: list[str], cells: list[str], unread: Sequence[str]) -> Row:
    named = {name: "" for name in columns if name and name not in unread}
    surplus = list(cells[len(columns) :])
    for name, cell in zip(columns, cells, strict=False):
        if name in named:
            named[name] = cell
        elif not name:
            surplus.append(cell)
    return Row(line, named, tuple(cell for cell in surplus if cell))
