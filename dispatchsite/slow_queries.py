"""Echo statements and log slow ones, with the line of this project that issued them.

Switched by `SQL_ECHO` and `SLOW_QUERY_MS` (0 is off). The time is that of `execute` and of
fetching the rows, for SQLite does most of a SELECT's work while they are fetched; between two
fetches the clock stands. What returns rows is logged once they are all there, or its cursor is
closed or used again. (A cursor with a name is the server's: it describes its rows later.)
"""

import logging
from time import perf_counter

from perf.recording.call_site import find_site

logger = logging.getLogger("dispatchsite.sql")

LONGEST_SHOWN = 2_000


def caller():
    return str(find_site())


class SqlLog:
    """An execute wrapper; parameters are not logged, for they name clients."""

    def __init__(self, *, echo, slow_ms):
        self.echo = echo
        self.slow_ms = slow_ms

    def __call__(self, execute, sql, params, many, context):
        wrapper = context["cursor"]
        if type(wrapper.cursor) is FetchTimer:  # an earlier statement's
            wrapper.cursor = wrapper.cursor.done()
        start = perf_counter()
        try:
            result = execute(sql, params, many, context)
        except BaseException:
            self.log(sql, perf_counter() - start, caller)
            raise
        took_s = perf_counter() - start
        if wrapper.cursor.description is None and not getattr(wrapper.cursor, "name", None):
            self.log(sql, took_s, caller)
        else:
            wrapper.cursor = FetchTimer(wrapper.cursor, self, sql, took_s)
        return result

    def is_slow(self, took_s):
        return bool(self.slow_ms) and took_s * 1000 >= self.slow_ms

    def log(self, sql, took_s, where):
        if self.is_slow(took_s):
            shown = took_s * 1000, where(), sql[:LONGEST_SHOWN]
            logger.warning("slow: %.1f ms at %s: %s", *shown)
        elif self.echo:
            logger.info("%.1f ms at %s: %s", took_s * 1000, where(), sql[:LONGEST_SHOWN])


class FetchTimer:
    """The driver's cursor; its fetching is added to the time of one statement, logged at the end.

    Whose line it was is looked up when it has become slow: the frames are those of the reader.
    """

    __slots__ = ("_cursor", "_log", "_sql", "_took_s", "_where")

    def __init__(self, cursor, log, sql, took_s):
        self._cursor = cursor
        self._log = log
        self._sql = sql
        self._took_s = took_s
        self._where = caller() if log.is_slow(took_s) else ""

    def __getattr__(self, name):
        return getattr(self._cursor, name)

    def fetchone(self):
        row = self._timed(self._cursor.fetchone)
        if row is None:
            self.done()
        return row

    def fetchmany(self, *size, **options):
        rows = self._timed(self._cursor.fetchmany, *size, **options)
        if not rows:
            self.done()
        return rows

    def fetchall(self):
        rows = self._timed(self._cursor.fetchall)
        self.done()
        return rows

    def __iter__(self):
        while (row := self.fetchone()) is not None:
            yield row

    def close(self):
        self.done()
        return self._cursor.close()

    def _timed(self, fetch, *args, **options):
        start = perf_counter()
        try:
            return fetch(*args, **options)
        finally:
            self._took_s += perf_counter() - start
            if not self._where and self._log.is_slow(self._took_s):
                self._where = caller()

    def done(self):
        """Log the statement, once, and return the driver's cursor."""
        sql, self._sql = self._sql, None
        if sql is not None:
            self._log.log(sql, self._took_s, lambda: self._where or caller())
        return self._cursor


def install(connection, *, echo, slow_ms):
    """Attach the log to a connection, at most once."""
    if (echo or slow_ms) and not any(isinstance(w, SqlLog) for w in connection.execute_wrappers):
        connection.execute_wrappers.append(SqlLog(echo=echo, slow_ms=slow_ms))
