"""Daily figures follow what happens: each change of whatever door, of old days too, once."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bookings.models import Actor, Booking, Door, Status
from bookings.save import save_booking
from dispatch.day.travel_times import travel_times
from dispatch.models import MEASURES, DayFigures, FiguresState
from dispatch.reports import refresh as module
from dispatch.reports.count import Key, count_days
from dispatch.reports.read import Period, days_left
from dispatch.reports.refresh import clear_roster_changes, refresh, refresh_all
from dispatch.roads.osrm import RoadsFailed
from dispatch.roads.times import _failed_at
from dispatch.trips.assign import assign
from dispatch.trips.cancel import cancel
from dispatch.trips.correct import correct
from dispatch.trips.progress import report_progress
from dispatch.trips.undo import last_action, undo
from drivers.models import Absence, Company, Customer, Driver, RosterChange, Shift
from tests.dispatch.reports.test_count import driven
from tests.dispatch.roads.conftest import roads  # noqa: F401 - a fixture
from tests.support import builders as make
from tests.support.road_server import drive as road_drive

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.ADMIN, name="Ada")
NEXT = make.at("08:00", make.DAY + timedelta(days=1))
EARLIER = make.DAY - timedelta(days=1)


@pytest.fixture
def geneva():
    return make.company(correction_hours=720)


@pytest.fixture
def anna(geneva):
    driver = make.driver(geneva, "Anna")
    make.shift(driver)
    return driver


def by(now):
    return {"actor": ACTOR, "now": now}


def stored(company, day=make.DAY, kind="day", **of):
    row = DayFigures.objects.filter(company=company, kind=kind, day=day, **of).first()
    return {name: getattr(row, name) for name in MEASURES if row and getattr(row, name)}


def drive(driver, clock="09:00"):
    booking = make.booking(driver.company, clock)
    assign(driver.company, booking.id, driver.id, **by(make.NOW))
    for status, minutes in (("en_route", -10), ("in_progress", 5), ("completed", 25)):
        at = make.at(clock) + timedelta(minutes=minutes)
        report_progress(driver.company, booking.id, Status(status), **by(at))
    return Booking.objects.get(id=booking.id)


def truth(company):
    """Return all figures as they are when they are counted from nothing."""
    kept = list(DayFigures.objects.filter(company=company).order_by("id").values())
    DayFigures.objects.filter(company=company).delete()
    FiguresState.objects.filter(company=company).delete()
    refresh(company, now=NEXT)
    return [bare(row) for row in kept], [
        bare(row) for row in DayFigures.objects.filter(company=company).order_by("id").values()
    ]


def bare(row):
    return tuple(sorted((name, value) for name, value in row.items() if name != "id"))


def assert_true(company):
    refresh(company, now=NEXT)
    kept, anew = truth(company)
    assert sorted(kept) == sorted(anew)


def test_a_trip_that_is_done_counts_at_once(geneva, anna):
    refresh(geneva, now=make.NOW)
    drive(anna)
    assert stored(geneva) == {}
    refresh(geneva, now=NEXT)
    assert stored(geneva)["done"] == 1
    assert stored(geneva, kind="driver", driver_id=anna.pk)["passengers"] == 1
    assert_true(geneva)


def test_corrections_of_old_days_count(geneva, anna):
    booking = drive(anna)
    refresh(geneva, now=NEXT)
    correct(geneva, booking.id, reason="The wrong trip.", **by(NEXT))
    refresh(geneva, now=NEXT)
    assert "done" not in stored(geneva)
    assert stored(geneva)["unfinished"] == 1
    assert_true(geneva)


def test_what_is_undone_counts_no_more(geneva, anna):
    user = make.member(geneva)
    actor = Actor(Door.ADMIN, name="Ada", user_id=user.pk)
    booking = make.booking(geneva, "09:00")
    now = make.at("07:00")
    cancel(geneva, booking.id, reason="client", actor=actor, now=now)
    refresh(geneva, now=now)
    assert stored(geneva)["canceled_short"] == 1
    undo(geneva, make.DAY, last_action(geneva, make.DAY).id, actor=actor, now=now)
    refresh(geneva, now=now)
    assert "canceled_short" not in stored(geneva)
    assert_true(geneva)


def test_a_trip_that_moves_to_another_day_leaves_its_own(geneva):
    booking = make.booking(geneva)
    refresh(geneva, now=NEXT)
    assert stored(geneva)["booked"] == 1
    moved = Booking.objects.get()
    moved.scheduled_time = make.at("22:30", EARLIER)
    save_booking(moved, **by(make.NOW))
    refresh(geneva, now=NEXT)
    assert (stored(geneva), stored(geneva, EARLIER)["booked"]) == ({}, 1)
    assert booking.pk == moved.pk
    assert_true(geneva)


@pytest.mark.parametrize("what", ["changed", "deleted", "added", "absent", "back"])
def test_shifts_and_absences_count_whoever_changes_them(geneva, anna, what):
    make.booking(geneva)
    absence = Absence.objects.create(
        driver=anna, start_at=make.at("06:00"), end_at=make.at("07:00")
    )
    refresh(geneva, now=NEXT)
    assert stored(geneva)["paid_s"] == 11 * 3600
    if what == "changed":
        Shift.objects.update(end_at=make.at("14:00"))
    elif what == "deleted":
        Shift.objects.all().delete()
    elif what == "added":
        make.shift(anna, "19:00", "21:00")
    elif what == "absent":
        Absence.objects.create(driver=anna, start_at=make.at("16:00"), end_at=make.at("20:00"))
    else:
        absence.delete()
    refresh(geneva, now=NEXT)
    hours = {"changed": 7, "deleted": 0, "added": 13, "absent": 9, "back": 12}[what]
    assert stored(geneva).get("paid_s", 0) == hours * 3600
    assert not RosterChange.objects.exists()  # what was seen is gone
    assert_true(geneva)


def test_a_planned_break_is_no_change_of_the_hours(geneva, anna):
    make.booking(geneva)
    refresh(geneva, now=NEXT)
    Shift.objects.update(break_at=make.at("12:00"))
    assert not RosterChange.objects.exists()


def test_what_counts_as_on_time_is_judged_anew_by_a_new_definition(geneva, anna):
    drive(anna)  # 5 minutes late
    refresh(geneva, now=NEXT)
    assert stored(geneva)["on_time"] == 1
    Customer.objects.update(on_time_late_min=4)
    assert refresh(Company.objects.get(), now=NEXT).counted == 1
    assert stored(geneva)["late"] == 1
    make.customer(geneva)  # another customer changes nothing
    assert refresh(Company.objects.get(), now=NEXT).counted == 0
    assert_true(Company.objects.get())


def test_a_new_definition_changes_nothing_but_what_was_on_time(geneva, anna):
    booking = drive(anna)
    refresh(geneva, now=NEXT)
    before = stored(geneva, kind="driver", driver_id=anna.pk)
    Booking.objects.filter(pk=booking.pk).update(pickup_lat=46.9)  # as if it had been rounded
    Customer.objects.update(on_time_late_min=4)
    refresh(Company.objects.get(), now=NEXT)
    after = {"on_time": 0, "late": 1}
    for of in ({}, {"kind": "driver", "driver_id": anna.pk}, {"kind": "driver_month"}):
        day = make.DAY.replace(day=1) if of.get("kind") == "driver_month" else make.DAY
        found = {"on_time": 0} | stored(geneva, day, **of)
        assert {name: found[name] for name in after} == after
    assert before | after == {"on_time": 0} | stored(geneva, kind="driver", driver_id=anna.pk)


def test_years_are_judged_anew_month_by_month(geneva, anna):
    drive(anna)
    long_ago = make.DAY - timedelta(days=40)
    driven(geneva, anna, late=5, day=long_ago)
    refresh(geneva, now=NEXT)
    Customer.objects.update(on_time_late_min=4)
    geneva = Company.objects.get()
    step = refresh(geneva, now=NEXT, steps=1)
    assert (step.counted, step.left) == (1, 1)
    assert days_left(geneva, Period(long_ago, long_ago)) == 1
    assert refresh(geneva, now=NEXT).left == 0
    assert (stored(geneva)["late"], stored(geneva, long_ago)["late"]) == (1, 1)
    assert_true(geneva)


@pytest.mark.parametrize(
    ("clock", "before", "zone", "after"),
    [
        ("00:30", make.DAY, "Europe/London", EARLIER),  # 23:30 of the day before
        ("23:30", EARLIER, "Europe/Athens", make.DAY),  # 00:30 of the day after
    ],
)
def test_another_timezone_moves_trips_to_their_days(geneva, clock, before, zone, after):
    make.booking(geneva, clock, day=before)
    refresh(geneva, now=NEXT)
    assert stored(geneva, before)["booked"] == 1
    Company.objects.update(timezone=zone)
    moved = Company.objects.get()
    refresh(moved, now=NEXT)
    assert (stored(moved, before), stored(moved, after)["booked"]) == ({}, 1)
    assert_true(moved)


def test_another_vehicle_of_a_shift_is_noted(geneva, anna):
    refresh(geneva, now=NEXT)
    Shift.objects.update(vehicle=make.vehicle(geneva))
    assert RosterChange.objects.filter(driver_id=anna.pk).exists()


def test_a_trip_of_before_midnight_counts_in_the_shift_that_begins_after_it(geneva):
    driver = make.driver(geneva)
    make.shift(driver, "00:10", "08:00")
    booking = make.booking(geneva, "23:55", day=EARLIER)
    make.booking(geneva, "12:00", day=EARLIER)
    refresh(geneva, now=NEXT)
    make.assignment(
        booking,
        driver,
        status="completed",
        planned_pickup_at=make.at("00:20"),
        actual_pickup_at=make.at("00:20"),
        actual_dropoff_at=make.at("00:40"),
    )
    for day, loaded_s in ((make.DAY, 20 * 60), (EARLIER, 0)):  # each day alone as well
        rows = count_days(geneva, [day], {}, travel_times(geneva)).rows
        assert rows[Key(DayFigures.Kind.DAY, day)]["loaded_s"] == loaded_s
    make.event(geneva, booking=booking, kind="booking.status")
    refresh(geneva, now=NEXT)
    assert (stored(geneva)["loaded_s"], stored(geneva, EARLIER)["done"]) == (20 * 60, 1)
    assert "loaded_s" not in stored(geneva, EARLIER)
    assert_true(geneva)


def test_notes_of_deleted_drivers_are_cleared(geneva, anna):
    bob = make.driver(geneva, "Bob")
    make.shift(bob)
    RosterChange.objects.filter(driver_id=anna.pk).delete()
    anna.delete()
    assert RosterChange.objects.count() == 2  # her shift's end, his shift
    assert clear_roster_changes() == 1
    assert set(RosterChange.objects.values_list("driver_id", flat=True)) == {bob.pk}


def test_a_customer_who_is_created_meanwhile_is_judged_by_the_company(geneva, anna):
    driven(geneva, anna, late=5)
    rows = count_days(geneva, [make.DAY], {}, travel_times(geneva)).rows
    assert rows[Key(DayFigures.Kind.DAY, make.DAY)]["on_time"] == 1


def test_days_are_counted_again_when_the_road_server_answers(geneva, anna, roads):  # noqa: F811
    driven(geneva, anna)
    roads.fails = lambda number: "500"
    refresh(geneva, now=NEXT)
    guessed = stored(geneva)["trip_m"]
    step = refresh(geneva, now=NEXT)
    assert (step.counted, step.left, step.guessed) == (2, 2, 2)  # each once, not for ever
    with pytest.raises(RoadsFailed):  # who can wait is told, as a run is
        refresh(geneva, now=NEXT, patient=True)
    roads.fails = lambda number: None
    _failed_at.clear()
    refresh(geneva, now=NEXT)
    direct = road_drive(make.HOME, make.HOSPITAL)[1]
    assert stored(geneva)["trip_m"] == direct != guessed
    assert refresh(geneva, now=NEXT) == (0, 0, False, 0)


def test_one_companys_fault_does_not_stop_the_others(geneva, monkeypatch):
    other = make.company("lausanne")
    make.booking(other)
    original = module.count_days

    def faulty(company, *told):
        if company == geneva:
            raise ValueError("Something is wrong.")
        return original(company, *told)

    monkeypatch.setattr(module, "count_days", faulty)
    monkeypatch.setattr(timezone, "now", lambda: NEXT)
    with pytest.raises(CommandError, match="1 company failed"):
        call_command("refresh_reports")
    assert stored(other)["booked"] == 1


def test_days_to_come_are_counted_when_they_have_come(geneva):
    make.booking(geneva, day=make.DAY + timedelta(days=1))
    make.booking(geneva)
    refresh(geneva, now=make.NOW)
    assert not DayFigures.objects.exists()
    refresh(geneva, now=make.at("00:00"))
    assert stored(geneva)["booked"] == 1
    refresh(geneva, now=NEXT)
    assert stored(geneva, make.DAY + timedelta(days=1))["booked"] == 1


def test_counting_twice_changes_nothing_and_reads_only_the_marks(geneva, anna):
    drive(anna)
    refresh(geneva, now=NEXT)
    rows = list(DayFigures.objects.order_by("id").values())
    with CaptureQueriesContext(
        connection,
    ) as sent:
        assert refresh(geneva, now=NEXT) == (0, 0, False, 0)
    assert len(sent) == 4
    assert list(DayFigures.objects.order_by("id").values()) == rows


def test_of_two_at_once_one_writes(geneva, anna, monkeypatch):
    drive(anna)
    original, seen = module.count_days, []

    def slow(company, *told):
        result = original(company, *told)
        if not seen:  # somebody else counts meanwhile, and is quicker
            seen.append(True)
            make.booking(company, "15:00")
            assert refresh(company, now=NEXT).counted > 0
        return result

    monkeypatch.setattr(module, "count_days", slow)
    assert refresh(geneva, now=NEXT).counted == 0
    assert stored(geneva)["booked"] == 2  # not what was read before
    assert DayFigures.objects.filter(kind="day", day=make.DAY).count() == 1


def test_what_happens_while_it_counts_is_counted_next(geneva, anna, monkeypatch):
    drive(anna)
    refresh(geneva, now=NEXT)
    first = make.booking(geneva, "15:00")
    cancel(geneva, first.id, reason="client", **by(make.NOW))
    original = module.count_days

    def busy(company, *told):
        result = original(company, *told)
        late = make.booking(company, "16:00")
        cancel(company, late.id, reason="client", **by(make.NOW))
        return result

    monkeypatch.setattr(module, "count_days", busy)
    refresh(geneva, now=NEXT, steps=1)
    monkeypatch.setattr(module, "count_days", original)
    assert stored(geneva)["booked"] == 2
    refresh(geneva, now=NEXT)
    assert stored(geneva)["booked"] == 3


def test_years_are_counted_month_by_month_the_newest_first(geneva):
    for days in (0, 40, 400):
        make.booking(geneva, day=make.DAY - timedelta(days=days))
    step = refresh(geneva, now=NEXT, steps=1)
    assert (step.counted, step.left) == (31, 402 - 31)
    assert stored(geneva)["booked"] == 1
    assert stored(geneva, make.DAY - timedelta(days=40)) == {}
    assert refresh(geneva, now=NEXT).left == 0
    assert DayFigures.objects.filter(kind="day").count() == 3


def test_statements_are_constant(geneva, anna):
    def statements(trips):
        for number in range(trips):
            drive(anna, f"{8 + number}:00")
        with CaptureQueriesContext(connection) as sent:
            refresh(geneva, now=NEXT)
        return len(sent)

    refresh(geneva, now=make.NOW)
    few = statements(1)
    Driver.objects.update(name="Anna")
    assert statements(6) == few <= 18


def test_companies_are_apart(geneva, anna):
    other = make.company("lausanne")
    drive(anna)
    make.booking(other)
    refresh_all([geneva, other], now=NEXT)
    assert stored(geneva)["done"] == 1
    assert (stored(other).get("done"), stored(other)["booked"]) == (None, 1)
