"""The pages of standing orders: the dates are seen before anything is saved."""

import re
from datetime import time, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from bookings.models import Booking, Pause, Series, Status
from drivers.models import Role
from tests.support import builders as make

pytestmark = pytest.mark.django_db
ADD = reverse("admin:bookings_series_add")


@pytest.fixture
def geneva():
    return make.company(series_days_ahead=4)


@pytest.fixture
def page(client, geneva):
    client.force_login(make.member(geneva, Role.DISPATCHER))
    return client


def first_day():
    return timezone.localdate(timezone=make.ZONE) + timedelta(days=1)


def body(company, **values):
    return {
        "company": company.pk, "client": make.client(company).pk, "weekdays": list(range(7)),
        "every_weeks": 1, "first_day": str(first_day()), "last_day": "", "count": "",
        "pickup_time": "08:00", "appointment_time": "", "return_time": "12:30",
        "pickup_address": "Home", "pickup_lat": make.HOME[0], "pickup_lon": make.HOME[1],
        "dropoff_address": "Clinic", "dropoff_lat": make.HOSPITAL[0],
        "dropoff_lon": make.HOSPITAL[1], "passengers": 1, "wheelchairs": 0, "needs": "",
        "priority": 0, "driver": "", "notes": "", "seen_version": 1, "since": "",
        **NO_PAUSES, **values,
    }  # fmt: skip


NO_PAUSES = {
    "pauses-TOTAL_FORMS": 0, "pauses-INITIAL_FORMS": 0, "pauses-MIN_NUM_FORMS": 0,
    "pauses-MAX_NUM_FORMS": 1000,
}  # fmt: skip


def save(page, url, values, **more):
    """Send the form, see the list, and send it again; return both answers."""
    shown = page.post(url, values)
    text = shown.content.decode()
    found = re.search(r'name="reviewed" value="(\w+)"', text)
    assert found, re.findall(r"errorlist.*?</ul>", text, re.S) or text[:2000]
    return text, page.post(url, {**values, "reviewed": found[1], **more})


def test_a_new_order_shows_its_dates_before_it_books_them(page, geneva):
    values = body(geneva)
    text = page.post(ADD, values).content.decode()
    assert "The next dates" in text
    assert not Series.objects.exists()
    _text, saved = save(page, ADD, values)
    assert saved.status_code == 302
    assert Series.objects.get().in_words() == "every day 08:00, back 12:30"
    assert Booking.objects.count() == 8


def test_a_list_that_belongs_to_other_values_is_shown_again(page, geneva):
    values = body(geneva)
    text = page.post(ADD, values).content.decode()
    seal = re.search(r'name="reviewed" value="(\w+)"', text)[1]
    again = page.post(ADD, {**values, "pickup_time": "09:00", "reviewed": seal})
    assert again.status_code == 200
    assert not Series.objects.exists()


@pytest.fixture
def series(page, geneva):
    save(page, ADD, body(geneva))
    return Series.objects.get()


def change(series):
    return reverse("admin:bookings_series_change", args=[series.pk])


def test_a_change_lists_the_booked_trips_and_what_was_changed_by_hand(page, series):
    Booking.objects.filter(series_day=first_day(), series_leg=0).update(
        scheduled_time=timezone.now() + timedelta(hours=30)
    )
    text, saved = save(page, change(series), body(series.company, pickup_time="07:45"))
    assert "3 change" in text
    assert "changed by hand" in text
    assert saved.status_code == 302, saved.content.decode()[:3000]
    assert Series.objects.get().pickup_time == time(7, 45)


def test_a_trip_that_breaks_is_listed_and_released_when_ticked(page, series):
    booking = Booking.objects.filter(series_leg=0).earliest("series_day")
    driver = make.driver(series.company)
    make.shift(driver, "06:00", "09:00", day=booking.series_day)
    trip = make.assignment(booking, driver)
    values = body(series.company, pickup_time="11:00")
    text, refused = save(page, change(series), values)
    assert driver.name in text
    assert refused.status_code == 409
    _text, saved = save(page, change(series), values, release=trip.pk)
    assert saved.status_code == 302
    booking.refresh_from_db()
    assert booking.status == Status.ACCEPTED


def test_from_a_date_on_a_new_order_begins(page, series):
    since = first_day() + timedelta(days=2)
    _text, saved = save(page, change(series), body(series.company, notes="x", since=str(since)))
    assert saved.status_code == 302
    assert Series.objects.order_by("id").last().first_day == since


def test_pauses_are_added_and_deleted_on_the_page(page, series):
    day = str(first_day())
    added = {
        "pauses-TOTAL_FORMS": 1, "pauses-0-first_day": day, "pauses-0-last_day": day,
        "pauses-0-note": "exam", "pauses-0-series": series.pk,
    }  # fmt: skip
    _text, saved = save(page, change(series), body(series.company, **added))
    assert saved.status_code == 302
    assert Booking.objects.filter(status=Status.CANCELED).count() == 2
    gone = {
        **added, "pauses-INITIAL_FORMS": 1, "pauses-0-id": Pause.objects.get().pk,
        "pauses-0-DELETE": "on",
    }  # fmt: skip
    save(page, change(series), body(series.company, **gone, seen_version=2))
    assert not Pause.objects.exists()
    assert Booking.objects.exclude(status=Status.CANCELED).count() == 8


def test_a_booking_is_repeated_with_its_return(page, geneva):
    booking = make.booking(geneva, "09:00", client=make.client(geneva), needs=["oxygen"])
    make.booking(geneva, "11:15", return_of=booking, client=booking.client)
    shown = page.get(f"{ADD}?booking={booking.pk}").content.decode()
    assert 'value="09:00' in shown
    assert 'value="11:15' in shown
    assert booking.pickup_address in shown
    listed = page.get(reverse("admin:bookings_booking_change", args=[booking.pk]))
    assert f"{ADD}?booking={booking.pk}" in listed.content.decode()


def test_the_page_of_a_client_shows_the_rhythm(page, series):
    url = reverse("admin:bookings_client_change", args=[series.client_id])
    assert "every day 08:00, back 12:30" in page.get(url).content.decode()


def test_the_list_says_the_rhythm_in_words(page, series):
    listed = page.get(reverse("admin:bookings_series_changelist")).content.decode()
    assert "every day 08:00, back 12:30" in listed
