"""How the running day's trips will go is kept as facts, and the log tells who becomes late."""

from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.history import history_of
from bookings.models import Actor, Booking, Door, Event
from dispatch.board.day import read_board
from dispatch.forecast import keep
from dispatch.forecast.keep import AFTER_FAILURE, CLAIM, EVERY, keep_forecast, keep_forecasts
from dispatch.models import Assignment, ExpectedTrip, ForecastState
from dispatch.trips.cancel import cancel
from dispatch.trips.progress import report_progress
from dispatch.trips.take_back import take_back
from dispatch.trips.undo import last_action
from drivers.models import Driver, Role
from tests.support import builders as make
from tests.support.builders import DAY, at
from tests.support.callers import API, caller
from tests.support.together import together

# From home to the hospital and back it is 18:44 each; boarding takes 3 minutes, alighting 2. The
# window of a pickup is from 10 minutes before to 15 after the wanted time.
pytestmark = pytest.mark.django_db
Kind = Event.Kind


@pytest.fixture
def ana(geneva):
    ana = make.driver(geneva, "Ana", home_lat=make.HOME[0], home_lon=make.HOME[1])
    make.shift(ana)
    return ana


@pytest.fixture(autouse=True)
def _at_one_moment(monkeypatch):
    monkeypatch.setattr(keep, "time", SimpleNamespace(monotonic=lambda: 0.0))


def drives(driver, clock="08:00", **fields):
    return make.assignment(make.booking(driver.company, clock), driver, **fields)


def on_board(driver, since):
    """Return the trip of 08:00, whose client boarded then."""
    return drives(driver, status="in_progress", actual_pickup_at=at(since))


def told():
    rows = Event.objects.filter(kind__in=Event.FORESEEN).order_by("id")
    return [(row.kind, row.booking_id, row.new["late_min"]) for row in rows]


def facts():
    rows = ExpectedTrip.objects.select_related("company").order_by("pickup_at")
    return [
        (row.company.clock(row.pickup_at), row.company.clock(row.dropoff_at), row.late_min)
        for row in rows
    ]


def test_what_is_kept_is_what_the_board_shows(geneva, ana):
    # On board until 08:51:44, then 2:00 + 18:44 back to the next, which may begin until 09:15.
    on_board(ana, "08:30")
    drives(ana, "09:00")
    drives(ana, "13:00")
    assert keep_forecasts(now=at("08:40")) == 1
    assert facts() == [("08:30", "08:51", 0), ("09:12", "09:34", 0), ("13:00", "13:21", 0)]
    (day,) = read_board(geneva, DAY, now=at("08:40")).drivers
    assert [trip.expected.pickup_at.replace(second=0) for trip in day.trips] == [
        *ExpectedTrip.objects.order_by("pickup_at").values_list("pickup_at", flat=True)
    ]
    assert ForecastState.objects.get().kept_at == at("08:40")


def test_the_log_tells_once_that_a_trip_becomes_late_and_that_it_is_on_time_again(geneva, ana):
    first = on_board(ana, "08:36")  # until 08:57:44; the next at 09:18:28
    late = drives(ana, "09:00")
    for clock in ("08:40", "08:41"):
        keep_forecasts(now=at(clock))
    assert told() == [(Kind.LATE, late.booking_id, 3)]
    (line,) = history_of(geneva, late.booking_id)
    assert line.what == "Late by 3 min: expected at 09:18, arriving at 09:40"
    Assignment.objects.filter(pk=first.pk).update(actual_pickup_at=at("08:25"))
    keep_forecasts(now=at("08:42"))
    assert told()[1:] == [(Kind.ON_TIME, late.booking_id, 0)]


@pytest.mark.parametrize(
    ("pickup", "kinds"),
    [("09:15", []), ("09:16", ["trip.late"])],
)
def test_late_is_a_minute_after_the_window(ana, pickup, kinds):
    drives(ana, "09:00", planned_pickup_at=at(pickup))
    keep_forecasts(now=at("08:00"))
    assert [kind for kind, _booking, _minutes in told()] == kinds


