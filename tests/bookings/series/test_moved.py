"""A place that has moved: all its coming trips and orders follow, or none."""

from datetime import time, timedelta

import pytest
from django.urls import reverse

from bookings.models import Actor, Booking, CompanyPlace, Door, Event, Series
from bookings.own_places import recognise
from bookings.series.change import create_series
from bookings.series.foresee import DatesBroken
from bookings.series.moved import move_place
from drivers.models import Role
from tests.support import builders as make

BY = {"actor": Actor(Door.ADMIN, name="Ada"), "now": make.NOW}
NEW = {"address": "Quai 9, Genève", "lat": 46.2, "lon": 6.15}
CLINIC = "Rue Gabrielle-Perret-Gentil 4, 1205 Genève"
pytestmark = pytest.mark.django_db


@pytest.fixture
def geneva():
    return make.company(series_days_ahead=14)


@pytest.fixture
def clinic(geneva):
    return make.place(geneva, name="HUG", address=CLINIC)


def trip(geneva, **fields):
    """Return a booking to the clinic, linked with its place as the doors link it."""
    booking = make.booking(geneva, client=make.client(geneva), **fields)
    recognise(geneva, [booking])
    booking.save()
    return booking


@pytest.fixture
def order(clinic, geneva):
    """Return a standing order to the clinic and back, with two coming dates."""
    client = make.client(geneva)
    made = make.series(geneva, client=client, dropoff_address=CLINIC, return_time=time(12, 30))
    made.pk, made._state.adding = None, True
    Series.objects.all().delete()
    assert create_series(made, **BY) == 4
    return made


def moved(place, **options):
    place = CompanyPlace.objects.select_related("company").get(pk=place.pk)
    for name, value in NEW.items():
        setattr(place, name, value)
    return move_place(place, **BY, **options)


def ends(booking, end):
    booking.refresh_from_db()
    return tuple(getattr(booking, f"{end}_{what}") for what in NEW)


def test_orders_their_dates_and_single_trips_follow_with_events(geneva, clinic, order):
    single, elsewhere = trip(geneva), make.booking(geneva, dropoff_address="Elsewhere")
    over = trip(geneva, day=make.DAY - timedelta(days=9))
    was = ends(over, "dropoff")
    foreseen = moved(clinic, dry_run=True)
    assert len(foreseen.rows) == 5
    assert ends(single, "dropoff") == was

    assert len(moved(clinic).rows) == 5
    new = tuple(NEW.values())
    assert ends(single, "dropoff") == new
    assert ends(over, "dropoff") == was
    assert ends(elsewhere, "dropoff")[0] == "Elsewhere"
    dates = Booking.objects.filter(series__isnull=False)
    assert {ends(row, "dropoff" if row.series_leg == 0 else "pickup") for row in dates} == {new}
    order = Series.objects.get()
    assert (order.dropoff_address, order.version) == (NEW["address"], 2)
    single.refresh_from_db()
    assert single.dropoff_place == clinic  # still the same place
    changes = Event.objects.filter(kind="booking.changed")
    assert {event.reason for event in changes} == {"HUG has moved"}
    assert changes.count() == 5


def test_what_a_driver_cannot_drive_any_more_stops_it_until_it_is_released(geneva, clinic):
    driver = make.driver(geneva)
    make.shift(driver, "08:30", "10:00")
    single = trip(geneva)
    assignment = make.assignment(single, driver)
    was = ends(single, "dropoff")
    lausanne = {"address": "Lausanne", "lat": 46.52, "lon": 6.63}
    place = CompanyPlace.objects.select_related("company").get(pk=clinic.pk)
    for name, value in lausanne.items():
        setattr(place, name, value)
    (broken,) = move_place(place, **BY, dry_run=True).broken
    assert broken.assignment_id == assignment.pk
    with pytest.raises(DatesBroken):
        move_place(place, **BY)
    assert ends(single, "dropoff") == was
    assert CompanyPlace.objects.get().address == CLINIC
    move_place(place, **BY, release={assignment.pk})
    assert ends(single, "dropoff") == tuple(lausanne.values())
    assert single.status == "accepted"


def test_a_computed_pickup_does_not_move_before_the_way_there(geneva, clinic):
    there = make.booking(geneva, "09:00", dropoff_address="Elsewhere")
    times = {"appointment_at": make.at("09:50"), "pickup_computed": True}
    back = trip(geneva, clock="09:20", return_of=there, **times)
    alone = trip(geneva, clock="09:20", **times)
    lausanne = {"address": "Lausanne", "lat": 46.52, "lon": 6.63}  # more than an hour away
    place = CompanyPlace.objects.select_related("company").get(pk=clinic.pk)
    for name, value in lausanne.items():
        setattr(place, name, value)
    move_place(place, **BY)
    assert ends(back, "dropoff") == ends(alone, "dropoff") == tuple(lausanne.values())
    assert alone.scheduled_time < make.at("09:00")
    assert back.scheduled_time == make.at("09:20")


def test_the_page_lists_the_trips_first_and_moves_them_only_then(client, geneva, clinic):
    single = trip(geneva, day=make.DAY.replace(year=2098))
    client.force_login(make.member(geneva, Role.DISPATCHER))
    page = reverse("admin:bookings_companyplace_moved", args=[clinic.pk])
    text = client.get(page).content.decode()
    assert "1 coming trip" in text
    assert "Move it with all its trips" not in text
    shown = client.post(page, NEW)
    assert "Move it with all its trips" in shown.content.decode()
    assert ends(single, "dropoff")[0] == CLINIC
    assert client.post(page, {**NEW, "move": "1"}).status_code == 302
    assert ends(single, "dropoff") == tuple(NEW.values())
    assert (
        page
        in client.get(
            reverse("admin:bookings_companyplace_change", args=[clinic.pk])
        ).content.decode()
    )
