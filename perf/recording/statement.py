"""One statement as it was sent to the database. Times are nanoseconds of the monotonic clock."""

import re
from threading import get_ident
from time import perf_counter_ns

from perf.recording.fingerprint import fingerprint
from perf.recording.watch import made_at

NOTHING: frozenset[str] = frozenset()


class Statement:
    """One statement as it was sent.

    `params` is None where they were not kept, or came out of a generator. `rows` are the rows
    fetched, or for a write without RETURNING the rows written. `transaction` counts the
    transactions of its connection from 1, and is None outside of any. `error` names the
    exception's class. `for_update` says whether its queryset was to lock rows; `has_prefetched`
    names what had been prefetched for the row that it was sent for. Where somebody watches rows:
    `query` is Django's, of the queryset that was evaluated; `parent` the statement that read the
    row for which this one was sent, and `path` leads from there to that row ("author__"); `use` and
    `blockers`.
    """

    __slots__ = (
        "alias",
        "blockers",
        "error",
        "execute_ns",
        "fetch_ns",
        "for_update",
        "has_prefetched",
        "many",
        "params",
        "parent",
        "path",
        "query",
        "rows",
        "site",
        "sql",
        "start_ns",
        "thread",
        "transaction",
        "use",
        "vendor",
    )

    def __init__(self, sql, params, many, alias, vendor, transaction, site):
        self.sql = sql
        self.params = params
        self.many = many
        self.alias = alias
        self.vendor = vendor
        self.transaction = transaction
        self.site = site
        self.thread = get_ident()
        self.start_ns = perf_counter_ns()
        self.execute_ns = self.fetch_ns = self.rows = 0
        self.error = self.query = self.parent = self.use = None
        self.path = ""
        self.for_update = False
        self.has_prefetched: frozenset[str] = NOTHING
        self.blockers = ()

    @property
    def fingerprint(self):
        return fingerprint(self.sql)

    @property
    def total_ns(self):
        return self.execute_ns + self.fetch_ns

    @property
    def ms(self):
        return self.total_ns / 1e6

    @property
    def made_at(self):
        """Return 'file:line function' of where the queryset was made, or "" if nobody saw it."""
        return made_at(self.query)

    @property
    def is_write(self):
        return self.sql.lstrip("( \n\t")[:6].upper() not in ("SELECT", "WITH R", "EXPLAI", "PRAGMA")

    # Querysets and rows that were asked for lead here while they are watched: whoever copies them
    # has the same statement, and nobody pickles it.
    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return type(None), ()

    def __repr__(self):
        return f"<{self.ms:.1f} ms, {self.rows} rows, {self.site}: {self.sql[:80]}>"


LOCKING = re.compile(r"\bFOR (?:NO KEY )?(?:UPDATE|SHARE|KEY SHARE)\b")


def locks_rows(statement):
    """Say whether a read takes locks; on SQLite, whose text does not tell, whether it should."""
    return statement.for_update or bool(LOCKING.search(statement.sql))
