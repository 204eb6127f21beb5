"""A place to try an index without touching the user's database.

SQLite: copies of the file, in a folder that is removed. PostgreSQL: the index is built in a
transaction that is rolled back, which keeps writers of the table waiting meanwhile: only on a
scratch database or where it was allowed; elsewhere nothing is tried.
"""

import tempfile
from contextlib import contextmanager
from pathlib import Path

from django.db import DatabaseError, connections
from django.db.utils import load_backend

from perf.indexes.ablation import Bench
from perf.indexes.explain import explain, rolled_back, separate_connection
from perf.indexes.missing import FASTER, Attempt, Trial

LOCK_TIMEOUT_MS = 1_000
WRITES = 2  # of the recorded ones, those that write most rows
LOOKS = 3  # a busy machine can hold one up
BUDGET_S = 2.0  # for one comparison, if FEWEST pairs do not take longer


class Laboratory:
    """A connection on which indexes may be built; `bare` never has them (SQLite needs one)."""

    def __init__(self, connection, bare=None):
        self.connection = connection
        self.bench = Bench(connection, bare)
        self._rows = {}
        self._before = {}

    def rows(self, table):
        """Return the number of rows of a table."""
        if table not in self._rows:
            with self.connection.cursor() as cursor:
                cursor.execute(f"SELECT COUNT(*) FROM {self.connection.ops.quote_name(table)}")
                self._rows[table] = cursor.fetchone()[0]
        return self._rows[table]

    def try_index(self, candidate, statements) -> Attempt:
        """Plan and time the candidate's statements ({fingerprint: [Statement]}) with it."""
        wanted = {
            text: max(statements[text], key=lambda s: s.total_ns)
            for text in candidate.fingerprints
            if text in statements
        }
        for text, statement in wanted.items():
            if text not in self._before:
                seconds = self.bench.replay(statement) if self.bench.replayable(statement) else None
                self._before[text] = self._plan(statement), seconds
        rows = self.rows(candidate.table)
        try:
            with self.built(candidate) as names:
                trials = [
                    self._trial(statement, names, len(statements[text]))
                    for text, statement in wanted.items()
                ]
                pays = any(trial.pays for trial in trials)
                writes = self._writes(candidate.table, statements, names) if pays else None
        except DatabaseError as error:
            return Attempt(candidate, rows=rows, error=str(error).splitlines()[0])
        return Attempt(candidate, tuple(trials), rows, writes)

    def _trial(self, statement, names, count):
        before, seconds = self._before[statement.fingerprint]
        after = self._plan(statement)
        used = set(names) <= after.indexes
        comparison = None
        if used and seconds is not None and self.seems_faster(statement, seconds):
            comparison = self.bench.compare([statement], names, budget_s=BUDGET_S)
        return Trial(statement.fingerprint, count, before, after, used, comparison)

    def seems_faster(self, statement, seconds):
        """Say whether one of a few looks is faster: what is in none is not worth its pairs."""
        self.bench.replay(statement)
        return any(
            self.bench.replay(statement) < seconds * (1 + FASTER) / 2 for _look in range(LOOKS)
        )

    def _writes(self, table, statements, names):
        found = [
            max(group, key=lambda s: s.rows)
            for text, group in statements.items()
            if text.startswith((f'INSERT INTO "{table}"', f'UPDATE "{table}"'))
        ]
        found = [s for s in sorted(found, key=lambda s: -s.rows) if self.bench.replayable(s)]
        if not found:
            return None
        return self.bench.compare(found[:WRITES], names, budget_s=BUDGET_S)

    @contextmanager
    def built(self, candidate):
        """Build the index, yield the names it has here, and take it away."""
        connection = self.connection
        quote = connection.ops.quote_name
        made = candidate.all_sql(f"trial_{candidate.name()}"[:63], connection.vendor)
        if connection.vendor == "sqlite":
            # Not rolled back: SQLite would read its whole schema again at every statement.
            with connection.cursor() as cursor:
                try:
                    for name, sql in made.items():
                        cursor.execute(sql)
                        cursor.execute(f"ANALYZE {quote(name)}")
                    yield list(made)
                finally:
                    for name in made:
                        cursor.execute(f"DROP INDEX IF EXISTS {quote(name)}")
        else:
            with rolled_back(connection), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
                for sql in made.values():
                    cursor.execute(sql)
                if candidate.expression:  # the server knows nothing of it before
                    cursor.execute(f"ANALYZE {quote(candidate.table)}")
                yield list(made)

    def _plan(self, statement):
        return explain(statement, self.connection, analyze=False)


@contextmanager
def laboratory(alias="default", *, may_build=False):
    """Yield a Laboratory, or None where nothing may be tried.

    Inside an open transaction the copies of SQLite hold what it has written, too; each goes
    through the memory, whole.
    """
    source = connections[alias]
    if source.vendor == "sqlite":
        with tempfile.TemporaryDirectory(prefix="dispatchsite_laboratory_") as folder:
            copies = [_copy(source, Path(folder) / f"{name}.sqlite3") for name in ("with", "bare")]
            try:
                yield Laboratory(*copies)
            finally:
                for copy in copies:
                    copy.close()
        return
    if not may_build:
        yield None
        return
    with separate_connection(alias) as connection:
        yield Laboratory(connection)


def _copy(source, file):
    source.ensure_connection()
    if source.connection.in_transaction:  # backup() would wait for its end, for ever
        file.write_bytes(source.connection.serialize())
    wrapper = load_backend(source.settings_dict["ENGINE"]).DatabaseWrapper(
        {**source.settings_dict, "NAME": str(file)}, source.alias
    )
    wrapper.ensure_connection()
    wrapper.execute_wrappers.clear()
    if not source.connection.in_transaction:
        source.connection.backup(wrapper.connection)
    with wrapper.cursor() as cursor:
        cursor.execute("PRAGMA foreign_keys = OFF")
        cursor.execute("PRAGMA analysis_limit = 1000")
        cursor.execute("ANALYZE")
    return wrapper
