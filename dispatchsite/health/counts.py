"""Count what this process answers, in files that all processes of a machine add up.

The library for Prometheus keeps a file for each process number, and those of the dead for ever.
Here a process holds a numbered place as long as it lives; who comes after one that has died takes
its place and counts on. The files are as large as they ever get from the start: a full disk is
noticed when one is made, not by a write into memory that has no page. What cannot be counted is
not, and is logged; it fails no request.
"""

import fcntl
import logging
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import IO

from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, values
from prometheus_client.multiprocess import MultiProcessCollector

logger = logging.getLogger(__name__)
FILE_BYTES = 1 << 18
KINDS = ("counter", "histogram")
MOST_PROCESSES = 1_000
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
STATEMENTS = (0, 2, 4, 6, 8, 10, 15, 20, 30, 50, 100)
DOORS = {"/api/": "api", "/admin/board/": "board", "/admin/": "admin"}
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_places: dict[int, tuple[str, IO[bytes]]] = {}  # of this process, and of those it was forked from


def folder() -> Path:
    return Path(settings.METRICS_FOLDER)


def place() -> str:
    """Return the number that this process alone holds, until it ends."""
    held = _places.get(os.getpid())
    if held is None:
        held = _places[os.getpid()] = _take_place()
    return held[0]


def _take_place() -> tuple[str, IO[bytes]]:
    for number in range(MOST_PROCESSES):
        lock = (folder() / f"{number}.lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        for kind in KINDS:
            _make_room(folder() / f"{kind}_{number}.db")
        return str(number), lock
    raise OSError(f"{MOST_PROCESSES} processes count already")


def _make_room(path: Path) -> None:
    with path.open("ab") as file:
        if os.fstat(file.fileno()).st_size < FILE_BYTES:
            os.posix_fallocate(file.fileno(), 0, FILE_BYTES)


class Counts:
    """The counters of this process."""

    def __init__(self) -> None:
        folder().mkdir(parents=True, exist_ok=True)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder())
        values.ValueClass = values.MultiProcessValue(place)
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "dispatchsite_requests",
            "Requests that were answered.",
            ["door", "method", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "dispatchsite_request_seconds",
            "Seconds until the answer began.",
            ["door"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.statements = Histogram(
            "dispatchsite_request_statements",
            "SQL statements of a request.",
            ["door"],
            buckets=STATEMENTS,
            registry=self.registry,
        )

    def add(self, path: str, method: str, status: int, seconds: float, statements: int) -> None:
        door = next((name for start, name in DOORS.items() if path.startswith(start)), "other")
        method = method if method in METHODS else "other"
        self.requests.labels(door, method, f"{status // 100}xx").inc()
        self.seconds.labels(door).observe(seconds)
        self.statements.labels(door).observe(statements)


@cache
def counts() -> Counts | None:
    """Return what counts here, or None where it cannot."""
    try:
        return Counts()
    except OSError as error:
        logger.error("Requests are not counted: %s", error)
        return None


def counted() -> Iterable[Metric]:
    """Return what all processes of this machine have counted."""
    if counts() is None:
        return ()
    collector = MultiProcessCollector(CollectorRegistry(), path=str(folder()))
    found: Iterable[Metric] = collector.collect()
    return found
