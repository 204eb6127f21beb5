"""Settings come from the environment; nonsense stops the start with the variable's name."""

import logging
import os
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection, transaction
from django.db.backends.signals import connection_created
from django.test.utils import CaptureQueriesContext

from dispatchsite import env, slow_queries
from drivers.models import Company
from perf.recording.record import record_queries
from tests import PROJECT


@pytest.fixture
def set_to(monkeypatch):
    return lambda value, name="THING": monkeypatch.setenv(name, value)


# Reading one variable


@pytest.mark.parametrize("value", ["1", "true", "YES", " on "])
def test_yes_is_written_in_many_ways(set_to, value):
    set_to(value)
    assert env.flag("THING") is True


@pytest.mark.parametrize("value", ["0", "False", "no", "off", ""])
def test_so_is_no(set_to, value):
    set_to(value)
    assert env.flag("THING", default=True) is False


def test_a_flag_that_is_not_set_has_its_default(monkeypatch):
    monkeypatch.delenv("THING", raising=False)
    assert env.flag("THING") is False
    assert env.flag("THING", default=True) is True


@pytest.mark.parametrize("value", ["maybe", "2", "yes please"])
def test_neither_yes_nor_no_is_refused(set_to, value):
    set_to(value)
    with pytest.raises(ImproperlyConfigured, match="THING.*neither yes nor no"):
        env.flag("THING")


@pytest.mark.parametrize("value", ["ten", "1.5", "-1", "11", "1e3", "0x10"])
def test_a_number_is_whole_and_in_range(set_to, value):
    set_to(value)
    with pytest.raises(ImproperlyConfigured, match="Environment variable THING"):
        env.whole_number("THING", 5, low=0, high=10)


@pytest.mark.parametrize(("value", "number"), [("0", 0), ("10", 10), ("", 5), (" 7 ", 7)])
def test_the_ends_of_a_range_belong_to_it(set_to, value, number):
    set_to(value)
    assert env.whole_number("THING", 5, low=0, high=10) == number


def test_a_text_without_a_default_has_to_be_set(set_to):
    set_to("  ")
    with pytest.raises(ImproperlyConfigured, match="THING.*must be set"):
        env.text("THING")
    assert env.text("THING", "default") == "default"


def test_words_are_separated_by_commas(set_to, monkeypatch):
    set_to("a.example, b.example,,")
    assert env.words("THING") == ["a.example", "b.example"]
    monkeypatch.delenv("THING")
    assert env.words("THING", ["localhost"]) == ["localhost"]


@pytest.mark.parametrize(
    "url",
    [
        "mysql://root@host/name",
        "db.sqlite3",
        "postgres//host",
        "oracle://x/y",
        "nowhere://",
        "5432",
    ],
)
def test_only_sqlite_and_postgresql_are_databases(set_to, url):
    set_to(url)
    with pytest.raises(ImproperlyConfigured, match="THING") as error:
        env.database("THING", "sqlite:///x")
    assert url not in str(error.value)  # a URL may hold a password


@pytest.mark.parametrize(
    "url",
    ["10.0.0.7:5000", "ftp://roads", "http:///x", "http://roads:port", "http://u:pw@roads/?x=1"],
)
def test_a_web_address_names_a_server(set_to, url):
    set_to(url)
    with pytest.raises(ImproperlyConfigured, match="THING") as error:
        env.web_address("THING")
    assert url not in str(error.value)  # it may hold a password
    set_to("https://u:pw@roads.example.org/osrm/")
    assert env.web_address("THING") == "https://u:pw@roads.example.org/osrm/"
    set_to("")
    assert env.web_address("THING") == ""


