"""Read the first sheet of an Excel workbook as the rows of a CSV file.

Dates, numbers and results of formulas become the texts that the CSV rules read. A cell whose value
is not in the file (a formula that was never calculated, a cell merged into another) is an error of
its row, not an empty cell. A file that is not a workbook, or unpacks to more than a list of
bookings can be, is refused before it is read.
"""

import io
import logging
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from itertools import repeat
from typing import Any

import openpyxl
from django.utils.translation import gettext as _
from openpyxl.utils import get_column_letter, range_boundaries

from bookings.importing.csv_file import (
    BYTES_AT_MOST,
    FileRefusedError,
    NoListError,
    Table,
    Unreadable,
    table_of,
)

logger = logging.getLogger(__name__)

ZIP = b"PK\x03\x04"
UNPACKED_AT_MOST = 100 * 1024 * 1024
PARTS_AT_MOST = 500
COLUMNS_AT_MOST = 100
ROWS_OF_EXCEL = 1_048_576
SHEET_NAME, SHEETS_SHOWN = 31, 5
CALLED = "Excel"
FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]{0,200}?ref=[\"']([A-Z0-9:$]{1,40})[\"']")
# The format of a date that shows a clock time: "dd.mm.yyyy hh:mm", not "d mmm yyyy" or "[$-409]d".
SHOWS_CLOCK = re.compile(r"[hs]|am/pm", re.IGNORECASE)
NOT_SHOWN = re.compile(r"\[[^\]]*\]|\"[^\"]*\"|\\.")

Merge = tuple[int, int, int, int]  # first row, last row, first column, last column


