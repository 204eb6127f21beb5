"""Backups of SQLite: a copy of the file as it is at one moment, while others write."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from django.db import DatabaseError, connections
from django.utils.translation import gettext as _

from drivers.db.backups.problem import BackupProblem
from drivers.db.backups.rows import count_rows
from drivers.db.backups.scratch import connected
from drivers.db.snapshot import snapshot


def require(using: str) -> None:
    """Nothing is needed."""


def take(file: Path, using: str) -> dict[str, int]:
    """Back the database up into the file; return {table: rows} of the same moment."""
    connection = connections[using]
    with snapshot(using):
        rows = count_rows(using)  # its first statement chooses the moment; the copy keeps to it
        with closing(sqlite3.connect(file)) as copy:
            connection.connection.backup(copy)
    return rows


@contextmanager
def restored(file: Path, using: str, *, folder: Path) -> Iterator[tuple[str, int]]:
    """Yield (alias, bytes) of a database in the folder that has what the backup has.

    It is removed at the end. Raises BackupProblem where the file is no database, or a damaged one.
    """
    with TemporaryDirectory(prefix="rehearsal_", dir=folder) as place:
        copy = Path(place) / "restored.sqlite3"
        shutil.copyfile(file, copy)
        beside = file.with_name(f"{file.name}-wal")  # of a copy whose newest changes lie there
        if beside.exists():
            shutil.copyfile(beside, copy.with_name(f"{copy.name}-wal"))
        with connected(str(copy), using) as alias:
            _require_whole(alias)
            yield alias, copy.stat().st_size


def _require_whole(alias: str) -> None:
    try:
        with connections[alias].cursor() as cursor:
            for check in ("integrity_check(1)", "foreign_key_check"):
                found = cursor.execute(f"PRAGMA {check}").fetchone()
                if found and found[0] != "ok":
                    raise BackupProblem(
                        _("The backup is damaged (%(check)s): %(found)s")
                        % {"check": check, "found": found[0]}
                    )
    except DatabaseError as error:
        raise BackupProblem(_("The backup is damaged: %(found)s") % {"found": error}) from error
