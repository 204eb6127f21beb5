"""The ways that the map and the panel of a trip draw: by road, or the straight line, dashed."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dispatch.day import travel_times
from dispatch.day.travel_times import ways
from dispatch.roads.polyline import decode, encode
from dispatch.roads.times import _failed_at
from drivers.models import Role
from tests.support import builders as make
from tests.support.valhalla_server import valhalla_server

pytestmark = [pytest.mark.django_db, pytest.mark.process]

A, B, C = (46.2, 6.1), (46.25, 6.12), (46.21, 6.05)
CORNER = (B[0], A[1])


@pytest.fixture
def anna():
    """Anna drives two trips, the second one begins where the first one does."""
    anna = make.driver(name="Anna")
    make.shift(anna)
    for clock in ("09:00", "11:00"):
        trip = make.booking(
            clock=clock, pickup_lat=A[0], pickup_lon=A[1], dropoff_lat=B[0], dropoff_lon=B[1]
        )
        make.assignment(trip, anna)
    return anna


def address(name, *args, company="geneva"):
    return reverse(f"admin:board:{name}", args=[company, *args])


def trips():
    return list(make.Booking.objects.order_by("id").values_list("id", flat=True))


def test_a_way_is_what_the_server_draws_and_is_asked_for_once(roads):
    way, back, again = ways([(A, B), (B, A), (A, B)])
    assert decode(way) == [A, CORNER, B]
    assert decode(back) == [B, (A[0], B[1]), A]
    assert again == way
    assert ways([(A, B)]) == [way]
    assert roads.requests == 2


def test_where_no_road_leads_there_is_no_way_and_no_fault(roads):
    roads.islands = {C}
    assert ways([(A, C), (A, B)])[0] == ""
    assert not _failed_at


@pytest.mark.parametrize("how", ["cut", "500", "html", "no table", "hang", "drip"])
def test_a_server_that_fails_leaves_the_straight_line_and_is_left_alone(roads, monkeypatch, how):
    monkeypatch.setattr(travel_times, "PAGE_S", 0.3)
    roads.fails = lambda number: how
    assert ways([(A, B), (B, C)]) == [None, None]
    asked = roads.requests
    assert ways([(A, B)]) == [None]
    assert roads.requests == asked


def test_what_came_before_the_time_was_over_is_drawn_and_the_rest_later(roads, monkeypatch):
    monkeypatch.setattr(travel_times, "PAGE_S", 0.5)
    legs = [(A, (46.3 + n / 100, 6.2)) for n in range(5)]
    roads.fails = lambda number: "hang" if number > 2 else None
    assert sum(way is None for way in ways(legs)) == 3
    roads.fails = lambda number: None
    assert None not in ways(legs)


@pytest.mark.parametrize("way", ["", "_p~iF", "_p~iF~ps|", "\x00\x01", "~~~~~~~~~~~~", None, 7, []])
def test_what_is_no_way_is_not_drawn(roads, way):
    roads._route = lambda *ends: (200, {"code": "Ok", "routes": [{"geometry": way}]})
    assert ways([(A, B)]) == [None]


def test_valhalla_draws_too(settings, roads):
    with valhalla_server() as server:
        server.nowhere = {C}
        settings.ROADS_URL = f"valhalla+{server.url}"
        way, nowhere = ways([(A, B), (A, C)])
    assert decode(way) == [A, B]
    assert nowhere == ""


def test_polylines_are_those_of_the_encodings_own_example():
    points = [(38.5, -120.2), (40.7, -120.95), (43.252, -126.453)]
    assert encode(points) == "_p~iF~ps|U_ulLnnqC_mqNvxq`@"
    assert decode(encode(points)) == points


def test_the_map_of_a_day_has_rides_and_the_ways_between_them(roads, anna, client):
    client.force_login(make.member(role=Role.VIEWER))
    with CaptureQueriesContext(connection) as few:
        drawn = client.get(address("roads", make.DAY)).json()
    first, second = (drawn["ways"][str(trip)] for trip in trips())
    assert decode(first[0]) == decode(second[0]) == [A, CORNER, B]
    assert first[1] is None
    assert decode(second[1]) == [B, (A[0], B[1]), A]
    assert drawn["left"] == 0
    for clock in ("12:00", "13:00", "14:00"):
        make.assignment(make.booking(clock=clock, pickup_lat=46.3), anna)
    make.booking(clock="15:00", pickup_lat=46.31)
    with CaptureQueriesContext(connection) as many:
        assert len(client.get(address("roads", make.DAY)).json()["ways"]) == 6
    assert len(few) == len(many)


def test_the_panel_draws_the_way_and_says_how_far_it_is(roads, anna, client):
    client.force_login(make.member(role=Role.VIEWER))
    trip = trips()[0]
    assert address("road", trip) in client.get(address("booking", trip)).text
    shown = client.get(address("road", trip)).text
    assert shown.count(",") > 3
    assert "7.8 km, by road" in shown  # 0.05 degrees north, 0.02 east, of 111.195 km
    assert "straight" not in shown


def test_without_an_answer_the_panel_dashes_the_straight_line_and_says_so(roads, anna, client):
    roads.fails = lambda number: "500"
    client.force_login(make.member(role=Role.VIEWER))
    shown = client.get(address("road", trips()[0])).text
    assert 'class="straight"' in shown
    assert "km, partly straight line" in shown
    assert "The road server 127.0.0.1:" in shown


def test_without_a_road_server_nothing_is_asked(roads, anna, client, settings):
    settings.ROADS_URL = ""
    client.force_login(make.member(role=Role.VIEWER))
    drawn = client.get(address("roads", make.DAY)).json()
    assert set(map(tuple, drawn["ways"].values())) == {(None, None)}
    page = client.get(address("day", make.DAY)).text
    assert "data-roads-url" not in page
    assert "Dashed lines are straight: no road is known there." in page
    assert roads.requests == 0


def test_another_company_sees_no_way(roads, anna, client):
    client.force_login(make.member(make.company("other")))
    for page in (address("roads", make.DAY), address("road", trips()[0])):
        assert client.get(page).status_code == 404
    for page in (address("roads", make.DAY, company="other"),):
        assert client.get(page).json()["ways"] == {}
    assert client.get(address("road", trips()[0], company="other")).status_code == 404
