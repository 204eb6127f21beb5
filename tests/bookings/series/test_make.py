"""Booking the dates of standing orders ahead: each once, with its way back, in few statements."""

from datetime import date, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from bookings.models import Actor, Booking, Door, DriverPreference, Event, Pause, Series, Status
from bookings.series.make import make_ahead
from dispatch.day.keeping import BY_HAND
from dispatch.day.load import load_problem
from dispatch.models import Assignment
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.trips.problems import whole_trip_of
from tests.support import builders as make
from tests.support.together import together

ACTOR = Actor(Door.COMMAND, name="make_series")
pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def ahead(company, now=make.NOW, days_ahead=13):
    return make_ahead(company, actor=ACTOR, now=now, days_ahead=days_ahead).bookings


def test_booked_are_the_dates_within_the_horizon_with_their_ways_back():
    series = make.series(weekdays=[0, 2, 4], appointment_time="08:40", return_time="12:30")
    assert ahead(series.company) == 12  # Wed, Fri, Mon, Wed, Fri, Mon: there and back
    there, back = Booking.objects.filter(series_day=make.DAY).order_by("id")
    assert there.scheduled_time == make.at("08:00")
    assert there.appointment_at == make.at("08:40")
    assert (there.series, there.series_leg, there.status) == (series, 0, Status.ACCEPTED)
    assert (there.client, there.needs, there.notes) == (series.client, ["oxygen"], "2nd floor")
    assert (back.return_of, back.series_leg, back.scheduled_time) == (there, 1, make.at("12:30"))
    assert (back.pickup_lat, back.pickup_address) == (there.dropoff_lat, there.dropoff_address)
    assert (back.dropoff_lon, back.appointment_at) == (there.pickup_lon, None)
    there.full_clean()


def test_again_nothing_is_booked_and_the_next_day_only_the_next_date():
    series = make.series(weekdays=range(7), return_time="12:30")
    assert ahead(series.company) == 26  # today's pickup is over
    assert ahead(series.company) == 0
    assert ahead(series.company, make.NOW + DAY) == 2


def test_events_are_those_of_other_doors_with_their_order_in_the_reason():
    series = make.series(return_time="12:30")
    ahead(series.company, days_ahead=1)
    there, back = Booking.objects.order_by("id")
    first, second = Event.objects.order_by("id")
    assert (first.kind, first.booking, first.actor) == ("booking.created", there, "make_series")
    assert first.reason == f"standing order #{series.pk}: every Wed 08:00, back 12:30"
    assert first.new["scheduled_time"] == "2026-06-17T06:00:00Z"
    assert (first.new["pickup_lat"], first.new["status"]) == (there.pickup_lat, "accepted")
    assert (second.booking, second.new["return_of"]) == (back, there.pk)
    assert "appointment_at" not in second.new


def test_a_way_back_on_call_stays_pending():
    series = make.series(return_time="12:30", return_will_call=True)
    ahead(series.company, days_ahead=1)
    back = Booking.objects.get(series_leg=1)
    assert (back.will_call, back.status) == (True, Status.PENDING)


def test_pauses_of_the_order_and_of_its_client_leave_dates_out():
    series = make.series(weekdays=range(7))
    other = make.series(series.company, weekdays=range(7))
    skipped, away = make.DAY + DAY, make.DAY + 3 * DAY
    Pause.objects.create(company=series.company, series=series, first_day=skipped, last_day=skipped)
    Pause.objects.create(
        company=series.company, client=series.client, first_day=away, last_day=away + DAY
    )
    ahead(series.company, days_ahead=6)
    days = set(Booking.objects.filter(series=series).values_list("series_day", flat=True))
    assert days == {make.DAY, make.DAY + 2 * DAY, make.DAY + 5 * DAY}
    assert Booking.objects.filter(series=other).count() == 6


def test_public_holidays_of_the_canton_are_left_out():
    geneva = make.company(holiday_country="CH", holiday_canton="GE")
    fast = date(2026, 9, 10)  # Jeûne genevois, on which Zurich works
    series = make.series(geneva, weekdays=[3], skips_holidays=True)
    other = make.series(geneva, weekdays=[3])
    now = make.at("06:00", fast - DAY)
    assert ahead(geneva, now, days_ahead=8) == 3
    assert Booking.objects.filter(series_day=fast).get().series == other
    geneva.holiday_canton = "ZH"
    assert ahead(geneva, now, days_ahead=8) == 1
    assert Booking.objects.filter(series=series).count() == 2


def test_a_date_canceled_by_hand_is_not_booked_again_nor_its_way_back():
    series = make.series()
    ahead(series.company, days_ahead=1)
    Booking.objects.update(status=Status.CANCELED)
    Series.objects.update(return_time="12:30")
    assert ahead(series.company, days_ahead=1) == 0


def test_a_way_back_that_comes_later_belongs_to_the_trip_there():
    series = make.series()
    ahead(series.company, days_ahead=1)
    Series.objects.update(return_time="12:30")
    assert ahead(series.company, days_ahead=1) == 1
    assert Booking.objects.get(series_leg=1).return_of == Booking.objects.get(series_leg=0)


def test_the_database_has_one_booking_a_leg_of_a_date():
    series = make.series()
    ahead(series.company, days_ahead=1)
    twin = Booking.objects.get()
    twin.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save(force_insert=True)
    twin.series_leg = None  # one that the order itself has canceled
    twin.save(force_insert=True)


