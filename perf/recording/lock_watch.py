"""Ask PostgreSQL who holds the lock that a statement is waiting for, while it waits.

A thread looks at what is running every EVERY_S seconds; only when a statement of PostgreSQL has run
for WAITED_MS does it open a connection of its own and ask, once per statement. SQLite cannot tell.
"""

import threading
from dataclasses import dataclass
from time import perf_counter_ns

from django.db import DatabaseError, connections

from perf.recording.fingerprint import fingerprint

EVERY_S = 0.05
WAITED_MS = 100

HOLDERS = """
SELECT a.pid, a.application_name, a.state, a.query,
       EXTRACT(EPOCH FROM clock_timestamp() - a.xact_start) * 1000
FROM unnest(pg_blocking_pids(%s)) AS holder(pid) JOIN pg_stat_activity a USING (pid)
"""


@dataclass(frozen=True)
class Holder:
    """A session that another waits for: what it last ran, and how old its transaction is."""

    pid: int
    application: str
    state: str
    statement: str
    open_ms: float

    def __str__(self):
        name = f"{self.application} " if self.application else ""
        return f"{name}{self.pid} ({self.state}, {self.open_ms:.0f} ms): {self.statement}"


class LockWatch:
    """A context manager; `running()` returns (connection, statement) of what is under way."""

    def __init__(self, running):
        self.running = running
        self.done = threading.Event()
        self.thread = None
        self.own = {}

    def __enter__(self):
        if any(connection.vendor == "postgresql" for connection in connections.all()):
            self.thread = threading.Thread(target=self._look, daemon=True)
            self.thread.start()

    def __exit__(self, *exception):
        self.done.set()
        if self.thread:
            self.thread.join()

    def _look(self):
        asked = None
        try:
            while not self.done.wait(EVERY_S):
                for connection, statement in self.running():
                    waited = perf_counter_ns() - statement.start_ns
                    if statement is asked or waited < WAITED_MS * 1e6:
                        continue
                    if connection.vendor == "postgresql":
                        asked = statement
                        statement.blockers = self._holders(connection)
        except DatabaseError:  # the server is gone or refuses one connection more: nothing is told
            return
        finally:
            for own in self.own.values():
                own.close()

    def _holders(self, connection):
        pid = connection.connection.info.backend_pid
        own = self.own.get(connection.alias)
        if own is None:
            own = self.own[connection.alias] = connection.copy()
        with own.cursor() as cursor:
            cursor.execute(HOLDERS, [pid])
            return tuple(
                Holder(pid, name, state, fingerprint(sql), float(ms or 0))
                for pid, name, state, sql, ms in cursor.fetchall()
            )
