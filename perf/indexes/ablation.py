"""Time recorded statements with an index and without it, in interleaved pairs.

"Without" is, on PostgreSQL, inside a transaction that is rolled back, so that the index is
never rebuilt; on SQLite it is a copy of the database. Every statement is replayed as it was
recorded; what it writes is taken back.
"""

from collections.abc import Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter

from django.db import DatabaseError

from perf.indexes.catalog import read_indexes
from perf.indexes.explain import explain, rolled_back
from perf.measuring.statistics import Judgement, Ratio, judge, order_of_arms, paired_ratio

# A replay that takes longer is stopped, and counts as this long: the ratio is then a bound.
LONGEST_S = 1.0
PAIRS, FEWEST = 10, 6
SAMPLE_S = 0.01  # shorter statements are repeated within one measurement
REPEATS_AT_MOST = 20


@dataclass
class Comparison:
    """Seconds of a set of statements with and without indexes, pair by pair.

    `ratio` is with/without: below 1 the indexes help. `control` is with/with; where it failed
    they are those of a second attempt.
    """

    with_s: list[float] = field(default_factory=list)
    without_s: list[float] = field(default_factory=list)
    control_s: list[float] = field(default_factory=list)
    stopped: int = 0
    attempts: int = 1
    judged: Judgement | None = None  # among all comparisons of a report

    @property
    def with_ms(self):
        return median(self.with_s) * 1000

    @property
    def without_ms(self):
        return median(self.without_s) * 1000

    @property
    def ratio(self) -> Ratio:
        return paired_ratio(self.without_s, self.with_s)

    @property
    def control(self) -> Ratio:
        return paired_ratio(self.with_s, self.control_s)

    @property
    def judgement(self) -> Judgement:
        return self.judged or judge(self.ratio, self.control)

    def as_dict(self):
        return {
            "with_s": self.with_s,
            "without_s": self.without_s,
            "control_s": self.control_s,
            "stopped": self.stopped,
            "attempts": self.attempts,
            "ratio": self.ratio.as_dict(),
            "control": self.control.as_dict(),
            **self.judgement.as_dict(),
        }