def test_a_trip_at_its_limit_does_not_flutter(ana):
    trip = drives(ana, "09:00")
    clock, kinds = at("08:00"), []
    for pickup in ("09:16", "09:15", "09:16", "09:14", "09:13", "09:15"):
        Assignment.objects.filter(pk=trip.pk).update(planned_pickup_at=at(pickup))
        clock += EVERY
        keep_forecasts(now=clock)
        kinds.append([kind for kind, _booking, _minutes in told()])
    late, again = [Kind.LATE], [Kind.LATE, Kind.ON_TIME]
    assert kinds == [late, late, late, late, again, again]


def test_nothing_is_told_of_a_driver_who_reports_nothing(ana):
    trip = drives(ana, "08:00")
    keep_forecasts(now=at("08:30"))
    assert facts() == [("08:30", "08:51", 15)]
    assert told() == []
    Driver.objects.update(last_position_at=at("08:30"), last_lat=make.HOME[0], last_lon=6.2)
    keep_forecasts(now=at("08:31"))
    assert [booking for _kind, booking, _minutes in told()] == [trip.booking_id]


def test_what_is_far_ahead_or_long_over_is_not_told(ana):
    trip = drives(ana, "12:00", planned_pickup_at=at("12:20"))
    keep_forecasts(now=at("10:14"))  # until 12:15 it is more than two hours
    assert told() == []
    keep_forecasts(now=at("10:15"))
    assert told() == [(Kind.LATE, trip.booking_id, 5)]


def test_a_late_pickup_that_is_over_is_not_on_time_again(ana):
    trip = drives(ana, "09:00", planned_pickup_at=at("09:20"))
    keep_forecasts(now=at("09:00"))
    Assignment.objects.update(status="in_progress", actual_pickup_at=at("09:20"))
    Booking.objects.update(status="in_progress")
    keep_forecasts(now=at("09:21"))
    assert told() == [(Kind.LATE, trip.booking_id, 5)]
    assert not ExpectedTrip.objects.get().is_late


def test_another_driver_in_time_makes_it_on_time_again(geneva, ana):
    trip = drives(ana, "09:00", planned_pickup_at=at("09:20"))
    keep_forecasts(now=at("08:00"))
    Assignment.objects.update(status="superseded")
    ben = make.driver(geneva, "Ben")
    make.shift(ben)
    again = make.assignment(trip.booking, ben)
    keep_forecasts(now=at("08:01"))
    assert [kind for kind, _booking, _minutes in told()] == [Kind.LATE, Kind.ON_TIME]
    assert ExpectedTrip.objects.get().assignment_id == again.pk


def test_what_is_over_or_has_no_driver_is_no_longer_kept(ana):
    ended, released = drives(ana, "08:00"), drives(ana, "09:00")
    keep_forecasts(now=at("08:00"))
    Assignment.objects.filter(pk=ended.pk).update(
        status="completed", actual_pickup_at=at("08:00"), actual_dropoff_at=at("08:20")
    )
    Assignment.objects.filter(pk=released.pk).update(status="superseded")
    keep_forecasts(now=at("08:30"))
    assert facts() == []
    assert keep_forecasts(now=at("08:31")) == 0  # nothing is under way


def test_a_company_is_looked_at_when_something_has_happened_or_by_the_clock(geneva, ana):
    drives(ana, "12:00")
    assert keep_forecasts(now=at("08:00")) == 1
    soon = at("08:00") + timedelta(seconds=5)
    assert keep_forecasts(now=soon) == 0
    Driver.objects.update(last_position_at=at("08:00"), last_lat=46.2, last_lon=6.1)
    assert keep_forecasts(now=soon) == 1
    assert keep_forecasts(now=soon + timedelta(seconds=5)) == 0
    make.event(geneva)
    assert keep_forecasts(now=soon + timedelta(seconds=5)) == 1
    assert keep_forecasts(now=soon + timedelta(seconds=5) + EVERY) == 1


