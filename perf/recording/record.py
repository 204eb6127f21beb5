"""Record every statement of a block: what ran, how long, how many rows, and from which line.

    with record_queries() as q:
        ...
    for statement in q.statements: ...

With `watch=True` also what became of the rows (`perf.recording.watch`) and, on PostgreSQL, who
held the lock that a statement waited for (`perf.recording.lock_watch`).

Times are nanoseconds of the monotonic clock. On SQLite most of a SELECT's time passes while
its rows are fetched, so fetching is timed as well. BEGIN, COMMIT, SAVEPOINT and their like are
kept apart in `q.control`: which of them can be seen differs between the databases, and a
number of statements has to mean the same on both. COPY is no statement that Django sees.

Parameters name clients. They are kept for EXPLAIN, and belong into no report.
"""

import logging
import threading
from contextlib import contextmanager, nullcontext
from sys import intern
from threading import get_ident
from time import perf_counter_ns

from django.db import connections
from django.db.backends.signals import connection_created

from perf.recording.call_site import Sight, find_site
from perf.recording.lock_watch import LockWatch
from perf.recording.statement import Statement
from perf.recording.watch import watch

logger = logging.getLogger(__name__)
CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET TRANSACTION")
NOT_RECORDED = frozenset({"silk"})  # what observes is not observed
NOBODY_WATCHES = nullcontext()


class Recording:
    """What a block sent to the database, in order."""

    def __init__(
        self, *, keep_params=True, all_threads=False, watch_rows=False, forgiving=False, most=None
    ):
        self.statements = []
        self.control = []
        self.keep_params = keep_params
        self.all_threads = all_threads
        self.watch_rows = watch_rows
        self.forgiving = forgiving
        self.most = most
        self.left_out = 0
        self.thread = get_ident()

    def take(self, statement, control):
        if not self.keep_params:
            statement.params = None
        kept = self.control if control else self.statements
        if self.most is None or len(kept) < self.most:
            kept.append(statement)
        elif not control:
            self.left_out += 1

    def __len__(self):
        return len(self.statements)

    def __iter__(self):
        return iter(self.statements)

    @property
    def total_ns(self):
        """Return the time in the database, transaction control included."""
        return sum(s.total_ns for s in self.statements) + sum(s.total_ns for s in self.control)

    @property
    def ms(self):
        return self.total_ns / 1e6

    @property
    def rows(self):
        return sum(s.rows for s in self.statements)

    @property
    def transactions(self):
        """Return how many transactions were committed or rolled back."""
        return sum(s.sql in ("COMMIT", "ROLLBACK") for s in self.control)

    def slow(self, slow_ms):
        return [s for s in self.statements if s.ms > slow_ms]

    def listing(self):
        """Return a line per statement, without parameters: for the message of a failed test."""
        return "\n".join(
            f"{number:4} {s.ms:8.1f} ms {s.rows:6} rows  {s.site}  {s.fingerprint[:160]}"
            for number, s in enumerate(self.statements, 1)
        )


class TimedCursor:
    """The driver's cursor; fetching is added to the statement that was executed last."""

    __slots__ = ("_cursor", "_statement")

    def __init__(self, cursor, statement):
        self._cursor = cursor
        self._statement = statement

    def __getattr__(self, name):
        return getattr(self._cursor, name)

    def close(self):
        return self._cursor.close()

    def fetchone(self):
        start = perf_counter_ns()
        row = self._cursor.fetchone()
        statement = self._statement
        statement.fetch_ns += perf_counter_ns() - start
        statement.rows += row is not None
        return row

    def fetchmany(self, *size, **options):
        start = perf_counter_ns()
        rows = self._cursor.fetchmany(*size, **options)
        statement = self._statement
        statement.fetch_ns += perf_counter_ns() - start
        statement.rows += len(rows)
        return rows

    def fetchall(self):
        start = perf_counter_ns()
        rows = self._cursor.fetchall()
        statement = self._statement
        statement.fetch_ns += perf_counter_ns() - start
        statement.rows += len(rows)
        return rows

    def __iter__(self):
        while (row := self.fetchone()) is not None:
            yield row


def _note_instance(statement, instance):
    statement.parent, statement.path = getattr(instance._state, "asked_by", (None, ""))
    statement.has_prefetched = frozenset(getattr(instance, "_prefetched_objects_cache", ()))


