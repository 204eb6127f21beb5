"""Rehearse the restore of a backup: into a database of another name, which is checked and dropped.

What a restore needs besides the database, above all `SEALING_KEYS`, no backup of it has.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.exceptions import InvalidTag
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Min
from django.db.models.functions import Substr
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.models import ClientKey
from bookings.models.seals import NAME, UnknownMasterKey, unwrap
from dispatch.invariants.find import find_broken, in_words
from dispatch.invariants.tables import LIVES
from drivers.db.backups.kit import kit
from drivers.db.backups.problem import BackupProblem
from drivers.db.backups.rows import count_rows


@dataclass(slots=True)
class Rehearsal:
    """What came of it: sizes in bytes, durations in seconds.

    `expected` are the rows of each table when the backup was taken, None of an older backup.
    """

    expected: dict[str, int] | None = None
    rows: dict[str, int] = field(default_factory=dict)
    backup_bytes: int = 0
    restored_bytes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    broken: dict[str, list[Any]] = field(default_factory=dict)
    under_way: int = 0
    has_keys: bool = True

    @property
    def different(self) -> dict[str, tuple[int | None, int | None]]:
        """Return {table: (rows when it was taken, rows restored)} where they differ."""
        if self.expected is None:
            return {}
        tables = sorted(self.expected.keys() | self.rows.keys())
        pairs = {table: (self.expected.get(table), self.rows.get(table)) for table in tables}
        return {table: pair for table, pair in pairs.items() if pair[0] != pair[1]}

    @property
    def is_good(self) -> bool:
        return not self.different and not self.broken and self.has_keys

    def faults(self) -> list[str]:
        """Return a sentence for everything that is wrong."""
        said = [
            _("%(table)s: rows restored: %(restored)s; when the backup was taken: %(expected)s.")
            % {
                "table": table,
                "expected": _("no table") if expected is None else expected,
                "restored": _("no table") if restored is None else restored,
            }
            for table, (expected, restored) in self.different.items()
        ]
        said += in_words(self.broken)
        if not self.has_keys:
            said.append(
                _(
                    "What the log has sealed cannot be opened with these SEALING_KEYS: back those "
                    "up that it was sealed with."
                )
            )
        return said

    def summary(self) -> list[str]:
        """Return a sentence for each thing that was done."""
        said = [
            _("Backup: %(size)s, taken in %(seconds).1f s.")
            % {"size": filesizeformat(self.backup_bytes), "seconds": self.seconds["backup"]}
            if self.expected is not None
            else _("Backup: %(size)s.") % {"size": filesizeformat(self.backup_bytes)},
            _("Restored: %(size)s, in %(seconds).1f s.")
            % {"size": filesizeformat(self.restored_bytes), "seconds": self.seconds["restore"]},
            _("Checked in %(seconds).1f s: %(tables)d tables with %(rows)d rows.")
            % {
                "seconds": self.seconds["check"],
                "tables": len(self.rows),
                "rows": sum(self.rows.values()),
            },
        ]
        if self.under_way:
            said.append(
                ngettext(
                    "%(runs)d run was under way: after a restore manage.py tend_runs ends it.",
                    "%(runs)d runs were under way: after a restore manage.py tend_runs ends them.",
                    self.under_way,
                )
                % {"runs": self.under_way}
            )
        return said


def rehearse(
    folder: Path,
    *,
    backup: Path | None = None,
    at_rest: bool = False,
    using: str = DEFAULT_DB_ALIAS,
) -> Rehearsal:
    """Take a backup, or use this one, restore it under another name, check it, and remove it.

    `folder` has room for the backup, with SQLite for what is restored too. `at_rest`: it is of an
    installation that was stopped, so no run may be under way. Raises BackupProblem where something
    is missing, and where the backup cannot be restored.
    """
    require, take, restored = kit(using)
    require(using)
    done = Rehearsal()
    with TemporaryDirectory(prefix="rehearsal_", dir=folder) as place:
        file = backup
        if file is None:
            file = Path(place) / "backup"
            with _timed(done, "backup"):
                done.expected = take(file, using)
        done.backup_bytes = file.stat().st_size
        began = time.perf_counter()
        with restored(file, using, folder=folder) as (alias, size):
            done.seconds["restore"] = time.perf_counter() - began
            done.restored_bytes = size
            with _timed(done, "check"):
                _check(done, alias, at_rest=at_rest)
    return done


def _check(done: Rehearsal, alias: str, *, at_rest: bool) -> None:
    done.rows = count_rows(alias)
    _require_same_version(alias)
    done.broken = find_broken(at_rest=at_rest, using=alias)
    # They have had nobody who works on them since the backup was taken.
    done.under_way = len(done.broken.pop(LIVES, []))
    done.has_keys = _opens(alias)


def _opens(alias: str) -> bool:
    """Return whether a key of each master key can be opened: 1 statement."""
    masters = ClientKey.objects.using(alias).order_by().values(master=Substr("wrapped", 1, NAME))
    try:
        for wrapped in masters.values_list(Min("wrapped"), flat=True):
            unwrap(wrapped)
    except (UnknownMasterKey, InvalidTag, ValueError):  # unknown, another of its name, cut off
        return False
    return True


def _require_same_version(alias: str) -> None:
    """Raise BackupProblem where this code knows other tables: it cannot check the backup's."""
    executor = MigrationExecutor(connections[alias])
    loader = executor.loader
    missing = [
        f"{migration.app_label}.{migration.name}"
        for migration, _backwards in executor.migration_plan(loader.graph.leaf_nodes())
    ]
    ours = {app for app, _name in loader.disk_migrations}
    unknown = [
        f"{app}.{name}"
        for app, name in loader.applied_migrations
        if app in ours and (app, name) not in loader.disk_migrations
    ]
    if others := sorted(missing + [name for name in unknown if name not in _replaced(loader)]):
        raise BackupProblem(
            _(
                "It was restored, but is of another version, which cannot be checked: rehearse it "
                "with the code that it was taken with (%(count)d migrations differ, the first is "
                "%(first)s)."
            )
            % {"count": len(others), "first": others[0]}
        )


def _replaced(loader: Any) -> set[str]:
    """Return the migrations that squashed ones stand for."""
    return {
        f"{app}.{name}"
        for migration in loader.disk_migrations.values()
        for app, name in migration.replaces
    }


@contextmanager
def _timed(done: Rehearsal, what: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    done.seconds[what] = time.perf_counter() - began
