"""Whoever enters a place that no road reaches is asked whether it is meant, through every door."""

import sys

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from bookings.importing.import_bookings import import_bookings
from bookings.models import Actor, Booking, CompanyPlace, Door
from drivers.models import far_places
from tests.dispatch import test_far_places as doors
from tests.support import builders as make
from tests.support.callers import API, booking_values, caller
from tests.support.pages import save, shown_fields

pytestmark = [pytest.mark.django_db, pytest.mark.process]

ISLAND, MEADOW = (46.5, 6.5), (46.4, 6.2)  # no road leads to the one, none is near the other
LOST = "No road leads from the depot to latitude"
OFF = "Latitude 46.4, longitude 6.2 is more than a kilometre from any road."
BY = {"actor": Actor(Door.COMMAND, name="Ada"), "now": make.NOW}


@pytest.fixture
def sea(roads):
    roads.islands = {ISLAND}
    roads.off_m = {MEADOW: 1_200}
    return roads


@pytest.fixture
def swapped_is_lost(roads, monkeypatch):
    """The place of all the doors of the far places: not far any more, but an island."""
    monkeypatch.setattr(sys.modules[far_places.__module__], "FAR_KM", 100_000)
    roads.islands = {(doors.LAT, doors.LON)}
    return roads


@pytest.mark.parametrize("door", doors.API_DOORS)
def test_the_api_asks_and_is_answered(swapped_is_lost, door):
    method, path, body = doors.API_DOORS[door]
    me = caller()
    ids = {
        "booking": make.booking(clock="10:00", day=doors.TOMORROW).pk,
        "client": make.client().pk,
        "driver": make.driver().pk,
        "vehicle": make.vehicle().pk,
    }
    send, path = getattr(me, method), API + path.format(**ids)
    asked = send(path, body())
    assert asked.status_code == 400, asked.content
    (error,) = asked.json()["errors"]
    assert (error["code"], error["field"]) == (
        "far_away",
        next(n for n in body() if n.endswith("lat")),
    )
    assert LOST in error["detail"]
    assert doors.far_rows() == 0
    done = send(path, {**body(), "far_meant": True})
    assert done.status_code in (200, 201), done.content


@pytest.mark.parametrize("door", doors.ADMIN_DOORS)
def test_a_form_asks_and_its_checkbox_answers(swapped_is_lost, client, geneva, door):
    url, values = doors.ADMIN_DOORS[door]()
    asked = save(client, url, company=geneva.pk if "add" in url else "geneva", **values)
    assert asked.status_code == 200
    assert LOST in asked.content.decode()
    assert doors.box_of(asked) == doors.ANSWER
    assert doors.far_rows() == 0
    sent = shown_fields(asked) | {"_continue": "1", "far_meant": doors.ANSWER}
    assert client.post(url, sent).status_code == 302
    assert doors.far_rows() >= 1


def test_a_copy_and_the_board_ask_too(swapped_is_lost, client, geneva):
    row = make.booking(day=doors.TOMORROW, pickup_address="Quai 3", **doors.FAR)
    copy = reverse("admin:bookings_booking_duplicate", args=[row.pk])
    assert LOST in client.post(copy, {"days": doors.TOMORROW.isoformat()}).content.decode()
    other = make.booking(clock="10:00", day=doors.TOMORROW)
    edit = reverse("admin:board:edit", args=["geneva", other.pk])
    values = {"version": 1, "clock": "10:00", "pickup_address": "Quai 3", "notes": ""}
    asked = client.post(edit, values, headers={"HX-Request": "true"})
    assert (asked.status_code, LOST in asked.content.decode()) == (400, True)


def test_bookings_in_bulk_and_files_ask_about_all_places_at_once(sea, geneva):
    rows = [booking_values(f"P-{n}", pickup_lat=46.2 + n / 1000) for n in range(40)]
    rows[7] |= {"dropoff_lat": MEADOW[0], "dropoff_lon": MEADOW[1]}
    rows[9] |= {"pickup_lat": ISLAND[0], "pickup_lon": ISLAND[1]}
    asked = caller().post(f"{API}bookings/bulk/", {"bookings": rows}, "json")
    assert asked.status_code == 400
    errors = {row["field"]: row["detail"] for row in asked.json()["errors"]}
    assert errors.keys() == {"7.dropoff_lat", "9.pickup_lat"}
    assert errors["7.dropoff_lat"] == OFF
    assert sea.requests == 2  # from the depot to all places, and back
    names = ("reference", "pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon")
    file = [",".join((*names, "scheduled_time", "passengers", "wheelchairs"))]
    file += [
        ",".join((*(str(row[name]) for name in names), "2026-06-17 09:00", "1", "0"))
        for row in rows
    ]
    dry = import_bookings(geneva, "\n".join(file).encode(), filename="a.csv", dry_run=True, **BY)
    assert {row.reference: row.question for row in dry.far_away}.keys() == {"P-7", "P-9"}
    assert "2 places are far from the depot or from any road" in dry.summary()
    assert sea.requests == 2  # what was asked is kept


def test_both_ends_are_asked_about_and_each_is_answered_for_itself(sea, geneva):
    fields = {
        "pickup_lat": ISLAND[0], "pickup_lon": ISLAND[1],
        "dropoff_lat": MEADOW[0], "dropoff_lon": MEADOW[1],
    }  # fmt: skip
    booking = Booking(company=geneva, scheduled_time=make.at("09:00"), **fields)
    with pytest.raises(ValidationError) as asked:
        booking.full_clean()
    assert {*asked.value.error_dict} == {"pickup_lat", "dropoff_lat"}
    booking.far_meant = frozenset([ISLAND])
    with pytest.raises(ValidationError) as asked:
        booking.full_clean()
    assert asked.value.message_dict == {"dropoff_lat": [OFF]}
    booking.far_meant = frozenset([ISLAND, MEADOW])
    booking.full_clean()


@pytest.mark.parametrize("how", ["500", "html", "nulls", "cut", "hang", "drip"])
def test_a_server_that_fails_asks_nobody_and_hinders_nothing(sea, geneva, monkeypatch, how):
    monkeypatch.setattr("dispatch.day.off_road.ASK_S", 0.3)
    sea.fails = lambda number: how
    place = CompanyPlace(company=geneva, name="Quai", address="Quai 3", lat=46.5, lon=6.5)
    place.full_clean()
    booked = caller().post(f"{API}bookings/", booking_values("P-1"), "json")
    assert booked.status_code == 201
    if how != "nulls":  # which is an answer, of a server that knows no road
        assert sea.requests == 1  # a server that has just failed is left alone


def test_without_a_road_server_nobody_is_asked(geneva, settings):
    settings.ROADS_URL = ""
    assert far_places(geneva, {"lat": ISLAND[0], "lon": ISLAND[1]}, ("",)) == {}


def test_a_depot_off_the_road_makes_no_place_wrong(sea, geneva):
    sea.islands = {(geneva.depot_lat, geneva.depot_lon)}
    sea.off_m |= {(geneva.depot_lat, geneva.depot_lon): 5_000}
    assert far_places(geneva, {"lat": 46.2, "lon": 6.1}, ("",)) == {}
    assert far_places(geneva, {"lat": MEADOW[0], "lon": MEADOW[1]}, ("",)) == {"lat": OFF}
