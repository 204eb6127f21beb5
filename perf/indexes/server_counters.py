"""What the database itself knows of its tables and indexes: unused, twins, bloat, old statistics.

PostgreSQL counts while it works; its counters begin anew at a reset, and know nothing of what
other servers of a cluster were asked. SQLite counts nothing: of it come only twins, and whether
it was ever analyzed.
"""

from django.utils.translation import gettext as _

from perf.indexes.catalog import covered_by, read_indexes
from perf.our_code import our_apps

SMALLEST_BYTES = 1_000_000  # an unused index below costs nobody anything
BLOATED = 0.2  # dead rows for each that lives
MANY_ROWS = 10_000
CHANGED = 0.2  # rows written since the statistics were gathered, for each that lives
READS = 1_000  # of a table, before an index of it that nobody used is called unused


def read_server(connection) -> tuple[str, ...]:
    """Return a sentence for each thing to look at, of our tables alone. 3 queries at most."""
    found = read_indexes(connection)
    told = [
        _("%(index)s: %(other)s covers it.") % {"index": facts.name, "other": other}
        for facts in found
        if (other := covered_by(facts, found))
    ]
    if connection.vendor == "postgresql":
        tables = [
            model._meta.db_table
            for app in our_apps()
            for model in app.get_models(include_auto_created=True)
        ]
        with connection.cursor() as cursor:
            told += [*_unused(cursor, tables), *_worn(cursor, tables)]
    elif connection.vendor == "sqlite" and not _is_analyzed(connection):
        told.append(_("The tables were never analyzed: run ANALYZE, so that it knows its indexes."))
    return tuple(told)


def _unused(cursor, tables):
    cursor.execute(
        """
        SELECT s.indexrelname, pg_relation_size(s.indexrelid),
               (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database())
        FROM pg_stat_user_indexes s
        JOIN pg_stat_user_tables t ON t.relid = s.relid
        JOIN pg_index i ON i.indexrelid = s.indexrelid
        WHERE s.idx_scan = 0 AND NOT i.indisunique AND s.relname = ANY(%s)
          AND pg_relation_size(s.indexrelid) >= %s
          AND t.seq_scan + COALESCE(t.idx_scan, 0) >= %s
        ORDER BY pg_relation_size(s.indexrelid) DESC
        """,
        [tables, SMALLEST_BYTES, READS],
    )
    for index, size, reset in cursor.fetchall():
        since = f"{reset:%Y-%m-%d}" if reset else _("the server began to count")
        yield _("%(index)s (%(size).1f MB) was not used since %(since)s.") % {
            "index": index,
            "size": size / 1e6,
            "since": since,
        }


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
            yield _(
                "%(table)s holds %(dead)d dead rows beside %(live)d: VACUUM does not keep up."
            ) % {
                "table": table,
                "dead": dead,
                "live": live,
            }
        if changed >= MANY_ROWS and changed > CHANGED * live:
            yield _(
                "%(table)s: %(changed)d rows changed since its statistics were gathered "
                "(%(analyzed)s): run ANALYZE."
            ) % {"table": table, "changed": changed, "analyzed": analyzed or _("never")}


def _is_analyzed(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'")
        return cursor.fetchone() is not None
