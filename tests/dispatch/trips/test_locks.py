"""A locked trip is moved by hand only if the person agrees, and stays locked if they want it."""

from unittest import mock

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from bookings.events import differences, particulars
from bookings.guards import Agreed
from bookings.models import Actor, Booking, Door, Event
from bookings.save import save_booking
from dispatch.models import Assignment
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.trips import decisions
from dispatch.trips.assign import Lock, RuleBroken, TripLocked, assign, swap
from dispatch.trips.bulk_changes import change_of_bookings
from dispatch.trips.new_times import agree_on_time
from drivers.models import Role
from tests.support import builders as make
from tests.support.callers import API, caller

ACTOR = Actor(Door.ADMIN, name="Nadia")
BY = {"actor": ACTOR, "now": make.NOW}
pytestmark = pytest.mark.django_db


@pytest.fixture
def geneva():
    return make.company()


@pytest.fixture
def anna(geneva):
    return on_duty(geneva, "Anna")


@pytest.fixture
def ben(geneva):
    return on_duty(geneva, "Ben")


@pytest.fixture
def booking(geneva, anna):
    booking = make.booking(geneva)
    assign(geneva, booking.id, anna.id, **BY)
    decisions.lock(geneva, booking.id, **BY)
    return booking


@pytest.fixture
def evening_before():
    with mock.patch("django.utils.timezone.now", return_value=make.NOW):
        yield


def on_duty(company, name):
    driver = make.driver(company, name)
    make.shift(driver)
    return driver


def standing(booking):
    return Assignment.objects.open().get(booking=booking)


def test_without_agreement_it_stays_where_it_is(geneva, booking, anna, ben):
    with pytest.raises(TripLocked, match=f"{booking} is locked"):
        assign(geneva, booking.id, ben.id, **BY)
    assert (standing(booking).driver, standing(booking).locked) == (anna, True)
    assert not assign(geneva, booking.id, anna.id, **BY).changed


@pytest.mark.parametrize("lock", Lock)
def test_it_moves_and_stays_locked_or_is_unlocked_as_agreed(geneva, booking, ben, lock):
    trip = assign(geneva, booking.id, ben.id, lock=lock, **BY)
    assert (trip.assignment.driver, trip.assignment.locked) == (ben, lock == Lock.KEEP)
    assert Event.objects.latest("id").new.get("locked") == (True if lock == Lock.KEEP else None)
    run_dispatch(geneva, make.DAY, actor=ACTOR, now=make.NOW, options=FIRST_PLAN)
    assert lock == Lock.DROP or standing(booking).driver == ben


def test_the_agreement_locks_no_other_trip_and_allows_no_broken_rule(geneva, booking, anna, ben):
    free = make.booking(geneva, "11:00")
    assert not assign(geneva, free.id, ben.id, lock=Lock.KEEP, **BY).assignment.locked
    needy = make.booking(geneva, "13:00", needs=["oxygen"])
    assign(geneva, needy.id, anna.id, override="She has a bottle.", **BY)
    with pytest.raises(RuleBroken):
        assign(geneva, needy.id, ben.id, lock=Lock.KEEP, **BY)
    moved = assign(geneva, needy.id, ben.id, lock=Lock.DROP, override="He has one too.", **BY)
    assert moved.assignment.locked  # it breaks a rule


def test_a_swap_asks_too_and_each_trip_keeps_its_own_lock(geneva, booking, ben):
    other = make.booking(geneva)
    assign(geneva, other.id, ben.id, **BY)
    with pytest.raises(TripLocked):
        swap(geneva, other.id, booking.id, **BY)
    swap(geneva, other.id, booking.id, lock=Lock.KEEP, **BY)
    assert (standing(booking).driver, standing(booking).locked) == (ben, True)
    assert not standing(other).locked


@pytest.mark.usefixtures("evening_before")
def test_the_api_refuses_it_by_name_until_lock_is_given(geneva, booking, ben):
    api = caller(Role.DISPATCHER, geneva)
    path = f"{API}bookings/{booking.id}/assign/"
    refused = api.post(path, {"driver": ben.id})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:dispatchsite:problem:locked")
    again = f"{API}assignments/{standing(booking).id}/reassign/"
    assert api.post(again, {"driver": ben.id}).status_code == 409
    assert api.post(again, {"driver": ben.id, "lock": "perhaps"}).status_code == 400
    done = api.post(again, {"driver": ben.id, "lock": "keep"})
    assert (done.status_code, done.json()["locked"]) == (200, True)


