"""Measure a run while it runs: seconds per phase, and statements."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from django.db import connection

PHASES = ("load_s", "plan_s", "check_s", "apply_s")
NEXT = {"load_s": "plan", "plan_s": "check", "check_s": "apply"}
# Transaction control is not counted: it differs between databases and nesting.
CONTROL = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")


class Meter:
    """A context in which the statements of this connection are counted, and phases timed.

    `report_progress(facts)` is called as each phase begins, with its name and what is known.
    """

    def __init__(self, report_progress: Callable[[dict[str, object]], None] | None = None) -> None:
        self.statements = 0
        self._report_progress = report_progress
        self._facts: dict[str, object] = {}
        self._seconds = dict.fromkeys(PHASES, 0.0)
        self._wrapper: AbstractContextManager[None] = connection.execute_wrapper(self._count)
        self._began = self._last = time.perf_counter()

    def __enter__(self) -> Self:
        self._began = self._last = time.perf_counter()
        self._wrapper.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._wrapper.__exit__(kind, error, trace)

    def _count(
        self,
        execute: Callable[..., object],
        sql: str,
        params: object,
        many: bool,
        context: dict[str, Any],
    ) -> object:
        self.statements += not sql.lstrip().upper().startswith(CONTROL)
        return execute(sql, params, many, context)

    def finish(self, phase: str, **facts: object) -> None:
        """Note that a phase is over; `facts` go along with all progress from now on."""
        now = time.perf_counter()
        self._seconds[phase] += now - self._last
        self._last = now
        self._facts |= facts
        if self._report_progress and phase in NEXT:
            self._report_progress({"phase": NEXT[phase], **self._facts})

    def note(self, **facts: object) -> None:
        """Let these facts go along with all progress from now on."""
        self._facts |= facts

    def elapsed(self) -> timedelta:
        return timedelta(seconds=time.perf_counter() - self._began)

    def timings(self) -> dict[str, float]:
        """Return seconds per phase, and `total_s`."""
        seconds = self._seconds | {"total_s": self.elapsed().total_seconds()}
        return {name: round(value, 3) for name, value in seconds.items()}
