"""A place to try an index without touching the user's database.

SQLite: a copy of the file, in a folder that is removed. PostgreSQL: the index is built in a
transaction that is rolled back, which keeps writers of the table waiting meanwhile: only on a
scratch database or where it was allowed; elsewhere nothing is tried.
"""

import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter_ns

from django.db import connections
from django.db.utils import load_backend

from perf.indexes.explain import TIMEOUT_MS, explain, rolled_back, separate_connection
from perf.indexes.missing import Trial

REPEATS = 3
LOCK_TIMEOUT_MS = 1_000


class Laboratory:
    """A connection on which indexes may be built."""

    def __init__(self, connection):
        self.connection = connection
        self._rows = {}
        self._before = {}

    def rows(self, table):
        """Return the number of rows of a table."""
        if table not in self._rows:
            with self.connection.cursor() as cursor:
                cursor.execute(f"SELECT COUNT(*) FROM {self.connection.ops.quote_name(table)}")
                self._rows[table] = cursor.fetchone()[0]
        return self._rows[table]

    def try_index(self, candidate, statements):
        """Return a Trial for each of the candidate's statements ({fingerprint: [Statement]})."""
        wanted = [text for text in candidate.fingerprints if text in statements]
        slowest = {t: max(statements[t], key=lambda s: s.total_ns) for t in wanted}
        for text in wanted:
            if text not in self._before:
                plan = self._plan(slowest[text])
                self._before[text] = plan, self._ms(slowest[text], plan)
        name = f"trial_{candidate.name()}"[:63]
        with self._built(candidate, name):
            after = {}
            for text in wanted:
                plan = self._plan(slowest[text])
                used = name in plan.indexes
                after[text] = plan, self._ms(slowest[text], plan) if used else None
        return [
            Trial(
                fingerprint=text,
                count=len(statements[text]),
                before=self._before[text][0],
                after=after[text][0],
                before_ms=self._before[text][1],
                after_ms=after[text][1],
                used=name in after[text][0].indexes,
            )
            for text in wanted
        ]

    @contextmanager
    def _built(self, candidate, name):
        """Build the index, and take it away."""
        connection = self.connection
        if connection.vendor == "sqlite":
            # Not rolled back: SQLite would read its whole schema again at every statement.
            with connection.cursor() as cursor:
                cursor.execute(candidate.sql(name))
                cursor.execute(f"ANALYZE {connection.ops.quote_name(name)}")
                yield
                cursor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")
        else:
            with rolled_back(connection), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
                cursor.execute(candidate.sql(name))
                yield

    def _plan(self, statement):
        return explain(statement, self.connection, analyze=False)

    def _ms(self, statement, plan):
        """Return the median time of a few runs, or None where it could not be explained."""
        if plan.error:
            return None
        params = statement.params
        if statement.many:
            params = params[0]
        times = []
        for _repeat in range(REPEATS + 1):
            with rolled_back(self.connection), self.connection.cursor() as cursor:
                if self.connection.vendor == "postgresql":
                    cursor.execute(f"SET LOCAL statement_timeout = {TIMEOUT_MS}")
                start = perf_counter_ns()
                cursor.execute(statement.sql, params)
                if cursor.description:
                    cursor.fetchall()
                times.append((perf_counter_ns() - start) / 1e6)
        return median(times[1:])  # the first one warms up


@contextmanager
def laboratory(alias="default", *, may_build=False):
    """Yield a Laboratory, or None where nothing may be tried."""
    source = connections[alias]
    if source.vendor == "sqlite":
        with (
            tempfile.TemporaryDirectory(prefix="dispatchsite_laboratory_") as folder,
            closing(_copy(source, Path(folder) / "copy.sqlite3")) as connection,
        ):
            yield Laboratory(connection)
        return
    if not may_build:
        yield None
        return
    with separate_connection(alias) as connection:
        yield Laboratory(connection)


def _copy(source, file):
    source.ensure_connection()
    wrapper = load_backend(source.settings_dict["ENGINE"]).DatabaseWrapper(
        {**source.settings_dict, "NAME": str(file)}, source.alias
    )
    wrapper.ensure_connection()
    source.connection.backup(wrapper.connection)
    with wrapper.cursor() as cursor:
        cursor.execute("PRAGMA foreign_keys = OFF")
        cursor.execute("PRAGMA analysis_limit = 1000")
        cursor.execute("ANALYZE")
    return wrapper
