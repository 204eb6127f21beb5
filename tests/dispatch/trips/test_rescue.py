"""A trip that will be late goes to whoever is there sooner."""

from datetime import timedelta

import pytest

from bookings.models import Actor, Booking, Door, Event, Status
from dispatch.day.keeping import BY_HAND
from dispatch.day.load import load_problem
from dispatch.models import Assignment, ExpectedTrip
from dispatch.trips.advice.carry_out import Outdated, carry_out
from dispatch.trips.advice.rescue import rescues
from dispatch.trips.advice.suggestion import Kind
from dispatch.trips.inverses import NotUndoable
from dispatch.trips.progress import report_progress
from dispatch.trips.undo import last_action, undo
from drivers.models import Absence, Company, Driver, Shift
from tests.support import builders as make

ACTOR = Actor(Door.ADMIN, name="Nadia")
NOW = make.at("08:56")
NEAR = {"home_lat": make.HOME[0], "home_lon": make.HOME[1]}
LATE_AT = make.at("09:45")  # when Anna is expected at her second pickup, whose window ends at 09:15


def on_duty(name, start="06:00", end="18:00", **fields):
    driver = make.driver(name=name, **fields)
    make.shift(driver, start, end)
    return driver


def trip(clock, driver, **fields):
    booking = make.booking(clock=clock, client=make.client(name=f"Client of {clock}"))
    make.assignment(booking, driver, minutes=22, **fields)
    return booking


@pytest.fixture
def late():
    """Return Anna's trip of 09:00; at 08:56 she has just begun the one of 08:20."""
    anna = on_duty("Anna")
    before, booking = trip("08:20", anna), trip("09:00", anna)
    for status in (Status.EN_ROUTE, Status.IN_PROGRESS):
        report_progress(before.company, before.id, status, actor=ACTOR, now=NOW)
    return booking


def rescue(booking, expected_at=LATE_AT):
    """Return the best action for the trip, None without one."""
    company = Company.objects.get(id=booking.company_id)
    day = load_problem(company, make.DAY, now=NOW, leeway=BY_HAND)
    found = rescues(day, {booking.id: expected_at}).get(booking.id)
    return found and found.suggestion


def follow(booking, found, actor=None):
    how = {"actor": actor or ACTOR, "now": NOW}
    carry_out(Company.objects.get(id=booking.company_id), found.change, key=found.key, **how)
    return Assignment.objects.open().get(booking=booking)


def expect_late(booking):
    standing = Assignment.objects.open().get(booking=booking)
    times = {"pickup_at": LATE_AT, "dropoff_at": LATE_AT + timedelta(minutes=22)}
    ExpectedTrip.objects.create(
        company=booking.company, booking=booking, assignment=standing, is_late=True, **times
    )


def take_back(booking, actor):
    action = last_action(booking.company, make.DAY)
    undo(booking.company, make.DAY, action.id, actor=actor, now=NOW)


@pytest.mark.django_db
def test_a_driver_who_is_there_in_time_takes_a_late_trip_and_it_can_be_undone(late):
    ben, user = on_duty("Ben", **NEAR), make.member(username="nadia")
    nadia = Actor(Door.ADMIN, name="nadia", user_id=user.pk)
    found = rescue(late)
    assert (found.kind, found.driver, found.late_min) == (Kind.ASSIGN, "Ben", 0)
    assert found.pickup_at <= make.at("09:15")
    expect_late(late)
    given = follow(late, found, nadia)
    assert (given.driver, given.planned_pickup_at) == (ben, found.pickup_at)
    take_back(late, nadia)
    assert Assignment.objects.open().get(booking=late).driver.name == "Anna"


@pytest.mark.django_db
@pytest.mark.parametrize("why", ["absence", "shift", "papers"])
def test_a_late_trip_only_goes_back_to_a_driver_who_may_still_drive_it(late, why):
    _ben, user = on_duty("Ben", **NEAR), make.member(username="nadia")
    nadia = Actor(Door.ADMIN, name="nadia", user_id=user.pk)
    expect_late(late)
    given = follow(late, rescue(late), nadia)
    anna = Driver.objects.get(name="Anna")
    if why == "absence":
        Absence.objects.create(driver=anna, start_at=make.at("09:10"), end_at=make.at("18:00"))
    elif why == "shift":
        Shift.objects.filter(driver=anna).update(end_at=make.at("09:05"))
    else:
        Company.objects.update(expired_stop=True)
        late.company.refresh_from_db()
        Driver.objects.filter(id=anna.id).update(licence_until=make.DAY - timedelta(days=5))
    with pytest.raises(NotUndoable, match="Anna can no longer drive it"):
        take_back(late, nadia)
    assert Assignment.objects.open().get(booking=late) == given