def test_a_trip_that_is_still_driven_is_kept_after_midnight(ana):
    ride = drives(ana, "22:30", status="en_route")  # to be there until 22:45
    make.shift(ana, "18:00", "23:00")
    keep_forecasts(now=at("23:50"))
    assert told() == [(Kind.LATE, ride.booking_id, 65)]
    for clock in ("24:05", "28:29"):
        keep_forecasts(now=at(clock))
        assert ExpectedTrip.objects.get().is_late
    Assignment.objects.update(arrived_at=at("22:40"))
    keep_forecasts(now=at("28:30"))
    assert told()[1:] == [(Kind.ON_TIME, ride.booking_id, 0)]


def test_midnight_makes_no_trip_late_of_a_driver_who_reports_nothing(ana):
    drives(ana, "22:30")
    for clock in ("23:59", "24:01"):
        keep_forecasts(now=at(clock))
    assert facts() == [("00:01", "00:22", 76)]
    assert told() == []


def test_a_trip_of_tomorrow_is_kept_as_of_midnight_or_two_hours_before(ana):
    drives(ana, "24:30")
    drives(ana, "36:00")
    assert keep_forecasts(now=at("22:29")) == 0
    assert keep_forecasts(now=at("22:31")) == 1
    assert len(facts()) == 1
    assert keep_forecasts(now=at("24:00")) == 1
    assert len(facts()) == 2


def test_companies_without_trips_under_way_cost_one_statement(django_assert_num_queries):
    for slug in ("a", "b", "c"):
        driver = make.driver(make.company(slug))
        drives(driver, "09:00", status="completed", actual_dropoff_at=at("09:20"))
        drives(driver, "33:00")
    with django_assert_num_queries(1):
        assert keep_forecasts(now=at("10:00")) == 0


def statements(now):
    with CaptureQueriesContext(
        connection,
    ) as made:
        assert keep_forecasts(now=now) == 1
    return [query["sql"] for query in made if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))]


def test_the_statements_do_not_grow_with_the_trips(geneva):
    counts = []
    for number in (1, 3):
        company = make.company(f"of-{number}")
        for _ in range(number):
            driver = make.driver(company, home_lat=make.HOME[0], home_lon=make.HOME[1])
            make.shift(driver)
            on_board(driver, "08:36")
            for clock in ("09:00", "12:00"):
                drives(driver, clock)
        keep_forecasts(now=at("08:30"))
        drives(make.driver(company), "10:00")
        company_trips = Assignment.objects.filter(company=company)
        company_trips.filter(booking__scheduled_time=at("12:00")).update(status="superseded")
        company_trips.filter(status="in_progress").update(actual_pickup_at=at("08:20"))
        counts.append(len(statements(at("08:40"))))
        company_trips.update(status="superseded")
        keep_forecasts(now=at("08:41"))
    # due; claimed; shifts, trips, drivers; its state, what is stored, bookings locked, whether they
    # are open, gone, changed, new, the log
    assert counts == [13, 13]


def test_nothing_is_told_of_what_was_canceled_while_it_was_computed(geneva, ana, monkeypatch):
    on_board(ana, "08:36")
    known, new = drives(ana, "09:00"), drives(ana, "09:30")
    ExpectedTrip.objects.create(
        company=geneva, booking_id=known.booking_id, assignment=known, pickup_at=at("09:00"),
        dropoff_at=at("09:21"),
    )  # fmt: skip
    found = keep.read_days

    def slowly(*args):
        days = found(*args)
        for trip in (known, new):
            cancel(geneva, trip.booking_id, actor=Actor(Door.API, name="portal"), now=at("08:40"))
        return days

    monkeypatch.setattr(keep, "read_days", slowly)
    keep_forecasts(now=at("08:40"))
    assert told() == []
    monkeypatch.undo()
    keep_forecasts(now=at("08:41"))
    assert told() == []
    assert facts() == [("08:36", "08:57", 0)]


def test_one_worker_at_a_time_has_a_company(ana, monkeypatch):
    drives(ana, "09:00", planned_pickup_at=at("09:20"))
    (company,) = keep._due(at("08:00"))
    ForecastState.objects.create(company=company, claimed_at=at("08:00"))
    assert keep_forecasts(now=at("08:00") + timedelta(seconds=30)) == 0
    assert not keep_forecast(company, now=at("08:00") + timedelta(seconds=30))
    # Who had it has died.
    assert keep_forecasts(now=at("08:00") + CLAIM) == 1
    # Who was so slow that another took over writes nothing.
    found = keep.read_days

    def slowly(*args):
        ForecastState.objects.update(claimed_at=at("09:00"))
        return found(*args)

    monkeypatch.setattr(keep, "read_days", slowly)
    assert keep_forecasts(now=at("08:10")) == 0
    assert ForecastState.objects.get().kept_at == at("08:00") + CLAIM
    assert len(told()) == 1


