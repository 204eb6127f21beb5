import codecs
import random
import zipfile
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest
from django.test import SimpleTestCase, TestCase
from hypothesis import given, settings
from hypothesis import strategies as st

from bookings.importing.csv_file import FileRefusedError, read_table
from bookings.importing.import_bookings import import_bookings
from bookings.importing.owners import Owners
from bookings.importing.rows import OPTIONAL, REQUIRED, read_rows
from bookings.models import Actor, Booking, Door
from drivers.models import Customer
from tests.support import builders
from tests.support.builders import NOW, ZONE

HEADER = (
    "reference,scheduled_time,pickup_lat,pickup_lon,dropoff_lat,dropoff_lon,passengers,wheelchairs"
)
LINE = "R-1,2026-06-17T09:00,46.234,6.08,46.1936,6.1487,1,0"
GOOD = f"{HEADER}\n{LINE}\n"
# 09:00 at UTC+2
SEVEN = "2026-06-17T07:00:00+00:00"


def read(data, **options):
    table = read_table(
        data if isinstance(data, bytes) else data.encode(), required=REQUIRED, optional=OPTIONAL
    )
    owners = Owners(Customer(pk=1, name="Geneva"))
    return read_rows(table, zone=options.pop("zone", ZONE), owners=owners, **options)


def one(column, value, **options):
    """Return (value read, message) of one cell; the column is added where it is optional."""
    names, cells = HEADER.split(","), LINE.split(",")
    if column in names:
        cells[names.index(column)] = value
    else:
        names, cells = [*names, column], [*cells, value]
    quoted = ['"{}"'.format(cell.replace('"', '""')) for cell in cells]
    text = f"{','.join(names)}\n{','.join(quoted)}\n"
    rows, errors = read(text.encode("utf-8", "surrogatepass"), **options)
    if errors:
        return None, "; ".join(f"{error.column}: {error.message}" for error in errors)
    row = rows[0]
    return (row.return_of if column == "return_of" else row.values.get(column, row.client)), ""


