"""A door is held to its number of statements, and fails for what no number makes right."""

import pytest
from django.db import connection

from bookings.models import Booking
from perf.doors.budget_file import allowed, read_budgets, write_budgets
from perf.doors.door import Door
from perf.doors.judge import full_scans, judge
from perf.doors.measure import count, measure
from perf.project.doors.discover import GUARDED
from perf.project.doors.sample_company import World
from perf.recording.notes import Note
from perf.recording.record import record_queries
from tests.support import builders as make

NONE = {"urls": {}, "commands": {}, "calls": {}, "not_measured": {}, "scans": {}, "findings": {}}


@pytest.fixture
def worlds(db):
    """Two small companies, for doors of the tests' own."""
    worlds = []
    for slug, bookings in (("small", 3), ("large", 6)):
        company = make.company(slug)
        for _i in range(bookings):
            make.booking(company, client=make.client(company))
        worlds.append(World(company, user=None, client=None, run=None))
    return worlds


def reading(queryset):
    return Door("commands", "a door", lambda world: list(queryset(world)))


def test_a_scan_of_bookings_is_found(worlds):
    door = reading(lambda world: Booking.objects.filter(notes="x"))
    [note] = full_scans(measure(door, worlds), NONE, GUARDED)
    place = f"tests/perf/doors/test_budgets.py:{note.line}"
    assert note.what.startswith(f"reads from end to end: bookings_booking at {place} ")
    assert note.file == "tests/perf/doors/test_budgets.py"
    reasons = NONE | {"scans": {"a door": "why not"}}
    assert full_scans(measure(door, worlds), reasons, GUARDED) == []


def test_growth_is_found_and_names_its_line(worlds):
    def call(world):
        for booking in Booking.objects.filter(company=world.company).order_by("id"):
            assert booking.client.name

    measured = measure(Door("commands", "a door", call), worlds)
    assert measured.counts == (1 + 3, 1 + 6)
    first, *_more = map(str, judge(measured, NONE | {"commands": {"a door": 1000}}).problems)
    assert "3 → 6 × tests/perf/doors/test_budgets.py:" in first
    assert "select_related(“client”)" in first


def test_a_fault_fails_whatever_the_budget_and_is_never_written_into_it(worlds, tmp_path):
    def call(world):
        for _number in range(3):  # the same at any size
            list(Booking.objects.filter(company=world.company))

    measured = measure(Door("commands", "a door", call), worlds)
    assert measured.growth() == []
    [problem] = judge(measured, NONE | {"commands": {"a door": 1000}}).problems
    assert "asked 3 times" in str(problem)
    file = tmp_path / "budgets.toml"
    write_budgets([measured], file)
    assert read_budgets(file)["commands"] == {}
    file.write_text('[commands]\n"a door" = {postgresql = 2, sqlite = 1}\n', encoding="utf-8")
    write_budgets([measured], file)
    assert read_budgets(file)["commands"]["a door"] == {"postgresql": 2, "sqlite": 1}


def test_a_statement_too_many_lists_them(worlds):
    door = reading(lambda world: Booking.objects.filter(company=world.company))
    measured = measure(door, worlds)
    assert judge(measured, NONE | {"commands": {"a door": 1}}).problems == ()
    [problem] = judge(measured, NONE | {"commands": {"a door": 0}}).problems
    assert "1 more than its budget" in str(problem)
    assert "tests/perf/doors/test_budgets.py:" in str(problem)


def test_a_door_without_a_budget_fails(worlds):
    door = reading(lambda world: [])
    assert "has no budget" in judge(measure(door, worlds), NONE).problems[0].what


def test_a_door_that_cannot_be_measured_needs_a_reason(worlds):
    door = Door("commands", "a door", lambda world: 1 / 0)
    measured = measure(door, worlds)
    assert "ZeroDivisionError" in judge(measured, NONE).problems[0].what
    verdict = judge(measured, NONE | {"not_measured": {"a door": "divides"}})
    assert (verdict.problems, verdict.reason) == ((), "divides")


