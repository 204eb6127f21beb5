"""A live day: everybody asks as the real pages do, and what they found is counted."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from bookings.models import Event
from drivers.models import Company
from perf.project.live.client import Look, Position
from perf.project.live.company import zone_in_which_it_is
from perf.project.live.people import (
    ACT,
    DRIVER,
    PHONE,
    PHONE_S,
    POLL_S,
    STALE_S,
    People,
)
from perf.project.live.processor import Stat, processor_s, read_stat
from perf.project.live.result import LiveDay, lost_positions, seen_after
from perf.project.load.client import Sample
from tests.perf.measuring.test_scratch import made_beside

NOON = datetime(2026, 6, 17, 12, tzinfo=UTC)
STATIC = Path(settings.BASE_DIR) / "dispatch/static/dispatch"


def after(seconds):
    return NOON + timedelta(seconds=seconds)


def constant_of(script, name):
    return int(re.search(rf"\b{name} = (\d+)", (STATIC / script).read_text())[1]) / 1000


def test_boards_and_phones_ask_as_often_as_the_pages_do():
    assert constant_of("board.js", "POLL_MS") == POLL_S
    assert constant_of("board.js", "STALE_MS") == STALE_S
    assert constant_of("drive/drive.js", "POLL_MS") == PHONE_S


def test_a_schedule_has_each_at_its_own_moments():
    people = People(boards=3, phones=2, drivers=5, act_every_s=4)
    due = people.schedule(seconds=60, seed=1)
    assert due == people.schedule(seconds=60, seed=1)
    assert due != people.schedule(seconds=60, seed=2)
    assert [each.at_s for each in due] == sorted(each.at_s for each in due)
    # Once a minute each phone, six times each app; an act after 2, 6, ... 58 s.
    assert [sum(each.kind == kind for each in due) for kind in (PHONE, DRIVER, ACT)] == [2, 30, 15]
    (one, *others) = [each.at_s for each in due if each[1:] == (DRIVER, 4)]
    assert others == pytest.approx([one + 10 * n for n in range(1, 6)])
    assert people.rates() == {"news": 3 / POLL_S, PHONE: 2 / 60, DRIVER: 0.5, ACT: 0.25}
    assert People(0, 0, 0, 0).schedule(seconds=60, seed=1) == []


@pytest.mark.parametrize("hour", [0, 3, 11, 12, 22, 23])
def test_it_is_eleven_somewhere(hour):
    now = datetime(2026, 6, 17, hour, 40, tzinfo=UTC)
    assert now.astimezone(ZoneInfo(zone_in_which_it_is(11, now))).hour == 11


def test_a_change_is_seen_with_the_first_look_that_has_it():
    changes = [(5, after(0)), (6, after(1))]
    boards = [
        [Look(4, after(0.5)), Look(5, after(1)), Look(7, after(4))],
        [Look(6, after(2))],
        [],
    ]
    assert seen_after(changes, boards) == ([1, 3, 2, 1], 2)
    assert seen_after([], boards) == ([], 0)


def test_a_position_is_lost_if_an_older_or_another_one_stands():
    sent = Position(after(0), 46.2, 6.1)
    rows = {
        1: (after(0), 46.2, 6.1),
        2: (after(-10), 46.1, 6.1),
        3: (None, None, None),
        4: (after(0.1), 46.2, 6.1),  # a phone's clock was set right
        5: (after(10), 46.1, 6.1),  # a later one, whose answer did not arrive
    }
    assert lost_positions(dict.fromkeys(rows, sent), rows) == [2, 3]


def test_processor_time_is_that_of_a_process_and_all_that_stem_from_it():
    fields = "S 7 1 1 0 -1 0 0 0 0 0 100 50 20 10"
    tick = read_stat(f"1 (x) {fields}").own_s / 150
    assert read_stat(f"1 (a) b) {fields}") == Stat(
        "a) b", 7, pytest.approx(150 * tick), pytest.approx(30 * tick)
    )
    all_of = {
        1: Stat("server", 0, 1, 0.5),
        2: Stat("worker", 1, 2, 0),
        3: Stat("child", 2, 4, 0),
        4: Stat("stranger", 0, 8, 0),
    }
    assert processor_s(1, all_of) == 7.5
    assert processor_s(9, all_of) is None


def test_what_a_live_day_says():
    samples = tuple(
        Sample("positions of an app", n, n + 0.2, n + 0.3, 204, 2, "" if n else "answer 500")
        for n in range(10)
    )
    found = LiveDay(
        People(2, 3, 4, 5), 100, 10, samples, (0.5, 1.5), 1, 3, 4, (8,), 2.5, None, 0.1
    )  # fmt: skip
    figures = found.figures()
    assert (figures["server_share"], figures["database_share"]) == (0.25, None)
    assert (figures["seen_median_s"], figures["seen_max_s"]) == (1, 1.5)
    text = found.summary()
    for part in (
        "2 boards of a company with 100 trips",
        "server 25.0%, database ?",
        "3 changes, seen by a board after 1.0 s (median), 1.5 s (most); 1 never",
        "4 drivers reported; of 1 the newest",
        "could not keep the schedule: p99 200 ms",
        "1 × positions of an app: answer 500",
    ):
        assert part in text
    assert json.loads(json.dumps(found.as_dict()))["kinds"]["positions of an app"]["requests"] == 10


@pytest.mark.django_db
@pytest.mark.slow
@pytest.mark.process
def test_a_short_day_is_lived_and_leaves_nothing(tmp_path, migrated):
    result = tmp_path / "live.json"
    call_command(
        "live_day", "--boards", "2", "--phones", "2", "--drivers", "20", "--bookings", "100",
        "--act-every", "1", "--seconds", "2", "--workers", "1", "--output", result,
    )  # fmt: skip
    found = json.loads(result.read_text())
    figures, kinds = found["figures"], found["kinds"]
    assert figures["errors"] == 0, found["server_said"]
    assert {"a board's news", "a board", "a board's tools", "an act"} <= set(kinds)
    assert (figures["positions_lost"], figures["never_seen"]) == (0, 0)
    assert figures["changes"] == kinds["an act"]["requests"] == 2
    assert kinds["positions of an app"]["statements_max"] == 2
    # The phones, and of 20 apps that report every ten seconds about four.
    assert 3 <= figures["drivers_reporting"] <= 2 + kinds["positions of an app"]["requests"]
    assert figures["server_share"] > 0
    assert (figures["database_share"] is not None) == (connection.vendor == "postgresql")
    assert not Company.objects.exists()
    assert not Event.objects.exists()
    assert not made_beside(migrated)


@pytest.mark.parametrize("options", [["--boards", "501"], ["--seconds", "nan"]])
def test_what_has_no_end_is_refused(options):
    with pytest.raises(CommandError, match="between"):
        call_command("live_day", *options)
