"""The log of trips that are long over goes where a company says so, and nothing else."""

from datetime import date, timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from bookings.intake import take_in
from bookings.models import Actor, Booking, Delivery, Door, Event, Status
from dispatch.day.travel_times import travel_times
from dispatch.invariants.bookings import faults_of_bookings
from dispatch.models import Assignment
from dispatch.reports.count import count_days
from dispatch.trips import decisions, progress
from dispatch.trips.assign import assign
from dispatch.trips.cancel import cancel
from dispatch.trips.clear_log import clear_log
from drivers.models import Company, Role
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.COMMAND, name="test")
OLD = date(2024, 6, 12)  # more than a year ago by every clock
BEFORE = make.at("18:00", OLD - timedelta(days=1))


class Killed(Exception):
    """The process ends here."""


def trips(company, day=OLD, now=BEFORE):
    """Write a trip that was driven after its first driver was released, and a canceled one."""
    drivers = [make.driver(company) for _ in range(2)]
    for driver in drivers:
        make.shift(driver, day=day)
    there = {"pickup_lat": make.HOME[0], "pickup_lon": make.HOME[1]}
    there |= {"dropoff_lat": make.HOSPITAL[0], "dropoff_lon": make.HOSPITAL[1]}
    client = make.client(company)
    rows = [
        {"scheduled_time": make.at(clock, day), "client": client.pk, **there}
        for clock in ("09:00", "12:00")
    ]
    driven, canceled = (one.booking_id for one in take_in(company, rows, actor=ACTOR, now=now))
    by = {"actor": ACTOR, "now": now}
    for pk in (driven, canceled):
        decisions.accept(company, pk, **by)
        assign(company, pk, drivers[0].pk, **by)
    decisions.release(company, driven, **by)
    assign(company, driven, drivers[1].pk, **by)
    cancel(company, canceled, reason="ill", **by)
    for status, clock in (("en_route", "08:50"), ("in_progress", "09:00"), ("completed", "09:20")):
        at = make.at(clock, day)
        progress.report_progress(company, driven, Status(status), at=at, actor=ACTOR, now=at)
    return driven, canceled


def events(company):
    return Event.objects.filter(company=company)


def figures(company):
    return count_days(company, [OLD], {}, travel_times(company)).rows


@pytest.fixture
def geneva():
    return make.company(keep_log_months=13)


def cleared(**options):
    return [tuple(one) for one in clear_log(now=timezone.now(), **options)]


def test_the_whole_log_of_old_trips_goes_and_what_counts_stays(geneva):
    lausanne = make.company("lausanne")  # keeps its log, as everybody does by default
    driven, canceled = trips(geneva)
    trips(lausanne)
    make.event(geneva, booking=None, kind="client.created", at=BEFORE)
    many, theirs = events(geneva).count(), events(lausanne).count()
    before = figures(geneva)
    # Of three assignments one was driven.
    assert cleared() == [(geneva, many, 2)]
    assert not events(geneva).exists()
    assert events(lausanne).count() == theirs
    assert Assignment.objects.get(company=geneva).booking_id == driven
    assert Booking.objects.get(pk=canceled).status == "canceled"
    assert list(faults_of_bookings(Booking.objects.all())) == []
    assert figures(geneva) == before
    assert cleared() == []


def test_a_trip_with_anything_newer_keeps_its_whole_log(geneva):
    driven, canceled = trips(geneva)
    make.event(geneva, booking=Booking.objects.get(pk=driven), kind="trip.late", at=timezone.now())
    kept = events(geneva).filter(booking=driven).count()
    cleared()
    assert events(geneva).count() == kept
    assert not events(geneva).filter(booking=canceled).exists()
    assert Assignment.objects.filter(booking=driven).count() == 2


def test_what_is_open_planned_or_still_to_be_sent_stays(geneva):
    _driven, canceled = trips(geneva)
    Booking.objects.filter(pk=canceled).update(scheduled_time=make.at("09:00", date(2099, 6, 17)))
    waiting = make.booking(geneva, day=OLD, status="pending")
    make.event(geneva, booking=waiting, kind="booking.created", at=BEFORE)
    told = make.event(geneva, booking=None, kind="client.created", at=BEFORE)
    Delivery.objects.create(
        webhook=make.webhook(geneva), event=told, due_at=BEFORE, created_at=BEFORE
    )
    cleared()
    assert set(events(geneva).values_list("booking", flat=True)) == {canceled, waiting.pk, None}


def test_what_has_to_stay_hides_nothing_behind_it(geneva, monkeypatch):
    monkeypatch.setattr("dispatch.trips.clear_log.PAGE", 1)
    waiting = make.booking(geneva, day=OLD, status="pending")
    make.event(geneva, booking=waiting, kind="booking.created", at=BEFORE - timedelta(days=1))
    trips(geneva)
    assert cleared(most=1) != []


@pytest.mark.parametrize("event_of_trip", [True, False])
def test_the_database_lets_no_young_event_go(geneva, event_of_trip):
    booking = make.booking(geneva) if event_of_trip else None
    young = timezone.now() - timedelta(days=364)
    event = make.event(geneva, booking=booking, kind="booking.created", at=young)
    with pytest.raises(IntegrityError), transaction.atomic():
        Event.objects.filter(pk=event.pk)._raw_delete("default")
    assert Event.objects.exists()


def test_it_is_bounded_and_goes_on_after_it_was_killed_anywhere(geneva, monkeypatch):
    for number in range(3):
        trips(geneva, OLD + timedelta(days=number), BEFORE + timedelta(days=number))
    monkeypatch.setattr("dispatch.trips.clear_log.PAGE", 4)
    before = events(geneva).count()
    assert sum(one[1] for one in cleared(most=1)) < before
    killed = 0
    while True:
        seen = 0

        def kill(execute, *args, at=killed):
            nonlocal seen
            seen += 1
            if seen == at + 1:  # and not again: the rollback needs its statement
                raise Killed
            return execute(*args)

        try:
            with connection.execute_wrapper(kill):
                cleared()
            break
        except Killed:
            killed += 1
        assert list(faults_of_bookings(Booking.objects.all())) == []
    assert killed > 10
    assert not events(geneva).exists()
    assert Assignment.objects.count() == 3


def test_the_daily_command_does_it(geneva, capsys):
    trips(geneva)
    call_command("clear_expired")
    assert f"{geneva}: " in capsys.readouterr().out
    assert not events(geneva).exists()


def test_a_company_keeps_at_least_thirteen_months_or_all(geneva):
    owner, page = caller(Role.OWNER, geneva), f"{API}companies/{geneva.pk}/"
    for months, status in ((0, 200), (13, 200), (240, 200), (1, 400), (12, 400), (241, 400)):
        assert owner.patch(page, {"keep_log_months": months}).status_code == status
    assert caller(Role.DISPATCHER, geneva).patch(page, {"keep_log_months": 0}).status_code == 403
    with pytest.raises(IntegrityError), transaction.atomic():
        Company.objects.filter(pk=geneva.pk).update(keep_log_months=12)


@pytest.mark.parametrize("many", [1, 5])
def test_statements_grow_with_pages_and_not_with_trips(geneva, many, django_assert_max_num_queries):
    for number in range(many):
        trips(geneva, OLD + timedelta(days=number), BEFORE + timedelta(days=number))
    with django_assert_max_num_queries(18):
        cleared()
