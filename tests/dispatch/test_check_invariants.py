"""`check_invariants` finds what contradicts itself, and reads in pages as of one moment."""

import io
import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bookings.events import booking_created
from bookings.models import Actor, Booking, Door, Event
from dispatch.invariants import bookings as pages
from dispatch.invariants import tables
from dispatch.invariants.find import find_broken
from dispatch.models import DispatchRun
from drivers.db.snapshot import snapshot
from drivers.models import Company
from tests.support import builders as make

ACTOR = Actor(Door.COMMAND, name="test")


def booked(company, clock="09:00"):
    booking = make.booking(company, clock)
    Event.objects.bulk_create([booking_created(booking, actor=ACTOR, now=make.NOW)])
    return booking


def check(**options):
    told = io.StringIO()
    try:
        return call_command("check_invariants", stdout=io.StringIO(), stderr=told, **options)
    except CommandError as error:
        return f"{told.getvalue()}{error}"


@pytest.mark.django_db
def test_the_command_names_what_is_broken_with_examples():
    company = make.driver().company
    booking = booked(company)
    assert check() == "All that must hold holds."
    Booking.objects.update(version=7)
    expected = f"a booking's version counts its changes: 1: ({booking.id}, 7, 1)\n1 rule is broken."
    assert check() == check(company=company.slug) == expected
    assert check(company=make.company(slug="other").slug) == "All that must hold holds."


@pytest.mark.django_db
def test_only_the_days_asked_for_are_checked():
    booked(make.driver().company)
    Booking.objects.update(version=7, scheduled_time=timezone.now() - timedelta(days=3))
    assert check(days=2) == "All that must hold holds."
    assert "version" in check(days=4)
    assert "0 to 36500" in check(days=-1)


@pytest.mark.django_db
def test_a_run_that_nobody_tends_is_found_and_a_living_one_is_not():
    run = make.run(make.driver().company)
    at = timezone.now()
    DispatchRun.objects.update(status="running", finished_at=None, claim_ends_at=at)
    assert find_broken() == {}
    assert set(find_broken(at_rest=True)) == {tables.AT_REST}
    dead_since = at - tables.TENDED_WITHIN - timedelta(seconds=1)
    DispatchRun.objects.update(claim_ends_at=dead_since)
    assert find_broken() == {tables.LIVES: [(run.id, "running", dead_since)]}


@pytest.mark.django_db
def test_statements_grow_with_pages_and_not_with_rows(monkeypatch):
    company = make.driver().company
    counts = []
    for size in (1, 3):
        for _booking in range(size):
            booked(company)
        with CaptureQueriesContext(connection) as captured:
            find_broken()
        counts.append(len(captured))
    assert counts == [18, 18]  # 4 of the one page and the end behind it, 14 of the tables
    monkeypatch.setattr(pages, "PAGE", 2)
    with CaptureQueriesContext(connection) as captured:
        find_broken()
    assert len(captured) == 18 + 3


@pytest.mark.django_db(transaction=True)
def test_what_is_written_meanwhile_is_not_seen():
    company = make.company()

    def write():
        Company.objects.create(slug="meanwhile", timezone="UTC", depot_lat=46.2, depot_lon=6.1)
        connection.close()

    with snapshot():
        before = Company.objects.count()
        writer = threading.Thread(target=write)
        writer.start()
        writer.join()  # it does not wait for the reader
        assert Company.objects.count() == before
    assert Company.objects.count() == before + 1
    assert company.pk


@pytest.mark.sqlite_only
@pytest.mark.django_db
def test_what_the_database_lets_through_without_its_guards_is_found():
    first = make.shift(make.driver(), "08:00", "12:00")
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER shift_no_overlap_update")
        cursor.execute("DROP TRIGGER shift_no_overlap_insert")
        cursor.execute("DROP TRIGGER IF EXISTS shift_vehicle_no_overlap_insert")
    assert find_broken() == {}
    second = make.shift(first.driver, "11:00", "13:00")
    make.shift(first.driver, "13:00", "14:00")  # it begins when the other ends
    assert find_broken()[tables.ONE_SHIFT] == [(first.driver_id, second.id, make.at("11:00"))]


@pytest.mark.sqlite_only
@pytest.mark.django_db
def test_trips_of_one_driver_that_overlap_are_found_unless_they_are_one_stretch():
    driver = make.driver()
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER assignment_no_double_booking_insert")
    for clock, stretch in (("09:00", 5), ("09:10", 5), ("09:25", None), ("09:30", None)):
        booking = make.booking(driver.company, clock, reference=clock)
        make.assignment(booking, driver, minutes=20, stretch=stretch)
    found = find_broken()[tables.ONE_TRIP]
    clocks = {driver.company.clock(start) for _driver, _row, start in found}
    assert clocks == {"09:10", "09:25"}  # each has another stretch beginning in it
