"""Driving times on the road: what is asked, what is kept, what is no answer."""

import os

import numpy as np
import pytest

from dispatch.planner.travel import GreatCircle
from dispatch.roads import kept, osrm, times
from dispatch.roads.kept import Kept
from dispatch.roads.osrm import UNREACHABLE_S, Osrm, RoadsFailed
from dispatch.roads.times import Patience, RoadTimes
from tests.support.road_server import drive

pytestmark = [pytest.mark.any_database, pytest.mark.process]

STRAIGHT = GreatCircle(60, 1.0)
STRICT = Patience(5, strict=True, rests=False)
A, B, C, D = (46.20, 6.10), (46.25, 6.12), (46.18, 6.20), (46.21, 6.05)
WAYS_TO_FAIL = ["cut", "500", "html", "nulls", "no table", "short", "negative"]


@pytest.fixture
def travel(roads, tmp_path):
    def make(patience=STRICT):
        return RoadTimes(Osrm(roads.url), Kept(tmp_path / "kept", b"key"), STRAIGHT, patience)

    return make


def table(origins, destinations):
    return [[drive(a, b)[0] for b in destinations] for a in origins]


def test_seconds_and_metres_are_those_of_the_road_in_each_direction(travel):
    there, back = travel().leg(A, C), travel().leg(C, A)
    assert (there, back) == (drive(A, C), drive(C, A))
    assert there[0] != back[0]
    assert travel().seconds([A, B], [C, D]).tolist() == table([A, B], [C, D])
    assert travel().metres([A], [C]).tolist() == [[drive(A, C)[1]]]


def test_legs_and_matrices_hold_the_same_numbers(travel):
    matrix = travel().seconds([A, B, C], [B, C, D])
    seconds, _metres = travel().legs([A, B, C], [B, C, D])
    assert seconds.tolist() == matrix.diagonal().tolist()


def test_a_place_is_asked_for_once_however_often_it_occurs(roads, travel):
    answer = travel().seconds([A, A, B, (A[0] + 1e-7, A[1])], [C, C])
    assert answer.tolist() == table([A, A, B, A], [C, C])
    assert set(roads.legs) == {(A, C), (B, C)}
    assert set(roads.legs.values()) == {1}


def test_what_was_asked_is_kept_and_only_what_is_new_is_asked(roads, travel, monkeypatch):
    monkeypatch.setattr(times, "FEW", 0)  # as a matrix
    travel().learn([A, B], [B, C])
    asked = roads.requests
    travel().learn([B, A], [C, B])
    assert roads.requests == asked
    roads.legs.clear()
    assert travel().seconds([A, B, D], [B, C, D]).tolist() == table([A, B, D], [B, C, D])
    assert set(roads.legs) == {(D, B), (D, C), (D, D), (A, D), (B, D)}
    assert set(roads.legs.values()) == {1}


def test_single_legs_are_kept_too_and_found_in_matrices(roads, travel, monkeypatch):
    travel().legs([A, B], [C, D])
    monkeypatch.setattr(times, "FEW", 0)
    travel().learn([C, D], [A, B])
    asked = roads.requests
    assert travel().leg(A, C) == drive(A, C)
    assert travel().legs([C, D, A], [B, A, C])[0].tolist() == [
        drive(C, B)[0],
        drive(D, A)[0],
        drive(A, C)[0],
    ]
    assert roads.requests == asked


def test_nothing_that_is_kept_names_a_place(travel, tmp_path, monkeypatch):
    monkeypatch.setattr(times, "FEW", 0)
    travel().learn([A], [B])
    (folder,) = (tmp_path / "kept").iterdir()
    assert (
        np.load(folder / "origins.npy").tolist()
        == Kept(tmp_path, b"key").keys(np.array([A])).tolist()
    )
    assert (Kept(tmp_path, b"other").keys(np.array([A])) != np.load(folder / "origins.npy")).all()


def test_a_damaged_file_is_asked_for_again(roads, travel, tmp_path, monkeypatch):
    travel().leg(C, D)
    (tmp_path / "kept" / "legs.npz").write_bytes(b"half a file")
    assert travel().leg(C, D) == drive(C, D)
    monkeypatch.setattr(times, "FEW", 0)
    travel().learn([A], [B])
    for path in (tmp_path / "kept").glob("matrix-*/seconds.npy"):
        path.write_bytes(b"")
    assert travel().seconds([A], [B]).tolist() == table([A], [B])


