"""Echo statements and log slow ones, with the line of this project that issued them.

Switched by `SQL_ECHO` and `SLOW_QUERY_MS` (0 is off). The time is that of `execute`; on SQLite
a SELECT does part of its work while its rows are fetched, which `manage.py profile_dispatch`
times too.
"""

import logging
from time import perf_counter

from perf.recording.call_site import find_site

logger = logging.getLogger("dispatchsite.sql")

LONGEST_SHOWN = 2_000


class SqlLog:
    """An execute wrapper; parameters are not logged, for they name clients."""

    def __init__(self, *, echo, slow_ms):
        self.echo = echo
        self.slow_ms = slow_ms

    def __call__(self, execute, sql, params, many, context):
        start = perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            took_ms = (perf_counter() - start) * 1000
            if self.slow_ms and took_ms >= self.slow_ms:
                logger.warning("slow: %.1f ms at %s: %s", took_ms, find_site(), sql[:LONGEST_SHOWN])
            elif self.echo:
                logger.info("%.1f ms at %s: %s", took_ms, find_site(), sql[:LONGEST_SHOWN])


def install(connection, *, echo, slow_ms):
    """Attach the log to a connection, at most once."""
    if (echo or slow_ms) and not any(isinstance(w, SqlLog) for w in connection.execute_wrappers):
        connection.execute_wrappers.append(SqlLog(echo=echo, slow_ms=slow_ms))
