"""Whoever enters a place far from the depot is asked whether it is meant, through every door."""

import re
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

from bookings.importing.import_bookings import import_bookings
from bookings.models import Actor, Booking, Client, CompanyPlace, Door, SavedPlace
from bookings.save import save_booking
from drivers.models import Driver, Vehicle
from drivers.models.far_places import far_places
from tests.support import builders as make
from tests.support.callers import API, booking_values, caller
from tests.support.pages import save, shown_fields

LON, LAT = make.HOME  # swapped
OFFER = f"Swapped it would be 8 km away: enter {make.HOME[0]} and {make.HOME[1]}."
FAR = {"pickup_lat": LAT, "pickup_lon": LON}
FAR_HOME = {"home_lat": LAT, "home_lon": LON}
FAR_YARD = {"handover_lat": LAT, "handover_lon": LON}
HERE = {"lat": LAT, "lon": LON}
TOMORROW = timezone.localdate() + timedelta(days=1)
pytestmark = pytest.mark.django_db


ANSWER = f"{LAT},{LON}"
BOX = re.compile(r'<input type="checkbox" name="far_meant"[^>]*? value="([^"]+)"')


def box_of(page):
    """Return what the only checkbox of a page sends."""
    (value,) = BOX.findall(page.content.decode())
    return value


def far_rows():
    """Return how many rows of all tables have the far place."""
    return (
        Booking.objects.filter(**FAR).count()
        + Client.objects.filter(**HERE).count()
        + SavedPlace.objects.filter(**HERE).count()
        + CompanyPlace.objects.filter(**HERE).count()
        + Driver.objects.filter(**FAR_HOME).count()
        + Vehicle.objects.filter(**FAR_YARD).count()
    )


# API -------------------------------------------------------------------------------------

API_DOORS = {
    "POST bookings/": ("post", "bookings/", lambda: booking_values(**FAR)),
    "PATCH bookings/<pk>/": ("patch", "bookings/{booking}/", lambda: FAR),
    "POST clients/": ("post", "clients/", lambda: {"name": "Zoé", **HERE}),
    "PATCH clients/<pk>/": ("patch", "clients/{client}/", lambda: HERE),
    "POST drivers/": ("post", "drivers/", lambda: {"name": "Anna", **FAR_HOME}),
    "PATCH drivers/<pk>/": ("patch", "drivers/{driver}/", lambda: FAR_HOME),
    "POST vehicles/": ("post", "vehicles/", lambda: {"plate": "GE 2", **FAR_YARD}),
    "PATCH vehicles/<pk>/": ("patch", "vehicles/{vehicle}/", lambda: FAR_YARD),
}