def test_what_a_killed_process_left_half_written_goes(travel, tmp_path, monkeypatch):
    monkeypatch.setattr(times, "FEW", 0)
    travel().learn([A], [B])
    for name, age_s in (("new-old", 4_000), ("new-young", 60)):
        (tmp_path / "kept" / name).mkdir()
        (tmp_path / "kept" / f"{name}.npz").touch()
        for left in (name, f"{name}.npz"):
            os.utime(tmp_path / "kept" / left, (times.time.time() - age_s,) * 2)
    travel().learn([C], [D])
    assert {path.name for path in (tmp_path / "kept").glob("new-*")} == {
        "new-young",
        "new-young.npz",
    }


def test_what_is_older_than_a_month_is_asked_again(roads, travel, monkeypatch):
    travel().leg(A, B)
    monkeypatch.setattr(times, "FEW", 0)
    travel().learn([C], [D])
    asked = roads.requests
    monkeypatch.setattr(kept, "KEPT_S", -1)
    travel().leg(A, B)
    assert roads.requests == asked + 1
    travel().learn([C, A], [D])
    travel().learn([C], [D])
    assert roads.requests == asked + 3


def test_a_day_planned_again_replaces_its_matrix_and_others_stay(travel, tmp_path, monkeypatch):
    monkeypatch.setattr(times, "FEW", 0)

    def folders():
        return len(list((tmp_path / "kept").glob("matrix-*")))

    travel().learn([A, B], [C])
    travel().learn([A, B, D], [C])
    assert folders() == 1
    for place in ((46.3, 6.1), (46.4, 6.1), (46.5, 6.1), (46.6, 6.1)):
        travel().learn([place], [B])
    assert folders() == 4


def test_large_questions_go_in_tiles_and_small_servers_get_smaller_ones(roads, travel, monkeypatch):
    monkeypatch.setattr(times, "TILE", 2)
    roads.most = 3
    places = [(46 + n / 100, 6 + n / 50) for n in range(5)]
    server = Osrm(roads.url)
    road = RoadTimes(server, travel()._kept, STRAIGHT, STRICT)
    assert road.seconds(places, places).tolist() == table(places, places)
    assert set(roads.legs.values()) == {1}
    assert 1 <= roads.refused <= 2  # by each of the two lines, which then know
    refused = roads.refused
    others = [(47 + n / 100, 7.0) for n in range(4)]
    road = RoadTimes(server, travel()._kept, STRAIGHT, STRICT)
    assert road.seconds(others, others).tolist() == table(others, others)
    assert roads.refused == refused


@pytest.mark.parametrize("how", WAYS_TO_FAIL)
def test_what_is_no_answer_is_named_with_the_server(roads, travel, how):
    roads.fails = lambda number: how
    places = [A, B, C, D]
    with pytest.raises(RoadsFailed, match=r"The road server 127\.0\.0\.1:\d+ "):
        travel().learn(places, places)


@pytest.mark.parametrize("how", ["hang", "drip"])
def test_a_server_that_hangs_is_left_after_the_time_in_all(roads, travel, how):
    roads.fails = lambda number: how
    began = times.time.monotonic()
    road = travel(Patience(0.3, strict=True, rests=False))
    with pytest.raises(RoadsFailed, match=r"did not answer within 1 s"):
        road.learn([A], [B])
    with pytest.raises(RoadsFailed):
        road.leg(C, D)
    assert roads.requests == 1
    assert times.time.monotonic() - began < 5


def test_the_time_is_that_of_all_questions_together(roads, travel):
    road = travel(Patience(7, strict=True, rests=False))
    road._waited_s = 7.5
    with pytest.raises(RoadsFailed, match="did not answer within 7 s"):
        road.leg(A, B)
    assert roads.requests == 0


def test_a_server_that_is_down_is_named(roads, travel):
    road = RoadTimes(Osrm("http://127.0.0.1:9"), travel()._kept, STRAIGHT, STRICT)
    with pytest.raises(RoadsFailed, match=r"127\.0\.0\.1:9 does not answer"):
        road.leg(A, B)


def test_a_metre_below_nothing_is_nothing(roads, travel, monkeypatch):
    """OSRM says -0.8 m of some places on one road."""
    answer = roads.answer
    monkeypatch.setattr(
        roads, "answer", lambda path: (200, answer(path)[1] | {"distances": [[-0.8]]})
    )
    assert travel().leg(A, B) == (drive(A, B)[0], 0)


def test_a_password_in_the_address_is_not_said():
    assert Osrm("https://me:secret@roads.example.org/v5").name == "roads.example.org"


