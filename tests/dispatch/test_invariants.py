"""What must hold between the rows holds after random calls, and what checks it finds faults."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.events import booking_created
from bookings.models import Actor, Booking, Door, Event, Status, Webhook
from bookings.webhooks import worker
from dispatch.models import Assignment, DispatchRun
from dispatch.planner.check.plan import Rule
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.trips import decisions
from dispatch.trips.assign import assign
from drivers.models import Absence, Shift
from tests.support import builders as make
from tests.support.invariants import broken, violations_of_plan, wrong_stretches
from tests.support.random_calls.day import make_day
from tests.support.random_calls.player import ALL, PLANNING, play, play_in_threads

ACTOR = Actor(Door.COMMAND, name="test")
EVENING_BEFORE = (-6, -5, -4)


@pytest.mark.slow
@pytest.mark.django_db
def test_random_calls_break_nothing():
    company = make_day(3)
    done: set[str] = set()
    # Which call is refused depends on the plans before it, which have time limits.
    for seed in range(3, 9):
        played = play(company, seed=seed, calls=200 if seed == 3 else 50)
        assert broken(company) == {}, f"seed {seed}"
        done |= {name for name, outcome in played if outcome == "done"}
        if done == set(ALL):
            return
    raise AssertionError(f"Never done: {set(ALL) - done}")


@pytest.mark.slow
@pytest.mark.django_db
def test_random_calls_on_a_day_of_shared_rides_break_no_stretch():
    seed = 4
    company = make_day(seed, bookings=40, drivers=3, shares_rides=True)
    for part in range(5):
        play(company, seed=10 * seed + part, calls=40)
        assert wrong_stretches(company) == [], f"seed {seed}, part {part}"
    assert broken(company) == {}, f"seed {seed}"
    assert Assignment.objects.filter(stretch__isnull=False).exists()


@pytest.mark.slow
@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("shares_rides", [False, True])
def test_random_calls_of_four_at_once_break_nothing(shares_rides):
    seed = 1
    company = make_day(seed, shares_rides=shares_rides)
    played = play_in_threads(company, seed=seed, calls=200, threads=4)
    assert broken(company) == {}, f"seed {seed}"
    assert wrong_stretches(company) == [], f"seed {seed}"
    assert played.total() == 200


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_random_calls_whose_every_statement_is_refused_once_write_nothing_by_half():
    seed = 11
    company = make_day(seed, bookings=30, drivers=4)
    played = play(company, seed=seed, calls=12, faults=True)
    assert broken(company) == {}, f"seed {seed}"
    assert wrong_stretches(company) == [], f"seed {seed}"
    assert sum(count for (_name, outcome), count in played.items() if outcome == "fault") > 50


@pytest.mark.slow
@pytest.mark.django_db
def test_random_planning_on_the_evening_before_keeps_every_rule():
    seed = 2
    company = make_day(seed)
    for part in range(12):
        part_seed = 100 * seed + part
        play(company, seed=part_seed, calls=10, weights=PLANNING, hours=EVENING_BEFORE)
        found = violations_of_plan(company, make.DAY, make.NOW)
        assert found == (), f"seed {seed}, after part {part}"


def a_trip_by_hand(driver, clock="09:00", **fields):
    """Return a booking assigned to the driver by hand, within the rules."""
    booking = make.booking(driver.company, clock, **fields)
    assign(driver.company, booking.id, driver.id, actor=ACTOR, now=make.NOW)
    return booking


def a_driver():
    driver = make.driver(home_lat=make.HOME[0], home_lon=make.HOME[1])
    make.shift(driver, break_min=30)
    return driver


def rules_broken(company, now=make.NOW):
    return {violation.code for violation in violations_of_plan(company, make.DAY, now)}


@pytest.mark.django_db
def test_a_run_and_a_trip_by_hand_violate_nothing():
    driver = a_driver()
    a_trip_by_hand(driver)
    for clock in ("07:30", "11:00", "12:00", "13:00", "15:00"):
        make.booking(clock=clock)
    run_dispatch(driver.company, make.DAY, now=make.NOW, actor=ACTOR, options=FIRST_PLAN)
    assert Assignment.objects.open().count() == 6
    assert rules_broken(driver.company) == set()


@pytest.mark.django_db
@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"scheduled_time": make.at("10:00")}, Rule.PICKUP_WINDOW),
        ({"appointment_at": make.at("09:01")}, Rule.APPOINTMENT),
        ({"passengers": 9}, Rule.SEATS),
        ({"passengers": 2, "wheelchairs": 2}, Rule.WHEELCHAIRS),
        ({"needs": ["stretcher"]}, Rule.NEEDS),
        ({"dropoff_lat": 46.30}, Rule.RIDE_TIME),
    ],
)
def test_a_changed_booking_violates_its_rule_locked_or_not(fields, rule, locked):
    driver = a_driver()
    booking = a_trip_by_hand(driver)
    Assignment.objects.update(locked=locked)
    assert rules_broken(driver.company) == set()
    Booking.objects.filter(id=booking.id).update(**fields)
    assert rule in rules_broken(driver.company)


@pytest.mark.django_db
def test_a_driver_who_is_off_or_away_has_no_duty_for_the_trip():
    driver = a_driver()
    a_trip_by_hand(driver)
    absence = Absence.objects.create(
        driver=driver, start_at=make.at("08:30"), end_at=make.at("10:00"), reason="sick"
    )
    assert rules_broken(driver.company) == {Rule.UNKNOWN_DUTY}
    absence.delete()
    type(driver).objects.update(is_available=False)
    assert rules_broken(driver.company) == {Rule.UNKNOWN_DUTY}


@pytest.mark.django_db
def test_a_shift_cut_short_leaves_no_time_to_drive_home():
    driver = a_driver()
    booking = a_trip_by_hand(driver)
    free_at = booking.assignments.get().planned_dropoff_at
    Shift.objects.update(end_at=free_at, break_min=0)
    assert rules_broken(driver.company) == {Rule.DUTY_END}


@pytest.mark.django_db
def test_a_break_is_judged_where_it_stands():
    driver = a_driver()
    booking = a_trip_by_hand(driver)
    pickup_at = booking.assignments.get().planned_pickup_at
    Shift.objects.update(break_at=pickup_at)
    assert rules_broken(driver.company) == {Rule.BREAK_DURING_TRIP}
    Shift.objects.update(break_at=None)
    assert rules_broken(driver.company) == {Rule.BREAK_MISSING}


@pytest.mark.django_db
def test_an_overridden_trip_is_excepted_and_those_beside_it_are_not_blamed():
    driver = a_driver()
    company = driver.company
    a_trip_by_hand(driver, "09:00")
    # Nine do not fit into a car of four, nor one minute between the end of a trip and the next.
    second = make.booking(company, "09:00", passengers=9)
    assign(
        company,
        second.id,
        driver.id,
        pickup_at=Assignment.objects.get().planned_dropoff_at + timedelta(minutes=1),
        override="One car is left.",
        actor=ACTOR,
        now=make.NOW,
    )
    assert len(Event.objects.get(booking=second).new["overrides"]) >= 2
    assert rules_broken(company) == set()
    decisions.unlock(company, second.id, actor=ACTOR, now=make.NOW)
    assert rules_broken(company) == set()
    # The trip beside it is still judged.
    Shift.objects.update(start_at=make.at("12:00"), break_min=0)
    assert rules_broken(company) == {Rule.UNKNOWN_DUTY}


@pytest.mark.django_db
def test_a_trip_that_should_have_begun_is_late_and_no_fault_of_the_plan():
    driver = a_driver()
    a_trip_by_hand(driver)
    assert rules_broken(driver.company, make.at("09:30")) == set()


NOT_AS_TOLD = "a booking is what its events tell"
STATUS_DIFFERS = "a booking's status is that of its open assignment"
TRIP_NOT_AS_TOLD = "an open assignment is what its events tell"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model", "fields", "rules"),
    [
        (Booking, {"notes": "Written without an event."}, {NOT_AS_TOLD}),
        (Booking, {"version": 7}, {"a booking's version counts its changes"}),
        (Booking, {"status": Status.EN_ROUTE}, {NOT_AS_TOLD, STATUS_DIFFERS}),
        (Assignment, {"confirmed": True}, {TRIP_NOT_AS_TOLD}),
        (Assignment, {"planned_pickup_at": make.at("08:55")}, {TRIP_NOT_AS_TOLD}),
        (Assignment, {"status": "superseded"}, {TRIP_NOT_AS_TOLD, STATUS_DIFFERS}),
        (DispatchRun, {"status": "preview"}, {"a preview, and nothing else, has a stored plan"}),
        (DispatchRun, {"status": "planning"}, {"no run is left under way"}),
        (DispatchRun, {"finished_at": None}, {"a run that ended has an end"}),
        (Webhook, {"seen_event_id": 0}, {"a webhook has seen what is delivered to it"}),
    ],
)
def test_a_row_written_past_the_use_cases_is_found(model, fields, rules):
    driver = a_driver()
    company = driver.company
    booking = make.booking(company)
    Event.objects.bulk_create([booking_created(booking, actor=ACTOR, now=make.NOW)])
    make.webhook(company, seen_event_id=0)
    worker.queue_deliveries(now=make.NOW)
    make.run(company)
    assign(company, booking.id, driver.id, actor=ACTOR, now=make.NOW)
    assert broken(company) == broken() == {}
    model.objects.update(**fields)
    assert set(broken(company)) == set(broken()) == rules


@pytest.mark.django_db
def test_a_log_that_contradicts_itself_is_found():
    driver = a_driver()
    company = driver.company
    booking = make.booking(company)
    Event.objects.bulk_create([booking_created(booking, actor=ACTOR, now=make.NOW)])
    twice = {
        "kind": Event.Kind.RELEASED,
        "booking": booking,
        "old": {"status": "pending", "driver": driver.id},
        "new": {"status": "accepted"},
    }
    make.event(company, **twice)
    assert set(broken(company)) == {
        "a booking's version counts its changes",
        "a trip leaves the driver and the time that it had",
        "an event's old value is the one before it",
    }


@pytest.mark.django_db
def test_violations_are_found_in_five_queries_whatever_the_size():
    driver = a_driver()
    for clocks in (["09:00"], ["07:30", "11:00", "15:00"]):
        for clock in clocks:
            a_trip_by_hand(driver, clock)
        # 3 of the day; the overrides, once for the trips and once for the breaks.
        with CaptureQueriesContext(connection) as captured:
            assert violations_of_plan(driver.company, make.DAY, make.NOW) == ()
        assert len(captured) == 5
