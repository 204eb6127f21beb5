"""Every door sends a fixed number of statements, whatever the size of the company.

A new URL or command fails here until it has a budget: `manage.py check_budgets --update`.
"""

import dataclasses
from unittest import mock

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client

from bookings.models import Booking
from perf.doors.budget_file import budgets_path, read_budgets
from perf.doors.door import Door
from perf.doors.judge import judge, scanning
from perf.doors.measure import measure, measure_all
from perf.project.doors.discover import DOORS, all_doors
from perf.project.doors.sample_company import DAY, NOW, make_world
from perf.project.doors.writes import ASKED
from tests.support import builders as make


def budgets():
    return read_budgets(budgets_path())


@pytest.mark.django_db
@pytest.mark.slow
def test_every_door_is_within_its_budget_at_two_sizes():
    written = budgets()
    verdicts = [judge(measured, written) for measured in measure_all(all_doors(), DOORS)]
    assert len(verdicts) > 50
    failed = [str(verdict) for verdict in verdicts if verdict.problems]
    assert not failed, "\n" + "\n".join(failed)


@pytest.mark.django_db
@pytest.mark.slow
def test_no_door_reads_bookings_assignments_or_events_from_end_to_end():
    found = scanning(budgets(), all_doors(), DOORS, more=filtered_lists)
    lines = [f"{name}: {note.what}" for name, notes in found.items() for note in notes]
    assert not lines, "\n".join(lines)


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
        yield Door("urls", query, lambda world, query=query: ask(world, query))


def ask(world, query):
    # The keys of the invented company end some weeks after its day.
    with mock.patch("django.utils.timezone.now", return_value=NOW):
        response = Client(SERVER_NAME="localhost").get(
            f"/api/v1/{query}",
            secure=settings.SECURE_SSL_REDIRECT,
            headers={"Authorization": f"Bearer {world.keys['owner']}"},
        )
    assert response.status_code == 200, response.content
    assert response.json()["results"], query


@pytest.mark.django_db
def test_what_the_api_takes_is_told_for_each_address_of_today(monkeypatch):
    doors = {door.name: door for door in all_doors()}
    assert {name for name in ASKED if not name.startswith("GET ")} <= doors.keys()
    monkeypatch.delitem(ASKED, "POST api/v1/quotes/")
    measured = measure(doors["POST api/v1/quotes/"], [make_world("small")])
    assert "does not know what to send" in judge(measured, budgets()).problems[0].what


@pytest.mark.django_db
@pytest.mark.slow
def test_what_forgets_to_ask_for_the_company_grows_too():
    def call(world):
        for booking in Booking.objects.order_by("id"):
            assert booking.company.slug

    [measured] = measure_all([Door("commands", "a door", call)], DOORS)
    small, large = measured.counts
    assert large > 2 * small
    assert "grows with the rows" in judge(measured, budgets()).problems[0].what


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_the_command_measures_on_a_database_of_its_own(capsys, monkeypatch):
    some = [d for d in all_doors() if d.name in ("dispatch_day", "admin/bookings/booking/")]
    assert len(some) == 2  # all of them are measured above
    own = dataclasses.replace(DOORS, find=lambda: some)
    monkeypatch.setattr("perf.project.doors.discover.DOORS", own)
    make.company()
    call_command("check_budgets")
    shown = capsys.readouterr().out
    some.append(Door("commands", "a door", lambda world: list(Booking.objects.filter(notes="x"))))
    with pytest.raises(CommandError, match="Doors that fail: 1"):
        call_command("check_budgets")
    assert "reads from end to end: bookings_booking at tests/" in capsys.readouterr().out
    assert "command dispatch_day" in shown
    assert "url admin/bookings/booking/" in shown
    assert [c.slug for c in make.Company.objects.all()] == ["geneva"]
