"""Every door sends a fixed number of statements, whatever the size of the company.

A new URL or command fails here until it has a budget: `manage.py check_budgets --update`.
"""

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from bookings.models import Booking
from perf.project.doors.budgets import (
    allowed,
    count,
    full_scans,
    judge,
    measure,
    measure_all,
    read_budgets,
    scanning,
    write_budgets,
)
from perf.project.doors.discover import BudgetDoor, all_doors
from perf.project.doors.sample_company import DAY, World, make_world
from perf.project.doors.writes import ASKED
from perf.recording.record import record_queries
from tests.support import builders as make

NONE = {"urls": {}, "commands": {}, "not_measured": {}, "scans": {}, "findings": {}}


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


@pytest.mark.django_db
@pytest.mark.slow
def test_every_door_is_within_its_budget_at_two_sizes():
    budgets = read_budgets()
    verdicts = [judge(measured, budgets) for measured in measure_all()]
    assert len(verdicts) > 50
    failed = [str(verdict) for verdict in verdicts if verdict.problems]
    assert not failed, "\n" + "\n".join(failed)


@pytest.mark.django_db
@pytest.mark.slow
def test_no_door_reads_bookings_assignments_or_events_from_end_to_end():
    assert scanning(read_budgets(), more=filtered_lists) == {}


def filtered_lists(world):
    """Return the lists of the API by every filter that is more than one column."""
    one = world.assigned()[0]
    since = "2026-06-16T16:00:00Z"
    for query in (
        f"bookings/?updated_since={since}",
        f"bookings/?updated_since={since}&ordering=updated_at",
        f"bookings/?ids={one.booking_id},{one.booking_id + 1}",
        f"bookings/?driver={one.driver_id}",
        "bookings/?status=assigned,accepted",
        f"bookings/?day={DAY}",
        "events/?kind=booking.created,booking.status",
        f"events/?since={since}",
    ):
        yield BudgetDoor("urls", query, lambda world, query=query: ask(world, query))


def ask(world, query):
    response = Client(SERVER_NAME="localhost").get(
        f"/api/v1/{query}",
        secure=settings.SECURE_SSL_REDIRECT,
        headers={"Authorization": f"Bearer {world.keys['owner']}"},
    )
    assert response.status_code == 200, response.content
    assert response.json()["results"], query


def reading(queryset):
    return BudgetDoor("commands", "a door", lambda world: list(queryset(world)))


def test_a_scan_of_bookings_is_found(worlds):
    door = reading(lambda world: Booking.objects.filter(notes="x"))
    [line] = full_scans(measure(door, worlds), NONE)
    assert line.startswith("bookings_booking at tests/perf/project/doors/test_budgets.py:")
    assert full_scans(measure(door, worlds), NONE | {"scans": {"a door": "why not"}}) == []


def test_growth_is_found_and_names_its_line(worlds):
    def call(world):
        for booking in Booking.objects.filter(company=world.company).order_by("id"):
            assert booking.client.name

    measured = measure(BudgetDoor("commands", "a door", call), worlds)
    assert measured.counts == (1 + 3, 1 + 6)
    first, *_more = judge(measured, NONE | {"commands": {"a door": 1000}}).problems
    assert "3 → 6 × tests/perf/project/doors/test_budgets.py:" in first
    assert "select_related(“client”)" in first


def test_a_fault_fails_whatever_the_budget_and_is_never_written_into_it(worlds, tmp_path):
    def call(world):
        for _number in range(3):  # the same at any size
            list(Booking.objects.filter(company=world.company))

    measured = measure(BudgetDoor("commands", "a door", call), worlds)
    assert measured.growth() == []
    [problem] = judge(measured, NONE | {"commands": {"a door": 1000}}).problems
    assert "asked 3 times" in problem
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
    assert "1 more than its budget" in problem
    assert "tests/perf/project/doors/test_budgets.py:" in problem


def test_a_door_without_a_budget_fails(worlds):
    door = reading(lambda world: [])
    assert "has no budget" in judge(measure(door, worlds), NONE).problems[0]


def test_a_door_that_cannot_be_measured_needs_a_reason(worlds):
    door = BudgetDoor("commands", "a door", lambda world: 1 / 0)
    measured = measure(door, worlds)
    assert "ZeroDivisionError" in judge(measured, NONE).problems[0]
    verdict = judge(measured, NONE | {"not_measured": {"a door": "divides"}})
    assert (verdict.problems, verdict.reason) == ((), "divides")


