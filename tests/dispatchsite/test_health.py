"""What an operator looks at: health, readiness, figures."""

import threading
from datetime import timedelta
from functools import cache
from types import SimpleNamespace

import pytest
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from bookings.models import Actor, Door
from dispatch.models import Assignment, DispatchRun, ForecastState
from dispatch.runs import background
from dispatch.runs.background import start_dispatch
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatchsite import env
from dispatchsite.health import checks, counts, gauges, middleware, pages
from dispatchsite.health.checks import Check, NotReady, ask_all
from drivers.models import Company
from perf.recording.record import record_queries
from tests.support import builders as make

ACTOR = Actor(Door.API, name="portal")
TOKEN = {"HTTP_AUTHORIZATION": "Bearer a-secret"}


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch):
    """Let no check and no gauge know what an earlier test found."""
    for check in (checks.DATABASE, checks.MIGRATIONS, checks.DISK, checks.CACHE):
        monkeypatch.setattr(check, "_answer", (float("-inf"), ""))
        monkeypatch.setattr(check, "_thread", None)
    monkeypatch.setattr(pages, "_failing", set())
    monkeypatch.setattr(gauges, "_kept", (float("-inf"), []))


def test_healthz_asks_nobody(client):
    """Without the mark of a database: a statement would fail the test."""
    answer = client.get("/healthz", HTTP_HOST="10.1.2.3:8000")
    assert (answer.status_code, answer.json()) == (200, {"alive": True})
    assert answer["Cache-Control"] == "no-store"
    assert client.post("/healthz").status_code == 405


def test_a_probe_needs_neither_tls_nor_a_host_name(client, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/healthz", HTTP_HOST="10.1.2.3").status_code == 200
    assert client.get("/admin/login/", HTTP_HOST="localhost").status_code == 301


@pytest.mark.django_db(transaction=True)
def test_readyz_names_what_fails_and_no_more(client, monkeypatch, caplog):
    answer = client.get("/readyz")
    assert answer.status_code == 200, answer.content
    assert set(answer.json()["checks"]) == {"database", "migrations", "disk", "cache"}

    def refused():
        raise DatabaseError("password of dispatch@db.internal is wrong")

    monkeypatch.setattr(checks.DATABASE, "ask", refused)
    monkeypatch.setattr(checks.DATABASE, "_answer", (float("-inf"), ""))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["failed"]) == (503, ["database"])
    assert answer.json()["checks"]["database"] == "DatabaseError"
    assert client.get("/readyz/pages").status_code == 503
    assert b"internal" not in answer.content
    said = [(one.levelname, one.getMessage()) for one in caplog.records]
    assert said == [("ERROR", "Not ready: database: DatabaseError")]  # once, not with each probe


@pytest.mark.django_db(transaction=True)
def test_readyz_counts_pending_migrations_but_none_of_newer_code(client, monkeypatch):
    rows = MigrationRecorder.Migration.objects
    newer = rows.create(app="drivers", name="9999_newer")
    assert client.get("/readyz").status_code == 200
    newer.delete()
    known = checks._known_migrations() | {("drivers", "9999_ours")}
    monkeypatch.setattr(checks, "_known_migrations", lambda: known)
    monkeypatch.setattr(checks.MIGRATIONS, "_answer", (float("-inf"), ""))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"] == "1 pending, first drivers.9999_ours"


@pytest.mark.django_db(transaction=True)
def test_a_full_disk_and_a_dead_cache_are_told_apart(client, monkeypatch):
    usage = SimpleNamespace(free=5 * 2**20)
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(checks.CACHE, "ask", lambda: 1 / 0)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["failed"]) == (503, ["disk"])
    assert answer.json()["checks"]["cache"] == "ZeroDivisionError"  # told, and done without
    assert client.get("/readyz/pages").status_code == 200  # pages can be shown


@pytest.mark.any_database
def test_what_hangs_is_not_waited_for_and_not_asked_twice():
    asked, over = [], threading.Event()

    def hang():
        asked.append(1)
        over.wait(30)

    def fail():
        raise NotReady("too small")

    slow = Check("slow", hang, within_s=0.02)
    others = [Check("well", lambda: None), Check("ill", fail)]
    try:
        for _time in range(3):
            said = ask_all([slow, *others])
            assert said == {"slow": "no answer within 0.02 s", "well": "", "ill": "too small"}
        assert len(asked) == 1
    finally:
        over.set()


