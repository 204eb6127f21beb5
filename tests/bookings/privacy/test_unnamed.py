"""What old trips without a client say of people goes, and the trips stay."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.events import booking_created
from bookings.models import Actor, Booking, Door, Event, Pause, Series
from bookings.models.seals import ERASED
from bookings.privacy import unnamed
from bookings.privacy.retention import Forgotten, forget_expired
from dispatch.invariants.find import find_broken
from dispatch.models import DispatchRun
from tests.support import builders as make
from tests.support.full_search import tables_with

pytestmark = pytest.mark.django_db
NOW = make.at("12:00", make.DAY + timedelta(days=400))
NAME, ADDRESS, REFERENCE, PHONE = "Zoé Quelqu’une", "Chemin Caché 77", "ZQ-4711", "079 555 11 22"
SINCE = NOW - timedelta(days=365)


def had(company, *, days_ago=370, **fields):
    day = NOW.date() - timedelta(days=days_ago)
    said = {"notes": f"{NAME}, {PHONE}", "pickup_address": ADDRESS, "pickup_lat": 46.23456}
    return make.booking(company, day=day, **said | {"status": "completed"} | fields)


def told(booking):
    actor = Actor(Door.COMMAND, name="test")
    Event.objects.bulk_create([booking_created(booking, actor=actor, now=make.NOW)])


def says_nothing(booking):
    booking.refresh_from_db()
    return (booking.notes, booking.reference, booking.pickup_lat) == ("", "", 46.23)


def test_nothing_says_who_it_was_and_the_trip_stays():
    company = make.company(forget_after_months=12)
    trip = had(company, reference=REFERENCE, status="canceled", cancel_reason=f"client_ill: {NAME}")
    told(trip)
    make.run(company, day=trip.scheduled_time.date(), unassigned=[{"says": f"{REFERENCE} waits"}])
    needles = (NAME, ADDRESS, REFERENCE, PHONE, "46.23456", "quelqu", "Quelqu")
    assert tables_with(*needles)
    assert list(forget_expired(now=NOW)) == [Forgotten(company, 0, 1)]
    assert tables_with(*needles) == {}
    stripped = Booking.objects.get()
    assert (stripped.scheduled_time, stripped.status) == (trip.scheduled_time, "canceled")
    assert (stripped.cancel_reason, stripped.version) == ("client_ill", trip.version + 1)
    assert Event.objects.get().new["notes"] == ERASED
    assert DispatchRun.objects.get().unassigned == [{"says": f"{ERASED} waits"}]
    assert find_broken() == {}
    assert list(forget_expired(now=NOW)) == []
    assert Booking.objects.get().version == stripped.version


def test_what_is_younger_open_of_a_client_or_of_others_stays():
    company = make.company(forget_after_months=12)
    kept = [
        had(company, days_ago=360),
        had(company, status="accepted"),
        had(company, client=make.client(company)),
        had(make.company("keeps")),
    ]
    make.booking(company, day=NOW.date(), client=kept[2].client, status="completed")
    old = had(company)
    assert [done.trips for done in forget_expired(now=NOW)] == [1]
    assert says_nothing(old)
    assert not any(map(says_nothing, kept))


def test_positions_alone_are_rounded_once():
    company = make.company(forget_after_months=12)
    nothing = {"notes": "", "pickup_address": "", "dropoff_address": "", "reference": ""}
    had(company, **nothing)
    had(company, **nothing, pickup_lat=46.23, pickup_lon=6.1, dropoff_lat=46.2, dropoff_lon=6.15)
    counts = [unnamed.strip_unnamed(company, since=SINCE, now=NOW) for _time in range(2)]
    assert counts == [1, 0]


def test_statements_are_as_many_for_one_trip_as_for_many(monkeypatch):
    company = make.company(forget_after_months=12)
    counts = []
    for size in (1, 5):
        for _number in range(size):
            told(had(company))
        with CaptureQueriesContext(connection) as captured:
            assert unnamed.strip_unnamed(company, since=SINCE, now=NOW) == size
        counts.append(len(captured))
    assert counts[0] == counts[1]
    monkeypatch.setattr(unnamed, "CHUNK", 2)
    for _number in range(5):
        had(company)
    assert unnamed.strip_unnamed(company, since=SINCE, now=NOW, most=3) == 4  # whole chunks
    assert unnamed.strip_unnamed(company, since=SINCE, now=NOW) == 1


def test_trips_without_a_reference_leave_reports_of_runs_alone():
    company = make.company(forget_after_months=12)
    trip = had(company, reference="")
    make.run(company, day=trip.scheduled_time.date(), unassigned=[{"says": "B-7 waits"}])
    assert unnamed.strip_unnamed(company, since=SINCE, now=NOW) == 1
    assert DispatchRun.objects.get().unassigned == [{"says": "B-7 waits"}]


def test_standing_orders_that_have_ended_say_nothing_any_more():
    company = make.company()
    said = {"notes": NAME, "pickup_address": ADDRESS, "pickup_lat": 46.23456}
    ended = make.series(company, last_day=SINCE.date() - timedelta(days=1), **said)
    goes_on = make.series(company, last_day=SINCE.date(), **said)
    Series.objects.update(client=None)
    Pause.objects.create(company=company, series=ended, first_day=make.DAY, note=NAME)
    for _time in range(2):
        assert unnamed.strip_unnamed(company, since=SINCE, now=NOW) == 0
    before = ended.version
    ended.refresh_from_db()
    goes_on.refresh_from_db()
    assert (ended.notes, ended.pickup_address, ended.pickup_lat) == ("", "", 46.23)
    assert ended.version == before + 1
    assert goes_on.notes == NAME
    assert Pause.objects.get().note == ""