@pytest.mark.django_db
def test_what_the_api_takes_is_told_for_each_address_of_today(monkeypatch):
    doors = {door.name: door for door in all_doors()}
    assert {name for name in ASKED if not name.startswith("GET ")} <= doors.keys()
    monkeypatch.delitem(ASKED, "POST api/v1/quotes/")
    measured = measure(doors["POST api/v1/quotes/"], [make_world("small")])
    assert "does not know what to send" in judge(measured, NONE).problems[0]


def test_measuring_leaves_nothing(worlds):
    before = Booking.objects.count()
    measure(BudgetDoor("commands", "a door", lambda w: make.booking(w.company)), worlds)
    assert Booking.objects.count() == before


@pytest.mark.django_db
def test_chunks_of_one_insert_count_as_one():
    from bookings.models import Client

    company = make.company()
    with record_queries() as q:
        Client.objects.bulk_create([Client(company=company, name=str(i)) for i in range(500)])
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
    measured = measure(BudgetDoor("commands", "a door", in_a_loop), worlds)
    refused = write_budgets([measured], file, accept=asked_for)
    assert refused == ["a door"] * (not answer)
    assert asked_for.lines.startswith("3 → 7 statements\n    grows with the rows: 3 → 6 × ")
    assert "select_related(“client”)" in asked_for.lines
    budgets = read_budgets(file)
    assert allowed(budgets, measured.door) == number
    assert judge(measured, budgets).problems  # accepted or not, it is a loop


def test_updating_takes_no_new_door_with_a_loop_and_less_unasked(worlds, tmp_path):
    file = tmp_path / "budgets.toml"
    file.write_text('[commands]\n"a quick door" = 5\n', encoding="utf-8")
    doors = [
        BudgetDoor("commands", "a new door", in_a_loop),
        BudgetDoor("commands", "a quick door", lambda world: Booking.objects.count()),
    ]
    refused = write_budgets([measure(door, worlds) for door in doors], file)
    assert refused == ["a new door"]
    assert [allowed(read_budgets(file), door) for door in doors] == [None, 1]


def test_a_loop_of_a_fixed_length_fails_without_a_reason(worlds):
    def call(world):
        for number in range(3):
            list(Booking.objects.filter(reference=str(number)))

    measured = measure(BudgetDoor("commands", "a door", call), worlds)
    budgets = NONE | {"commands": {"a door": 3}}
    [problem] = judge(measured, budgets).problems
    assert "a loop sends 3 statements" in problem
    assert judge(measured, budgets | {"findings": {"a door": "three kinds"}}).problems == ()


def test_a_scan_fails_the_door(worlds):
    measured = measure(reading(lambda world: Booking.objects.all()), worlds)
    budgets = NONE | {"commands": {"a door": 1}}
    assert judge(measured, budgets, ["bookings_booking at x"]).problems == (
        "reads from end to end: bookings_booking at x",
    )


@pytest.mark.django_db
@pytest.mark.slow
def test_what_forgets_to_ask_for_the_company_grows_too():
    def call(world):
        for booking in Booking.objects.order_by("id"):
            assert booking.company.slug

    [measured] = measure_all([BudgetDoor("commands", "a door", call)])
    small, large = measured.counts
    assert large > 2 * small
    assert "grows with the rows" in judge(measured, NONE).problems[0]


def test_updating_keeps_reasons_and_the_other_databases_numbers(worlds, tmp_path):
    file = tmp_path / "budgets.toml"
    file.write_text('[commands]\n"a door" = 7\n[not_measured]\n"b" = "why"\n', encoding="utf-8")
    door = reading(lambda world: Booking.objects.filter(company=world.company))
    write_budgets([measure(door, worlds)], file)
    budgets = read_budgets(file)
    other = {"sqlite": "postgresql", "postgresql": "sqlite"}[connection.vendor]
    assert budgets["commands"]["a door"] == {connection.vendor: 1, other: 7}
    assert budgets["not_measured"] == {"b": "why"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_the_command_measures_on_a_database_of_its_own(capsys, monkeypatch):
    some = [d for d in all_doors() if d.name in ("dispatch_day", "admin/bookings/booking/")]
    assert len(some) == 2  # all of them are measured above
    monkeypatch.setattr("perf.project.doors.budgets.all_doors", lambda: some)
    make.company()
    call_command("check_budgets")
    shown = capsys.readouterr().out
    some.append(reading(lambda world: Booking.objects.filter(notes="x")))
    with pytest.raises(CommandError, match="1 doors fail"):
        call_command("check_budgets")
    assert "reads from end to end: bookings_booking at tests/" in capsys.readouterr().out
    assert "command dispatch_day" in shown
    assert "url admin/bookings/booking/" in shown
    assert [c.slug for c in make.Company.objects.all()] == ["geneva"]
