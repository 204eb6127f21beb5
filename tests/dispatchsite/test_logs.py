"""The lines of the log, and what errors and traces may tell others."""

import json
import logging.config
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.core.exceptions import ImproperlyConfigured

from dispatchsite import observers
from dispatchsite.health import middleware
from dispatchsite.logs import Json, Plain, WithoutQuery
from drivers.log_context import logged_with

pytestmark = pytest.mark.any_database


def record(message="Planned %s", *args, **fields):
    made = logging.LogRecord(
        "dispatch.runs", logging.INFO, "x.py", 1, message, args or ("it",), None
    )
    made.__dict__.update(fields)
    return made


def test_a_line_is_an_object_that_says_which_request_and_run():
    with logged_with(request="abc"), logged_with(run=7):
        row = json.loads(Json().format(record(ms=12.5)))
    assert row.pop("time").endswith("+00:00")
    assert row.pop("process")
    assert row == {
        "level": "INFO",
        "logger": "dispatch.runs",
        "message": "Planned it",
        "request": "abc",
        "run": 7,
        "ms": 12.5,
    }
    assert "run" not in json.loads(Json().format(record()))


def test_a_traceback_stays_in_the_line_of_its_error():
    try:
        raise ValueError("é\nsecond line")
    except ValueError as error:
        made = record(exc_info=(type(error), error, error.__traceback__))
    line = Json().format(made)
    assert "\n" not in line
    assert json.loads(line)["traceback"].endswith("ValueError: é\nsecond line")


def test_a_line_for_people_ends_with_what_is_known():
    with logged_with(run=7):
        assert Plain("%(message)s").format(record()) == "Planned it [run=7]"
    assert Plain("%(message)s").format(record()) == "Planned it"


def test_workers_log_as_the_settings_say(settings, monkeypatch):
    asked = []
    monkeypatch.setattr(logging.config, "dictConfig", asked.append)
    log = import_module("dispatchsite.celery").app.log
    monkeypatch.setattr(type(log), "already_setup", False)
    handlers = list(logging.root.handlers)
    assert log.setup_logging_subsystem()  # or else Celery replaces all handlers
    assert asked == [settings.LOGGING]
    assert logging.root.handlers == handlers


@pytest.mark.django_db
def test_a_request_is_logged_by_its_route_not_by_what_was_asked(client, settings, caplog):
    settings.LOG_REQUESTS = True
    with caplog.at_level("INFO", logger="dispatchsite.requests"):
        answer = client.get("/admin/login/?next=/admin/bookings/client/?q=Mrs+Smith")
    [line] = [one for one in caplog.records if one.name == "dispatchsite.requests"]
    assert (line.method, line.route, line.status) == ("GET", "admin/login/", 200)
    assert line.statements >= 0
    assert line.ms > 0
    assert "Smith" not in str(vars(line))
    assert answer[middleware.HEADER]


@pytest.mark.parametrize("name", ["SENTRY_DSN", "OTEL_EXPORTER_OTLP_ENDPOINT"])
def test_an_observer_without_its_package_stops_the_start(name, monkeypatch):
    monkeypatch.setattr(observers, "find_spec", lambda package: None)
    values = {"sentry_dsn": "", "otel_endpoint": ""}
    observers.check(**values)
    values[{"SENTRY_DSN": "sentry_dsn"}.get(name, "otel_endpoint")] = "http://example.org"
    with pytest.raises(ImproperlyConfigured, match=f"{name}.*requirements-observe.txt"):
        observers.check(**values)


def test_observers_are_imported_only_where_a_setting_asks_for_them(settings, monkeypatch):
    asked = []
    fake = SimpleNamespace(init=lambda **about: asked.append(about))
    monkeypatch.setattr(observers, "import_module", lambda name: asked.append(name) or fake)
    settings.SENTRY_DSN = settings.OTEL_ENDPOINT = ""
    observers.start()
    assert asked == []
    settings.SENTRY_DSN = "https://key@sentry.example.org/1"
    observers.start()
    assert asked[0] == "sentry_sdk"
    assert asked[1]["send_default_pii"] is asked[1]["include_local_variables"] is False
    assert asked[1]["max_breadcrumbs"] == 0


def test_what_is_sent_names_nobody():
    event = {
        "request": {"url": "https://x/admin/", "query_string": "q=Smith", "cookies": {"a": "b"}},
        "user": {"ip_address": "203.0.113.9"},
        "breadcrumbs": {"values": [{"category": "query", "message": "… WHERE name = 'Smith'"}]},
        "exception": {"values": [{"value": "duplicate key\nDETAIL: Key (name)=(Smith)"}]},
    }
    assert observers.without_people(event) == {
        "request": {"url": "https://x/admin/"},
        "exception": {"values": [{"value": "duplicate key"}]},
    }
    told = {"http.url": "https://x/admin/?q=Smith", "net.peer.ip": "203.0.113.9", "other": "1"}
    span = SimpleNamespace(
        is_recording=lambda: True,
        attributes=dict(told),
        set_attribute=lambda k, v: told.update({k: v}),
    )
    observers.about_the_path(span, SimpleNamespace(path="/admin/"))
    assert told == {"http.url": "/admin/", "net.peer.ip": "", "other": "1"}
    not_chosen = SimpleNamespace(is_recording=lambda: False)  # has no attributes
    observers.about_the_path(not_chosen, SimpleNamespace(path="/admin/"))


@pytest.mark.parametrize(
    ("message", "values", "said"),
    [
        # As gunicorn tells a request that failed, and runserver every one.
        ("Error handling request %s %s", ("GET", "/a/?q=Muster&p=079"), "request GET /a/"),
        ('"%s" %s %s', ("GET /a/?q=Jos%C3%A9 HTTP/1.1", "200", "9"), '"GET /a/ HTTP/1.1" 200 9'),
    ],
)
def test_no_line_says_whom_somebody_looked_for(message, values, said):
    made = record(message, *values)
    assert WithoutQuery().filter(made)
    assert made.getMessage().endswith(said)


def test_runserver_and_errors_of_requests_leave_the_query_out(client, caplog, settings):
    assert settings.LOGGING["loggers"]["django.server"]["filters"] == ["without_query"]
    assert any(isinstance(one, WithoutQuery) for one in logging.getLogger("django.server").filters)
    client.get("/nowhere/?q=Muster")
    assert "Muster" not in caplog.text
    assert "/nowhere/" in caplog.text
