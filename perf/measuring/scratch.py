"""Scratch databases to measure on: beside the user's, marked, and gone when the work is done.

On SQLite a file in a folder of its own, on PostgreSQL a database on the same server. Inside
`scratch_database()` Django's `default` connection is the scratch one; the user's connection
is put aside untouched, with whatever transaction it had open, and put back at the end.

Three things remove a scratch database: the end of the block (also by an exception, SIGINT,
SIGTERM or SIGHUP); a guardian process, at once, when this one is killed; and the next start,
which finds the names of dead processes, should the guardian have been killed too.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from itertools import count
from pathlib import Path

from django.apps import apps
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection, connections

from perf.measuring import scratch_guardian

MARK = "perf_scratch"
ROOT = Path(__file__).resolve().parents[2]
_numbers = count(1)
_migrated = None  # see `migrated_once`


def forget_content_types():
    """Empty the cache of a project that has content types: its keys are those of one database."""
    if apps.is_installed("django.contrib.contenttypes"):
        apps.get_model("contenttypes", "ContentType").objects.clear_cache()


class Scratch:
    """One scratch database, and the connection to it."""

    def __init__(self, name, settings, place):
        self.name = name
        self.settings = settings
        self.place = place
        self.connection = None
        self._guardian = _guard(place)

    @contextmanager
    def used(self):
        """Make this Django's `default` database inside the block.

        The log of slow statements is left out, for it would cost time and print.
        """
        old_settings = connections.settings[DEFAULT_DB_ALIAS]
        old_connection = connections[DEFAULT_DB_ALIAS]
        connections.settings[DEFAULT_DB_ALIAS] = self.settings
        if self.connection is None:
            self.connection = connections.create_connection(DEFAULT_DB_ALIAS)
        self._open()
        connections[DEFAULT_DB_ALIAS] = self.connection
        forget_content_types()
        try:
            yield self
        finally:
            connections[DEFAULT_DB_ALIAS] = old_connection
            connections.settings[DEFAULT_DB_ALIAS] = old_settings
            forget_content_types()

    @contextmanager
    def cloned(self):
        """Yield a copy of this database; nobody may write to it meanwhile."""
        self._close()
        with _created(self.settings, template=self) as copy:
            self._open()
            yield copy

    def _open(self):
        if self.connection is not None and self.connection.connection is None:
            self.connection.ensure_connection()
            self.connection.execute_wrappers.clear()

    def _close(self):
        if self.connection is not None:
            self.connection.close()

    def remove(self):
        self._close()
        scratch_guardian.remove(self.place)
        self._guardian.stdin.close()
        self._guardian.wait()


@contextmanager
def scratch_database(*, migrated=True):
    """Yield a migrated, empty scratch database on the server of `default`, and use it.

    Without `migrated` it has no tables. Leftovers of dead processes are removed first.
    """
    settings = connections[DEFAULT_DB_ALIAS].settings_dict
    remove_leftovers(settings)
    with ExitStack() as stack:
        stack.enter_context(_ended_by_signals())
        template = _migrated if migrated else None
        scratch = stack.enter_context(_created(settings, template=template))
        stack.enter_context(scratch.used())
        if migrated and _migrated is None:
            _migrate()
        yield scratch


def settle():
    """Let the planner know the rows, and no later statement pay for the earlier ones."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA analysis_limit = 1000")
            cursor.execute("ANALYZE")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            cursor.execute("VACUUM (ANALYZE)")


@contextmanager
def migrated_once(template=None):
    """Let the scratch databases of this process be copies of one; yield its name.

    `template` is a migrated database, with its name and Django's `settings` of it, to begin from.
    """
    global _migrated
    with _created(connections[DEFAULT_DB_ALIAS].settings_dict, template=template) as made:
        if template is None:
            with made.used():
                _migrate()
            made._close()
        _migrated = made
        try:
            yield made.name
        finally:
            _migrated = None


def _migrate():
    call_command("migrate", verbosity=0, interactive=False)


@contextmanager
def _created(settings, template=None):
    """Create, guard, yield and remove one scratch database."""
    name = f"{MARK}_{_host()}_{os.getpid()}_{next(_numbers)}"
    mine = deepcopy(settings)
    if _is_sqlite(settings):
        folder = Path(tempfile.mkdtemp(prefix=f"{name}_"))
        mine["NAME"] = str(folder / "scratch.sqlite3")
        scratch = Scratch(name, mine, {"folder": str(folder)})
    else:
        mine |= {"NAME": name, "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": False}
        scratch = Scratch(name, mine, {"database": name, "server": _server(settings)})
    try:
        if not _is_sqlite(settings):
            copied = f' TEMPLATE "{template.name}"' if template else ""
            _on_server(settings, f'CREATE DATABASE "{name}"{copied}')
        elif template:
            shutil.copyfile(template.settings["NAME"], mine["NAME"])
        yield scratch
    finally:
        scratch.remove()


def remove_leftovers(settings):
    """Remove the scratch databases of dead processes of this machine; return their names."""
    if _is_sqlite(settings):
        found = [path.name for path in Path(tempfile.gettempdir()).glob(f"{MARK}_*")]
    else:
        found = [
            name
            for (name,) in _on_server(
                settings,
                "SELECT datname FROM pg_database WHERE starts_with(datname, %s)",
                [f"{MARK}_"],
            )
        ]
    dead = [name for name in found if _maker_is_dead(name)]
    for name in dead:
        if _is_sqlite(settings):
            scratch_guardian.remove({"folder": str(Path(tempfile.gettempdir()) / name)})
        else:
            scratch_guardian.remove({"database": name, "server": _server(settings)})
    return dead


def _maker_is_dead(name):
    """Say whether the process in the name ran on this machine and is gone."""
    match = re.match(rf"{MARK}_(?P<host>[a-z0-9]+)_(?P<pid>\d+)_\d+", name)
    if not match or match["host"] != _host():
        return False
    try:
        os.kill(int(match["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _host():
    """Return the machine's name as a part of an identifier."""
    return re.sub(r"[^a-z0-9]", "", socket.gethostname().lower())[:20] or "host"


def _is_sqlite(settings):
    return settings["ENGINE"].endswith("sqlite3")


def _server(settings):
    """Return psycopg's parameters of the server, at its maintenance database."""
    parameters = {
        "dbname": "postgres",
        "user": settings["USER"],
        "password": settings["PASSWORD"],
        "host": settings["HOST"],
        "port": settings["PORT"],
        **{k: v for k, v in settings["OPTIONS"].items() if k.startswith("ssl") or k == "host"},
    }
    return {name: str(value) for name, value in parameters.items() if value}


def _on_server(settings, sql, params=None):
    """Run a statement outside any transaction, at the maintenance database; return its rows."""
    connection = scratch_guardian.connected(_server(settings))
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def _guard(place):
    """Start the guardian. What it needs travels by the pipe: arguments are for all to see."""
    process = subprocess.Popen(
        [sys.executable, "-m", "perf.measuring.scratch_guardian"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C at the terminal is not for it
        text=True,
    )
    process.stdin.write(json.dumps(place) + "\n")
    process.stdin.flush()
    return process


@contextmanager
def _ended_by_signals():
    """Let SIGTERM and SIGHUP end the block like an exception, as SIGINT does by itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number, frame):
        raise SystemExit(128 + number)

    old = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
