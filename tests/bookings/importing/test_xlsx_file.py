"""Excel workbooks are imported by the same rules as CSV files, and hostile ones refused."""

import io
import zipfile
from datetime import UTC, date, datetime, time

import openpyxl
import pytest

from bookings.importing import xlsx_file
from bookings.importing.csv_file import FileRefusedError
from bookings.importing.import_bookings import import_bookings
from bookings.models import Actor, Booking, Door
from tests.support import builders as make

ACTOR = Actor(Door.ADMIN, name="anna")
ROW = {
    "reference": "R-1",
    "scheduled_time": datetime.fromisoformat("2026-06-17T09:00"),  # a sheet knows no zone
    "pickup_lat": 46.234,
    "pickup_lon": 6.08,
    "dropoff_lat": 46.1936,
    "dropoff_lon": 6.1487,
    "passengers": 1,
    "wheelchairs": 0,
}
pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def workbook(*rows, edit=lambda book: None, **columns):
    rows = [ROW | columns | row for row in rows or ({},)]
    book = openpyxl.Workbook()
    book.active.append(list(rows[0]))
    for row in rows:
        book.active.append(list(row.values()))
    edit(book)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def load(data, **options):
    company = make._geneva()
    return import_bookings(company, data, actor=ACTOR, now=make.NOW, filename="day.xlsx", **options)


def refusal(data):
    with pytest.raises(FileRefusedError) as caught:
        load(data)
    return str(caught.value)