def test_a_company_that_fails_does_not_keep_the_others(ana, monkeypatch, caplog):
    drives(ana, "09:00")
    drives(make.driver(make.company("lausanne")), "09:00")
    found = keep.read_days

    def fails(company, now):
        if company.slug == "geneva":
            raise RuntimeError
        return found(company, now)

    monkeypatch.setattr(keep, "read_days", fails)
    assert keep_forecasts(now=at("08:00")) == 1
    assert ExpectedTrip.objects.get().company.slug == "lausanne"
    assert "could not be kept" in caplog.text
    monkeypatch.undo()
    failed = at("08:00")
    assert keep_forecasts(now=failed + AFTER_FAILURE - timedelta(seconds=1)) == 0
    assert keep_forecasts(now=failed + AFTER_FAILURE) == 1
    assert ExpectedTrip.objects.count() == 2


def test_what_is_foreseen_keeps_nobody_from_undoing(geneva, ana):
    actor = Actor(Door.ADMIN, name="Ada", user_id=make.member(geneva).pk)
    trip = drives(ana, "09:00", planned_pickup_at=at("09:20"))
    report_progress(geneva, trip.booking_id, "en_route", actor=actor, now=at("09:00"))
    keep_forecasts(now=at("09:01"))
    assert len(told()) == 1
    assert last_action(geneva, DAY).is_undoable


def test_the_api_shows_what_is_kept_and_of_when_it_is(geneva, ana):
    owner = caller(Role.OWNER, geneva)
    trip = drives(ana, "09:00", planned_pickup_at=at("09:20"))
    url = f"{API}bookings/{trip.booking_id}/?expand=assignment"
    assert owner.get(url).json()["assignment"]["expected"] is None
    keep_forecasts(now=at("08:00"))
    assert owner.get(url).json()["assignment"]["expected"] == {
        "pickup_at": "2026-06-17T07:20:00Z",
        "dropoff_at": "2026-06-17T07:41:00Z",
        "late_min": 5,
        "as_of": "2026-06-17T06:00:00Z",
        "driving": "straight_line",
    }


def test_a_customer_is_told_of_its_own_late_trips(geneva, ana):
    ours, theirs = make.customer(geneva), make.customer(geneva)
    late = at("09:20")
    mine = make.booking(geneva, "09:00", customer=ours)
    make.assignment(mine, ana, planned_pickup_at=late)
    other = make.booking(geneva, "09:00", customer=theirs)
    make.assignment(other, make.driver(geneva), planned_pickup_at=late)
    keep_forecasts(now=at("08:00"))
    feed = caller(Role.CLIENT_API, geneva, customer=ours).get(f"{API}events/").json()["results"]
    [event] = [row for row in feed if row["kind"] == "trip.late"]
    assert (event["booking"], event["new"]["late_min"]) == (mine.pk, 5)


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_at_once_one_keeps_and_tells(geneva, ana):
    trip = drives(ana, "09:00", planned_pickup_at=at("09:20"))
    kept = together(*[partial(keep_forecasts, now=at("08:00"))] * 4)
    assert sum(kept) == 1
    assert told() == [(Kind.LATE, trip.booking_id, 5)]


def test_a_driver_takes_a_tap_back_whatever_was_foreseen_since(geneva, ana):
    phone = Actor(Door.PHONE, name="Ana")
    trip = drives(ana, "09:00", planned_pickup_at=at("09:20"))
    report_progress(geneva, trip.booking_id, "en_route", actor=phone, now=at("09:00"))
    keep_forecasts(now=at("09:01"))
    take_back(geneva, trip.booking_id, at("09:00"), actor=phone, now=at("09:01"))
    assert Booking.objects.get().status == "assigned"
