"""Insert rows as fast as the database takes them: COPY on PostgreSQL, executemany on SQLite.

For seeding, where `bulk_create` would spend most of its time on making objects. Nothing
validates the values but the database's own constraints.
"""

import io
import json
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import lru_cache

from django.db import connection

CHUNK = 20_000


def reserve_ids(model, count):
    """Return so many ids that nobody else will use, in order.

    SQLite: call it in the transaction that inserts the rows.
    """
    table, key = model._meta.db_table, model._meta.pk.column
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, %s)::regclass) "
                "FROM generate_series(1, %s)",
                [table, key, count],
            )
            return sorted(pk for (pk,) in cursor.fetchall())
        # Deleted rows' ids are not used again: the sequence remembers the largest there was.
        cursor.execute("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = %s", [table])
        last = cursor.fetchone()[0]
        return list(range(last + 1, last + 1 + count))


def insert_rows(model, columns, rows):
    """Insert an iterable of tuples; `columns` are attribute names ("company_id")."""
    names = {field.attname: field.column for field in model._meta.concrete_fields}
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    listed = ", ".join(quote(names[name]) for name in columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for chunk in _chunks(rows):
                text = "".join("\t".join(map(_copied, row)) + "\n" for row in chunk)
                cursor.copy_expert(f"COPY {table} ({listed}) FROM STDIN", io.StringIO(text))
        else:
            places = ", ".join(["%s"] * len(columns))
            for chunk in _chunks(rows):
                cursor.executemany(
                    f"INSERT INTO {table} ({listed}) VALUES ({places})",
                    [tuple(map(_bound, row)) for row in chunk],
                )


@contextmanager
def indexed_afterwards(*models):
    """Do without foreign keys and secondary indexes in the block, and build them at its end.

    PostgreSQL alone: a million bookings take half the time. In the caller's transaction, which
    keeps the tables locked; when it fails, nothing has changed.
    """
    if connection.vendor != "postgresql":
        yield
        return
    tables = [model._meta.db_table for model in models]
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) "
            "FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY(%s::regclass[]) "
            "ORDER BY conname",
            [tables],
        )
        foreign_keys = cursor.fetchall()
        cursor.execute(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index i "
            "WHERE indrelid = ANY(%s::regclass[]) AND NOT EXISTS "
            "(SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid) ORDER BY 1",
            [tables],
        )
        indexes = cursor.fetchall()
        for table, name, _definition in foreign_keys:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {quote(name)}")
        for name, _definition in indexes:
            cursor.execute(f"DROP INDEX {name}")
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
        for _name, definition in indexes:
            cursor.execute(definition)
        for table, name, definition in foreign_keys:
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {quote(name)} {definition}")


def analyze(*models):
    """Tell the database's planner about the new rows."""
    with connection.cursor() as cursor:
        for model in models:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")


def _chunks(rows):
    chunk = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _escaped(text):
    if "\\" in text or "\t" in text or "\n" in text or "\r" in text:
        for raw, escaped in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
            text = text.replace(raw, escaped)
    return text


def _json(value):
    return json.dumps(value, ensure_ascii=False)


def _copied_json(value):
    return _escaped(_json(value)) if value else EMPTY[type(value)]


COPIED = {
    str: _escaped,
    int: str,
    float: repr,
    bool: lambda value: "t" if value else "f",
    type(None): lambda value: r"\N",
    datetime: lru_cache(10_000)(datetime.isoformat),
    date: date.isoformat,
    dict: _copied_json,
    list: _copied_json,
}
EMPTY = {dict: "{}", list: "[]"}
BOUND = {
    datetime: lambda value: value.astimezone(UTC).replace(tzinfo=None).isoformat(" "),
    date: date.isoformat,
    dict: _json,
    list: _json,
}


def _copied(value):
    return COPIED.get(type(value), str)(value)


def _bound(value):
    bind = BOUND.get(type(value))
    return bind(value) if bind else value
