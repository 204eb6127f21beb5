"""No client may ask more often than its rate, however many workers count."""

import multiprocessing
from types import SimpleNamespace

import pytest
from diskcache import DjangoCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ImproperlyConfigured

from dispatchsite import env
from drivers.rest.throttling import CallerThrottle

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


def _asks(folder):
    cache = DjangoCache(folder, {})
    return sum(throttle(cache, "100/minute").allow_request(REQUEST, None) for _ in range(50))


@pytest.mark.process
def test_workers_count_together(tmp_path):
    with multiprocessing.get_context("fork").Pool(4) as pool:
        allowed = pool.map(_asks, [str(tmp_path)] * 4)
    assert sum(allowed) == 100


@pytest.mark.parametrize("rate", ["fast", "0/minute", "10/week", "-1/second", "10"])
def test_a_rate_that_is_none_stops_the_start(monkeypatch, rate):
    monkeypatch.setenv("API_RATE", rate)
    with pytest.raises(ImproperlyConfigured, match="API_RATE.*1200/minute"):
        env.rate("API_RATE", "1/day")


@pytest.mark.parametrize(
    ("url", "backend"),
    [
        ("file:///x", "diskcache.DjangoCache"),
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
