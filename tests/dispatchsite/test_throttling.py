"""No client may ask more often than its rate, however many workers count."""

import multiprocessing
import socket
import sqlite3
import time
from functools import partial
from types import SimpleNamespace

import pytest
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from django.core.exceptions import ImproperlyConfigured
from kombu import Connection
from kombu.exceptions import OperationalError

from dispatchsite import env
from dispatchsite.file_cache import FileCache
from drivers.models import Role
from drivers.rest import throttling
from drivers.rest.throttling import RESTS_S, CallerThrottle, Outage
from tests.support.callers import API, caller

REQUEST = SimpleNamespace(auth=SimpleNamespace(pk=7), user=None, META={})


def throttle(cache, rate="5/minute", clock=lambda: 120.0):
    one = CallerThrottle()
    one.num_requests, one.duration = one.parse_rate(rate)
    one.cache, one.timer = cache, clock
    return one


def test_the_window_slides():
    cache, now = LocMemCache("sliding", {}), [120.0]
    one = throttle(cache, "4/minute", lambda: now[0])
    assert [one.allow_request(REQUEST, None) for _ in range(6)] == [True] * 4 + [False] * 2
    assert one.wait() == 60
    now[0] = 180.0  # the four before count in full as yet
    assert not one.allow_request(REQUEST, None)
    assert one.wait() == 15
    now[0] = 195.0  # three quarters of the four before, and this one
    assert [one.allow_request(REQUEST, None) for _ in range(2)] == [True, False]
    now[0] = 400.0
    assert one.allow_request(REQUEST, None)


def _at(address):
    return SimpleNamespace(auth=None, user=None, headers={}, META={"REMOTE_ADDR": address})


def test_refused_requests_of_a_network_count_together():
    one = throttle(LocMemCache("networks", {}), "5/minute")
    for n in range(5):
        one.note_refused(_at(f"2001:db8:1:2::{n + 1}"))
    one.note_refused(_at("10.0.0.1"))
    waits = [
        one.address_rate(_at(address))[1]
        for address in ("2001:db8:1:2:ffff::1", "2001:db8:1:3::1", "10.0.0.1", "10.0.0.2")
    ]
    assert waits == [60, None, None, None]


def _asks(folder):
    cache = FileCache(folder, {"DATABASE_TIMEOUT": env.CACHE_WITHIN_S})
    return sum(throttle(cache, "100/minute").allow_request(REQUEST, None) for _ in range(50))


@pytest.mark.process
def test_workers_count_together(tmp_path):
    with multiprocessing.get_context("fork").Pool(4) as pool:
        allowed = pool.map(_asks, [str(tmp_path)] * 4)
    assert sum(allowed) == 100


class Failing(LocMemCache):
    def __init__(self):
        super().__init__("failing", {})
        self.asked = 0

    def add(self, *args, **options):
        self.asked += 1
        raise OSError("disk full")

    get_many = add


