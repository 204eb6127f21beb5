"""With the rows of years the plans are looked at, and lists that are asked for only there."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from bookings.models import Booking, Client
from drivers.models import Company
from perf.doors.door import Door, Doors
from perf.doors.grown import judge_grown, plan_notes
from perf.doors.measure import measure
from perf.measuring.scratch import scratch_database
from tests.perf.doors.test_budgets import NONE
from tests.support import builders as make

GUARDED = frozenset({"bookings_booking"})


def make_grown(rows):
    company = make.company()
    client = make.client(company)
    Booking.objects.bulk_create(
        Booking(
            company=company, client=client, reference=f"R{number}", pickup_lat=46, pickup_lon=6,
            dropoff_lat=46, dropoff_lon=6, scheduled_time=make.NOW, created_at=make.NOW,
            updated_at=make.NOW,
        )
        for number in range(rows)
    )  # fmt: skip
    return company


def of_notes(company):
    list(Booking.objects.filter(company=company, notes="x"))


def of_a_day(company):
    list(Booking.objects.filter(company=company, scheduled_time__lt="2000-01-01T00:00Z"))


def counted_to_fifty(company):
    assert Booking.objects.filter(company=company)[:50].count() == 50


DOORS = Doors(
    make=make_grown,
    make_grown=make_grown,
    guarded=GUARDED,
    find=lambda: [
        Door("urls", "notes", of_notes),
        Door("urls", "day", of_a_day),
        Door("urls", "counted", counted_to_fifty),
    ],
    find_grown=lambda company: [Door("urls", "searched", lambda _company: of_notes(company))],
)


@pytest.fixture(scope="module")
def verdicts(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), scratch_database():
        found = {}
        for name, budgets in (
            ("without reasons", NONE),
            ("with", NONE | {"findings": {"searched": "why"}, "scans": {"notes": "why"}}),
        ):
            Booking.objects.all().delete()
            Client.objects.all().delete()
            Company.objects.all().delete()
            found[name] = list(judge_grown(DOORS, DOORS.find(), budgets, 2_000))
        return found


def test_rows_that_are_read_for_nothing_are_found_at_their_line(verdicts):
    problems = {one.door.name: list(one.problems) for one in verdicts["without reasons"]}
    assert list(problems) == ["notes", "day", "counted", "searched"]
    assert problems["day"] == problems["counted"] == []
    for name in ("notes", "searched"):
        notes = [note for note in problems[name] if note.file == "tests/perf/doors/test_grown.py"]
        assert notes, name
        if connection.vendor == "postgresql":  # SQLite does not tell what it throws away
            assert "throws away 2000 rows of bookings_booking for 0" in notes[0].what


def test_a_reason_is_enough(verdicts):
    assert [one.door.name for one in verdicts["with"] if one.problems] == []


def test_the_time_is_told_and_no_number_is_held(verdicts):
    first = verdicts["without reasons"][1]
    assert (first.counts, first.budget) == ((1,), None)
    assert f"{first.ms:.1f} ms" in str(first)
    assert first.as_dict()["ms"] == round(first.ms, 3)


@pytest.mark.django_db
def test_few_rows_thrown_away_are_nothing():
    company = make_grown(200)
    measured = measure(Door("urls", "notes", of_notes), [company])
    assert plan_notes(measured, frozenset(), 30_000) == []
    if connection.vendor == "postgresql":
        [note] = plan_notes(measured, frozenset(), 20_000)
        assert "throws away 200 rows" in note.what


def test_the_command_fails_for_what_is_found(monkeypatch, db, django_db_blocker):
    monkeypatch.setattr("perf.management.commands.check_budgets.project_doors", lambda: DOORS)
    monkeypatch.setattr("perf.management.commands.check_budgets.read_budgets", lambda file: NONE)
    out = StringIO()
    with pytest.raises(CommandError, match="Doors that fail: 2"):
        call_command("check_budgets", "--rows", "2000", stdout=out, stderr=StringIO())
    assert "searched" in out.getvalue()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rows", "0"], "between 1 and 20000000"),
        (["--rows", "5", "--update"], "--update writes numbers"),
    ],
)
def test_what_makes_no_sense_with_rows_is_refused(options, said, monkeypatch):
    with pytest.raises(CommandError, match=said):
        call_command("check_budgets", *options)


def test_rows_need_somebody_who_makes_them(monkeypatch):
    monkeypatch.setattr("perf.management.commands.check_budgets.project_doors", Doors)
    with pytest.raises(CommandError, match=r"needs a perf.doors.door.Doors with make_grown"):
        call_command("check_budgets", "--rows", "5")
    with pytest.raises(ValueError, match=r"need make_grown\(rows\)"):
        Doors(find_grown=print)