def test_somebody_who_books_the_same_date_meanwhile_is_left_alone(monkeypatch):
    series = make.series(return_time="12:30")
    ahead(series.company, days_ahead=1)
    monkeypatch.setattr("bookings.series.make._read_known", lambda *_args: {})
    assert ahead(series.company, days_ahead=1) == 0
    assert (Booking.objects.count(), Event.objects.count()) == (2, 2)


def test_what_died_half_way_is_finished(monkeypatch):
    monkeypatch.setattr("bookings.series.make.CHUNK", 1)
    geneva = make.company()
    for _number in range(3):
        make.series(geneva)
    log, calls = Event.objects.bulk_create_columns, []

    def dies(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return log(*args)

    monkeypatch.setattr("bookings.series.make.Event.objects.bulk_create_columns", dies)
    with pytest.raises(KeyboardInterrupt):
        ahead(geneva, days_ahead=1)
    assert (Booking.objects.count(), Event.objects.count()) == (1, 1)
    assert ahead(geneva, days_ahead=1) == 2


@pytest.mark.parametrize("size", [2, 40])
def test_statements_do_not_grow_with_orders_or_days(size, django_assert_num_queries):
    geneva = make.company()
    for _number in range(size):
        make.series(geneva, weekdays=range(7), return_time="12:30")
    # The ids, the orders, their pauses, what is booked; there, back, two for keys, events; and a
    # savepoint.
    with django_assert_num_queries(12):
        assert ahead(geneva, days_ahead=size) == size * size * 2
    with django_assert_num_queries(6):
        assert ahead(geneva, days_ahead=size) == 0


def test_other_companies_are_left_alone():
    series = make.series()
    zurich = make.company("zurich")
    foreign = make.series(zurich)
    Pause.objects.create(company=zurich, series=foreign, first_day=make.DAY)
    assert ahead(series.company, days_ahead=1) == 1
    assert not Booking.objects.filter(company=zurich)


def test_the_command_books_for_every_company_or_one(capsys):
    today = timezone.localdate(timezone=make.ZONE) + DAY
    series = make.series(weekdays=range(7), first_day=today)
    make.series(make.company("zurich"), weekdays=range(7), first_day=today)
    call_command("make_series", "--company", "geneva", "--days", "3")
    assert Booking.objects.values_list("series", flat=True).distinct().get() == series.pk
    call_command("make_series", "--days", "3")
    call_command("make_series", "--days", "3")
    told = capsys.readouterr().out.splitlines()
    assert [line.split(" bookings")[0] for line in told] == ["3", "3", "0"]
    with pytest.raises(CommandError, match="no company"):
        call_command("make_series", "--company", "basel")
    with pytest.raises(CommandError, match="from 0 to 366"):
        call_command("make_series", "--days", "400")


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_two_at_once_book_each_date_once():
    geneva = make.company()
    for _number in range(5):
        make.series(geneva, weekdays=range(7), return_time="12:30")
    made = together(*[lambda: ahead(geneva) for _number in range(3)])
    assert sorted(made) == [0, 0, 130]
    assert (Booking.objects.count(), Event.objects.count()) == (130, 130)


@pytest.mark.parametrize("number", [0, 1])
def test_the_plan_prefers_the_driver_of_the_standing_order(number):
    company = make.company("geneva")
    drivers = [make.driver(company, name=name) for name in ("Ann", "Ben")]
    for driver in drivers:
        make.shift(driver)
    series = make.series(company, driver=drivers[number], needs=[])
    ahead(company, days_ahead=1)
    booking = Booking.objects.get(series=series)
    day = load_problem(company, make.DAY, now=make.NOW, leeway=BY_HAND)
    by_hand = whole_trip_of(day, day.bookings[booking.pk])
    assert by_hand.preferred == {drivers[number].pk}
    run_dispatch(company, make.DAY, now=make.NOW, actor=ACTOR, options=FIRST_PLAN)
    assert Assignment.objects.get(booking=booking).driver == drivers[number]


@pytest.mark.parametrize("has_client", [True, False])
def test_the_driver_of_a_standing_order_is_preferred_for_its_own_trips_alone(has_client):
    company = make.company("geneva")
    driver, of_the_past = make.driver(company), make.driver(company)
    client = make.client(company)
    series = make.series(company, driver=driver, client=client)
    ended = {"first_day": make.DAY - timedelta(90), "last_day": make.DAY - timedelta(7)}
    make.series(company, driver=of_the_past, client=client, **ended)
    ahead(company, days_ahead=1)
    other = make.booking(company, "10:00", client=client)
    if not has_client:
        Series.objects.update(client=None)
        Booking.objects.update(client=None)
    day = load_problem(company, make.DAY, now=make.NOW, leeway=BY_HAND)
    wanted = {Booking.objects.get(series=series).pk: {driver.pk}, other.pk: set()}
    assert {trip.id: trip.preferred for trip in day.problem.trips} == wanted
    hand = {row.id: whole_trip_of(day, row).preferred for row in day.bookings.values()}
    assert hand == wanted


def test_a_prohibition_of_the_client_goes_before_the_driver_of_the_order():
    company = make.company("geneva")
    series = make.series(company, driver=make.driver(company))
    DriverPreference.objects.create(
        client=series.client, driver=series.driver, kind=DriverPreference.Kind.FORBIDDEN
    )
    ahead(company, days_ahead=1)
    (trip,) = load_problem(company, make.DAY, now=make.NOW, leeway=BY_HAND).problem.trips
    assert (trip.preferred, trip.forbidden) == (set(), {series.driver_id})