class Bench:
    """Replays statements on the scratch database's connection.

    On SQLite `bare` is the connection to a copy of it, where indexes are dropped for good and
    built again: inside a transaction that has dropped one, every statement would read the
    whole schema anew.
    """

    def __init__(self, connection, bare=None):
        self.connection = connection
        self.bare = bare
        self.stopped = 0

    def compare(
        self,
        statements: Sequence,
        indexes: Sequence[str],
        *,
        budget_s: float,
        often=None,
        instead: Sequence[str] = (),
    ):
        """Measure with, without, and with again, in alternating order, within about `budget_s`.

        At least FEWEST pairs, however long they take. If the control fails, once more.
        `often(statement)` weighs each one: how many times it counts in the sum; default 1.
        `instead` are indexes (of `only_without`) that are there only without the others.
        """
        often = often or (lambda statement: 1)
        repeats = {id(s): (often(s), repeat) for s, repeat in self._repeats(statements)}
        with self.without(indexes) as lacking:
            with lacking() as connection:
                for statement in statements:
                    self.replay(statement, connection)
            made = self._pairs(statements, repeats, lacking, budget_s, instead)
            if not made.control.includes_one:
                made = self._pairs(statements, repeats, lacking, budget_s, instead)
                made.attempts = 2
        return made

    def _pairs(self, statements, repeats, lacking, budget_s, instead):
        made = Comparison()
        self.stopped = 0
        began = perf_counter()
        for number in range(PAIRS):
            if number >= FEWEST and perf_counter() - began > budget_s:
                break
            sides = ["with", "without", "control"]
            for side in order_of_arms(sides, number):
                with lacking() if side == "without" else self._full(instead) as connection:
                    seconds = self._pass(statements, repeats, connection)
                getattr(made, f"{side}_s").append(seconds)
        made.stopped = self.stopped
        return made

    def _full(self, instead):
        """Return the context manager of a connection with all indexes but `instead`."""
        if self.bare is None and instead:
            return _dropped(self.connection, instead)
        return nullcontext(self.connection)

    @contextmanager
    def only_without(self, made):
        """Build indexes ({name: CREATE INDEX}) for the side that lacks others; yield their names.

        On SQLite they are on the copy alone; on PostgreSQL the other side drops them.
        """
        connection = self.bare or self.connection
        with connection.cursor() as cursor:
            for sql in made.values():
                cursor.execute(sql)
            cursor.execute("ANALYZE")
        try:
            yield list(made)
        finally:
            with connection.cursor() as cursor:
                for name in made:
                    cursor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")

    def _repeats(self, statements):
        """Warm up, and yield (statement, how often to repeat it in one measurement)."""
        for statement in statements:
            self.replay(statement)
            took = max(self.replay(statement), 1e-6)
            yield statement, max(1, min(REPEATS_AT_MOST, round(SAMPLE_S / took)))

    def _pass(self, statements, repeats, connection):
        """Return the weighted sum of the statements' median times; a slow side repeats less."""
        total = 0.0
        for statement in statements:
            weight, repeat = repeats[id(statement)]
            times = []
            while len(times) < repeat and sum(times) < 5 * SAMPLE_S:
                times.append(self.replay(statement, connection))
            total += weight * median(times)
        return total

    def replay(self, statement, connection=None) -> float:
        """Run a recorded statement, fetch its rows, take it back; return the seconds."""
        connection = connection or self.connection
        with (
            rolled_back(connection),
            _stopping(statement, connection),
            connection.cursor() as cursor,
        ):
            began = perf_counter()
            try:
                if statement.many:
                    cursor.executemany(statement.sql, statement.params)
                else:
                    cursor.execute(statement.sql, statement.params)
                if cursor.description:
                    cursor.fetchall()
            except DatabaseError as error:
                if not _was_stopped(error):
                    raise
                self.stopped += 1
                return LONGEST_S
            return perf_counter() - began

    def slowest(self, statements, connection, *, budget_s, often):
        """Return the statements in order of weighted time on the connection, the longest first.

        Those that are not reached within about `budget_s` come last.
        """
        ends = perf_counter() + budget_s
        took = {
            id(s): often(s) * self.replay(s, connection) if perf_counter() < ends else 0.0
            for s in statements
        }
        return sorted(statements, key=lambda s: -took[id(s)])

    def replayable(self, statement) -> bool:
        """Say whether a statement can be run again: an insert of what is there cannot."""
        if statement.params is None and "%s" in statement.sql:
            return False
        try:
            self.replay(statement)
        except DatabaseError:
            return False
        return True

    def plan(self, statement, connection=None, *, analyze=False):
        return explain(statement, connection or self.connection, analyze=analyze)

    def drop(self, index):
        """Drop an index for good, on the copy too."""
        for connection in filter(None, (self.connection, self.bare)):
            with connection.cursor() as cursor:
                cursor.execute(f"DROP INDEX {connection.ops.quote_name(index)}")

    @contextmanager
    def without(self, indexes):
        """Yield a context manager of a connection that sees the tables without the indexes."""
        if self.bare is None:
            yield lambda: _dropped(self.connection, indexes)
            return
        there = {facts.name: facts.sql for facts in read_indexes(self.bare)}
        dropped = [name for name in indexes if name in there]
        quote = self.bare.ops.quote_name
        with self.bare.cursor() as cursor:
            for name in dropped:
                cursor.execute(f"DROP INDEX {quote(name)}")
            try:
                yield lambda: nullcontext(self.bare)
            finally:
                for name in dropped:
                    cursor.execute(there[name])
                    cursor.execute(f"ANALYZE {quote(name)}")


@contextmanager
def _dropped(connection, indexes):
    quote = connection.ops.quote_name
    with rolled_back(connection):
        with connection.cursor() as cursor:
            for name in indexes:
                cursor.execute(f"DROP INDEX {quote(name)}")
        yield connection


@contextmanager
def _stopping(statement, connection):
    """Stop a statement that takes too long; on SQLite a write would take its transaction along."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {int(LONGEST_S * 1000)}")
        yield
        return
    if statement.is_write:
        yield
        return
    ends = perf_counter() + LONGEST_S
    raw = connection.connection
    raw.set_progress_handler(lambda: perf_counter() > ends, 100_000)
    try:
        yield
    finally:
        raw.set_progress_handler(None, 0)


def _was_stopped(error):
    return "statement timeout" in str(error) or "interrupted" in str(error)