def rewritten(data, name, content):
    """Return the workbook with another content of one part."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
        for part in old.infolist():
            new.writestr(part.filename, content if part.filename == name else old.read(part))
    return file.getvalue()


def test_a_workbook_is_imported_once():
    data = workbook({}, {"reference": 42.0}, client_name="Anna Morel")
    result = load(data)
    assert (result.created, result.errors) == (2, ())
    assert result.summary().splitlines()[0] == "day.xlsx: 2 rows (Excel, first sheet)."
    booking = Booking.objects.get(reference="42")
    assert booking.scheduled_time == datetime(2026, 6, 17, 7, 0, tzinfo=UTC)
    assert booking.client.name == "Anna Morel"
    again = load(data)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 2)


def test_errors_have_the_sheets_row_and_the_csv_rules():
    result = load(workbook({}, {"reference": "R-2", "pickup_lat": 95}))
    assert result.refused
    (error,) = result.errors
    assert (error.line, error.column, error.value) == (3, "pickup_lat", "95")
    assert not Booking.objects.exists()


def test_blank_rows_count_as_rows_of_the_sheet():
    data = workbook(
        {}, {"reference": "R-2", "passengers": "x"}, edit=lambda book: book.active.insert_rows(2, 2)
    )
    assert [error.line for error in load(data).errors] == [5]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (3, "3"),
        (3.0, "3"),
        (46.25, "46.25"),
        (True, "True"),
        (" a ", "a"),
        (time(8, 30), "08:30:00"),
        (datetime.fromisoformat("2026-06-17T08:29:59.999900"), "2026-06-17 08:30:00"),
        (date(2026, 6, 17), "2026-06-17"),
    ],
)
def test_cells_become_the_texts_of_a_csv_file(value, text):
    assert xlsx_file._text(value) == text


def test_a_formula_without_a_result_is_an_error_and_never_run():
    formulas = {"reference": '=HYPERLINK("http://x")', "passengers": "=1+1", "client_name": "=A1"}
    result = load(workbook({}, formulas | {"notes": "=1"}, client_name="", notes=""))
    errors = [(error.line, error.column, error.value) for error in result.errors]
    assert sorted(errors) == [
        (3, "client_name", "=A1"),
        (3, "notes", "=1"),
        (3, "passengers", "=1+1"),
        (3, "reference", '=HYPERLINK("http://x")'),
    ]
    assert all("no result in the file" in error.message for error in result.errors)


@pytest.mark.parametrize(
    ("cell", "errors"),
    [
        (b'<c r="I2"><f>A1</f></c>', ["notes"]),
        (b'<c r="I2"><f>A1</f><v></v></c>', ["notes"]),
        (b'<c r="I2" t="e"><f>NA()</f><v>#N/A</v></c>', ["notes"]),
        (b'<c r="I2" t="e"><v>#REF!</v></c>', ["notes"]),
        (b'<c r="I2" t="str"><f>IF(A1=1,"x","")</f><v></v></c>', []),
        (b'<c r="I2" t="str"><f>A1</f><v>third floor</v></c>', []),
    ],
)
def test_the_result_of_a_formula_is_read(cell, errors):
    data = workbook(notes="x")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    start, end = sheet.index(b'<c r="I2"'), sheet.index(b"</row>", sheet.index(b'<c r="I2"'))
    result = load(rewritten(data, "xl/worksheets/sheet1.xml", sheet[:start] + cell + sheet[end:]))
    assert [(error.line, error.column) for error in result.errors] == [(2, c) for c in errors]


def test_a_cell_merged_into_another_is_an_error_of_its_row():
    data = workbook(
        {},
        {"reference": "R-2", "passengers": None},
        {"reference": "R-3"},
        edit=lambda book: book.active.merge_cells("G2:G3"),
    )
    (error,) = load(data).errors
    assert (error.line, error.column) == (3, "passengers")
    assert "merged with G2" in error.message


def test_overlapping_merges_are_refused():
    merges = b"".join(b'<mergeCell ref="A2:A%d"/>' % last for last in range(3, 110))
    data = workbook()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    sheet = sheet.replace(b"</sheetData>", b"</sheetData><mergeCells>%s</mergeCells>" % merges)
    assert "neither a readable" in refusal(rewritten(data, "xl/worksheets/sheet1.xml", sheet))


@pytest.mark.parametrize("column", ["scheduled_time", "appointment_at"])
@pytest.mark.parametrize("number_format", ["dd.mm.yyyy", "[$-409]d mmm yyyy", 'd" h "m yy'])
def test_a_day_without_a_time_is_refused_as_in_a_csv_file(column, number_format):
    def format_day(book):
        for row in book.active.iter_rows(min_row=2):
            for cell in row:
                if cell.value == datetime.fromisoformat("2026-06-18"):
                    cell.number_format = number_format

    columns = {"appointment_at": datetime.fromisoformat("2026-06-17T10:00")}
    columns[column] = datetime.fromisoformat("2026-06-18")
    (error,) = load(workbook(edit=format_day, **columns)).errors
    assert (error.line, error.column, error.value) == (2, column, "2026-06-18")
    assert error.message == "write a date and a time, such as 2026-06-17T08:30"


def test_midnight_is_a_time_where_the_cell_shows_one():
    load(workbook(scheduled_time=datetime.fromisoformat("2026-06-17")))
    assert Booking.objects.get().scheduled_time == datetime(2026, 6, 16, 22, 0, tzinfo=UTC)


def test_the_first_visible_sheet_is_read():
    def hide_one_before(book):
        book.create_sheet("notes", 0).sheet_state = "hidden"

    assert load(workbook(edit=hide_one_before)).created == 1


def test_further_sheets_do_not_matter():
    assert load(workbook(edit=lambda book: book.create_sheet("Notes").append(["x"]))).created == 1


@pytest.mark.parametrize("cover", [[], ["Transport list, week 2"]])
def test_a_first_sheet_that_is_no_list_is_named_with_the_others(cover):
    def put_before(book):
        book.active.title = "Trips"
        book.create_sheet("Cover", 0).append(cover)
        book.create_sheet("Hidden").sheet_state = "hidden"

    said = refusal(workbook(edit=put_before))
    assert "first sheet, “Cover”, was read; the workbook also has “Trips”: move" in said


def test_other_archives_and_damaged_workbooks_are_refused():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as other:
        other.writestr("letter.txt", "x")
    good = workbook()
    for data in (
        archive.getvalue(),
        good[:-200],
        b"PK\x03\x04" + b"\0" * 100,
        rewritten(good, "xl/workbook.xml", "<x"),
        rewritten(good, "xl/worksheets/sheet1.xml", "\0"),
    ):
        assert "neither a readable Excel workbook" in refusal(data)


def test_an_archive_that_unpacks_to_too_much_is_refused_unread(monkeypatch):
    monkeypatch.setattr(xlsx_file, "UNPACKED_AT_MOST", 5_000)
    assert "unpacks to more" in refusal(workbook(notes="x" * 5_000))
    monkeypatch.setattr(xlsx_file, "PARTS_AT_MOST", 3)
    assert "unpacks to more" in refusal(workbook())


def test_entities_are_not_expanded():
    lol = '<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    sheet = f"{lol}<worksheet><sheetData><row><c><v>&b;</v></c></row></sheetData></worksheet>"
    assert "neither a readable Excel workbook" in refusal(
        rewritten(workbook(), "xl/worksheets/sheet1.xml", sheet)
    )


@pytest.mark.slow
def test_a_row_number_out_of_this_world_does_not_keep_the_import_busy():
    namespace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    sheet = (
        f'<worksheet xmlns="{namespace}"><sheetData>'
        '<row r="99999999999"><c r="A99999999999"><v>1</v></c></row></sheetData></worksheet>'
    )
    assert refusal(rewritten(workbook(), "xl/worksheets/sheet1.xml", sheet))
