"""Find rows by parts of a folded text: an index of all three letters that stand in a row in it.

`FindsParts` makes and keeps the index, `has_parts` asks it. PostgreSQL: a GIN index of an array,
without the extension pg_trgm, which not every server has. SQLite: an FTS5 table beside the table,
kept by triggers.
"""

from typing import Any

from django.db.backends.ddl_references import Statement, Table
from django.db.models import Lookup

from drivers.db.folding import FoldedField, fold
from drivers.db.triggers import KeptByDatabase

LETTERS = 3
WORDS_AT_MOST = 6  # of a search; further words are not looked at


class FindsParts(KeptByDatabase):
    """The parts of the folded column `field` are indexed."""

    def __init__(self, *, name: str, field: str, **messages: Any) -> None:
        self.field = field
        super().__init__(name=name, **messages)

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        """On PostgreSQL; on SQLite the triggers go with the old table: see `drop_parts`."""
        name = schema_editor.quote_name(self.name)
        return f"DROP FUNCTION IF EXISTS {name}(text) CASCADE"  # with the index

    def _statements(self, model: Any, schema_editor: Any) -> list[Statement]:
        quote = schema_editor.quote_name
        sqlite = schema_editor.connection.vendor == "sqlite"
        return [
            Statement(
                template,
                table=Table(model._meta.db_table, quote),
                key=quote(model._meta.pk.column),
                column=quote(model._meta.get_field(self.field).column),
            )
            for template in (_sqlite(self.name, quote) if sqlite else _postgresql(quote(self.name)))
        ]

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        return path, args, kwargs | {"field": self.field}


def _sqlite(name: str, quote: Any) -> list[str]:
    """Return the table of the parts and its triggers.

    A row whose text is empty is not in it: the text is empty until `KeepsFolded` has filled it.
    """
    parts = quote(name)
    add = (
        f"INSERT INTO {parts} (rowid, %(column)s) "
        "SELECT NEW.%(key)s, NEW.%(column)s WHERE NEW.%(column)s <> ''; "
    )
    remove = (
        f"INSERT INTO {parts} ({parts}, rowid, %(column)s) "
        "SELECT 'delete', OLD.%(key)s, OLD.%(column)s WHERE OLD.%(column)s <> ''; "
    )
    changes = {
        "INSERT": ("", add),
        "UPDATE": (" OF %(column)s", remove + add),
        "DELETE": ("", remove),
    }
    return [
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {parts} USING fts5(%(column)s, content=%(table)s, "
        "content_rowid=%(key)s, tokenize='trigram')",
        *(
            f"CREATE TRIGGER {quote(f'{name}_{event.lower()}')} AFTER {event}{columns} "
            f"ON %(table)s BEGIN {statements}END"
            for event, (columns, statements) in changes.items()
        ),
        # Anew whenever Django has made the table anew, which a change of a constraint does.
        f"INSERT INTO {parts} ({parts}) VALUES ('delete-all')",
        f"INSERT INTO {parts} (rowid, %(column)s) "
        "SELECT %(key)s, %(column)s FROM %(table)s WHERE %(column)s <> ''",
    ]


def _postgresql(name: str) -> list[str]:
    return [
        # So expensive that no plan asks it row by row instead of the index.
        f"CREATE OR REPLACE FUNCTION {name}(t text) RETURNS text[] LANGUAGE sql "
        "IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS $$ SELECT array_agg(DISTINCT "
        f"substr(t, i, {LETTERS})) FROM generate_series(1, length(t) - {LETTERS - 1}) i $$",
        f"CREATE INDEX {name} ON %(table)s USING gin ({name}(%(column)s)) WITH (fastupdate = off)",
    ]


def drop_parts(name: str, schema_editor: Any) -> None:
    """Drop SQLite's table of parts: for the way back of the migration that added `FindsParts`."""
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(f"DROP TABLE IF EXISTS {schema_editor.quote_name(name)}")


class HasParts(Lookup):
    """The text has every word of the other, anywhere: of the first `WORDS_AT_MOST`.

    Words of fewer letters than the index has are looked for in each row that the others leave.
    """

    lookup_name = "has_parts"
    prepare_rhs = False

    def get_prep_lookup(self) -> list[str]:
        return fold(self.rhs).split()[:WORDS_AT_MOST]

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        quote = connection.ops.quote_name
        conditions, params = [], []
        if long := [word for word in self.rhs if len(word) >= LETTERS]:
            parts, key = quote(self._index_name()), quote(self.lhs.target.model._meta.pk.column)
            conditions.append(
                f"{quote(self.lhs.alias)}.{key} IN "
                f"(SELECT rowid FROM {parts} WHERE {parts} MATCH %s)"
            )
            params.append(" AND ".join('"' + word.replace('"', '""') + '"' for word in long))
        short = [word for word in self.rhs if len(word) < LETTERS]
        return self._all(compiler, connection, conditions, params, short)

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        column, _params = self.process_lhs(compiler, connection)
        parts = connection.ops.quote_name(self._index_name())
        conditions, params = [], []
        for word in self.rhs:
            if len(word) >= LETTERS:
                conditions.append(f"{parts}({column}) @> {parts}(%s)")
                params.append(word)
        return self._all(compiler, connection, conditions, params, self.rhs)

    def _all(
        self,
        compiler: Any,
        connection: Any,
        conditions: list[str],
        params: list[Any],
        contained: list[str],
    ) -> tuple[str, list[Any]]:
        column, _params = self.process_lhs(compiler, connection)
        for word in contained:
            conditions.append(f"{column} LIKE %s ESCAPE '\\'")
            params.append(f"%{connection.ops.prep_for_like_query(word)}%")
        return f"({' AND '.join(conditions) or '1 = 1'})", params

    def _index_name(self) -> str:
        target = self.lhs.target
        (name,) = (
            rule.name
            for rule in target.model._meta.constraints
            if isinstance(rule, FindsParts) and rule.field == target.name
        )
        return str(name)


FoldedField.register_lookup(HasParts)
