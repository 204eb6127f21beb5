"""Indexes with long names, and indexes that only one database engine has."""

from django.db import NotSupportedError, models
from django.db.backends.ddl_references import Statement
from django.db.migrations import AddIndex


class Index(models.Index):
    """An index whose name may fill PostgreSQL's 63 characters.

    Django stops at 30 for the sake of Oracle; the names here are those of the owner's guide.
    """

    max_name_length = 63


class OneEngineIndex(Index):
    """An index for one engine only; on the other it is dropped if it exists."""

    vendor = ""

    def create_sql(self, model, schema_editor, using="", **kwargs):
        if schema_editor.connection.vendor != self.vendor:
            return self.remove_sql(model, schema_editor)
        return super().create_sql(model, schema_editor, using=using, **kwargs)

    def remove_sql(self, model, schema_editor, **kwargs):
        name = schema_editor.quote_name(self.name)
        return Statement("DROP INDEX IF EXISTS %(name)s", name=name)


class SqliteIndex(OneEngineIndex):
    vendor = "sqlite"


class PostgresqlIndex(OneEngineIndex):
    vendor = "postgresql"


class AddIndexConcurrently(AddIndex):
    """Add an index to a large table while it is written; for a migration with `atomic = False`.

    Django's own works on PostgreSQL alone. An index that an attempt before has left half-built is
    built anew. Elsewhere it is a plain AddIndex.
    """

    atomic = False

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        self._require_no_transaction(schema_editor)
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            name = schema_editor.quote_name(self.index.name)
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            schema_editor.add_index(model, self.index, concurrently=True)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
            return
        self._require_no_transaction(schema_editor)
        model = from_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            schema_editor.remove_index(model, self.index, concurrently=True)

    def _require_no_transaction(self, schema_editor):
        if schema_editor.connection.in_atomic_block:
            raise NotSupportedError("AddIndexConcurrently needs a migration with atomic = False.")

    def describe(self):
        return f"{super().describe()}, while it is written"