def read_workbook(
    data: bytes,
    *,
    required: Sequence[str],
    optional: Sequence[str] = (),
    unread: Sequence[str] = (),
    instead: Mapping[str, str] = {},
) -> Table:
    """Return the Table of the first visible sheet; lines are the sheet's row numbers.

    Raises FileRefusedError.
    """
    _refuse_bombs(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of extensions that do not concern the cells
            sheet = _first_sheet(data, data_only=True)
            numbered = _numbered_texts(data, sheet)
            try:
                return table_of(
                    numbered,
                    CALLED,
                    "",
                    required=required,
                    optional=optional,
                    unread=unread,
                    instead=instead,
                )
            except NoListError as error:
                raise FileRefusedError(f"{error}{_other_sheets(sheet)}") from None
    except (FileRefusedError, MemoryError):
        raise
    except (
        Exception
    ):  # openpyxl declares none: damaged files raise KeyError, TypeError, zlib.error...
        logger.info("A workbook cannot be read.", exc_info=True)
        raise _refusal() from None


def _numbered_texts(data: bytes, results: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield (row number, texts) of the rows of the first visible sheet that are not empty."""
    xml = _xml_of(results)
    merges = _merges(xml)
    around: list[Merge] = []
    # The results do not say which empty cells have formulas: those are read beside them.
    formulas = _cells(_first_sheet(data, data_only=False)) if FORMULA.search(xml) else repeat(())
    del xml
    for line, (row, written) in enumerate(zip(_cells(results), formulas, strict=False), 1):
        texts = [_text(cell.value, cell) for cell in row]
        for at, cell in enumerate(written):
            if cell.data_type == "f" and row[at].value is None and row[at].data_type != "str":
                texts[at] = _not_calculated(cell.value)
        if any(texts):
            _mark_merged(texts, line, merges, around)
            yield line, texts


def _first_sheet(data: bytes, *, data_only: bool) -> Any:
    workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=data_only)
    return next(sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible")


def _other_sheets(sheet: Any) -> str:
    """Return a sentence about the sheets that were not read, or "" if there are none."""
    others = [
        f"“{other.title[:SHEET_NAME]}”"
        for other in sheet.parent.worksheets
        if other.sheet_state == "visible" and other is not sheet
    ]
    if not others:
        return ""
    names = ", ".join(others[:SHEETS_SHOWN]) + (", …" if others[SHEETS_SHOWN:] else "")
    return " " + _(
        "Only the first sheet, “%(sheet)s”, was read; the workbook also has %(others)s: move the "
        "list of bookings to the front."
    ) % {"sheet": sheet.title[:SHEET_NAME], "others": names}


def _cells(sheet: Any) -> Iterator[tuple[Any, ...]]:
    rows: Iterable[tuple[Any, ...]] = sheet.iter_rows(
        min_row=1, max_row=ROWS_OF_EXCEL, max_col=COLUMNS_AT_MOST
    )
    for line, row in enumerate(rows, 1):
        if line > ROWS_OF_EXCEL:
            return
        yield row


def _xml_of(sheet: Any) -> bytes:
    """Return the sheet as it stands in the archive: openpyxl reads no merged cells row by row."""
    with sheet._get_source() as source:
        xml: bytes = source.read()
    return xml


def _merges(xml: bytes) -> list[Merge]:
    """Return the merged cells, the last rows first."""
    found = []
    for match in MERGED.finditer(xml):
        first_column, first_row, last_column, last_row = range_boundaries(match[1].decode())
        if first_column <= COLUMNS_AT_MOST:
            found.append((first_row, last_row, first_column, min(last_column, COLUMNS_AT_MOST)))
    return sorted(found, reverse=True)


def _mark_merged(texts: list[str], line: int, merges: list[Merge], around: list[Merge]) -> None:
    """Replace the texts of cells that were merged into another.

    `merges` are those that begin further down; they move to `around` when the rows reach them.
    """
    while merges and merges[-1][0] <= line:
        around.append(merges.pop())
    around[:] = [merge for merge in around if merge[1] >= line]
    if len(around) > COLUMNS_AT_MOST:  # they overlap, which no spreadsheet writes
        raise _refusal()
    for first_row, _last_row, first_column, last_column in around:
        shown_in = f"{get_column_letter(first_column)}{first_row}"
        for column in range(first_column, min(last_column, len(texts)) + 1):
            if (line, column) != (first_row, first_column):
                texts[column - 1] = Unreadable(
                    texts[column - 1],
                    _("the cell is merged with %(cell)s: unmerge them and fill in each cell")
                    % {"cell": shown_in},
                )


def _not_calculated(formula: Any) -> Unreadable:
    return Unreadable(
        str(getattr(formula, "text", None) or formula or "="),
        _("the formula has no result in the file: save it in Excel, or write the value"),
    )


def _refuse_bombs(data: bytes) -> None:
    if len(data) > BYTES_AT_MOST:
        raise FileRefusedError(
            _("The file is larger than %(size)s MB: split it.") % {"size": BYTES_AT_MOST >> 20}
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except zipfile.BadZipFile:
        raise _refusal() from None
    names = {part.filename for part in parts}
    if "[Content_Types].xml" not in names or not any(n.startswith("xl/") for n in names):
        raise _refusal()
    # Python unpacks no more of a part than the size that the archive states.
    if len(parts) > PARTS_AT_MOST or sum(p.file_size for p in parts) > UNPACKED_AT_MOST:
        raise FileRefusedError(
            _("The workbook unpacks to more than %(size)s MB: split it, or save it as CSV.")
            % {"size": UNPACKED_AT_MOST >> 20}
        )


def _refusal() -> FileRefusedError:
    return FileRefusedError(
        _("This is neither a readable Excel workbook nor a CSV file.")
        + " "
        + _("Save it as “CSV UTF-8” and import that.")
    )


def _text(value: Any, cell: Any = None) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        # Excel counts in parts of a day: 8:30 may be 8:29:59.999.
        rounded = (value + timedelta(microseconds=500_000)).replace(microsecond=0)
        if cell is not None and rounded.time() == time() and not _shows_clock(cell.number_format):
            return f"{rounded:%Y-%m-%d}"  # a day alone, as in a CSV file
        return f"{rounded:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, time):
        return f"{value:%H:%M:%S}"
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        return str(int(value))
    return str(value).strip()


def _shows_clock(number_format: str) -> bool:
    return bool(SHOWS_CLOCK.search(NOT_SHOWN.sub("", number_format)))
