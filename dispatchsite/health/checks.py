"""Ask what this server needs, each within a time of its own: a check that hangs holds up no other.

Each check returns what is wrong as a few words for an operator: no address, no password, nobody's
data. Its connection to the database is its own. Where one still hangs from the last time, it is not
asked again, so that no threads pile up.
"""

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache as shared
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from drivers.rest.throttling import OUTAGE

KEPT_S = 1.0  # an answer, for whoever asks next
WORKERS_KEPT_S = 10.0
LEAST_FREE_MB = 200


class NotReady(Exception):
    """Why a check fails."""


@dataclass
class Check:
    """One thing that is needed. `ask` raises NotReady; any other error is told by its kind."""

    name: str
    ask: Callable[[], None]
    within_s: float = 2.0
    kept_s: float = KEPT_S
    # What pages need: without it nothing can be shown.
    for_pages: bool = False
    # What is done without: it makes nothing unready.
    optional: bool = False
    _thread: threading.Thread | None = field(default=None, repr=False)
    _answer: tuple[float, str] = field(default=(float("-inf"), ""), repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def begin(self) -> None:
        """Ask, unless somebody does, or has just done so."""
        with self._lock:
            is_known = time.monotonic() - self._answer[0] < self.kept_s
            if is_known or (self._thread and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        try:
            self.ask()
            wrong = ""
        except NotReady as error:
            wrong = str(error)
        except Exception as error:  # noqa: BLE001 - of any driver or client; its text may name people or hosts
            wrong = type(error).__name__
        finally:
            connection.close()  # of this thread
        self._answer = time.monotonic(), wrong

    def wrong(self, until_s: float) -> str:
        """Return what is wrong, "" for nothing, waiting for the answer until then."""
        thread = self._thread
        if thread is not None:
            thread.join(max(0.0, until_s - time.monotonic()))
            if thread.is_alive():
                return f"no answer within {self.within_s:g} s"
        return self._answer[1]


def ask_all(checks: list[Check]) -> dict[str, str]:
    """Return what is wrong with each, "" where it is well; all are asked at once."""
    began = time.monotonic()
    for check in checks:
        check.begin()
    return {check.name: check.wrong(began + check.within_s) for check in checks}


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).graph.nodes)


def _migrations() -> None:
    """Hold what this code has against what was applied; the code before may run beside the new."""
    applied = MigrationRecorder(connection).applied_migrations()
    if pending := sorted(_known_migrations() - set(applied)):
        raise NotReady(f"{len(pending)} pending, first {'.'.join(pending[0])}")


def _disk() -> None:
    for path in _folders():
        free_mb = shutil.disk_usage(path).free // 2**20
        if free_mb < LEAST_FREE_MB:
            raise NotReady(f"{free_mb} MB free where less than {LEAST_FREE_MB} stops writing")


def _folders() -> set[Path]:
    """Return the folders that this server writes to, or what is there of their parents."""
    written = [Path(settings.BASE_DIR) / "var", Path(settings.ROADS_KEPT)]
    if connection.vendor == "sqlite":
        written.append(Path(str(connection.settings_dict["NAME"])).parent)
    there = (next(p for p in (path, *path.parents) if p.exists()) for path in written)
    return set(there)


def _cache() -> None:
    shared.get("readyz")
    if OUTAGE.is_known:
        raise NotReady("fails; requests pass uncounted")


def _broker() -> None:
    with _celery().connection_for_write(connect_timeout=2) as link:
        link.ensure_connection(max_retries=1, interval_start=0, timeout=2)


def _workers() -> None:
    if not _celery().control.ping(timeout=2.0, limit=1):
        raise NotReady("no worker answers")


def _celery() -> Any:
    from celery import current_app  # optional

    return current_app


DATABASE = Check("database", _database, for_pages=True)
MIGRATIONS = Check("migrations", _migrations, for_pages=True)
DISK = Check("disk", _disk)
BROKER = Check("broker", _broker, within_s=3.0)
WORKERS = Check("workers", _workers, within_s=3.0, kept_s=WORKERS_KEPT_S)
CACHE = Check("cache", _cache, optional=True)


def all_checks() -> list[Check]:
    """Return what is checked here; without a broker this machine's own processes plan."""
    behind = [BROKER, WORKERS] if settings.CELERY_BROKER_URL else []
    return [DATABASE, MIGRATIONS, *behind, DISK, CACHE]