@pytest.mark.django_db
def test_a_trip_that_nobody_expected_late_only_goes_back_in_time(late):
    _ben, user = on_duty("Ben", **NEAR), make.member(username="nadia")
    nadia = Actor(Door.ADMIN, name="nadia", user_id=user.pk)
    follow(late, rescue(late), nadia)
    with pytest.raises(NotUndoable, match="Anna can no longer drive it"):
        take_back(late, nadia)


@pytest.mark.django_db
def test_another_trip_gives_way_so_that_a_driver_is_there_in_time(late):
    # Only Ben has a place for the wheelchair; Cléo takes what he was to drive at that time.
    Booking.objects.filter(id=late.id).update(wheelchairs=1)
    Company.objects.update(freeze_min=0)
    ben = on_duty("Ben", **NEAR)
    cleo = on_duty("Cléo", vehicle=make.vehicle(wheelchair_places=0), **NEAR)
    other = trip("09:05", ben)
    found = rescue(late)
    assert (found.kind, found.driver) == (Kind.MOVE_OTHER, "Ben")
    assert follow(late, found).driver == ben
    assert Assignment.objects.open().get(booking=other).driver == cleo


@pytest.mark.django_db
def test_a_client_is_asked_to_wait_for_another_driver_only_if_that_spares_waiting(late):
    on_duty("Ben", "09:10")  # from the depot it is 09:29 at the earliest
    found = rescue(late)
    assert (found.kind, found.driver) == (Kind.ASK_CLIENT, "Ben")
    wanted_at = found.client.wanted_at
    assert rescue(late, wanted_at + timedelta(minutes=4)) is None
    given = follow(late, found)
    assert (given.driver.name, given.planned_pickup_at) == ("Ben", wanted_at)
    assert Booking.objects.get(id=late.id).scheduled_time == wanted_at


@pytest.mark.django_db
def test_nobody_is_moved_for_minutes_that_a_forecast_does_not_know(late):
    on_duty("Ben", "09:12", **NEAR)  # three minutes before the latest pickup
    assert rescue(late, make.at("09:16")) is None
    assert rescue(late, make.at("09:18")).driver == "Ben"


@pytest.mark.django_db
def test_a_driver_who_is_late_too_is_no_rescue(late):
    # Ben is free at 09:15 and was told 09:00; his own client, who comes first, is late already.
    ben = on_duty("Ben", **NEAR)
    before = trip("08:30", ben)
    trip("09:02", ben)
    for status in (Status.EN_ROUTE, Status.IN_PROGRESS):
        report_progress(before.company, before.id, status, actor=ACTOR, now=NOW)
    assert rescue(late) is None


@pytest.mark.django_db
def test_a_locked_trip_and_one_under_way_stay(late):
    on_duty("Ben")
    Assignment.objects.filter(booking=late).update(locked=True)
    assert rescue(late) is None
    Assignment.objects.filter(booking=late).update(locked=False)
    report_progress(late.company, late.id, Status.EN_ROUTE, actor=ACTOR, now=NOW)
    assert rescue(late) is None


@pytest.mark.django_db
def test_of_a_driver_only_the_first_late_trip_has_an_action(late):
    on_duty("Ben"), on_duty("Cléo")
    after = trip("09:30", Assignment.objects.open().get(booking=late).driver)
    day = load_problem(late.company, make.DAY, now=NOW, leeway=BY_HAND)
    expected = {late.id: LATE_AT, after.id: LATE_AT + timedelta(minutes=40)}
    assert set(rescues(day, expected)) == {late.id}


@pytest.mark.django_db
def test_nothing_is_written_once_the_driver_is_on_the_way_after_all(late):
    on_duty("Ben")
    found = rescue(late)
    report_progress(late.company, late.id, Status.EN_ROUTE, actor=ACTOR, now=NOW)
    with pytest.raises(Outdated):
        follow(late, found)
    assert not Event.objects.filter(kind=Event.Kind.MOVED).exists()
