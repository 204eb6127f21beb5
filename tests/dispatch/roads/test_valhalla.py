"""A Valhalla server: the same drives, its limits, its nulls, its errors."""

import numpy as np
import pytest

from dispatch.day import travel_times
from dispatch.planner.travel import UNREACHABLE_S, GreatCircle
from dispatch.roads import times
from dispatch.roads.kept import Kept
from dispatch.roads.osrm import Osrm, RoadsFailed
from dispatch.roads.times import Patience, RoadTimes
from dispatch.roads.valhalla import Valhalla
from dispatchsite import env
from tests.support.road_server import drive
from tests.support.valhalla_server import valhalla_server

pytestmark = [pytest.mark.any_database, pytest.mark.process]

A, B, C = (46.20, 6.10), (46.25, 6.12), (46.18, 6.20)


@pytest.fixture
def roads():
    times._failed_at.clear()
    with valhalla_server() as server:
        yield server


@pytest.fixture
def travel(roads, tmp_path):
    kept = Kept(tmp_path / "kept", b"key")
    patience = Patience(5, strict=True, rests=False)
    return RoadTimes(Valhalla(roads.url), kept, GreatCircle(60, 1.0), patience)


@pytest.mark.parametrize("verbose", [False, True])
def test_seconds_and_metres_are_those_of_the_road(roads, travel, verbose):
    roads.verbose = verbose
    assert travel.leg(A, C) == drive(A, C)
    assert travel.leg(C, A) == drive(C, A)
    wanted = [[drive(a, b) for b in (B, C)] for a in (A, B)]
    assert travel.seconds([A, B], [B, C]).tolist() == [[s for s, _m in row] for row in wanted]
    assert travel.metres([A, B], [B, C]).tolist() == [[m for _s, m in row] for row in wanted]
    travel.check(A)


def test_large_tables_are_asked_in_tiles_that_it_allows(roads, travel):
    places = [(round(46 + n / 1000, 5), 6.1) for n in range(120)]
    answer = travel.seconds(places, places)
    assert answer.tolist() == [[drive(a, b)[0] for b in places] for a in places]
    assert max(n * m for n, m in roads.tables) <= 2_500
    assert not roads.refused


def test_a_server_that_allows_less_is_asked_for_less(roads, travel):
    roads.most = 100
    places = [(round(46 + n / 1000, 5), 6.1) for n in range(30)]
    assert travel.seconds(places, places)[0, 29] == drive(places[0], places[29])[0]
    assert roads.refused <= 4
    assert max(n * m for n, m in roads.tables) <= 100


def test_null_says_that_no_road_leads_there(roads, travel):
    roads.islands = {B}
    assert travel.seconds([A, B], [B, C]).tolist() == [
        [UNREACHABLE_S, drive(A, C)[0]],
        [0, UNREACHABLE_S],
    ]


def test_a_place_without_a_road_spoils_no_table(roads, travel):
    roads.nowhere, roads.off_m = {B}, {C: 1500}
    assert travel.seconds([A, B], [C]).tolist() == [[drive(A, C)[0]], [UNREACHABLE_S]]
    assert travel.off_road_m(B) > 1_000_000
    assert abs(travel.off_road_m(C) - 1500) < 5
    assert travel.off_road_m(A) == 0


@pytest.mark.parametrize("how", ["cut", "500", "html", "no table", "short"])
def test_what_is_no_answer_is_a_failure_that_names_the_server(roads, travel, how):
    roads.fails = lambda number: how
    with pytest.raises(RoadsFailed, match="127.0.0.1"):
        travel.seconds(np.array([A, B]), np.array([B, C]))
    roads.fails = lambda number: how if number % 2 == 0 else None  # the table, after the places
    with pytest.raises(RoadsFailed):
        Valhalla(roads.url).tables([(np.array([A]), np.array([B]))] * 2, 5, lambda *_table: None)


def test_the_address_says_which_protocol(monkeypatch):
    travel_times._server.cache_clear()
    server = travel_times._server("valhalla+http://127.0.0.1:8002/v")
    assert (type(server), server.name) == (Valhalla, "127.0.0.1:8002")
    assert type(travel_times._server("http://127.0.0.1:5000")) is Osrm
    for url in ("valhalla+http://127.0.0.1:8002", "http://127.0.0.1:5000", ""):
        monkeypatch.setenv("THING", url)
        assert env.road_server("THING") == url
    for url in ("valhalla+ftp://x", "valhalla+", "graphhopper+http://x"):
        monkeypatch.setenv("THING", url)
        with pytest.raises(Exception, match="THING"):
            env.road_server("THING")
