"""Migrate one test database and copy it for each process, instead of migrating every one.

The template stays, in var/ or on the PostgreSQL server, until a migration or what migrations use
has changed: then it is made anew. `tests/dispatchsite/test_migrations.py` tests the migrations.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.db import connection

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "var"
# What the tables of a migrated database follow from.
SOURCES = (
    "*/migrations/*.py",
    "*/models.py",
    "*/models/*.py",
    "drivers/db/*.py",
    "requirements*.txt",
    "tests/support/template.py",
)
ONE_AT_A_TIME = FOLDER / "template.lock"


class Template(NamedTuple):
    """A migrated database: its name, and Django's settings of it."""

    name: str
    settings: dict[str, str]


@cache
def template() -> Template:
    """Return the template, which is made if need be; before the test database is made."""
    FOLDER.mkdir(exist_ok=True)
    with ONE_AT_A_TIME.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = {"postgresql": _on_server, "sqlite": _in_file}[connection.vendor](_digest())
    return Template(made, {"NAME": made})


def use_template() -> None:
    """Let the session's test database begin as a copy of the template."""
    made = template().name
    if connection.vendor == "postgresql":
        connection.settings_dict["TEST"]["TEMPLATE"] = made
        return
    create = connection.creation._create_test_db

    def create_and_fill(*args, **options):
        name = create(*args, **options)
        for rest in ("-wal", "-shm"):  # of a session that was killed: it would be replayed
            Path(f"{name}{rest}").unlink(missing_ok=True)
        shutil.copyfile(made, name)
        return name

    connection.creation._create_test_db = create_and_fill


def _digest() -> str:
    found = hashlib.sha256()
    for path in sorted({path for source in SOURCES for path in ROOT.glob(source)}):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _in_file(digest: str) -> str:
    ready = FOLDER / f"template-{digest}.sqlite3"
    if not ready.exists():
        for old in FOLDER.glob("template*.sqlite3*"):
            old.unlink()
        begun = FOLDER / "template.sqlite3"
        _migrate(str(begun))
        begun.rename(ready)
    return str(ready)


def _on_server(digest: str) -> str:
    name = f"test_{connection.settings_dict['NAME']}_template"
    quoted = connection.ops.quote_name(name)
    with connection.creation._nodb_cursor() as cursor:
        cursor.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
            [name],
        )
        found = cursor.fetchone()
        if found != (digest,):
            cursor.execute(f"DROP DATABASE IF EXISTS {quoted}")
            cursor.execute(f"CREATE DATABASE {quoted}")
            _migrate(name)
            cursor.execute(f"COMMENT ON DATABASE {quoted} IS '{digest}'")
    return name


def _migrate(name: str) -> None:
    command = ["migrate", "--verbosity=0", "--settings=tests.settings"]
    subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={**os.environ, "TEST_TEMPLATE": name},
        check=True,
    )
