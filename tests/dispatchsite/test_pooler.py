"""Behind a pooler of transactions each one may be on another connection: nothing is left on it."""

import ast
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.models import Booking
from drivers.db import pages
from drivers.db.pages import in_pages
from tests import PROJECT
from tests.support import builders as make

ROOMS = ("dispatchsite", "drivers", "bookings", "dispatch", "perf")
# What a connection would keep after its transaction, or needs from one to the next.
OF_SESSION = re.compile(
    r"^SET (?!LOCAL|TRANSACTION|CONSTRAINTS)\w+ *(=|TO\b)|^SET SESSION\b"
    r"|\bpg_(try_)?advisory_(lock|unlock)|^\s*(UN)?LISTEN\b|^\s*PREPARE\b|^\s*DECLARE \w+ .*CURSOR"
    r"|\bCREATE TEMP|set_config\([^)]*false\)"
)
# Databases of their own, which no pooler serves, and what runs before there is one.
ELSEWHERE = {
    "bookings/models/event.py",  # opens what is sealed for whoever iterates, and reads no more
    "drivers/migrations/0019_fill_the_vehicles_of_shifts.py",
    "perf/silk/records.py",
}


def sources():
    for room in ROOMS:
        for file in sorted((PROJECT / room).rglob("*.py")):
            yield file.relative_to(PROJECT).as_posix(), ast.parse(file.read_text(encoding="utf-8"))


def left_behind(tree):
    """Yield the lines that leave something on a connection, or read over a server-side cursor."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if OF_SESSION.search(node.value):
                yield node.lineno, node.value
        elif isinstance(node, ast.Attribute) and node.attr in ("iterator", "chunked_cursor"):
            yield node.lineno, node.attr


@pytest.mark.any_database
def test_no_statement_leaves_anything_on_its_connection():
    found = [
        f"{name}:{line}: {what}"
        for name, tree in sources()
        if name not in ELSEWHERE
        for line, what in left_behind(tree)
    ]
    assert found == []


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("execute('SET lock_timeout = 3')", 1),
        ("execute('SET statement_timeout TO 3')", 1),
        ("execute('SELECT pg_advisory_lock(1)')", 1),
        ("execute('LISTEN events')", 1),
        ("rows.iterator()", 1),
        ("execute('SET LOCAL lock_timeout = 3')", 0),
        ("execute('SELECT pg_advisory_xact_lock(1)')", 0),
        ("execute('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')", 0),
    ],
)
def test_what_stays_on_a_connection_is_known(code, lines):
    assert len(list(left_behind(ast.parse(code)))) == lines


@pytest.mark.django_db
def test_a_list_is_read_in_pages_in_its_order(monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 2)
    for clock in ("09:00", "12:00", "08:00", "11:00", "10:00"):
        make.booking(clock=clock)
    latest_first = Booking.objects.order_by("-scheduled_time", "-id")
    with CaptureQueriesContext(connection) as captured:
        rows = in_pages(latest_first, "scheduled_time", "company__slug")
        first = next(rows)
        assert len(captured) == 2  # the ids, and the first page: the others wait
        rest = list(rows)
    assert len(captured) == 1 + 3
    hours = [f"{time.astimezone(make.ZONE):%H}" for time, _slug in (first, *rest)]
    assert hours == ["12", "11", "10", "09", "08"]
    assert {slug for _time, slug in rest} == {"geneva"}
    assert "DECLARE" not in str(captured.captured_queries)