@pytest.mark.parametrize("how", [*WAYS_TO_FAIL, "hang", "drip"])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_by_policy_the_straight_line_stands_in_for_what_is_not_known(
    roads, travel, monkeypatch, how, at
):
    """Whichever of the four tiles fails: what came before is kept, and no leg is half a leg."""
    monkeypatch.setattr(times, "TILE", 4)
    monkeypatch.setattr(times, "FEW", 0)
    monkeypatch.setattr(osrm, "LINES", 1)
    monkeypatch.setattr(osrm, "SURELY", 4)
    roads.fails = lambda number: how if number >= at else None
    origins = [(46 + n / 100, 6.0) for n in range(8)]
    destinations = [(46 + n / 80, 6.3) for n in range(8)]
    road = travel(Patience(0.3, strict=False, rests=False))
    seconds = road.seconds(origins, destinations)
    by_road = np.array(table(origins, destinations))
    by_line = STRAIGHT.seconds(origins, destinations)
    known = seconds == by_road
    assert (seconds == np.where(known, by_road, by_line)).all()
    assert known.sum() == 16 * (at - 1)
    assert road.guessed == 64 - 16 * (at - 1)
    assert str(road.failure)
    roads.fails = lambda number: None
    roads.legs.clear()
    assert travel().seconds(origins, destinations).tolist() == by_road.tolist()
    assert len(roads.legs) == road.guessed


def test_a_failed_server_is_not_asked_again_by_pages_for_a_while(roads, travel, monkeypatch):
    page = Patience(0.3, strict=False, rests=True)
    roads.fails = lambda number: "hang"
    travel(page).leg(A, B)
    assert roads.requests == 1
    road = travel(page)
    assert road.leg(A, B) == STRAIGHT.leg(A, B)
    assert (roads.requests, road.guessed) == (1, 1)
    roads.fails = lambda number: None
    monkeypatch.setattr(times, "REST_S", 0.0)
    assert travel(page).leg(A, B) == drive(A, B)


def test_a_place_that_no_road_reaches_takes_longer_than_any_shift(roads, travel):
    roads.islands = {D}
    road = travel()
    assert road.seconds([A, D], [B, D]).tolist() == [
        [drive(A, B)[0], UNREACHABLE_S],
        [UNREACHABLE_S, 0],
    ]
    assert road.leg(D, A) == (UNREACHABLE_S, 0)


def test_how_far_a_place_is_from_the_road_is_known_and_kept(roads, travel, monkeypatch):
    monkeypatch.setattr(times, "FEW", 0)
    roads.off_m = {D: 2_345.6}
    for road in (travel(), travel()):
        road.learn([A], [B, D])
        assert [road.off_road_m(place) for place in (A, B, D, C)] == [4, 4, 2346, 0]


def test_what_is_planned_every_day_is_asked_anew_after_a_month(roads, travel, monkeypatch):
    monkeypatch.setattr(times, "FEW", 0)
    monkeypatch.setattr(kept, "UNFINISHED_S", 1e9)  # its files are of today, whatever day is said
    now, day_s = times.time.time(), 86_400
    for day in range(31):
        monkeypatch.setattr(kept, "time", lambda day=day: now + day * day_s)
        travel().learn([A, (46.0, 6.0 + day / 100)], [B])
    asked = roads.requests
    travel().learn([A], [B])
    assert roads.requests == asked  # of this month
    monkeypatch.setattr(kept, "time", lambda: now + 62 * day_s)
    travel().learn([A], [B])
    assert roads.requests == asked + 1


def test_a_place_off_the_road_stays_that_where_its_legs_are_kept(roads, travel, monkeypatch):
    roads.off_m = {D: 2_345.6}
    travel().leg(A, D)  # a single leg
    monkeypatch.setattr(times, "FEW", 0)
    travel().learn([D], [B])  # a matrix
    asked = roads.requests
    page = travel()
    page.legs([A, D], [D, B])
    assert (page.off_road_m(D), roads.requests) == (2346, asked)


@pytest.mark.parametrize("few", [0, 10_000])
def test_what_cannot_be_kept_is_driven_all_the_same(roads, travel, tmp_path, monkeypatch, few):
    monkeypatch.setattr(times, "FEW", few)
    (tmp_path / "kept").write_text("no folder")
    road = travel()
    assert road.seconds([A], [B]).tolist() == table([A], [B])
    assert road.leg(C, D) == drive(C, D)