def test_a_sqlite_url_names_a_file(set_to):
    set_to("sqlite:////srv/x.sqlite3")
    config = env.database("THING", "")
    assert (config["ENGINE"], config["NAME"]) == ("django.db.backends.sqlite3", "/srv/x.sqlite3")
    assert config["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert config["OPTIONS"]["timeout"] == 20


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_postgresql_url_names_a_server_and_keeps_its_connections(set_to, scheme):
    set_to(f"{scheme}://ada:secret@db.example:5433/day")
    config = env.database("THING", "")
    assert config["ENGINE"] == "django.db.backends.postgresql"
    assert (config["HOST"], config["PORT"], config["NAME"]) == ("db.example", 5433, "day")
    assert config["CONN_MAX_AGE"] > 0
    assert config["CONN_HEALTH_CHECKS"] is True
    assert config["OPTIONS"]["connect_timeout"] <= 5
    assert config["DISABLE_SERVER_SIDE_CURSORS"] is False
    assert env.database("THING", "", pooled=True)["DISABLE_SERVER_SIDE_CURSORS"] is True
    set_to(f"{scheme}://ada@db.example/day?connect_timeout=9")
    assert int(env.database("THING", "")["OPTIONS"]["connect_timeout"]) == 9


# The files


def test_a_file_named_by_env_file_is_read_but_what_is_set_wins(tmp_path, set_to, monkeypatch):
    chosen = tmp_path / ".env.chosen"
    chosen.write_text("THING=chosen\nOTHER_THING=chosen\nTHIRD_THING=chosen\n")
    (tmp_path / ".env").write_text("OTHER_THING=folder\nLAST_THING=folder\n")
    set_to(str(chosen), "ENV_FILE")
    set_to("set", "THING")
    names = ("OTHER_THING", "THIRD_THING", "LAST_THING")
    for name in names:
        set_to("", name)  # so that monkeypatch takes away what the files set
        monkeypatch.delenv(name)
    env.load(tmp_path)
    assert [os.environ[name] for name in ("THING", *names)] == [
        "set",
        "chosen",
        "chosen",
        "folder",
    ]
    for name in names:
        del os.environ[name]


def test_an_env_file_that_is_not_there_is_refused(tmp_path, set_to):
    set_to(str(tmp_path / "nothing"), "ENV_FILE")
    with pytest.raises(ImproperlyConfigured, match="ENV_FILE"):
        env.load(tmp_path)


# The start


def start(shown="print(settings.DEBUG)", **variables):
    environment = os.environ | {"SECRET_KEY": "x" * 60, "HTTPS": "0"} | variables
    environment["DJANGO_SETTINGS_MODULE"] = "dispatchsite.settings"
    return subprocess.run(
        [sys.executable, "-c", f"from django.conf import settings; {shown}"],
        cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "maybe"),
        ("DATABASE_URL", "mysql://root@host/name"),
        ("SQL_ECHO", "a little"),
        ("SLOW_QUERY_MS", "fast"),
        ("SLOW_QUERY_MS", "-1"),
        ("SAMPLE_REQUESTS", "2"),
        ("SAMPLE_RUNS", "often"),
        ("HTTPS", "http"),
        ("ENV_FILE", "/nowhere/.env"),
        ("SECOND_FACTOR_ROLES", "owner,boss"),
        ("EMAIL_URL", "mail.example.org"),
    ],
)
@pytest.mark.process
@pytest.mark.any_database
def test_nonsense_stops_the_start_with_the_variables_name(name, value):
    done = start(**{name: value})
    assert done.returncode != 0
    assert f"Environment variable {name}" in done.stderr


@pytest.mark.process
@pytest.mark.parametrize(
    ("url", "means"),
    [
        ("smtp://localhost", ("localhost", 25, "", "", False, False)),
        (
            "smtp+tls://me%40x:s%3Ac@mx.example:2525",
            ("mx.example", 2525, "me@x", "s:c", True, False),
        ),
        ("smtps://mx.example", ("mx.example", 465, "", "", False, True)),
    ],
)
def test_a_mail_server_is_told_by_a_url(set_to, url, means):
    set_to(url)
    assert env.mail_server("THING") == means


def test_no_mail_server_is_none(set_to):
    set_to("")
    assert env.mail_server("THING") is None


@pytest.mark.parametrize("url", ["mx.example", "http://mx.example", "smtp://", "smtp://mx:no"])
def test_what_is_no_mail_server_is_refused(set_to, url):
    set_to(url)
    with pytest.raises(ImproperlyConfigured, match="is no mail server"):
        env.mail_server("THING")


@pytest.mark.process
@pytest.mark.any_database
def test_sampling_is_switched_by_the_environment():
    def sampled(**variables):
        shown = "print(settings.MIDDLEWARE[0]); print(settings.PERF)"
        return start(shown, DEBUG="0", **variables).stdout

    off, on = sampled(SAMPLE_REQUESTS="0"), sampled(SAMPLE_REQUESTS="0.01", RELEASE="1.4")
    assert "SamplingMiddleware" not in off
    assert "SAMPLE" not in off
    first, perf = on.splitlines()
    assert first == "perf.sampling.middleware.SamplingMiddleware"
    assert "'SAMPLE': 0.01, 'SAMPLE_WORK': 1.0" in perf
    assert "'RELEASE': '1.4'" in perf


@pytest.mark.process
@pytest.mark.any_database
def test_debug_is_off_unless_it_is_switched_on():
    assert start(DEBUG="").stdout == "False\n"
    assert start(DEBUG="1").stdout == "True\n"


def test_the_profiling_file_echoes_statements():
    lines = (PROJECT / ".env.profiling").read_text().splitlines()
    assert {"SQL_ECHO=1", "SLOW_QUERY_MS=100"} <= set(lines)


# The connection


@pytest.mark.sqlite_only
@pytest.mark.django_db
def test_sqlite_logs_ahead_checks_foreign_keys_and_waits():
    def pragma(name):
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA {name}")
            return cursor.fetchone()[0]

    assert pragma("journal_mode") == "wal"
    assert pragma("foreign_keys") == 1
    assert pragma("synchronous") == 1  # NORMAL
    assert pragma("busy_timeout") == 20_000


