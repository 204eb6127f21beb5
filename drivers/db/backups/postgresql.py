"""Backups of PostgreSQL: `pg_dump` in its own format, restored by `pg_restore`.

How to connect is given to both in their environment, the password too: arguments are for all to
see.
"""

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connections
from django.utils.translation import gettext as _

from drivers.db.backups.problem import BackupProblem
from drivers.db.backups.rows import count_rows
from drivers.db.backups.scratch import connected
from drivers.db.snapshot import snapshot

# Debian keeps all versions beside each other; PATH has those of others.
FOLDERS = "/usr/lib/postgresql/*/bin"
NAME_AT_MOST = 63  # bytes of an identifier
# How libpq's variables are called, where not "PG" and the keyword without underscores.
RENAMED = {
    "dbname": "PGDATABASE",
    "application_name": "PGAPPNAME",
    "connect_timeout": "PGCONNECT_TIMEOUT",
}
LINES_AT_MOST = 3  # of what a tool says when it fails


def require(using: str) -> None:
    """Raise BackupProblem where a tool is missing, or no database may be created: 3 statements."""
    if connections[using].settings_dict["DISABLE_SERVER_SIDE_CURSORS"]:
        raise BackupProblem(
            _("Backups go past the pooler: call it with POOLER=0 and PostgreSQL's own address.")
        )
    for tool in ("pg_dump", "pg_restore"):
        _tool(tool, using)
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT rolname, rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
        )
        role, may = cursor.fetchone()
    if not may:
        raise BackupProblem(
            _(
                "%(role)s may not create databases: ALTER ROLE %(role)s CREATEDB, or call it with "
                "a DATABASE_URL of a role that may, and may read everything."
            )
            % {"role": role}
        )


def take(file: Path, using: str) -> dict[str, int]:
    """Back the database up into the file; return {table: rows} of the same moment."""
    connection = connections[using]
    tool = _tool("pg_dump", using)
    with snapshot(using), connection.cursor() as cursor:
        cursor.execute("SELECT pg_export_snapshot()")
        [moment] = cursor.fetchone()
        # Nothing is asked here while the tool works, for as long as that takes.
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        rows = count_rows(using)
        given = ("--format=custom", f"--snapshot={moment}", f"--file={file}")
        _run((tool, *given), using)
    return rows


@contextmanager
def restored(file: Path, using: str, *, folder: Path) -> Iterator[tuple[str, int]]:
    """Yield (alias, bytes) of a new database on the server that has what the backup has.

    It is dropped at the end. Raises BackupProblem where the file is no backup, or a damaged one.
    `folder` is not needed.
    """
    connection = connections[using]
    tool = _tool("pg_restore", using)
    _run((tool, "--list", str(file)), using)  # before anything is created
    # Not of the kind that somebody gives: it is dropped.
    ending = f"_rehearsal_{secrets.token_hex(6)}"
    name = (
        connection.settings_dict["NAME"]
        .encode()[: NAME_AT_MOST - len(ending)]
        .decode(errors="ignore")
    )
    name += ending
    quoted = connection.ops.quote_name(name)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {quoted} TEMPLATE template0 {_as_here(cursor)}")
    except DatabaseError as error:
        raise BackupProblem(
            _("No database can be created: %(why)s") % {"why": str(error).strip()}
        ) from error
    try:
        given = ("--exit-on-error", "--no-owner", "--no-acl", f"--dbname={name}", str(file))
        _run((tool, *given), using)
        with connected(name, using) as alias:
            with connections[alias].cursor() as cursor:
                cursor.execute("ANALYZE")  # it has no statistics yet
                cursor.execute("SELECT pg_database_size(current_database())")
                [size] = cursor.fetchone()
            yield alias, size
    finally:
        connection.close_if_unusable_or_obsolete()
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")


def _as_here(cursor: Any) -> str:
    """Return encoding and sorting of this database, for another."""
    cursor.execute(
        "SELECT format('ENCODING %L LC_COLLATE %L LC_CTYPE %L', "
        "pg_encoding_to_char(encoding), datcollate, datctype) "
        "FROM pg_database WHERE datname = current_database()"
    )
    [options] = cursor.fetchone()
    return str(options)


def _tool(name: str, using: str) -> str:
    """Return the path of the tool of the server's version, or of the next one that there is."""
    with connections[using].cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        server = int(cursor.fetchone()[0]) // 10_000
    found: dict[int, str] = {}
    for folder in (*os.environ.get("PATH", "").split(os.pathsep), *sorted(glob(FOLDERS))):
        if folder and (path := shutil.which(name, path=folder)):
            found.setdefault(_version(path), path)
    fitting = [version for version in found if version >= server]
    if not fitting:
        raise BackupProblem(
            _("Install %(tool)s of PostgreSQL %(version)d first, or add its folder to PATH.")
            % {"tool": name, "version": server}
        )
    return found[min(fitting)]


def _version(path: str) -> int:
    said = subprocess.run((path, "--version"), capture_output=True, text=True, check=False).stdout
    match = re.search(r"\) (\d+)", said)
    return int(match[1]) if match else 0


def _run(command: tuple[str, ...], using: str) -> None:
    """Run a tool of PostgreSQL; raise BackupProblem with what it says if it fails."""
    done = subprocess.run(
        command,
        env=os.environ | _variables(using),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise BackupProblem(" ".join(_said(done.stderr)) or f"{command[0]}: {done.returncode}")


def _variables(using: str) -> dict[str, str]:
    """Return libpq's variables of the connection; what has none stays as usual."""
    given = connections[using].get_connection_params()
    return {
        RENAMED.get(name, f"PG{name.replace('_', '').upper()}"): str(value)
        for name, value in given.items()
        if isinstance(value, str | int)
    }


def _said(text: str) -> list[str]:
    """Return a tool's own lines, without the values of the rows that it met."""
    lines = [line for line in text.splitlines() if re.match(r"pg_\w+: (error|fatal|detail)", line)]
    return [re.sub(r"(COPY failed for .*?): ERROR:.*", r"\1", line) for line in lines][
        :LINES_AT_MOST
    ]
