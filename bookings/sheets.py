"""Return a list as a CSV file or an Excel workbook; no cell is run as a formula."""

import csv
import io
import re

from django.http import FileResponse, StreamingHttpResponse
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from bookings.cells import safe_cells

# A workbook is built in memory before it is sent; CSV is streamed.
CSV_ROWS_AT_MOST = 250_000
XLSX_ROWS_AT_MOST = 50_000
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# What XML 1.0 cannot carry.
UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class _Echo:
    """A file for `csv.writer` that returns what is written."""

    def write(self, value):
        return value


def csv_response(header, rows, filename):
    """Stream the rows as CSV with a byte-order mark, by which Excel knows UTF-8."""
    writer = csv.writer(_Echo())

    def lines():
        yield "\ufeff" + writer.writerow(header)
        for row in rows:
            yield writer.writerow(safe_cells(row))

    return StreamingHttpResponse(
        lines(), content_type="text/csv; charset=utf-8", headers=_attachment(filename)
    )


def xlsx_response(header, rows, filename):
    """Return a workbook of one sheet; texts stay texts, even if they begin with =."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.freeze_panes = "A2"
    for row in (header, *rows):
        sheet.append([_cell(sheet, value) for value in row])
    file = io.BytesIO()
    book.save(file)
    file.seek(0)
    return FileResponse(file, content_type=XLSX_TYPE, headers=_attachment(filename))


def _cell(sheet, value):
    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet, UNWRITABLE.sub("", value))
    cell.data_type = "s"
    return cell


def _attachment(filename):
    return {"Content-Disposition": f'attachment; filename="{filename}"'}
