"""manage.py on a database without its tables: one sentence that says what to run."""

import os
import subprocess
import sys

import psycopg2
import pytest
from django.core.management import CommandError
from django.db import OperationalError, connection

from dispatchsite import command_line
from perf.project.load.server import database_url
from tests import PROJECT

CONNECTS = ("dbname", "user", "password", "host", "port")


@pytest.fixture
def empty_database(tmp_path):
    """Return the address of a database without tables, made for the test."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.sqlite3"
        return
    name = f"empty_{os.getpid()}"
    params = {**connection.get_connection_params(), "dbname": "postgres"}
    server = psycopg2.connect(**{k: v for k, v in params.items() if k in CONNECTS})
    server.autocommit = True
    server.cursor().execute(f"DROP DATABASE IF EXISTS {name}")
    server.cursor().execute(f"CREATE DATABASE {name} TEMPLATE template0")
    yield database_url({**connection.settings_dict, "NAME": name})
    server.cursor().execute(f"DROP DATABASE {name} WITH (FORCE)")
    server.close()


def manage(database, *arguments, **environment):
    own = {"SECRET_KEY": "x", "HTTPS": "0", "DEBUG": "0", "DATABASE_URL": database}
    environment = os.environ | own | environment
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.process
@pytest.mark.parametrize(
    "arguments",
    [["demo"], ["clear_expired"], ["createsuperuser", "--noinput", "--username", "ada"]],
    ids=lambda arguments: arguments[0],
)
def test_a_database_without_tables_is_told_in_one_sentence(arguments, empty_database):
    done = manage(
        empty_database, *arguments, PROFILING="0", DJANGO_SUPERUSER_EMAIL="ada@example.org"
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.endswith("run manage.py migrate.\n")


@pytest.mark.process
def test_the_database_of_the_profiler_is_named(empty_database, tmp_path):
    silk = {"PROFILING": "1", "SILK_DATABASE_URL": f"sqlite:///{tmp_path}/silk.sqlite3"}
    done = manage(empty_database, "silk_request_garbage_collect", **silk)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    told = "run manage.py migrate and manage.py migrate --database silk.\n"
    assert done.stderr.endswith(told)


def run_and_fail(monkeypatch, error, *arguments):
    def execute(_arguments):
        raise error

    monkeypatch.setattr(command_line, "execute_from_command_line", execute)
    command_line.run(["manage.py", *arguments])


@pytest.mark.django_db(transaction=True)
def test_what_fails_on_a_whole_database_is_not_hidden(monkeypatch):
    with pytest.raises(OperationalError, match="the disk is full"):
        run_and_fail(monkeypatch, OperationalError("the disk is full"), "demo")


@pytest.mark.parametrize("arguments", [["migrate"], ["demo", "--traceback"]])
def test_a_failed_migration_and_a_wanted_traceback_stay_as_they_are(arguments, monkeypatch):
    monkeypatch.setattr(command_line, "_is_behind", lambda alias: True)
    with pytest.raises(OperationalError, match="half-way"):
        run_and_fail(monkeypatch, OperationalError("half-way"), *arguments)


def test_the_error_behind_a_commands_own_is_found(monkeypatch, capsys):
    """As with dumpdata, which tells of the error and ends."""
    monkeypatch.setattr(command_line, "_is_behind", lambda alias: alias == "default")
    ended = SystemExit(1)
    ended.__context__ = CommandError("Unable to serialize")
    ended.__context__.__context__ = OperationalError("no such table: x\nLINE 1: SELECT")
    with pytest.raises(SystemExit):
        run_and_fail(monkeypatch, ended, "dumpdata")
    told = "The database lacks migrations (no such table: x): run manage.py migrate.\n"
    assert capsys.readouterr().err == told


def test_a_command_that_ends_by_itself_is_let_go(monkeypatch):
    monkeypatch.setattr(command_line, "_is_behind", lambda alias: True)
    with pytest.raises(SystemExit) as ended:
        run_and_fail(monkeypatch, SystemExit(3), "check_budgets")
    assert ended.value.code == 3
