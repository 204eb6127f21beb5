"""What the database itself knows of its tables and indexes: unused, twins, bloat, old statistics.

PostgreSQL counts while it works; its counters begin anew at a reset, and know nothing of what
other servers of a cluster were asked. SQLite counts nothing: of it come twins, indexes on few
values, and whether it was ever analyzed.
"""

from django.utils.translation import gettext as _

from perf.indexes.candidates import model_of
from perf.indexes.catalog import covered_by, key_served, read_indexes
from perf.indexes.declared import declared_at
from perf.our_code import our_apps
from perf.recording.finding import BLOAT, COVERED, FEW, STATISTICS, UNUSED, Finding

SMALLEST_BYTES = 1_000_000  # an unused index below costs nobody anything
BLOATED = 0.2  # dead rows for each that lives
MANY_ROWS = 10_000
CHANGED = 0.2  # rows written since the statistics were gathered, for each that lives
# Reads of a table, before an index of it that nobody used is called unused. By a unique index
# are none: rows that are loaded are checked by it, each by its key.
READS = 1_000
FEW_VALUES = 20
COMMON = 0.05  # of the rows: a value that more of them have is found no sooner by an index


def read_server(connection) -> tuple[Finding, ...]:
    """Return a finding for each thing to look at, of our tables alone. 4 queries at most.

    On SQLite one more for each index on few values. Of twins one is named, and never both.
    """
    indexes = read_indexes(connection)
    covers = {facts.name: covered_by(facts, indexes) for facts in indexes}
    told = [
        _found(
            COVERED,
            declared_at(facts),
            _("%(index)s: %(other)s covers it."),
            _("Take %(index)s out: what it is searched by, %(other)s serves."),
            {"index": facts.name, "other": covers[facts.name]},
        )
        for facts in indexes
        if covers[facts.name]
    ]
    # What covers another stays: of the two it is the one that will be used.
    kept = {*covers.values(), *(name for name, other in covers.items() if other)}
    open_ones = {facts.name: facts for facts in indexes if facts.name not in kept}
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            few = list(_few(_few_on_postgresql(cursor, open_ones)))
            for _finding, name in few:
                del open_ones[name]
            told += [finding for finding, _name in few]
            # What alone finds the rows of a foreign key is read when what it leads to is deleted.
            may_go = {n: facts for n, facts in open_ones.items() if not key_served(facts, indexes)}
            told += [*_unused(cursor, may_go), *_worn(cursor, _tables())]
        elif connection.vendor == "sqlite":
            if _is_analyzed(cursor):
                told += [finding for finding, _name in _few(_few_on_sqlite(cursor, open_ones))]
            else:
                told.append(
                    _found(
                        STATISTICS,
                        "sqlite_stat1",
                        _("The tables were never analyzed."),
                        _("Run ANALYZE, so that the database knows its indexes."),
                    )
                )
    return tuple(told)


def _tables():
    return [
        model._meta.db_table
        for app in our_apps()
        for model in app.get_models(include_auto_created=True)
    ]


def _found(kind, place, what, cure, values=None):
    if values:
        what, cure = what % values, cure % values
    return Finding(kind, place, what, cure, count=0, ms=0.0, rows=0, statements=(), sites=())


def _few(counted):
    """Yield (finding, name) of (index, number of values, share of the rarest)."""
    for facts, values, rarest in counted:
        if rarest < COMMON:
            continue
        finding = _found(
            FEW,
            declared_at(facts),
            _(
                "%(index)s holds %(values)d different values, and even the rarest stands in "
                "%(share)d %% of the rows: a search by it reads most of the table."
            ),
            _(
                "Take %(index)s out, or keep it for rare rows only (condition=…), or put the "
                "column behind one that tells more rows apart."
            ),
            {"index": facts.name, "values": values, "share": 100 * rarest},
        )
        yield finding, facts.name


def _may_be_few(facts):
    """Say whether an index may go for having few values: no rule, and not behind a foreign key."""
    if len(facts.columns) != 1 or facts.condition or facts.unique or facts.constraint:
        return False
    model = model_of(facts.table)
    column = facts.columns[0].lstrip("-")
    return not any(f.is_relation for f in model._meta.concrete_fields if f.column == column)


