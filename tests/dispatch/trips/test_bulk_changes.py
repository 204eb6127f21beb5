"""The guard of many changed bookings says of one what the guard of one booking says."""

import random
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction

from bookings.events import differences, particulars
from bookings.models import Actor, Booking, Door
from bookings.save import save_booking
from dispatch.models import Assignment
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.trips.bulk_changes import change_of_bookings
from dispatch.trips.fleet_changes import TripsBroken
from tests.support import builders as make

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.COMMAND, name="test")


@pytest.fixture
def company():
    """Three drivers, two of them with a break, who drive fifteen trips, five to return."""
    company = make.company()
    for break_min in (0, 30, 30):
        make.shift(make.driver(company), break_min=break_min)
    for hour in range(7, 12):
        there = make.booking(company, f"{hour}:00")
        make.booking(company, f"{hour}:10")
        back = {"pickup_lat": make.HOSPITAL[0], "pickup_lon": make.HOSPITAL[1]}
        back |= {"dropoff_lat": make.HOME[0], "dropoff_lon": make.HOME[1]}
        make.booking(company, f"{hour}:45", return_of=there, **back)
    run_dispatch(company, make.DAY, now=make.NOW, actor=ACTOR, options=FIRST_PLAN)
    return company


def changed(booking, rng):
    """Change the booking at random, mostly a little."""
    kind = rng.randrange(5)
    if kind == 0:
        booking.scheduled_time += timedelta(minutes=rng.choice([-30, -10, -5, 5, 10, 60]))
    elif kind == 1:
        booking.dropoff_lat += rng.choice([-0.1, -0.01, 0.01, 0.1])
    elif kind == 2:
        booking.pickup_lat += rng.choice([-0.1, -0.01, 0.01, 0.1])
    elif kind == 3:
        booking.passengers = rng.choice([2, 4, 5])
    else:
        booking.appointment_at = booking.scheduled_time + timedelta(minutes=rng.choice([10, 20]))
    return booking


def times():
    return {
        a.booking_id: (a.planned_pickup_at, a.planned_dropoff_at, a.driver_id)
        for a in Assignment.objects.open()
    }


def one_says(booking):
    """Return (why the trip breaks or "", the times of all trips), as if the change were saved."""
    with transaction.atomic():
        try:
            save_booking(booking, actor=ACTOR, now=make.NOW)
            return "", times()
        except TripsBroken as error:
            return error.trips[0].why, None
        finally:
            transaction.set_rollback(True)


def all_say(company, booking, changes):
    with transaction.atomic():
        held = change_of_bookings(company, [booking.pk], now=make.NOW, lock=True)
        outcome = held.check({booking.pk: changes}, ())
        if outcome.broken:
            return outcome.broken[0].why, None
        booking.version += 1
        booking.save()
        outcome.write(actor=ACTOR, now=make.NOW)
        after = times()
        transaction.set_rollback(True)
        return "", after


@pytest.mark.slow
@pytest.mark.any_database
def test_of_one_change_both_guards_say_the_same(company):
    rng = random.Random(7)
    ids = list(Assignment.objects.open().order_by("id").values_list("booking_id", flat=True))
    assert len(ids) > 12
    found = {"broken": 0, "kept": 0, "retimed": 0}
    before = times()
    for _ in range(80):
        pk = rng.choice(ids)
        stored = Booking.objects.get(pk=pk)
        state = rng.getstate()
        booking = changed(Booking.objects.get(pk=pk), rng)
        after = rng.getstate()
        rng.setstate(state)
        again = changed(Booking.objects.get(pk=pk), rng)
        rng.setstate(after)
        try:
            one = one_says(booking)
        except ValidationError:
            continue  # of the order of a pair
        assert all_say(company, again, differences(particulars(stored), particulars(again))) == one
        kind = "broken" if one[0] else "kept" if one[1] == before else "retimed"
        found[kind] += 1
    assert min(found.values()) > 5, found
