"""A file is read in a process of its own: what it makes of a parser has limits."""

import io
import os
import time
import zipfile

import pytest

from bookings.importing import apart
from bookings.importing.apart import OF_REQUEST_S, read_apart
from bookings.importing.csv_file import FileRefusedError, Table, Unreadable, read_table
from bookings.importing.xlsx_file import read_workbook
from tests.bookings.importing.test_hostile_files import GOOD, OPTIONAL, REQUIRED
from tests.bookings.importing.test_xlsx_file import workbook

pytestmark = pytest.mark.any_database

NAMES = {"required": REQUIRED, "optional": OPTIONAL}
LIMIT = "split it, or save it as CSV"


def table(cells=("x",)):
    return Table("utf-8", ",", tuple(cells), ())


def refusal(read, data=b"x", longest_s=10):
    with pytest.raises(FileRefusedError) as refused:
        read_apart(read, data, longest_s=longest_s)
    return str(refused.value)


def test_a_file_is_read_as_without_it():
    data = GOOD.encode()
    assert read_apart(read_table, data, longest_s=10, **NAMES) == read_table(data, **NAMES)


def test_a_refusal_comes_through():
    def read(data):
        raise FileRefusedError("not this one")

    assert refusal(read) == "not this one"


def test_what_a_cell_says_of_itself_comes_through():
    read = read_apart(lambda data: table([Unreadable("=A1", "no result")]), b"x", longest_s=10)
    assert (read.columns[0], read.columns[0].message) == ("=A1", "no result")


def test_who_waits_for_ever_is_ended():
    assert LIMIT in refusal(lambda data: time.sleep(60), longest_s=0.2)


def test_too_much_memory_is_refused():
    assert LIMIT in refusal(lambda data: table([len(b"x" * (400 << 20))]))


def test_too_much_work_is_refused(monkeypatch):
    monkeypatch.setattr(apart, "WALL_OF_CPU", 60)  # it is the processor's time that ends it

    def endlessly(data):
        while True:
            pass

    assert "takes more than 2 s" in refusal(endlessly, longest_s=60)


def test_no_process_is_left_behind(monkeypatch):
    children, fork = [], os.fork

    def forking():
        if child := fork():
            children.append(child)
        return child

    monkeypatch.setattr(os, "fork", forking)
    refusal(lambda data: time.sleep(60), longest_s=0.1)
    assert len(children) == 1
    with pytest.raises(ChildProcessError):  # it ended, and was waited for
        os.waitpid(children[0], os.WNOHANG)


def test_a_small_workbook_that_is_endless_work_is_refused_soon():
    """20 kB, whose styles unpack to 10 MB: 38 s and 1.4 GB without a limit."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook())) as good,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bad,
    ):
        for part in good.infolist():
            data = good.read(part)
            if part.filename == "xl/styles.xml":
                at = data.index(b"</cellXfs>")
                data = data[:at] + b"<xf/>" * 2_000_000 + data[at:]
            bad.writestr(part.filename, data)
    assert len(out.getvalue()) < 30_000

    began = os.times()
    with pytest.raises(FileRefusedError, match=LIMIT):
        read_apart(read_workbook, out.getvalue(), longest_s=OF_REQUEST_S, **NAMES)
    took = os.times()
    assert (
        took.children_user + took.children_system - (began.children_user + began.children_system)
        < 3
    )