def _few_on_postgresql(cursor, indexes):
    """Yield what the statistics say of the indexes that read much in a scan, or had none."""
    cursor.execute(
        """
        SELECT u.indexrelname, s.n_distinct, s.most_common_freqs
        FROM pg_stat_user_indexes u
        JOIN pg_class t ON t.oid = u.relid AND t.reltuples >= %s
        JOIN pg_index i ON i.indexrelid = u.indexrelid AND i.indnatts = 1
        JOIN pg_attribute a ON a.attrelid = u.relid AND a.attnum = i.indkey[0]
        JOIN pg_stats s ON s.schemaname = u.schemaname AND s.tablename = u.relname
            AND s.attname = a.attname
        WHERE u.indexrelname = ANY(%s) AND u.idx_tup_read >= %s * t.reltuples * u.idx_scan
            AND s.n_distinct BETWEEN 1 AND %s AND s.null_frac < %s
            AND cardinality(s.most_common_freqs) = s.n_distinct
        ORDER BY u.indexrelname
        """,
        [
            MANY_ROWS,
            [name for name, facts in indexes.items() if _may_be_few(facts)],
            COMMON,
            FEW_VALUES,
            COMMON,
        ],
    )
    for name, values, shares in cursor.fetchall():
        yield indexes[name], round(values), min(shares)


def _few_on_sqlite(cursor, indexes):
    """Yield what ANALYZE left of the indexes; the rarest value is counted."""
    cursor.execute("SELECT idx, stat FROM sqlite_stat1 WHERE idx IS NOT NULL ORDER BY idx")
    for name, stat in cursor.fetchall():
        facts = indexes.get(name)
        rows, average = map(int, stat.split()[:2])
        if not facts or rows < MANY_ROWS or average < COMMON * rows or not _may_be_few(facts):
            continue
        column = f'"{facts.columns[0].lstrip("-")}"'
        cursor.execute(
            "SELECT COUNT(*), MIN(n), SUM(n) FROM (SELECT COUNT(*) AS n "
            f'FROM "{facts.table}" GROUP BY {column})'
        )
        values, rarest, total = cursor.fetchone()
        yield facts, values, rarest / total


def _unused(cursor, indexes):
    cursor.execute(
        """
        SELECT s.indexrelname, pg_relation_size(s.indexrelid),
               (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database())
        FROM pg_stat_user_indexes s
        JOIN pg_stat_user_tables t ON t.relid = s.relid
        JOIN pg_index i ON i.indexrelid = s.indexrelid
        WHERE s.idx_scan = 0 AND NOT i.indisunique AND s.indexrelname = ANY(%s)
          AND pg_relation_size(s.indexrelid) >= %s
          AND t.seq_scan + COALESCE((
              SELECT SUM(other.idx_scan) FROM pg_stat_user_indexes other
              JOIN pg_index o ON o.indexrelid = other.indexrelid AND NOT o.indisunique
              WHERE other.relid = s.relid), 0) >= %s
        ORDER BY pg_relation_size(s.indexrelid) DESC
        """,
        [list(indexes), SMALLEST_BYTES, READS],
    )
    for index, size, reset in cursor.fetchall():
        since = f"{reset:%Y-%m-%d}" if reset else _("the server began to count")
        yield _found(
            UNUSED,
            declared_at(indexes[index]),
            _("%(index)s (%(size).1f MB) was not used since %(since)s."),
            _("Take %(index)s out, if no other server of the cluster uses it."),
            {"index": index, "size": size / 1e6, "since": since},
        )


def _worn(cursor, tables):
    cursor.execute(
        """
        SELECT relname, n_live_tup, n_dead_tup, n_mod_since_analyze,
               COALESCE(GREATEST(last_analyze, last_autoanalyze)::date::text, '')
        FROM pg_stat_user_tables WHERE relname = ANY(%s) ORDER BY relname
        """,
        [tables],
    )
    for table, live, dead, changed, analyzed in cursor.fetchall():
        if dead >= MANY_ROWS and dead > BLOATED * live:
            yield _found(
                BLOAT,
                table,
                _("%(table)s holds %(dead)d dead rows beside %(live)d: VACUUM does not keep up."),
                _(
                    "Run VACUUM %(table)s, lower its autovacuum_vacuum_scale_factor, and look for "
                    "a transaction that stays open."
                ),
                {"table": table, "dead": dead, "live": live},
            )
        if changed >= MANY_ROWS and changed > CHANGED * live:
            yield _found(
                STATISTICS,
                table,
                _(
                    "%(table)s: %(changed)d rows changed since its statistics were gathered "
                    "(%(analyzed)s)."
                ),
                _("Run ANALYZE %(table)s."),
                {"table": table, "changed": changed, "analyzed": analyzed or _("never")},
            )


def _is_analyzed(cursor):
    cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'")
    return cursor.fetchone() is not None