@pytest.mark.any_database
def test_with_a_broker_it_and_its_workers_are_asked_too(settings, monkeypatch):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    names = [check.name for check in checks.all_checks()]
    assert names == ["database", "migrations", "broker", "workers", "disk", "cache"]
    silent = SimpleNamespace(control=SimpleNamespace(ping=lambda **about: []))
    monkeypatch.setattr(checks, "_celery", lambda: silent)
    with pytest.raises(NotReady, match="no worker answers"):
        checks._workers()


# Figures


@pytest.fixture
def counting(settings, tmp_path, monkeypatch):
    """Count in a folder of this test."""
    settings.METRICS_FOLDER = tmp_path
    settings.METRICS_TOKEN = "a-secret"
    settings.METRICS = True
    monkeypatch.setattr(counts, "_places", {})
    monkeypatch.setattr(counts.values, "ValueClass", counts.values.ValueClass)
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    made = counts.Counts()
    for module in (counts, middleware):
        monkeypatch.setattr(module, "counts", lambda: made)
    yield made
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)


def samples(answer):
    """Return {(name, its labels): value} of what Prometheus would read."""
    return {
        (sample.name.removeprefix("dispatchsite_"), *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


@pytest.mark.django_db
def test_figures_are_for_who_may_see_them(client, settings, counting):
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", HTTP_AUTHORIZATION="Bearer wrong").status_code == 404
    assert client.get("/metrics", **TOKEN).status_code == 200
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", HTTP_AUTHORIZATION="Bearer ").status_code == 404
    settings.METRICS_NETWORKS = [env.ipaddress.ip_network("10.1.0.0/16")]
    inside = {"REMOTE_ADDR": "10.1.2.3"}
    assert client.get("/metrics", **inside).status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="10.2.0.1").status_code == 404
    assert client.get("/metrics", **inside, HTTP_X_FORWARDED_FOR="203.0.113.9").status_code == 404
    assert client.get("/metrics", **inside, HTTP_X_FORWARDED_HOST="x.org").status_code == 404


@pytest.mark.django_db
def test_requests_are_counted_by_all_processes_of_a_machine(
    client, counting, tmp_path, monkeypatch
):
    client.get("/admin/login/")
    client.get("/admin/login/")
    client.get("/api/v1/bookings/")
    # Another process, as its files: the one that had this place before has died.
    monkeypatch.setattr(counts, "_places", {})
    assert counts.place() == "1"
    (tmp_path / "counter_1.db").write_bytes((tmp_path / "counter_0.db").read_bytes())
    found = samples(client.get("/metrics", **TOKEN))
    assert found["requests_total", "2xx", "GET", "admin"] == 4
    assert found["requests_total", "4xx", "GET", "api"] == 2
    assert found["request_statements_count", "admin"] == 2
    assert found["request_seconds_bucket", "+Inf", "admin"] == 2


@pytest.mark.any_database
def test_a_place_is_taken_over_when_its_process_has_ended(counting, monkeypatch):
    assert counts.place() == "0"
    held = counts._places
    monkeypatch.setattr(counts, "_places", {})
    assert counts.place() == "1"  # the first is still held
    for _name, lock in held.values():
        lock.close()
    monkeypatch.setattr(counts, "_places", {})
    assert counts.place() == "0"


@pytest.mark.django_db
def test_a_full_disk_stops_the_counting_and_no_request(
    client, settings, tmp_path, monkeypatch, caplog
):
    def full(*about):
        raise OSError("No space left on device")

    settings.METRICS_FOLDER = tmp_path
    settings.METRICS_TOKEN = "a-secret"
    settings.METRICS = True
    monkeypatch.setattr(counts, "_places", {})
    monkeypatch.setattr(counts.values, "ValueClass", counts.values.ValueClass)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    monkeypatch.setattr(counts.os, "posix_fallocate", full)
    anew = cache(counts.counts.__wrapped__)
    for module in (counts, middleware):
        monkeypatch.setattr(module, "counts", anew)
    assert client.get("/admin/login/").status_code == 200
    figures = client.get("/metrics", **TOKEN)
    assert figures.status_code == 200
    assert "dispatchsite_database_up" in figures.content.decode()
    assert "dispatchsite_requests" not in figures.content.decode()
    assert anew() is None
    said = [one.getMessage() for one in caplog.records if one.name == counts.logger.name]
    assert said == ["Requests are not counted: No space left on device"]  # once


def lived_day():
    """A day with a run, one that waits, and a trip whose passenger was fetched 20 minutes late."""
    now = timezone.now()
    at = now - timedelta(minutes=30)
    driver = make.driver()
    make.shift(driver)
    make.booking(clock="09:00")
    run_dispatch(Company.objects.get(), make.DAY, now=make.NOW, actor=ACTOR, options=FIRST_PLAN)
    DispatchRun.objects.update(finished_at=now)
    trip = Assignment.objects.get()
    trip.booking.scheduled_time = at
    trip.booking.status = "in_progress"
    trip.booking.save()
    trip.planned_pickup_at, trip.planned_dropoff_at = at, at + timedelta(minutes=10)
    trip.actual_pickup_at = at + timedelta(minutes=20)
    trip.save()
    return now


@pytest.mark.django_db
def test_the_tables_tell_of_runs_trips_and_webhooks(client, counting, monkeypatch):
    monkeypatch.setattr(background, "send", lambda run: None)
    now = lived_day()
    hook = make.webhook()
    hook.seen_event_id = 0
    hook.save()
    booking = make.booking(Company.objects.get(), client=make.client())
    make.message_policy()
    make.message(booking, status="waiting", due_at=now - timedelta(minutes=5))
    start_dispatch(
        Company.objects.get(),
        make.DAY,
        now=now - timedelta(minutes=2),
        actor=ACTOR,
        options=FIRST_PLAN,
    )
    found = samples(client.get("/metrics", **TOKEN))
    assert found["database_up",] == 1
    assert (found["runs", "queued"], found["runs", "running"]) == (1, 0)
    assert 120 <= found["queue_age_seconds",] < 600
    assert found["recent_runs", "completed"] == 1
    assert (found["recent_trips_planned",], found["recent_trips_placed",]) == (1, 1)
    assert 0 < found["recent_run_statements",] <= 14
    assert found["recent_plan_seconds", "0.5"] == found["recent_plan_seconds", "1"] >= 0
    assert (found["recent_pickups",], found["recent_pickups_late",]) == (1, 1)
    assert found["recent_pickup_lateness_seconds",] == 20 * 60
    assert found["webhook_lag_seconds",] > 0
    assert 300 <= found["message_lag_seconds",] < 900
    assert found["messages_due",] == 1


@pytest.mark.django_db
def test_a_forecast_that_nobody_keeps_is_old():
    def age_s(clock):
        found = {gauge.name: gauge for gauge in gauges.read_gauges(make.at(clock))}
        return found["dispatchsite_forecast_age_seconds"].samples[0].value

    company = make.company()
    driver = make.driver(company)
    make.assignment(make.booking(company, "33:00"), driver)
    assert age_s("10:00") == 0  # of tomorrow
    make.assignment(make.booking(company, "09:00"), driver)
    assert (age_s("08:00"), age_s("10:00")) == (0, 3600)  # it never ran
    state = ForecastState.objects.create(company=company, kept_at=make.at("08:30"))
    assert age_s("10:00") == 5400  # it died when no trip was open
    state.kept_at = make.at("10:00")
    state.save()
    assert age_s("10:00") == 0


@pytest.mark.django_db
def test_figures_take_the_same_few_statements_whatever_the_tables_hold(monkeypatch):
    monkeypatch.setattr(background, "send", lambda run: None)
    most = 8 if connection.vendor == "postgresql" else 7
    with record_queries() as empty:
        list(gauges.read_gauges(timezone.now()))
    lived_day()
    for number in range(3):
        make.webhook(url=f"https://{number}.example.org/")
    with record_queries() as full:
        list(gauges.read_gauges(timezone.now()))
    assert len(empty) == len(full) == most


@pytest.mark.django_db
def test_a_database_that_fails_is_a_figure(monkeypatch):
    def fail(now):
        raise DatabaseError("gone")

    monkeypatch.setattr(gauges, "_under_way", fail)
    [up] = gauges.read_gauges(timezone.now())
    assert (up.name, up.samples[0].value) == ("dispatchsite_database_up", 0)


# Ids


@pytest.mark.any_database
@pytest.mark.parametrize("given", ["4f3a-9c.b_2e1", "x", 'forged" id', "a" * 65])
def test_a_request_keeps_a_proxys_id_if_it_is_one(client, given):
    name = client.get("/healthz", HTTP_X_REQUEST_ID=given)["X-Request-ID"]
    assert (name == given) == (given == "4f3a-9c.b_2e1")
    assert middleware.GIVEN.fullmatch(name)
    assert name != client.get("/healthz")["X-Request-ID"]