def test_measuring_leaves_nothing(worlds):
    before = Booking.objects.count()
    measure(Door("commands", "a door", lambda w: make.booking(w.company)), worlds)
    assert Booking.objects.count() == before


@pytest.mark.django_db
def test_chunks_of_one_insert_count_as_one():
    from bookings.models import Client

    owner = {"company": (company := make.company()), "customer": company.default_customer}
    with record_queries() as q:
        Client.objects.bulk_create([Client(**owner, name=str(i)) for i in range(500)])
    assert count(q) == 1
    with record_queries() as q:
        for i in range(3):
            Client.objects.create(company=company, name=f"one {i}")
    assert count(q) == 3


def in_a_loop(world):
    for booking in Booking.objects.filter(company=world.company).order_by("id"):
        assert booking.client.name


def asked_for(item, why):
    asked_for.lines = why
    return asked_for.answer


@pytest.mark.parametrize(("answer", "number"), [(False, 3), (True, 7)])
def test_updating_asks_before_it_takes_more(worlds, tmp_path, answer, number):
    file = tmp_path / "budgets.toml"
    file.write_text('[commands]\n"a door" = 3\n', encoding="utf-8")
    asked_for.answer = answer
    measured = measure(Door("commands", "a door", in_a_loop), worlds)
    refused = write_budgets([measured], file, accept=asked_for)
    assert refused == ["a door"] * (not answer)
    assert asked_for.lines.startswith("3 → 7 statements\n    grows with the rows: 3 → 6 × ")
    assert "select_related(“client”)" in asked_for.lines
    budgets = read_budgets(file)
    assert allowed(budgets, measured.door) == number
    assert judge(measured, budgets).problems  # accepted or not, it is a loop


def test_updating_keeps_the_number_of_a_door_that_cannot_be_measured_now(worlds, tmp_path):
    file = tmp_path / "budgets.toml"
    file.write_text('[commands]\n"a door" = 3\n', encoding="utf-8")
    door = Door("commands", "a door", lambda world: 1 / 0)
    write_budgets([measure(door, worlds)], file)
    assert allowed(read_budgets(file), door) == 3


def test_updating_takes_no_new_door_with_a_loop_and_less_unasked(worlds, tmp_path):
    file = tmp_path / "budgets.toml"
    file.write_text('[commands]\n"a quick door" = 5\n', encoding="utf-8")
    doors = [
        Door("commands", "a new door", in_a_loop),
        Door("commands", "a quick door", lambda world: Booking.objects.count()),
    ]
    refused = write_budgets([measure(door, worlds) for door in doors], file)
    assert refused == ["a new door"]
    assert [allowed(read_budgets(file), door) for door in doors] == [None, 1]


def test_a_loop_of_a_fixed_length_fails_without_a_reason(worlds):
    def call(world):
        for number in range(3):
            list(Booking.objects.filter(reference=str(number)))

    measured = measure(Door("commands", "a door", call), worlds)
    budgets = NONE | {"commands": {"a door": 3}}
    [problem] = judge(measured, budgets).problems
    assert "a loop sends 3 statements" in str(problem)
    assert judge(measured, budgets | {"findings": {"a door": "three kinds"}}).problems == ()


def test_a_scan_fails_the_door(worlds):
    measured = measure(reading(lambda world: Booking.objects.all()), worlds)
    budgets = NONE | {"commands": {"a door": 1}}
    note = Note(what="reads from end to end: bookings_booking at x", kind="scan")
    assert judge(measured, budgets, [note]).problems == (note,)


def test_updating_keeps_reasons_and_the_other_databases_numbers(worlds, tmp_path):
    file = tmp_path / "budgets.toml"
    file.write_text('[commands]\n"a door" = 7\n[not_measured]\n"b" = "why"\n', encoding="utf-8")
    door = reading(lambda world: Booking.objects.filter(company=world.company))
    write_budgets([measure(door, worlds)], file)
    budgets = read_budgets(file)
    other = {"sqlite": "postgresql", "postgresql": "sqlite"}[connection.vendor]
    assert budgets["commands"]["a door"] == {connection.vendor: 1, other: 7}
    assert budgets["not_measured"] == {"b": "why"}
