"""What is drawn of a day: labels and their room, drives around breaks, broken rules."""

from datetime import timedelta

import pytest

from dispatch.board.broken_rules import NAMES, named
from dispatch.board.day import read_board
from dispatch.board.labels import place_labels
from dispatch.board.layout import driven, lay_out
from dispatch.day.off_road import NOT_CONNECTED, OFF_ROAD
from dispatch.models import Assignment
from dispatch.planner.rules.codes import Block
from dispatch.trips.assign import Lock, assign
from tests.dispatch.trips.test_write_assignment import ACTOR
from tests.support import builders as make
from tests.support.builders import DAY, NOW, at


def test_labels_stand_above_and_below_in_turn_until_the_bar_after_the_next():
    bars = [{"left": left, "width": 2} for left in (30, 10, 14, 40)]
    place_labels(bars)
    placed = {bar["left"]: (bar["above"], bar["room"]) for bar in bars}
    assert placed == {
        10: (True, 30 - 10),
        14: (False, 40 - 14),
        30: (True, 100 - 30),
        40: (False, 100 - 40),
    }


def minutes(periods):
    return [(f"{start:%H:%M}", f"{end:%H:%M}") for start, end in periods]


@pytest.mark.parametrize(
    ("pickup", "length", "rest", "expected"),
    [
        # No break on the way.
        ("10:00", 27, ("08:00", "08:30"), [("09:33", "10:00")]),
        # The break ends at the pickup: the drive is before it.
        ("10:00", 27, ("09:30", "10:00"), [("09:03", "09:30")]),
        # On the way: 10 of 27 minutes after it, 17 before.
        ("10:00", 27, ("09:20", "09:50"), [("09:50", "10:00"), ("09:03", "09:20")]),
        # Before the drive.
        ("10:00", 27, ("09:00", "09:33"), [("09:33", "10:00")]),
    ],
)
def test_nobody_drives_during_a_break(pickup, length, rest, expected):
    periods = driven(at(pickup), timedelta(minutes=length), [tuple(map(at, rest))])
    assert minutes(periods) == expected


def test_no_drive_is_no_line():
    assert driven(at("10:00"), timedelta(0), []) == []


@pytest.mark.django_db
def test_the_drive_to_a_trip_is_drawn_around_the_break():
    company = make.company()
    ana = make.driver(company, "Ana", home_lat=make.HOSPITAL[0], home_lon=make.HOSPITAL[1])
    make.shift(ana, break_min=30, break_at=at("09:30"))
    make.assignment(make.booking(company, "10:00"), ana)  # 18:44 from home
    (row,) = lay_out(read_board(company, DAY, now=NOW))["rows"]
    (rest,), (empty,) = row["breaks"], row["empties"]
    assert empty["left"] + empty["width"] == pytest.approx(rest["left"], abs=0.01)


@pytest.mark.django_db
def test_bar_and_panel_say_that_a_trip_was_assigned_against_the_rules(client, geneva):
    ana = make.driver(geneva, "Ana")
    make.shift(ana)
    booking = make.booking(geneva, "10:00", needs=["oxygen"])
    assign(geneva, booking.id, ana.id, actor=ACTOR, now=NOW, override="Has her own")
    (row,) = lay_out(read_board(geneva, DAY, now=NOW))["rows"]
    (bar,) = row["trips"]
    assert "gavel" in bar["signs"]
    assert "Against the rules: equipment or skill missing" in bar["title"]
    panel = client.get(f"/admin/board/geneva/booking/{booking.id}/").content.decode()
    assert "Against the rules: equipment or skill missing" in panel
    # With a driver who may, it is not said any more.
    ben = make.driver(geneva, "Ben", skills=["oxygen"])
    make.shift(ben)
    assign(geneva, booking.id, ben.id, actor=ACTOR, now=NOW, lock=Lock.DROP)
    assert Assignment.objects.open().get().explanation == {}
    panel = client.get(f"/admin/board/geneva/booking/{booking.id}/").content.decode()
    assert '<p class="notice alarm">' not in panel


def test_every_rule_has_a_name():
    assert set(NAMES) == {*Block, OFF_ROAD, NOT_CONNECTED}
    assert named(["overlap", "of_long_ago"]) == "at the same time as another trip, of_long_ago"
