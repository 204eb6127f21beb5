"""The load test: arrivals that nothing delays, a real server, and nothing left of either."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.core.management import CommandError, call_command
from django.db import connection
from django.http import HttpResponse

from bookings.models import Booking
from dispatchsite import env
from drivers.models import Company
from perf.project.load.arrivals import MOST, Arrival, schedule
from perf.project.load.client import BROKEN_OFF, Sample, sampled, send_all
from perf.project.load.doors import DOORS, Known
from perf.project.load.result import Dispatch, LoadRun
from perf.project.load.run import is_loopback
from perf.project.load.server import database_url
from perf.recording.count_middleware import HEADER, StatementCountMiddleware, is_local
from tests.perf.measuring.test_scratch import eventually, made_beside, names_of
from tests.support import builders as make
from tests.support.builders import DAY

TINY = ["--rate", "6", "--seconds", "2", "--workers", "1"]


def test_arrivals_are_the_same_for_the_same_seed_and_inside_the_time():
    doors = [("often", 9), ("seldom", 1)]
    first = schedule(doors, rate=50, seconds=20, seed=4)
    assert first == schedule(doors, rate=50, seconds=20, seed=4)
    assert first != schedule(doors, rate=50, seconds=20, seed=5)
    times = [arrival.at_s for arrival in first]
    assert times == sorted(times)
    assert 0 < times[0] < times[-1] < 20
    # 1,000 expected, and of a Poisson number 5 deviations are 158.
    assert 842 < len(first) < 1158
    often = sum(arrival.door == "often" for arrival in first)
    assert 0.85 < often / len(first) < 0.95


def test_a_schedule_without_end_is_refused():
    with pytest.raises(ValueError, match="more than"):
        schedule([("door", 1)], rate=MOST, seconds=2, seed=1)


class SlowBrowser:
    """Answers nothing until the third request has been sent."""

    def __init__(self):
        self.sent = 0
        self.third = asyncio.Event()

    async def send(self, request):
        self.sent += 1
        if self.sent == 3:
            self.third.set()
        await asyncio.wait_for(self.third.wait(), 20)
        return 200, {HEADER: "7"}, ""


def test_what_is_broken_off_is_kept_with_the_time_until_then():
    async def broken_off():
        samples, clock = [], iter((1.0, 3.5))
        never = asyncio.Event().wait()
        task = asyncio.create_task(
            sampled(samples, "a board", 0.5, lambda: next(clock), never, expects=(200,))
        )
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return samples

    assert asyncio.run(broken_off()) == [Sample("a board", 0.5, 1.0, 3.5, 0, None, BROKEN_OFF)]


def test_a_slow_answer_delays_no_other_request_and_counts_from_the_schedule():
    async def sent():
        arrivals = [Arrival(number, number * 0.01, "bookings") for number in range(3)]
        return await send_all(arrivals, [SlowBrowser()], Known(DAY, "X"), seed=1)

    samples = asyncio.run(sent())
    assert [sample.error for sample in samples] == ["", "", ""]
    assert [sample.statements for sample in samples] == [7, 7, 7]
    first = samples[0]
    assert first.done_s >= samples[2].sent_s
    assert first.ms == (first.done_s - first.scheduled_s) * 1000


def test_figures_of_a_run():
    # Answers after 10, 20, ... 100 ms; the last one wrong.
    samples = tuple(
        Sample("bookings", i, i, i + (i + 1) / 100, 200, 4 + i, "answer 500" if i == 9 else "")
        for i in range(10)
    )
    dispatches = (Dispatch(0, 2, 1.5, 90, 16, ""), Dispatch(5, 6, 0, None, None, "DayBusy"))
    run = LoadRun(100, 10, samples, dispatches)
    figures = run.figures()
    assert figures["requests"] == 10
    assert figures["errors"] == 1
    assert figures["p50_ms"] == pytest.approx(55)
    assert figures["max_ms"] == pytest.approx(100)
    assert figures["throughput_per_s"] == pytest.approx(9 / 10)
    assert (figures["statements_median"], figures["statements_max"]) == (8.5, 13)
    assert (figures["dispatches"], figures["dispatch_errors"]) == (2, 1)
    assert figures["dispatch_median_s"] == 1.5
    text = run.summary()
    for part in ("100 bookings", "1 × bookings: answer 500", "1 × dispatch: DayBusy"):
        assert part in text
    assert len(json.loads(json.dumps(run.as_dict()))["requests"]) == 10


@pytest.mark.django_db
@pytest.mark.slow
@pytest.mark.process
def test_a_server_of_our_own_is_loaded_and_removed(tmp_path, migrated):
    call_command(
        "load_test", "--self", "--bookings", "20", "--history", "40", "--dispatch-every", "1",
        *TINY, "--output", tmp_path,
    )  # fmt: skip
    result = json.loads((tmp_path / "load_test.json").read_text())
    (run,) = result["runs"]
    columns = run["columns"]
    rows = [dict(zip(columns, row, strict=True)) for row in run["requests"]]
    assert len(rows) > 3
    assert [row["error"] for row in rows] == [""] * len(rows), run["server_said"]
    assert all(row["statements"] > 0 for row in rows)
    assert {row["door"] for row in rows} <= {door.name for door in DOORS}
    assert [dispatch["error"] for dispatch in run["dispatches"]] == [""] * 3
    assert run["dispatches"][0]["assigned"] > 0
    assert (tmp_path / "load_test.png").read_bytes().startswith(b"\x89PNG")
    assert "p95 ms" in (tmp_path / "load_test.md").read_text()
    assert not Company.objects.exists()
    assert not Booking.objects.exists()
    assert not made_beside(migrated)


def children_of(pid):
    """Return the command lines of the processes that a process started."""
    found = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True).stdout
    lines = [line.split(None, 2) for line in found.splitlines()[1:]]
    return {int(own): args for own, parent, args in lines if int(parent) == pid}


def is_running(pid):
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return state.stdout.strip()[:1] not in ("", "Z")


@pytest.mark.django_db
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.process
@pytest.mark.any_database
def test_a_killed_load_test_leaves_neither_server_nor_database(number):
    url = database_url(connection.settings_dict)
    process = subprocess.Popen(
        [
            *(sys.executable, "manage.py", "load_test", "--self", "--bookings", "10"),
            *("--history", "0", "--rate", "2", "--seconds", "300", "--workers", "1"),
        ],
        cwd=Path(settings.BASE_DIR),
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        children = {}
        deadline = time.monotonic() + 240
        while "gunicorn" not in " ".join(children.values()) and time.monotonic() < deadline:
            time.sleep(0.1)
            children = children_of(process.pid)
        (server,) = [pid for pid, args in children.items() if "gunicorn" in args]
        assert eventually(lambda: children_of(server))  # its worker
        family = {*children_of(process.pid), *children_of(server)}
        assert names_of(process.pid)
        process.send_signal(number)
        process.wait(30)
    finally:
        process.kill()
        process.wait(30)
    assert eventually(lambda: not any(map(is_running, family)))
    assert eventually(lambda: not names_of(process.pid))


@pytest.mark.django_db(transaction=True)
@pytest.mark.any_database
def test_a_running_server_is_only_read_unless_told_to_write(live_server, admin_user, monkeypatch):
    company = make.company()
    make.booking(company)
    make.driver(company)
    monkeypatch.setenv("LOAD_TEST_PASSWORD", "password")
    target = ["load_test", "--url", live_server.url, "--user", "admin", *TINY]
    call_command(*target)
    assert Booking.objects.count() == 1
    call_command(*target, "--write", "--rate", "20")
    assert Booking.objects.count() > 1
    monkeypatch.setenv("LOAD_TEST_PASSWORD", "wrong")
    with pytest.raises(CommandError, match="does not let"):
        call_command(*target)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000", "https://localhost", "http://[::1]:8000", "http://127.1.2.3"],
)
def test_this_machine_may_be_loaded(url):
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://dispatch.example.org", "http://10.0.0.1", "http://localhost.example.org",
        "http://127.0.0.1.example.org", "http://0.0.0.0:8000", "http://127.0.0.1@example.org",
    ],
)  # fmt: skip
def test_another_machine_is_refused(url):
    assert not is_loopback(url)
    with pytest.raises(CommandError, match="--i-own-this-server"):
        call_command("load_test", "--url", url, "--user", "x")


@pytest.mark.parametrize(
    "options",
    [
        ["--rate", "0"], ["--rate", "5000"], ["--seconds", "1e9"], ["--workers", "0"],
        ["--bookings", "0"], ["--bookings", "200000"], ["--rate", "nan"],
    ],
)  # fmt: skip
def test_what_has_no_end_is_refused(options):
    with pytest.raises(CommandError, match="between"):
        call_command("load_test", "--self", *options)


class TestCount:
    """The header of the statement count."""

    def answer(self, rf, settings, **meta):
        settings.COUNT_STATEMENTS = True
        middleware = StatementCountMiddleware(self.view)
        return middleware(rf.get("/", **meta))

    def view(self, request):
        list(Company.objects.all())
        Company.objects.exists()
        return HttpResponse()

    def test_this_machine_is_told(self, rf, settings, db):
        assert self.answer(rf, settings).headers[HEADER] == "2"
        assert self.answer(rf, settings, REMOTE_ADDR="::1").headers[HEADER] == "2"

    @pytest.mark.parametrize(
        "meta",
        [
            {"REMOTE_ADDR": "10.0.0.7"},
            {"REMOTE_ADDR": ""},
            {"HTTP_X_FORWARDED_FOR": "10.0.0.7"},
            {"HTTP_FORWARDED": "for=10.0.0.7"},
        ],
        ids=str,
    )
    def test_nobody_else_is_told(self, rf, settings, db, meta):
        assert HEADER not in self.answer(rf, settings, **meta)

    def test_it_is_off_unless_switched_on(self, settings):
        assert settings.COUNT_STATEMENTS is False
        assert not any("statement_count" in name for name in settings.MIDDLEWARE)
        with pytest.raises(MiddlewareNotUsed):
            StatementCountMiddleware(self.view)

    def test_nothing_stays_on_the_connection(self, rf, settings, db):
        before = list(connection.execute_wrappers)
        self.answer(rf, settings)
        assert connection.execute_wrappers == before

    def test_an_address_that_is_none_is_not_local(self):
        assert not is_local({"REMOTE_ADDR": "unix:"})


def test_a_database_survives_the_way_through_its_url(monkeypatch):
    config = {
        "ENGINE": "django.db.backends.postgresql", "NAME": "a name", "USER": "me@home",
        "PASSWORD": "p/w:?", "HOST": "/run/pg", "PORT": 5433,
        "OPTIONS": {"sslmode": "prefer", "connect_timeout": 9},
    }  # fmt: skip
    monkeypatch.setenv("ROUND_TRIP", database_url(config))
    back = env.database("ROUND_TRIP", "")
    assert {name: back[name] for name in config} == config


def test_every_door_is_known_by_one_name():
    names = [door.name for door in DOORS]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[A-Za-z:' ]{1,20}", name) for name in names)
