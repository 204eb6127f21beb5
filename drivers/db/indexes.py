"""Indexes with long names, and indexes that only one database engine has."""

from django.db import models
from django.db.backends.ddl_references import Statement


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