def test_a_cache_that_fails_stops_no_request(caplog, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(throttling, "OUTAGE", outage := Outage())
    monkeypatch.setattr(outage, "ask", partial(outage.ask, now_s=lambda: now[0]))
    one = throttle(cache := Failing(), "1/minute")
    assert all(one.allow_request(REQUEST, None) for _ in range(9))
    assert cache.asked == 1  # not by every request, each of which might wait
    now[0] += RESTS_S
    assert one.allow_request(REQUEST, None)
    assert cache.asked == 2
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    for _minute in range(2):
        now[0] += 60
        assert one.allow_request(REQUEST, None)
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 3  # once a minute
    caplog.clear()
    one.cache = LocMemCache("healthy", {})
    now[0] += RESTS_S
    assert [one.allow_request(REQUEST, None) for _ in range(2)] == [True, False]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.django_db
def test_the_api_answers_while_the_cache_fails(monkeypatch, client):
    owner = caller(Role.OWNER)
    monkeypatch.setattr(throttling, "OUTAGE", Outage())
    monkeypatch.setattr(CallerThrottle, "cache", Failing())
    answer = owner.get(f"{API}clients/")
    assert (answer.status_code, "RateLimit-Limit" in answer) == (200, False)
    assert client.get(f"{API}clients/").status_code == 401


def test_a_file_cache_that_cannot_be_written_is_not_waited_for(tmp_path):
    cache = FileCache(str(tmp_path), {"DATABASE_TIMEOUT": 0.01, "SHARDS": 1})
    cache.add("counter", 0)
    writer = sqlite3.connect(tmp_path / "000" / "cache.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")  # as whoever never ends
    begun = time.monotonic()
    assert cache.incr("counter") is None
    assert cache.decr("counter") is None
    assert not cache.add("other", 1)
    assert time.monotonic() - begun < 5
    writer.execute("ROLLBACK")
    assert cache.incr("counter") == 1


def test_a_redis_that_is_down_is_not_waited_for(monkeypatch):
    monkeypatch.setenv("CACHE_URL", "redis://127.0.0.1:1/0")
    config = env.cache("CACHE_URL", "")
    cache = RedisCache(config["LOCATION"], config)
    begun = time.monotonic()
    with pytest.raises(Exception, match="127.0.0.1:1"):
        cache.incr("counter")
    assert time.monotonic() - begun < 5


@pytest.fixture
def silent():
    """Return the port of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_redis_that_is_silent_is_asked_once_by_all_who_come_meanwhile(monkeypatch, silent):
    monkeypatch.setattr(env, "CACHE_WITHIN_S", 0.05)
    monkeypatch.setattr(throttling, "OUTAGE", outage := Outage())
    monkeypatch.setenv("CACHE_URL", f"redis://127.0.0.1:{silent}/0")
    config = env.cache("CACHE_URL", "")
    one = throttle(RedisCache(config["LOCATION"], config), "1/minute")
    asked = []
    monkeypatch.setattr(
        one, "_count", lambda key, count=one._count: asked.append(key) or count(key)
    )
    assert all(one.allow_request(REQUEST, None) for _ in range(9))
    assert outage.is_known
    assert len(asked) == 1


def test_a_broker_that_is_silent_is_given_up(monkeypatch, silent):
    """Without the waits of the settings this test would hang."""
    monkeypatch.setattr(env, "BROKER_WITHIN_S", 0.05)
    url = f"redis://127.0.0.1:{silent}/1"
    waits = env.broker_waits(url, longest_s=60)
    with Connection(url, transport_options=waits) as link, pytest.raises(OperationalError):
        link.SimpleQueue("short").put({"run": 1}, retry=False)


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["none", "a driver's"])
def test_who_is_refused_too_often_is_not_asked_any_more(monkeypatch, key, client):
    phone = caller(Role.DRIVER)
    monkeypatch.setattr(CallerThrottle, "rate", "3/minute", raising=False)
    ask = client.get if key == "none" else phone.get
    answers = [ask(f"{API}bookings/") for _ in range(5)]
    refused = 401 if key == "none" else 403
    assert [a.status_code for a in answers] == [refused] * 3 + [429] * 2
    assert answers[-1]["Content-Type"] == "application/problem+json"
    assert 0 < int(answers[-1]["Retry-After"]) <= 60
    assert answers[0]["RateLimit-Limit"] == "3"
    elsewhere = ask(f"{API}bookings/", REMOTE_ADDR="192.0.2.1")
    assert elsewhere.status_code == refused


@pytest.mark.django_db
def test_answers_tell_the_rate_and_are_stored_nowhere(monkeypatch, client):
    owner = caller(Role.OWNER)
    monkeypatch.setattr(CallerThrottle, "rate", "3/minute", raising=False)
    answers = [owner.get(f"{API}clients/") for _ in range(4)]
    assert [a["RateLimit-Remaining"] for a in answers] == ["2", "1", "0", "0"]
    assert {a["RateLimit-Policy"] for a in answers} == {"3;w=60"}
    assert all(0 < int(a["RateLimit-Reset"]) <= 60 for a in answers)
    assert {a["Cache-Control"] for a in answers} == {"no-store, private"}
    for path in ("schema/", "docs/"):
        assert "no-store" not in client.get(API + path).get("Cache-Control", "")
    assert client.get(f"{API}nothing/")["Cache-Control"] == "no-store, private"


@pytest.mark.parametrize("rate", ["fast", "0/minute", "10/week", "-1/second", "10"])
def test_a_rate_that_is_none_stops_the_start(monkeypatch, rate):
    monkeypatch.setenv("API_RATE", rate)
    with pytest.raises(ImproperlyConfigured, match="API_RATE.*1200/minute"):
        env.rate("API_RATE", "1/day")


@pytest.mark.parametrize(
    ("url", "backend"),
    [
        ("file:///x", "dispatchsite.file_cache.FileCache"),
        ("redis://localhost:6379/0", "django.core.cache.backends.redis.RedisCache"),
        ("locmem://", "django.core.cache.backends.locmem.LocMemCache"),
    ],
)
def test_caches_have_urls(monkeypatch, url, backend):
    monkeypatch.setattr(env, "find_spec", lambda name: name)
    monkeypatch.setenv("CACHE_URL", url)
    assert env.cache("CACHE_URL", "")["BACKEND"] == backend


@pytest.mark.parametrize("url", ["memcached://x", "file://relative", "redis://", "/x"])
def test_other_caches_stop_the_start(monkeypatch, url):
    monkeypatch.setenv("CACHE_URL", url)
    with pytest.raises(ImproperlyConfigured, match="CACHE_URL"):
        env.cache("CACHE_URL", "")


def test_redis_without_its_package_stops_the_start(monkeypatch):
    monkeypatch.setattr(env, "find_spec", lambda name: None)
    monkeypatch.setenv("CACHE_URL", "redis://localhost")
    with pytest.raises(ImproperlyConfigured, match="requirements-scale"):
        env.cache("CACHE_URL", "")
