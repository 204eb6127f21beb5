"""Standing orders and pauses over the API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.models import Booking, Pause, Series
from drivers.models import Role
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db
BODY = {
    "weekdays": [0, 1, 2, 3, 4, 5, 6],
    "pickup_time": "08:00",
    "return_time": "12:30",
    "pickup_address": "Home",
    "pickup_lat": make.HOME[0],
    "pickup_lon": make.HOME[1],
    "dropoff_address": "Clinic",
    "dropoff_lat": make.HOSPITAL[0],
    "dropoff_lon": make.HOSPITAL[1],
}


@pytest.fixture
def geneva():
    return make.company(series_days_ahead=4)


@pytest.fixture
def client(geneva):
    return caller(Role.DISPATCHER, geneva)


def first_day():
    return timezone.localdate(timezone=make.ZONE) + timedelta(days=1)


@pytest.fixture
def series(client, geneva):
    """Return an order of every day from tomorrow, 4 days booked there and back."""
    body = {**BODY, "first_day": str(first_day()), "client": make.client(geneva).pk}
    response = client.post(f"{API}series/", body)
    assert response.status_code == 201, response.content
    return response.json()


def test_a_new_order_is_said_in_words_and_booked(series, client):
    assert series["in_words"] == "every day 08:00, back 12:30"
    assert series["weekdays"] == [0, 1, 2, 3, 4, 5, 6]
    assert Booking.objects.count() == 8
    dates = client.get(f"{API}series/{series['id']}/dates/").json()["dates"]
    assert dates[0] == {"day": str(first_day()), "left_out": ""}


def test_a_change_can_be_foreseen_and_then_made(series, client):
    url = f"{API}series/{series['id']}/"
    body = {"pickup_time": "07:30"}
    foreseen = client.post(f"{url}foresee/", body).json()
    assert (foreseen["changed"], foreseen["canceled"], foreseen["made"]) == (4, 0, 0)
    assert foreseen["rows"][0]["changes"] == ["scheduled_time"]
    assert Series.objects.get().pickup_time.hour == 8
    answer = client.patch(url, body)
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    there = Booking.objects.filter(series_leg=0)
    assert {b.company.local(b.scheduled_time).hour for b in there} == {7}


def test_a_change_from_a_date_on_answers_with_the_new_order(series, client):
    since = first_day() + timedelta(days=2)
    answer = client.patch(f"{API}series/{series['id']}/?since={since}", {"pickup_time": "07:30"})
    assert answer.status_code == 200, answer.content
    assert answer.json()["id"] != series["id"]
    assert Series.objects.get(pk=series["id"]).last_day == since - timedelta(days=1)
    wrong = client.patch(f"{API}series/{series['id']}/?since={since}", {"notes": "x"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "since")


def test_a_stale_change_is_refused(series, client):
    url = f"{API}series/{series['id']}/"
    tag = client.get(url)["ETag"]
    assert client.patch(url, {"notes": "one"}, headers={"If-Match": tag}).status_code == 200
    assert client.patch(url, {"notes": "two"}, headers={"If-Match": tag}).status_code == 412


def test_a_pause_cancels_dates_and_its_end_books_them_again(series, client):
    body = {"client": series["client"], "first_day": str(first_day()), "note": "hospital"}
    answer = client.post(f"{API}pauses/", body)
    assert answer.status_code == 201, answer.content
    assert not Booking.objects.filter(series_leg__isnull=False).exists()
    assert client.delete(f"{API}pauses/{answer.json()['id']}/").status_code == 204
    assert Booking.objects.filter(series_leg__isnull=False).count() == 8
    assert not Pause.objects.exists()


def test_a_place_that_moves_changes_the_orders_with_it(series, client):
    other = make.series(weekdays=range(7), dropoff_lat=46.3)
    body = {
        "series": [series["id"], other.pk], "address": "New clinic", "lat": 46.21, "lon": 6.15,
        "old_lat": make.HOSPITAL[0], "old_lon": make.HOSPITAL[1],
    }  # fmt: skip
    foreseen = client.post(f"{API}series/move/", {**body, "dry_run": True})
    assert foreseen.status_code == 200, foreseen.content
    assert foreseen.json()["changed"] == 8
    assert not Booking.objects.filter(dropoff_address="New clinic")
    assert client.post(f"{API}series/move/", body).json()["changed"] == 8
    assert Booking.objects.filter(dropoff_address="New clinic", series_leg=0).count() == 4
    assert Booking.objects.filter(pickup_address="New clinic", series_leg=1).count() == 4
    other.refresh_from_db()
    assert other.dropoff_lat == 46.3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"weekdays": [7]}, "weekdays.0"), ({"weekdays": []}, "weekdays"),
        ({"return_time": "07:00"}, "return_time"), ({"count": 0}, "count"),
        ({"first_day": "1999-01-01"}, "first_day"), ({"every": 2}, "every"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_at_its_field(client, change, field):
    body = {**BODY, "first_day": str(first_day()), **change}
    answer = client.post(f"{API}series/", body)
    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_orders_of_others_do_not_exist(series, client):
    foreign = make.series(make.company("zurich"))
    assert client.get(f"{API}series/{foreign.pk}/").status_code == 404
    assert client.post(f"{API}series/{foreign.pk}/foresee/", {}).status_code == 404
    body = {"series": foreign.pk, "first_day": str(first_day())}
    assert client.post(f"{API}pauses/", body).status_code == 400
    body = {**BODY, "first_day": str(first_day()), "client": foreign.client_id}
    assert client.post(f"{API}series/", body).status_code == 400
    assert caller(Role.CLIENT_API, foreign.company).get(f"{API}series/").status_code == 403
