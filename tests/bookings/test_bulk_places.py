"""Bookings in bulk whose addresses have no positions: candidates, and what is taken."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.models import Booking
from tests.bookings.places.test_address_register import OPEN_ADDRESSES, imported
from tests.support.callers import API, booking_values, caller

pytestmark = pytest.mark.django_db
HOUSE, GONE = "Rue de Lausanne 12, 1201 Genève", "Rue de Lausanne 14, 1201 Genève"


@pytest.fixture
def me(tmp_path):
    imported(tmp_path, OPEN_ADDRESSES)
    return caller()


def row(reference, address):
    values = booking_values(reference, pickup_address=address)
    return {name: v for name, v in values.items() if name not in ("pickup_lat", "pickup_lon")}


def send(me, *rows, **body):
    return me.post(f"{API}bookings/bulk/", {"bookings": list(rows), **body})


def test_without_asking_for_it_nothing_is_searched(me):
    answer = send(me, row("A", HOUSE))
    assert answer.status_code == 400
    assert {e["field"] for e in answer.json()["errors"]} == {"0.pickup_lat", "0.pickup_lon"}
    assert "places" not in answer.json()


def test_candidates_are_suggested_and_nothing_is_created(me):
    answer = send(me, row("A", HOUSE), row("B", GONE), find_places="suggest")
    assert answer.status_code == 400
    errors = [(error["field"], error["code"]) for error in answer.json()["errors"]]
    assert errors == [
        ("0.pickup_address", "place_unclear"),
        ("1.pickup_address", "place_unclear"),
    ]
    first, second = answer.json()["places"]
    assert (first["row"], first["field"], first["is_sure"]) == (0, "pickup_address", True)
    assert first["matches"][0]["address"] == HOUSE
    assert (second["row"], second["is_sure"]) == (1, False)
    assert not second["matches"][0]["is_exact"]
    assert not Booking.objects.exists()


def test_what_is_sure_is_accepted_and_the_rest_is_refused(me):
    rows = row("A", HOUSE), row("B", GONE), row("C", "Xyzzyplatz")
    answer = send(me, *rows, find_places="accept", mode="partial")
    assert answer.status_code == 200, answer.content
    results = answer.json()["results"]
    assert [one["outcome"] for one in results] == ["created", "refused", "refused"]
    assert "see “places”" in results[1]["errors"][0]["detail"]
    assert "No place has this address" in results[2]["errors"][0]["detail"]
    booking = Booking.objects.get()
    assert (booking.reference, booking.pickup_lat, booking.pickup_lon) == ("A", 46.2107, 6.1434)
    again = send(me, row("A", HOUSE), find_places="accept").json()
    assert again["known"] == 1


def test_other_faults_of_the_row_are_said_too(me):
    answer = send(me, row("A", GONE) | {"passengers": 0}, find_places="accept")
    fields = {error["field"] for error in answer.json()["errors"]}
    assert fields == {"0.passengers", "0.pickup_address"}


@pytest.mark.parametrize("wrong", [None, "yes", True, []])
def test_another_way_to_find_places_is_refused(me, wrong):
    answer = send(me, row("A", HOUSE), find_places=wrong)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "find_places"


def test_many_addresses_take_as_many_statements_as_one(me):
    counts = []
    for size in (1, 30):
        rows = [row(f"{size}-{n}", f"Rue de Lausanne {n}, Genève") for n in range(size)]
        with CaptureQueriesContext(connection) as statements:
            send(me, *rows, find_places="suggest")
        counts.append(len(statements))
    assert counts[0] == counts[1]
