"""Which backups a database has."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from django.db import connections

from drivers.db.backups import postgresql, sqlite


class Restored(Protocol):
    """See `sqlite.restored`, `postgresql.restored`."""

    def __call__(
        self, file: Path, using: str, *, folder: Path
    ) -> AbstractContextManager[tuple[str, int]]: ...


class Kit(NamedTuple):
    require: Callable[[str], None]
    take: Callable[[Path, str], dict[str, int]]
    restored: Restored


def kit(using: str) -> Kit:
    found = postgresql if connections[using].vendor == "postgresql" else sqlite
    return Kit(found.require, found.take, found.restored)
