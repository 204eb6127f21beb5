"""Read the first sheet of an Excel workbook as the rows of a CSV file.

Dates, numbers and results of formulas become the texts that the CSV rules read. A file that is
not a workbook, or unpacks to more than a list of bookings can be, is refused before it is read.
"""

import io
import logging
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Any

import openpyxl
from django.utils.translation import gettext as _

from bookings.importing.csv_file import BYTES_AT_MOST, FileRefusedError, Table, table_of

logger = logging.getLogger(__name__)

ZIP = b"PK\x03\x04"
UNPACKED_AT_MOST = 100 * 1024 * 1024
PARTS_AT_MOST = 500
COLUMNS_AT_MOST = 100
ROWS_OF_EXCEL = 1_048_576
CALLED = "Excel"


def read_workbook(
    data: bytes,
    *,
    required: Sequence[str],
    optional: Sequence[str] = (),
    unread: Sequence[str] = (),
) -> Table:
    """Return the Table of the first visible sheet; lines are the sheet's row numbers.

    Raises FileRefusedError.
    """
    _refuse_bombs(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of extensions that do not concern the cells
            workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            sheet = next(s for s in workbook.worksheets if s.sheet_state == "visible")
            rows = sheet.iter_rows(
                min_row=1, max_row=ROWS_OF_EXCEL, max_col=COLUMNS_AT_MOST, values_only=True
            )
            numbered = ((line, [_text(value) for value in row]) for line, row in _lines(rows))
            return table_of(
                numbered, CALLED, "", required=required, optional=optional, unread=unread
            )
    except FileRefusedError:
        raise
    except (
        Exception
    ):  # openpyxl declares none: damaged files raise KeyError, TypeError, zlib.error...
        logger.info("A workbook cannot be read.", exc_info=True)
        raise _refusal() from None


def _lines(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield (number, cells) of the rows that are not empty."""
    for line, row in enumerate(rows, 1):
        if line > ROWS_OF_EXCEL:
            return
        if any(value is not None for value in row):
            yield line, row


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


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        # Excel counts in parts of a day: 8:30 may be 8:29:59.999.
        rounded = value + timedelta(microseconds=500_000)
        return f"{rounded:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, time):
        return f"{value:%H:%M:%S}"
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        return str(int(value))
    return str(value).strip()