@pytest.mark.parametrize("door", API_DOORS)
def test_the_api_asks_and_is_answered(door):
    method, path, body = API_DOORS[door]
    me = caller()
    ids = {
        "booking": make.booking(clock="10:00", day=TOMORROW).pk,
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
    assert OFFER in error["detail"]
    assert send(path, {**body(), "far_meant": False}).status_code == 400
    assert far_rows() == 0
    done = send(path, {**body(), "far_meant": True})
    assert done.status_code in (200, 201), done.content
    assert "far_meant" not in done.json()
    assert far_rows() == 1


def test_the_api_asks_of_each_booking_in_bulk():
    me = caller()
    rows = [booking_values("A"), booking_values("B", **FAR)]
    asked = me.post(f"{API}bookings/bulk/", {"bookings": rows})
    assert asked.status_code == 400
    (error,) = asked.json()["errors"]
    assert (error["code"], error["field"]) == ("far_away", "1.pickup_lat")
    assert not Booking.objects.exists()
    rows[1]["far_meant"] = True
    for outcome in ("created", "known"):  # sent again it is known, and not asked about
        done = me.post(f"{API}bookings/bulk/", {"bookings": rows})
        assert {row["outcome"] for row in done.json()["results"]} == {outcome}
    del rows[1]["far_meant"]
    done = me.post(f"{API}bookings/bulk/", {"bookings": rows})
    assert {row["outcome"] for row in done.json()["results"]} == {"known"}


@pytest.mark.parametrize(
    ("path", "make_row", "change"),
    [
        ("bookings", lambda: make.booking(day=TOMORROW, **FAR), {"passengers": 2}),
        ("clients", lambda: make.client(**HERE), {"phone": "1"}),
        ("drivers", lambda: make.driver(**FAR_HOME), {"phone": "1"}),
        ("vehicles", lambda: make.vehicle(**FAR_YARD), {"seats": 5}),
    ],
)
def test_a_stored_place_is_not_asked_about_again(path, make_row, change):
    row = make_row()
    me = caller()
    done = me.patch(f"{API}{path}/{row.pk}/", change)
    assert done.status_code == 200, done.content
    places = *FAR, *HERE, *FAR_HOME, *FAR_YARD
    same = {name: getattr(row, name) for name in places if hasattr(row, name)}
    assert me.patch(f"{API}{path}/{row.pk}/", same).status_code == 200


# Admin -----------------------------------------------------------------------------------

MOMENT = {"scheduled_time_0": TOMORROW.isoformat(), "scheduled_time_1": "09:00"}
CALL = {
    "new_name": "Léa", "new_at_home": "on", "pickup_address": "Quai 3",
    "dropoff_address": "Hôpital", "dropoff_lat": make.HOSPITAL[0], "dropoff_lon": make.HOSPITAL[1],
    "day": TOMORROW.isoformat(), "pickup_at": "09:00", "return_at": "11:00",
}  # fmt: skip


def add(model):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")


def change(row):
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return reverse(name, args=[row.pk])


def place_of(client):
    """Return the page of a client, and the fields of a new saved place."""
    values = {"client": client.pk, "label": "Work", "address": "Quai 3", **HERE}
    sent = {f"places-0-{name}": value for name, value in values.items()}
    return change(client), sent | {"places-TOTAL_FORMS": 1}


ADMIN_DOORS = {
    "add a booking": lambda: (
        add(Booking),
        FAR | MOMENT | {"dropoff_lat": make.HOSPITAL[0], "dropoff_lon": make.HOSPITAL[1]},
    ),
    "change a booking": lambda: (change(make.booking(clock="10:00", day=TOMORROW)), FAR),
    "add a client": lambda: (add(Client), {"name": "Zoé", **HERE}),
    "change a client": lambda: (change(make.client()), HERE),
    "save a place": lambda: place_of(make.client()),
    "add a place": lambda: (add(CompanyPlace), {"name": "Quai", "address": "Quai 3", **HERE}),
    "change a place": lambda: (change(make.place()), HERE),
    "add a driver": lambda: (add(Driver), {"name": "Anna", **FAR_HOME}),
    "change a driver": lambda: (change(make.driver()), FAR_HOME),
    "add a vehicle": lambda: (add(Vehicle), {"plate": "GE 2", **FAR_YARD}),
    "change a vehicle": lambda: (change(make.vehicle()), FAR_YARD),
    "by telephone": lambda: (reverse("admin:bookings_booking_telephone"), FAR | CALL),
}


@pytest.mark.parametrize("door", ADMIN_DOORS)
def test_a_form_asks_and_its_checkbox_answers(client, geneva, door):
    url, values = ADMIN_DOORS[door]()
    asked = save(client, url, company=geneva.pk if "add" in url else "geneva", **values)
    assert asked.status_code == 200
    page = asked.content.decode()
    assert OFFER in page
    assert box_of(asked) == ANSWER
    assert far_rows() == 0
    # As a browser: what the page shows is sent again, with the checkbox checked.
    sent = shown_fields(asked)
    done = client.post(url, sent | {"_continue": "1", "far_meant": ANSWER})
    assert done.status_code == 302, done.context["errors"] if done.context else done
    assert far_rows() >= 1
    if door == "by telephone":
        return
    # Changing something else, nobody is asked again; nor is there a checkbox.
    url = done["Location"] if "add" in door else url
    shown = client.get(url)
    assert "far_meant" not in shown.content.decode()
    other = {"notes": "x", "phone": "2", "plate": "GE 3"}
    again = client.post(url, shown_fields(shown) | {"_continue": "1"} | other)
    assert again.status_code == 302


def test_the_answer_stays_when_something_else_is_refused(client, geneva):
    refused = save(client, add(Client), company=geneva.pk, name="", far_meant=ANSWER, **HERE)
    assert refused.status_code == 200
    assert shown_fields(refused)["far_meant"] == [ANSWER]
    assert OFFER not in refused.content.decode()


def test_a_copy_on_another_day_is_asked_about(client, geneva):
    row = make.booking(day=TOMORROW, **FAR)
    url = reverse("admin:bookings_booking_duplicate", args=[row.pk])
    days = {"days": (TOMORROW + timedelta(days=1)).isoformat()}
    asked = client.post(url, days)
    assert OFFER in asked.content.decode()
    assert far_rows() == 1
    assert client.post(url, days | {"far_meant": box_of(asked)}).status_code == 302
    assert far_rows() == 2


OTHER = 12.0, 50.0  # far too


def test_a_tick_answers_for_its_place_and_for_no_other(client, geneva):
    """Both ends are far: each has a checkbox, and a place changed meanwhile is asked about anew."""
    url, ends = add(Booking), FAR | {"dropoff_lat": OTHER[0], "dropoff_lon": OTHER[1]}
    asked = save(client, url, company=geneva.pk, **MOMENT, **ends)
    assert BOX.findall(asked.content.decode()) == [ANSWER, "12.0,50.0"]
    sent = shown_fields(asked) | {"_continue": "1"}
    half = client.post(url, sent | {"far_meant": ANSWER})
    assert half.status_code == 200
    assert OFFER not in half.content.decode()
    assert "Latitude 12.0, longitude 50.0 is" in half.content.decode()
    assert shown_fields(half)["far_meant"] == [ANSWER]
    moved = client.post(url, sent | {"far_meant": [ANSWER, "12.0,50.0"], "dropoff_lon": "51"})
    assert "12.0,51.0" in BOX.findall(moved.content.decode())
    for nothing in ("on", "", "x,y", "6.08", "True"):
        assert client.post(url, sent | {"far_meant": nothing}).status_code == 200, nothing
    assert not Booking.objects.exists()
    assert client.post(url, sent | {"far_meant": [ANSWER, "12.0,50.0"]}).status_code == 302


def test_the_board_asks_about_a_known_place_that_is_far(client, geneva):
    make.booking(day=TOMORROW, pickup_address="Quai 3", **FAR)
    row = make.booking(clock="10:00", day=TOMORROW)
    url = reverse("admin:board:edit", args=["geneva", row.pk])
    values = {"version": 1, "clock": "10:00", "pickup_address": "Quai 3", "notes": ""}
    asked = client.post(url, values, headers={"HX-Request": "true"})
    assert asked.status_code == 400
    assert OFFER in asked.content.decode()
    assert 'name="far_meant"' in asked.content.decode()
    assert far_rows() == 1
    done = client.post(url, values | {"far_meant": ANSWER}, headers={"HX-Request": "true"})
    assert done.status_code == 200
    assert far_rows() == 2
    values |= {"version": 2, "notes": "Ring twice"}
    again = client.post(url, values, headers={"HX-Request": "true"})
    assert again.status_code == 200


# The import, and the rule itself -----------------------------------------------------------

ACTOR = Actor(Door.COMMAND, name="Ada")
FILE = (
    "reference,pickup_lat,pickup_lon,dropoff_lat,dropoff_lon,scheduled_time,passengers,"
    "wheelchairs,notes\n"
)


def load(company, notes, **options):
    row = f"R,{LAT},{LON},{make.HOSPITAL[0]},{make.HOSPITAL[1]},2026-06-17 09:00,1,0,{notes}\n"
    data = (FILE + row).encode()
    return import_bookings(company, data, actor=ACTOR, now=make.NOW, **options)


def test_a_dry_run_of_an_import_asks_and_importing_answers():
    company = make.company()
    dry = load(company, "a", dry_run=True)
    (asked,) = dry.far_away
    assert (asked.line, asked.reference) == (2, "R")
    assert OFFER in asked.question
    assert "To import the file confirms them." in dry.summary()
    load(company, "a")
    assert far_rows() == 1
    assert not load(company, "b", dry_run=True).far_away  # its place is stored


def test_the_use_case_asks_below_all_doors():
    booking = make.booking()
    booking = Booking.objects.get(pk=booking.pk)
    booking.pickup_lat, booking.pickup_lon = LAT, LON
    by = {"actor": ACTOR, "now": make.NOW}
    with pytest.raises(ValidationError) as asked:
        save_booking(booking, **by)
    assert [error.code for error in asked.value.error_dict["pickup_lat"]] == ["far_away"]
    booking.far_meant = True
    save_booking(booking, **by)
    booking.far_meant, booking.notes = False, "x"
    save_booking(booking, **by)  # the place has not changed since


def test_far_is_more_than_300_km_as_the_crow_flies():
    company = make.company(depot_lat=0.0, depot_lon=179.0)
    at = {"lat": 0.0, "lon": -179.0}  # 222 km over the date line: 2 degrees of 111.2 km
    assert far_places(company, at, ("",)) == {}
    at["lon"] = -178.3  # 300.2 km
    question = far_places(company, at, ("",))["lat"]
    assert question == "Latitude 0.0, longitude -178.3 is 300 km from the depot."
    assert far_places(company, at, ("",), at) == {}
    assert far_places(company, {"lat": None, "lon": None}, ("",)) == {}


def test_the_question_is_asked_in_french():
    with translation.override("fr"):
        question = far_places(make.company(), HERE, ("",))["lat"]
    assert f"saisissez {make.HOME[0]} et {make.HOME[1]}" in question


@pytest.mark.parametrize(
    ("path", "make_row", "place"),
    [
        ("bookings", lambda: make.booking(day=TOMORROW), {"pickup_lat": 46.2, "pickup_lon": 6.1}),
        ("clients", make.client, {"lat": 46.2, "lon": 6.1}),
        ("drivers", make.driver, {"home_lat": 46.2, "home_lon": 6.1}),
        ("vehicles", make.vehicle, {"handover_lat": 46.2, "handover_lon": 6.1}),
    ],
)
def test_to_ask_costs_no_statement(path, make_row, place):
    me, row, counts = caller(), make_row(), []
    name = {"bookings": "notes", "vehicles": "plate"}.get(path, "phone")
    me.patch(f"{API}{path}/{row.pk}/", {name: "1"})  # the first change makes the client's key
    for values in ({name: "2"}, place):
        with CaptureQueriesContext(connection) as statements:
            assert me.patch(f"{API}{path}/{row.pk}/", values).status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1]