@pytest.mark.usefixtures("evening_before")
def test_the_dialogs_of_the_board_ask(geneva, booking, ben):
    me = Client(headers={"HX-Request": "true"})
    me.force_login(make.member(geneva))

    def url(name):
        return reverse(f"admin:board:{name}", args=["geneva", booking.id])

    page = me.get(url("look"), {"driver": ben.id}).text
    assert "This trip is locked" in page
    assert 'name="lock" value="keep"' in page
    assert 'name="lock" value="drop"' in page
    values = {"driver": ben.id, "assignment": standing(booking).id}
    refused = me.post(url("assign"), values)
    assert (refused.status_code, refused["HX-Retarget"]) == (409, "#dialog-body")
    other = make.booking(geneva, "14:00")
    assign(geneva, other.id, ben.id, **BY)
    assert 'name="lock" value="keep"' in me.get(url("swap"), {"other": other.id}).text
    assert me.post(url("assign"), values | {"lock": "drop"}).status_code == 200
    assert not standing(booking).locked
    assert Booking.objects.get(id=booking.id).status == "assigned"
    assert 'name="lock"' not in me.get(url("swap"), {"other": other.id}).text


def confirmed(booking):
    return decisions.confirm(booking.company, booking.id, **BY)


def with_other_dropoff(booking):
    booking = Booking.objects.get(id=booking.id)
    booking.dropoff_lat += 0.002
    return booking


def test_a_changed_booking_leaves_its_trip_locked_and_confirmed(geneva, booking, anna):
    confirmed(booking)
    before = standing(booking)
    save_booking(with_other_dropoff(booking), **BY)
    after = standing(booking)
    assert after.planned_dropoff_at != before.planned_dropoff_at
    assert (after.driver, after.locked, after.confirmed) == (anna, True, True)
    new = Event.objects.latest("id").new
    assert (new["locked"], new["confirmed"]) == (True, True)


def test_bookings_changed_in_bulk_leave_their_trips_locked_and_confirmed(geneva, booking):
    confirmed(booking)
    stored = Booking.objects.get(id=booking.id)
    changed = with_other_dropoff(booking)
    changes = {booking.id: differences(particulars(stored), particulars(changed))}
    with transaction.atomic():
        outcome = change_of_bookings(geneva, [booking.id], now=make.NOW, lock=True).check(
            changes, ()
        )
        changed.version += 1
        changed.save()
        outcome.write(**BY)
    after = standing(booking)
    assert (after.id != stored.assignments.first().id, after.locked, after.confirmed) == (
        True, True, True,
    )  # fmt: skip


def test_a_trip_moved_to_a_new_time_stays_locked_but_nobody_has_confirmed_that(geneva, booking):
    confirmed(booking)
    booking = Booking.objects.get(id=booking.id)
    booking.scheduled_time = make.at("15:00")
    move = frozenset([standing(booking).id])
    save_booking(booking, agreed=Agreed(move=move), **BY)
    after = standing(booking)
    assert (after.planned_pickup_at, after.locked, after.confirmed) == (
        make.at("15:00"), True, False,
    )  # fmt: skip


@pytest.mark.parametrize("clock", ["09:10", "11:00"])
@pytest.mark.parametrize("name", ["Anna", "Ben"])
@pytest.mark.parametrize("lock", Lock)
def test_a_new_time_asks_too(geneva, booking, anna, ben, clock, name, lock):
    """Within the window of the standing time or not, with its driver or another."""
    driver, now = {"Anna": anna, "Ben": ben}[name], make.at(clock)
    booking = Booking.objects.get(id=booking.id)
    how = {"version": booking.version, **BY}
    with pytest.raises(TripLocked):
        agree_on_time(geneva, booking.id, driver.id, now, **how)
    trip = agree_on_time(geneva, booking.id, driver.id, now, lock=lock, **how)
    assert standing(booking) == trip.assignment
    assert (trip.assignment.driver, trip.assignment.planned_pickup_at) == (driver, now)
    assert trip.assignment.locked == (lock == Lock.KEEP)
