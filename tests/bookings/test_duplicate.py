"""Book a trip on other days: the same clock time, the way back too, all or none."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from bookings.duplicate import duplicate
from bookings.models import Actor, Booking, Door, Event, Status
from drivers.models import Role
from tests.support import builders as make

ACTOR = Actor(Door.ADMIN, name="Ada")
WINTER, SPRING, AUTUMN = date(2026, 12, 2), date(2027, 3, 28), date(2026, 10, 25)
pytestmark = pytest.mark.django_db


@pytest.fixture
def trip():
    geneva = make.company()
    return make.booking(
        geneva, "09:00", client=make.client(geneva), appointment_at=make.at("09:40"),
        needs=["stretcher"], notes="2nd floor",
    )  # fmt: skip


def copy(booking, *days, **options):
    return duplicate(booking, days, actor=ACTOR, now=make.NOW, **options)


def test_copies_keep_the_clock_time_over_a_change_of_clocks(trip):
    summer, winter = copy(trip, WINTER, make.DAY + timedelta(days=1))
    stored = Booking.objects.get(pk=winter.pk)
    assert Booking.objects.get(pk=summer.pk).scheduled_time.hour == 7  # UTC+2
    assert stored.scheduled_time == datetime(2026, 12, 2, 8, tzinfo=UTC)  # UTC+1
    assert stored.appointment_at == make.at("09:40", WINTER)
    assert (stored.reference, stored.status, stored.version) == ("", Status.ACCEPTED, 1)
    same = ("client_id", "pickup_lat", "dropoff_lon", "needs", "notes", "passengers", "wheelchairs")
    assert [getattr(stored, name) for name in same] == [getattr(trip, name) for name in same]
    assert [event.kind for event in Event.objects.all()] == ["booking.created"] * 2


def test_the_way_back_goes_with_it(trip):
    back = make.booking(trip.company, "24:10", return_of=trip, client=trip.client)
    waits = {"will_call": True, "status": Status.PENDING}
    Booking.objects.filter(pk=back.pk).update(**waits)
    back.refresh_from_db()
    (there,) = copy(trip, WINTER, way_back=back)
    made = there.return_trip
    assert made.scheduled_time == make.at("24:10", WINTER)  # the night after
    assert (made.will_call, made.status) == (True, Status.PENDING)


@pytest.mark.parametrize(("clock", "day"), [("02:30", SPRING), ("02:30", AUTUMN)])
def test_times_that_clocks_skip_or_repeat_are_told_and_nothing_is_booked(clock, day):
    night = make.booking(clock=clock)
    with pytest.raises(ValidationError) as refusal:
        copy(night, day, WINTER)
    (told,) = refusal.value.message_dict["days"]
    assert "02:30" in told
    assert Booking.objects.count() == 1


@pytest.mark.parametrize(
    ("days", "told"),
    [
        ([], "at least one"),
        ([make.DAY - timedelta(days=2)], "Choose days from"),
        ([make.DAY + timedelta(days=n) for n in range(101)], "101 days"),
        ([make.DAY + timedelta(days=400)], "Choose days from"),
        ([make.DAY], "already"),
    ],
)
def test_senseless_days_are_refused(trip, days, told):
    with pytest.raises(ValidationError, match=told):
        copy(trip, *days)
    assert Booking.objects.count() == 1


@pytest.mark.parametrize("count", [1, 60])
def test_the_statements_do_not_grow(trip, count, django_assert_num_queries):
    back = make.booking(trip.company, "11:00", return_of=trip, client=trip.client)
    days = [make.DAY + timedelta(days=n + 1) for n in range(count)]
    # savepoint, booked already?, places, ways there, ways back, the client's key and its making,
    # events, release
    with django_assert_num_queries(9):
        copy(trip, *days, way_back=back)
    assert Booking.objects.count() == 2 + 2 * count


def test_the_page_books_weekdays_of_a_period_and_days_beside(client, trip):
    client.force_login(make.member(trip.company))
    url = reverse("admin:bookings_booking_duplicate", args=[trip.pk])
    assert url in client.get(reverse("admin:bookings_booking_change", args=[trip.pk])).text
    assert client.get(url).status_code == 200
    today = trip.company.local(timezone.now()).date()
    monday = today + timedelta(days=7 - today.weekday())
    form = {
        "days": (monday + timedelta(days=30)).isoformat(),
        "first": monday.isoformat(),
        "last": (monday + timedelta(days=13)).isoformat(),
        "weekdays": ["0", "3"],
    }
    page = client.post(url, form, follow=True)
    assert "Booked on 5 days:" in page.text
    assert Booking.objects.count() == 6
    assert "already" in client.post(url, form).text
    assert "is not a date" in client.post(url, {"days": "18.6."}).text
    assert "Enter both days" in client.post(url, {"first": monday.isoformat()}).text
    assert Booking.objects.count() == 6


def test_anothers_booking_is_not_there(client, trip):
    url = reverse("admin:bookings_booking_duplicate", args=[trip.pk])
    client.force_login(make.member(make.company("lyon")))
    assert client.get(url).status_code == 404
    client.force_login(make.member(trip.company, Role.VIEWER))
    assert client.get(url).status_code == 404
