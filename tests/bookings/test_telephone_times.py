"""While the caller waits: the times that can be driven, chosen by a click into the form."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.models import Booking
from tests.bookings.test_telephone import DAY, URL, call
from tests.support import builders as make

TIMES = reverse("admin:bookings_booking_telephone_times")


def offered(client, **fields):
    page = client.get(TIMES, call(**fields)).text
    return re.findall(r'data-time="([\d:]+)"', page), page


@pytest.fixture
def anna(geneva):
    driver = make.driver(geneva, name="Anna")
    make.shift(driver, day=DAY)
    return driver


def test_the_three_times_nearest_to_the_wanted_one_are_offered(client, geneva, anna):
    assert offered(client)[0] == ["08:50", "09:00", "09:10"]
    busy = make.booking(geneva, day=DAY, clock="09:00")
    make.assignment(busy, anna, minutes=20)
    times, page = offered(client)
    assert len(times) == 3
    assert "09:00" not in times
    assert "Anna" in page


def test_an_appointment_alone_is_enough_and_is_kept(client, geneva, anna):
    times, _page = offered(client, pickup_at="", appointment_at="09:00")
    assert times
    assert max(times) <= "08:40"
    assert len(offered(client, pickup_at="")[0]) == 3  # any time of the day


def test_nothing_is_shown_until_both_ends_are_known(client, geneva, anna):
    assert offered(client, dropoff_address="", dropoff_lat="", dropoff_lon="")[1].strip() == ""
    assert offered(client, day="")[1].strip() == ""


def test_where_nobody_can_drive_it_says_why(client, geneva, anna):
    times, page = offered(client, passengers=60)
    assert times == []
    assert "Nobody can drive this trip from 05:00 to 13:00." in page
    assert "seat" in page


def test_it_costs_the_same_with_many_bookings(client, geneva, anna):
    def cost():
        with CaptureQueriesContext(connection) as sent:
            assert offered(client)[0]
        return len(sent)

    few = cost()
    for number in range(9):
        other = make.driver(geneva, name=f"D{number}")
        make.shift(other, day=DAY)
        make.assignment(make.booking(geneva, day=DAY, clock=f"{8 + number}:00"), other)
    assert cost() == few
    assert few <= 13


def test_a_call_with_an_appointment_alone_is_booked(client, geneva):
    client.post(URL, call(new_name="Ana", pickup_at="", appointment_at="09:00"))
    booking = Booking.objects.get()
    assert booking.pickup_computed
    assert booking.scheduled_time == make.at("08:30", DAY)


def test_a_call_without_any_time_is_refused(client, geneva):
    page = client.post(URL, call(new_name="Ana", pickup_at=""))
    assert not Booking.objects.exists()
    assert page.context["form"].errors == {
        "pickup_at": ["Enter the pickup, or the appointment from which it is computed."]
    }
