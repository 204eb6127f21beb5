"""A locked trip is moved by hand only if the person agrees, and stays locked if they want it."""

from unittest import mock

import pytest
from django.test import Client
from django.urls import reverse

from bookings.models import Actor, Booking, Door, Event
from dispatch.models import Assignment
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.trips import decisions
from dispatch.trips.assign import Lock, RuleBroken, TripLocked, assign, swap
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