@pytest.mark.sqlite_only
@pytest.mark.django_db(transaction=True)
def test_sqlite_takes_the_write_lock_when_a_transaction_begins():
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        Company.objects.exists()
    assert queries[0]["sql"] == "BEGIN IMMEDIATE"


@pytest.mark.postgres_only
@pytest.mark.django_db
def test_postgresql_connections_persist_and_are_checked():
    assert connection.settings_dict["CONN_MAX_AGE"] == 600
    assert connection.settings_dict["CONN_HEALTH_CHECKS"] is True


# The statements


class FakeClock:
    """Every look at the clock is `step_s` later than the one before."""

    def __init__(self, step_s):
        self.now, self.step_s = 0.0, step_s

    def __call__(self):
        self.now += self.step_s
        return self.now


@pytest.fixture
def took(monkeypatch):
    """Let a statement without rows take so long: half to execute, half to find none."""
    return lambda ms: monkeypatch.setattr(slow_queries, "perf_counter", FakeClock(ms / 2000))


def messages(caplog, *, echo, slow_ms):
    own, connection.execute_wrappers[:] = connection.execute_wrappers[:], []
    with (
        caplog.at_level(logging.INFO, "dispatchsite.sql"),
        connection.execute_wrapper(slow_queries.SqlLog(echo=echo, slow_ms=slow_ms)),
    ):
        list(Company.objects.filter(name="somebody's name"))
    connection.execute_wrappers[:] = own
    return [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "dispatchsite.sql"]


@pytest.mark.django_db
def test_a_slow_statement_is_logged_with_the_line_that_issued_it(took, caplog):
    took(101)
    ((level, message),) = messages(caplog, echo=False, slow_ms=100)
    assert level == "WARNING"
    assert re.search(
        r"slow: 101\.0 ms at tests/dispatchsite/test_settings\.py:\d+ messages: SELECT", message
    )
    assert "somebody" not in message  # parameters name clients


@pytest.mark.django_db
def test_a_quick_statement_is_not_logged(took, caplog):
    took(99)
    assert messages(caplog, echo=False, slow_ms=100) == []


@pytest.mark.django_db
def test_every_statement_is_echoed_when_asked(took, caplog):
    took(1)
    ((level, message),) = messages(caplog, echo=True, slow_ms=100)
    assert level == "INFO"
    assert message.startswith("1.0 ms at tests/dispatchsite/test_settings.py:")


@contextmanager
def logged(caplog, slow_ms):
    """Yield the messages of slow statements, of this block alone."""
    own, connection.execute_wrappers[:] = connection.execute_wrappers[:], []
    found = []
    with (
        caplog.at_level(logging.INFO, "dispatchsite.sql"),
        connection.execute_wrapper(slow_queries.SqlLog(echo=False, slow_ms=slow_ms)),
    ):
        yield found
    connection.execute_wrappers[:] = own
    found += [r.getMessage() for r in caplog.records if r.name == "dispatchsite.sql"]


@pytest.mark.django_db
def test_the_time_of_fetching_counts(took, caplog):
    took(120)  # 60 to execute, 60 to fetch
    with logged(caplog, slow_ms=100) as found, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchall()
    [message] = found
    assert "slow: 120.0 ms" in message
    assert "test_the_time_of_fetching_counts" in message


@pytest.mark.django_db
def test_two_statements_of_one_cursor_are_logged_by_themselves_beside_a_recorder(caplog):
    with (
        logged(caplog, slow_ms=0.000_001) as found,
        record_queries() as q,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT 1 UNION ALL SELECT 2")
        assert list(cursor) == [(1,), (2,)]
        cursor.execute("SELECT 3 UNION ALL SELECT 4")
        assert cursor.fetchone() == (3,)
        cursor.execute("SELECT 5")
    assert [message.partition(": SELECT ")[2][0] for message in found] == ["1", "3", "5"]
    assert [statement.rows for statement in q] == [2, 1, 0]


@pytest.mark.django_db
def test_a_failing_statement_is_logged_too(caplog):
    with (
        logged(caplog, slow_ms=0.000_001) as found,
        pytest.raises(DatabaseError),
        transaction.atomic(),
    ):
        connection.cursor().execute("SELECT nothing FROM nowhere")
    assert any("SELECT nothing" in message for message in found)


class Connection:
    """As much of a connection as those look at who are told of a new one."""

    vendor = "postgresql"

    def __init__(self):
        self.execute_wrappers = []


@pytest.mark.parametrize(
    ("echo", "slow_ms", "logs"), [(False, 0, 0), (True, 0, 1), (False, 100, 1)]
)
def test_the_log_is_attached_once_and_only_when_something_is_to_be_logged(
    settings, echo, slow_ms, logs
):
    settings.SQL_ECHO, settings.SLOW_QUERY_MS = echo, slow_ms
    fresh = Connection()
    for _ in range(2):  # a connection that was lost is made again
        connection_created.send(sender=Connection, connection=fresh)
    assert len(fresh.execute_wrappers) == logs