class Tap:
    """The one execute wrapper on a connection; it feeds every recording under way."""

    def __init__(self, connection):
        self.connection = connection
        self.recordings = []
        self.is_watched = False
        self.transaction = 0
        self.block = None  # the outermost atomic block
        self.last = None  # the statement that was sent last
        self.running = None  # and the one that the database has not answered yet

    def attach(self):
        self.connection.execute_wrappers.append(self)
        # COMMIT and ROLLBACK are calls to the driver: no execute wrapper sees them.
        self.connection._commit = self._ending("COMMIT", self.connection._commit)
        self.connection._rollback = self._ending("ROLLBACK", self.connection._rollback)

    def detach(self):
        self.connection.execute_wrappers.remove(self)
        del self.connection._commit, self.connection._rollback

    def __call__(self, execute, sql, params, many, context):
        try:
            self.running = statement = self._new(sql, params, many)
        except Exception:  # whatever fails in here, the statement of the project has to be sent
            if not all(recording.forgiving for recording in self.recordings):
                raise
            logger.exception("A statement could not be recorded.")
            return execute(sql, params, many, context)
        start = perf_counter_ns()
        try:
            return execute(sql, params, many, context)
        except BaseException as error:
            statement.error = type(error).__name__
            raise
        finally:
            statement.execute_ns = perf_counter_ns() - start
            self.running = None
            wrapper = context["cursor"]
            cursor = wrapper.cursor
            if type(cursor) is TimedCursor:
                cursor._statement = statement
                cursor = cursor._cursor
            else:
                wrapper.cursor = TimedCursor(cursor, statement)
            if statement.error is None and cursor.description is None:
                statement.rows = max(cursor.rowcount, 0)

    def _new(self, sql, params, many):
        connection = self.connection
        control = sql.startswith(CONTROL)
        if type(sql) is str:
            sql = intern(sql)  # one text for all of a loop: memory that is touched anew is dear
        sight = Sight()
        statement = Statement(
            sql,
            params,
            many,
            connection.alias,
            connection.vendor,
            self._ended(sql) if control else self._number(),
            find_site(sight, None if control else sql),
        )
        if sight.queryset is not None:
            query = sight.queryset.query
            statement.for_update = query.select_for_update
            if self.is_watched:
                # Kept with all that hangs from it: what only counts and times does without.
                statement.query = query
                if sight.queryset._result_cache is None:  # or else these are rows to be prefetched
                    sight.queryset._asked_by = statement
        if sight.instance is not None:
            _note_instance(statement, sight.instance)
        if not control:
            self.last = statement
        if many and not isinstance(params, list | tuple):
            statement.params = None
        for recording in self.recordings:
            recording.take(statement, control)
        return statement

    def _ended(self, sql):
        """Return the transaction that a word of control belongs to, or ends."""
        if sql.startswith(("BEGIN", "SAVEPOINT", "SET TRANSACTION")):
            blocks = self.connection.atomic_blocks
            return self._number() if any(not b._from_testcase for b in blocks) else None
        number = self.transaction if self.block else None
        if not any(not block._from_testcase for block in self.connection.atomic_blocks):
            self.block = None
        return number

    def _number(self):
        """Return the number of the transaction; a test's own around it is none."""
        connection = self.connection
        for block in connection.atomic_blocks:
            if not block._from_testcase:
                break
        else:
            if connection.atomic_blocks or connection.autocommit:
                self.block = None
                return None
            block = connection
        if block is not self.block:
            self.block = block
            self.transaction += 1
        return self.transaction

    def _ending(self, sql, call):
        def timed():
            try:
                statement = self._new(sql, None, many=False)
            except Exception:  # as in __call__
                if not all(recording.forgiving for recording in self.recordings):
                    raise
                logger.exception("%s could not be recorded.", sql)
                return call()
            start = perf_counter_ns()
            try:
                return call()
            finally:
                statement.execute_ns = perf_counter_ns() - start

        return timed


_taps: dict[int, Tap] = {}  # id(connection) -> Tap; a connection belongs to one thread
_waiting: list[Recording] = []  # recordings that follow connections made meanwhile
_lock = threading.Lock()


def _join(recording, connection):
    if connection.alias in NOT_RECORDED:
        return
    with _lock:
        tap = _taps.get(id(connection))
        if tap is None:
            tap = _taps[id(connection)] = Tap(connection)
            tap.attach()
        if recording not in tap.recordings:
            tap.recordings.append(recording)
            tap.is_watched = tap.is_watched or recording.watch_rows


def _leave(recording):
    with _lock:
        for key, tap in list(_taps.items()):
            if recording in tap.recordings:
                tap.recordings.remove(recording)
                tap.is_watched = any(one.watch_rows for one in tap.recordings)
            if not tap.recordings:
                tap.detach()
                del _taps[key]


def _follow(sender, connection, **kwargs):
    for recording in list(_waiting):
        if recording.all_threads or recording.thread == get_ident():
            _join(recording, connection)


# For good: a signal that is connected for each sampled request costs more than its statements.
connection_created.connect(_follow, dispatch_uid="perf.recording.record")


def _last_statement(alias):
    tap = _taps.get(id(connections[alias]))
    return tap and tap.last


def running_statements():
    """Return (connection, statement) of what the databases have not answered yet."""
    with _lock:
        return [(tap.connection, tap.running) for tap in _taps.values() if tap.running]


@contextmanager
def record_queries(
    *, keep_params=True, all_threads=False, watch_rows=False, forgiving=False, most=None
):
    """Record the statements of this thread's connections, also those that are made meanwhile.

    `all_threads` adds the connections that other threads make meanwhile (not those they have
    already). `watch_rows` watches what becomes of rows and who holds locks. `forgiving` lets a
    statement run unrecorded, and logs why, where recording it fails. Of more than `most`
    statements the rest is only counted, in `left_out`. Recorders nest. On exit everything is as it
    was, whatever was raised.
    """
    recording = Recording(
        keep_params=keep_params,
        all_threads=all_threads,
        watch_rows=watch_rows,
        forgiving=forgiving,
        most=most,
    )
    with _watching() if watch_rows else NOBODY_WATCHES:
        begin(recording)
        try:
            yield recording
        finally:
            end(recording)


def begin(recording):
    """Let a recording take what is sent from now on, until its `end`."""
    _waiting.append(recording)
    try:
        # `all(initialized_only=True)` looks each up twice, in a store that is slow to ask.
        here = connections._connections  # type: ignore[attr-defined]  # no part of its stubs
        for alias in connections:
            if alias not in NOT_RECORDED and (connection := getattr(here, alias, None)):
                _join(recording, connection)
    except BaseException:
        end(recording)
        raise


def end(recording):
    """Leave everything as it was before the recording began."""
    _waiting.remove(recording)
    _leave(recording)


@contextmanager
def _watching():
    with watch(_last_statement), LockWatch(running_statements):
        yield