class FileTests(SimpleTestCase):
    def refusal(self, data):
        with self.assertRaises(FileRefusedError) as caught:
            read(data)
        return str(caught.exception)

    def assert_good(self, data):
        rows, errors = read(data)
        self.assertEqual(errors, [])
        self.assertEqual([row.reference for row in rows], ["R-1"])
        self.assertEqual(rows[0].values["scheduled_time"].isoformat(), SEVEN)
        self.assertEqual(rows[0].values["pickup_lon"], 6.08)
        return rows[0]

    def test_every_encoding_that_programs_write_is_read(self):
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"):
            with self.subTest(encoding=encoding):
                text = f"{HEADER},pickup_address\n{LINE},Chêne-Bougeries"
                row = self.assert_good(text.encode(encoding))
                self.assertEqual(row.values["pickup_address"], "Chêne-Bougeries")
        for mark, encoding in (
            (codecs.BOM_UTF16_BE, "utf-16-be"),
            (codecs.BOM_UTF8 * 2, "utf-8"),
        ):
            with self.subTest(mark=mark):
                self.assert_good(mark + GOOD.encode(encoding))

    def test_every_separator_that_excel_writes_is_read(self):
        for separator in ",;\t|":
            with self.subTest(separator=separator):
                self.assert_good(GOOD.replace(",", separator))
                self.assert_good(f"sep={separator}\r\n" + GOOD.replace(",", separator))

    def test_decimal_commas_are_read(self):
        self.assert_good(GOOD.replace(",", ";").replace(".", ","))

    def test_every_line_end_is_read(self):
        for end in ("\n", "\r\n", "\r"):
            with self.subTest(end=end):
                self.assert_good(GOOD.replace("\n", end))
        self.assert_good(GOOD.rstrip())

    def test_trailing_empty_columns_and_rows_are_nothing(self):
        self.assert_good(f"\n{HEADER},,\n\n{LINE},,\n,,,,,,,,,\n\n")

    def test_header_may_be_in_capitals_with_blanks(self):
        self.assert_good(GOOD.replace(HEADER, HEADER.upper().replace("_", " ")))

    def test_columns_may_stand_in_any_order(self):
        pairs = list(zip(HEADER.split(","), LINE.split(","), strict=True))
        random.Random(1).shuffle(pairs)
        self.assert_good("\n".join(",".join(column) for column in zip(*pairs, strict=True)))

    def test_quoted_line_breaks_belong_to_the_cell(self):
        text = f'{HEADER},notes,pickup_address\n{LINE},"two\r\nlines","Rue 1\n1205 Genève"\n'
        values = self.assert_good(text).values
        self.assertEqual(values["notes"], "two\nlines")
        self.assertEqual(values["pickup_address"], "Rue 1 1205 Genève")

    def test_errors_after_quoted_line_breaks_have_the_editors_line(self):
        bad = LINE.replace("R-1", "R-2").replace("46.234", "95")
        rows, errors = read(f'{HEADER},notes\n{LINE},"two\nlines"\n{bad},\n')
        self.assertEqual([error.line for error in errors], [4])
        rows, errors = read(f"sep=,\n{HEADER}\n\n{bad}\n")
        self.assertEqual([error.line for error in errors], [4])

    def test_numbers_kept_as_text_by_excel_are_unwrapped(self):
        rows, _ = read(GOOD.replace("R-1", '="00123"'))
        self.assertEqual(rows[0].reference, "00123")
        rows, _ = read(GOOD.replace("R-1", '"=""00123"""'))
        self.assertEqual(rows[0].reference, "00123")

    def test_what_is_no_csv_file_is_refused_with_what_it_is(self):
        workbook = BytesIO()
        with zipfile.ZipFile(workbook, "w") as archive:
            archive.writestr("xl/workbook.xml", "<x/>")
        for data, kind in (
            (workbook.getvalue(), "Excel"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel"),
            (b"%PDF-1.7\n", "PDF"),
            (b"\x1f\x8b\x08\x00", "compressed"),
            (b"\x89PNG\r\n\x1a\n", "image"),
            (b"<!DOCTYPE html><html>", "HTML"),
            (b'\xef\xbb\xbf  {"bookings": []}', "JSON"),
            (b"[]", "JSON"),
            (GOOD.encode("utf-16-le"), "binary"),
            (GOOD.encode() + b"\0", "binary"),
            ((GOOD + "\0").encode("utf-16"), "binary"),
            (bytes(range(256)) * 10, "binary"),
        ):
            with self.subTest(kind=kind, data=data[:10]):
                self.assertIn(kind, self.refusal(data))

    def test_empty_files_are_refused(self):
        for data in (b"", b"\n\n", b"\xef\xbb\xbf", b"   ", codecs.BOM_UTF16_LE):
            with self.subTest(data=data):
                self.assertIn("empty", self.refusal(data))

    def test_header_without_rows_is_an_import_of_nothing(self):
        self.assertEqual(read(HEADER), ([], []))

    def test_damaged_text_is_refused_with_its_line(self):
        data = f"{HEADER},notes\n{LINE},Genève".encode() + b"\xe8\n"
        self.assertIn("Line 2 is not valid UTF-8", self.refusal(data))
        self.assertIn("not valid", self.refusal(GOOD.encode("utf-16") + b"x"))
        self.assertIn("not valid", self.refusal(GOOD.encode() + b"\x81"))

    def test_file_without_the_columns_names_is_refused(self):
        self.assertIn("must name the columns", self.refusal(LINE))
        self.assertIn("must name the columns", self.refusal("hello\nworld\n"))

    def test_missing_columns_are_named(self):
        refusal = self.refusal(GOOD.replace("pickup_lat", "").replace("passengers", ""))
        self.assertIn("pickup_lat, passengers", refusal)

    def test_unknown_column_is_refused_with_the_nearest_known_one(self):
        refusal = self.refusal(GOOD.replace("pickup_lat", "pickup_latitude"))
        self.assertIn("“pickup_latitude” is unknown: did you mean “pickup_lat”?", refusal)
        refusal = self.refusal(f"{HEADER},colour\n{LINE},red\n")
        self.assertIn("“colour” is unknown", refusal)
        refusal = self.refusal(f"{HEADER},status\n{LINE},assigned\n")
        self.assertIn("“status” is unknown", refusal)

    def test_repeated_column_is_refused(self):
        self.assertIn("more than once", self.refusal(f"{HEADER},pickup_lat\n{LINE},1\n"))

    def test_unclosed_quotation_mark_is_refused_with_its_line(self):
        self.assertIn("Line 3", self.refusal(f'{GOOD}"R-2,2026\n'))
        self.assertIn("Line 3", self.refusal(f'{GOOD}"R-2"x,2026\n'))

    def test_cell_longer_than_a_book_is_refused(self):
        self.assertIn("Line 2", self.refusal(f"{HEADER},notes\n{LINE},{'x' * 200_000}\n"))

    def test_more_values_than_names_are_reported(self):
        _, errors = read(f"{HEADER}\n{LINE},surplus\n")
        self.assertIn("1 value more", errors[0].message)

    def test_fewer_values_than_names_are_reported_by_column(self):
        _, errors = read(f"{HEADER}\nR-1,2026-06-17T09:00\n")
        self.assertEqual(
            [error.column for error in errors],
            ["pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon"],
        )


class CellTests(SimpleTestCase):
    def assert_refused(self, column, *values, say="", **options):
        for value in values:
            with self.subTest(column=column, value=value[:40]):
                read_value, message = one(column, value, **options)
                self.assertTrue(message, f"was read as {read_value!r}")
                self.assertIn(column, message)
                self.assertIn(say, message)

    def test_coordinates_are_plain_degrees(self):
        self.assert_refused(
            "pickup_lat",
            *("", "nan", "NaN", "inf", "-inf", "1e300", "1e-300x", "90.0001", "-91", "46,23,4"),
            *("46.2°", "46°12'", "N46", "0x10", "4_6", "1 000", "٤٦", "=1+1", "1" * 5_000, "--5"),
            say="-90 to 90, such as 46.1936",
        )
        self.assert_refused("dropoff_lon", "181", "-180.5", "", say="-180 to 180")
        for text, degrees in (
            ("0", 0), ("-0.5", -0.5), ("+46.2", 46.2), ("46,2", 46.2), ("90", 90), ("46.", 46),
            ("-4.5E-05", -0.000045), (" 46.2 ", 46.2),
        ):  # fmt: skip
            with self.subTest(text=text):
                self.assertEqual(one("pickup_lat", text), (degrees, ""))

    def test_passengers_are_a_whole_number(self):
        self.assert_refused(
            "passengers",
            *("0", "-1", "1.5", "two", "101", "9" * 400, "1e2", "٣", "1 2", "nan"),
            say="whole number from 1 to 100",
        )
        for text, number in (("1", 1), ("2.0", 2), ("3,0", 3), ("007", 7)):
            with self.subTest(text=text):
                self.assertEqual(one("passengers", text), (number, ""))

    def test_a_dash_is_no_number_of_persons(self):
        self.assert_refused("passengers", "-", say="whole number from 1 to 100")
        self.assert_refused("wheelchairs", "-", say="whole number from 0 to 100")

    def test_wheelchair_users_are_passengers(self):
        self.assert_refused("wheelchairs", "2", say="number of passengers")

    def test_references_identify(self):
        self.assert_refused("reference", "", " ", say="own number")
        self.assert_refused("reference", "x" * 65, say="at most 64 characters, not 65")
        self.assert_refused("reference", "1.23457E+15", "1,23E+11", say="Excel has shortened")
        self.assertEqual(one("reference", "x" * 64), ("x" * 64, ""))

    def test_a_shortened_number_is_refused_in_every_column_of_texts(self):
        for column in (
            *("pickup_address", "dropoff_address", "client_name", "client_phone"),
            *("notes", "needs", "return_of"),
        ):
            self.assert_refused(column, "4,17912E+10", "4E+10", say="Excel has shortened")
        self.assertEqual(one("pickup_address", "4E, rue 10")[0], "4E, rue 10")
        self.assertEqual(one("pickup_lat", "4.6E+1"), (46.0, ""))

    def test_an_error_of_the_spreadsheet_is_refused_in_every_column(self):
        for column in ("reference", "scheduled_time", "passengers", "notes", "client_phone"):
            self.assert_refused(
                column,
                *("#N/A", "#NV", "#REF!", "#VALEUR!", "#NOM?", "#DIV/0!", "########"),
                say="shows an error",
            )
        self.assertEqual(one("notes", "#12, third floor")[0], "#12, third floor")

    def test_reference_stands_in_one_row_only(self):
        other = LINE.replace("46.234", "46.2")
        rows, errors = read(f"{GOOD}{other}\n")
        self.assertEqual(len(rows), 1)
        self.assertEqual((errors[0].line, errors[0].column), (3, "reference"))
        self.assertIn("line 2", errors[0].message)

    def test_way_there_has_one_way_back(self):
        lines = [LINE.replace("R-1", name) for name in ("A", "B", "C")]
        _, errors = read(f"{HEADER},return_of\n{lines[0]},\n{lines[1]},A\n{lines[2]},A\n")
        self.assertEqual([(error.line, error.column) for error in errors], [(4, "return_of")])

    def test_trip_is_not_its_own_way_back(self):
        self.assert_refused("return_of", "R-1", say="its own return trip")

    def test_texts_are_printable_and_fit(self):
        for character in ("\x00", "\x07", "\x1b", "\x7f", "\x9b", "\ud800"):
            column = "notes"
            if character == "\x00":
                with self.assertRaises(FileRefusedError):
                    one(column, f"a{character}b")
                continue
            self.assert_refused(column, f"a{character}b", say=f"U+{ord(character):04X}")
        self.assert_refused("pickup_address", "x" * 201, say="at most 200")
        self.assert_refused("client_name", "x" * 101, say="at most 100")
        self.assert_refused("notes", "x" * 5_001, say="at most 5000")
        for text in ("Zürich", "日本語", "👩‍🦽", "=HYPERLINK(1)", "<b>", "'; DROP TABLE", "%s {0}"):
            self.assertEqual(one("notes", text), (text, ""))

    def test_phone_number_needs_a_name(self):
        self.assert_refused("client_phone", "022 1", say="client_name")

    def test_priorities_are_names_or_numbers(self):
        for text, number in (("normal", 0), ("High", 1), ("URGENT", 2), ("2", 2), ("", 0)):
            with self.subTest(text=text):
                self.assertEqual(one("priority", text), (number, ""))
        self.assert_refused("priority", "3", "asap", "-1", "1.0", say="normal, high or urgent")

    def test_needs_are_words(self):
        self.assertEqual(one("needs", "Oxygen | stretcher oxygen"), (["oxygen", "stretcher"], ""))
        self.assertEqual(one("needs", ""), ([], ""))
        self.assert_refused("needs", "x" * 41, " ".join(f"w{i}" for i in range(21)), say="at most")


class TimeTests(SimpleTestCase):
    def read(self, text, **options):
        value, message = one("scheduled_time", text, **options)
        return value.isoformat() if value else message

    def test_every_way_to_write_nine_oclock_is_read(self):
        for text in (
            "2026-06-17T09:00", "2026-06-17 09:00", "2026-06-17T09:00:00", "2026-6-17 9:00",
            "2026-06-17T09:00:00.000", "2026-06-17T09:00+02:00", "2026-06-17T07:00Z",
            "2026-06-17T07:00:00.123456+0000", "2026-06-17T03:00-04", "17.06.2026 09:00",
            "17.6.2026 9:00:00", "17/06/2026 09:00", "6/17/2026 9:00 AM", "2026-06-17  09:00",
            "6/17/2026 9:00\u202fAM", "2026-06-17t09:00",
        ):  # fmt: skip
            with self.subTest(text=text):
                self.assertEqual(self.read(text), SEVEN)

    def test_noon_and_midnight_of_the_twelve_hour_clock(self):
        self.assertEqual(self.read("6/17/2026 12:00 AM"), "2026-06-16T22:00:00+00:00")
        self.assertEqual(self.read("6/17/2026 12:30 pm"), "2026-06-17T10:30:00+00:00")
        self.assertIn("no such", self.read("6/17/2026 13:00 PM"))
        self.assertIn("no such", self.read("6/17/2026 0:30 AM"))

    def test_day_or_month_first_is_not_guessed(self):
        self.assertIn("--dates", self.read("05/06/2026 09:00"))
        self.assertEqual(self.read("05/06/2026 09:00", order="day"), "2026-06-05T07:00:00+00:00")
        self.assertEqual(self.read("05/06/2026 09:00", order="month"), "2026-05-06T07:00:00+00:00")
        self.assertEqual(self.read("06/06/2026 09:00"), "2026-06-06T07:00:00+00:00")
        self.assertEqual(self.read("05.06.2026 09:00"), "2026-06-05T07:00:00+00:00")
        self.assertIn("no such date", self.read("06/17/2026 09:00", order="day"))

    def test_what_is_no_time_is_refused(self):
        for text in (
            "", "tomorrow", "2026-06-17", "09:00", "2026-06-17T", "2026-06-31T09:00",
            "2026-13-01T09:00", "2026-06-17T24:00", "2026-06-17T23:60", "2026-06-17T23:59:60",
            "31/31/2026 09:00", "0000-01-01T00:00", "1970-01-01T00:00", "1999-12-31T23:59",
            "2100-01-01T00:00", "9999-12-31T23:59", "20260617T0900", "2026-06-17T09:00+25:00",
            "2026-06-17T09:00+02:75", "2026-06-17T09:00 CEST", "17.06.26 09:00",
            "-2026-06-17T09:00", "1750147200", "46190.375", "٢٠٢٦-٠٦-١٧T09:00",
            "2026-06-17T09:00" + "0" * 5_000,
        ):  # fmt: skip
            with self.subTest(text=text[:40]):
                self.assertIn("scheduled_time: ", self.read(text))

    def test_time_that_the_clocks_skip_is_refused_with_what_would_be_right(self):
        # 2026-03-29: Zurich goes from 02:00 to 03:00.
        message = self.read("2026-03-29T02:30")
        self.assertIn("skipped", message)
        self.assertIn("2026-03-29T03:30+02:00", message)
        self.assertEqual(self.read("2026-03-29T01:59"), "2026-03-29T00:59:00+00:00")
        self.assertEqual(self.read("2026-03-29T03:00"), "2026-03-29T01:00:00+00:00")
        self.assertEqual(self.read("2026-03-29T03:30+02:00"), "2026-03-29T01:30:00+00:00")

    def test_time_that_comes_twice_is_refused_with_both_offsets(self):
        # 2026-10-25: Zurich goes from 03:00 back to 02:00.
        message = self.read("2026-10-25T02:30")
        self.assertIn("twice", message)
        self.assertIn("2026-10-25T02:30+02:00 or 2026-10-25T02:30+01:00", message)
        self.assertEqual(self.read("2026-10-25T02:30+01:00"), "2026-10-25T01:30:00+00:00")
        self.assertEqual(self.read("2026-10-25T01:59"), "2026-10-24T23:59:00+00:00")
        self.assertEqual(self.read("2026-10-25T03:00"), "2026-10-25T02:00:00+00:00")

    def test_clock_changes_are_the_companys_own(self):
        # 2026-03-08: New York goes from 02:00 to 03:00, Zurich does not.
        self.assertIn("skipped", self.read("2026-03-08T02:30", zone=ZoneInfo("America/New_York")))
        self.assertEqual(self.read("2026-03-08T02:30"), "2026-03-08T01:30:00+00:00")

    def test_appointment_is_within_a_day_after_the_pickup(self):
        for text in (
            "2026-06-17T09:00",
            "2026-06-17T08:59",
            "2026-06-18T09:01",
            "2027-06-17T09:30",
        ):
            value, message = one("appointment_at", text)
            self.assertIn("after the pickup", message)
        self.assertEqual(one("appointment_at", ""), (None, ""))
        self.assertEqual(one("appointment_at", "2026-06-18T09:00")[1], "")


@pytest.mark.any_database
class FuzzTests(SimpleTestCase):
    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=400))
    def test_any_bytes_are_read_or_refused(self, data):
        try:
            read(data)
        except FileRefusedError as error:
            self.assertTrue(str(error))

    @settings(max_examples=300, deadline=None)
    @given(st.data())
    @pytest.mark.slow
    def test_any_cells_become_valid_rows_or_errors(self, data):
        cell = st.one_of(
            st.text(max_size=30),
            st.sampled_from(["", "1", "2", "46.2", "2026-06-17T09:00", "R-1", "1e5", "\r\n", '"']),
        )
        columns = [*REQUIRED, *OPTIONAL]
        lines = [",".join(columns)]
        for _ in range(data.draw(st.integers(0, 3))):
            cells = [data.draw(cell).replace("\0", "") for _ in columns]
            lines.append(",".join('"{}"'.format(c.replace('"', '""')) for c in cells))
        rows, errors = read("\n".join(lines).encode("utf-8", "surrogatepass"))
        for row in rows:
            people = [row.values.get(name, 1) for name in ("wheelchairs", "passengers")]
            self.assertLessEqual(*people)
        for error in errors:
            self.assertTrue(error.message)
            self.assertTrue(str(error).isprintable())


