"""What the database keeps of a table by statements of its own, such as triggers."""

from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.backends.ddl_references import Statement
from django.db.models import BaseConstraint


class KeptByDatabase(BaseConstraint):
    """A rule kept by the `_statements` of a subclass, none where the engine needs none.

    They are deferred statements of the schema editor, so that they survive SQLite's table rebuilds.
    """

    def _statements(self, model: Any, schema_editor: Any) -> list[Statement]:
        return []

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        schema_editor.deferred_sql.extend(self._statements(model, schema_editor))

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        """Return the first statement; the others are deferred until it has run."""
        statements = self._statements(model, schema_editor)
        schema_editor.deferred_sql.extend(statements[1:])
        return statements[0] if statements else None

    def validate(
        self, model: Any, instance: Any, exclude: Any = None, using: str = DEFAULT_DB_ALIAS
    ) -> None:
        """Nothing to validate: whatever is written, the database makes it so, or refuses it."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KeptByDatabase):
            return NotImplemented
        return self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash((type(self), self.name))