class DatabaseTests(TestCase):
    """What the reader lets through, both databases take."""

    def load(self, text, company):
        return import_bookings(
            company,
            text.encode(),
            actor=Actor(Door.COMMAND, name="import_bookings"),
            now=NOW,
            filename="x" * 300 + ".csv",
        )

    def test_extremes_are_stored_as_they_are(self):
        text = (
            f"{HEADER},pickup_address,notes,needs,client_name,client_phone\n"
            f"{'é' * 64},2000-01-01T12:00,90,-180,-90,180,100,100,"
            f"{'漢' * 200},{'👩' * 5000},{'ñ' * 40},{'ü' * 100},{'0' * 40}\n"
            "%s,2099-12-31T12:00,0,0,1E-99,0.1234567890123456789,1,0,"
            '\'; DROP TABLE bookings_booking; --,"{""a"": [1]}","\\",%(x)s,\\n\n'
        )
        company = builders.company()
        result = self.load(text, company)

        self.assertEqual((result.errors, result.created), ((), 2))
        first, second = Booking.objects.order_by("id")
        self.assertEqual((first.pickup_lat, first.pickup_lon), (90, -180))
        self.assertEqual((first.notes, first.client.name), ("👩" * 5000, "ü" * 100))
        self.assertEqual((second.reference, second.notes), ("%s", '{"a": [1]}'))
        self.assertEqual((second.needs, second.client.name), (["\\"], "%(x)s"))
        self.assertEqual(self.load(text, company).unchanged, 2)
