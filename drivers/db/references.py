"""Whose rows are: composite foreign keys, and the default customer of a company."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.ddl_references import Statement, Table
from django.db.models import BaseConstraint

from drivers.db.triggers import KeptByDatabase


class SameOwner(BaseConstraint):
    """What the foreign key `fields[0]` refers to agrees with the row in the other `fields`.

    A composite foreign key to `to_fields`, which have a unique constraint: the key of the other
    row, then what must be the same. A row without the first refers to nothing. The database checks
    it when the transaction ends, as Django's own foreign keys. `says` is the sentence for people.
    """

    def __init__(
        self,
        *,
        name: str,
        fields: Sequence[str],
        to_fields: Sequence[str],
        says: Any = None,
        **messages: Any,
    ) -> None:
        self.fields, self.to_fields, self.says = tuple(fields), tuple(to_fields), says
        self.field = self.fields[0]
        super().__init__(name=name, **messages)

    def constraint_sql(self, model: Any, schema_editor: Any) -> str:
        quote = schema_editor.quote_name
        other = model._meta.get_field(self.fields[0]).related_model
        own = ", ".join(quote(model._meta.get_field(name).column) for name in self.fields)
        theirs = ", ".join(quote(other._meta.get_field(name).column) for name in self.to_fields)
        return (
            f"CONSTRAINT {quote(self.name)} FOREIGN KEY ({own}) "
            f"REFERENCES {quote(other._meta.db_table)} ({theirs}) DEFERRABLE INITIALLY DEFERRED"
        )

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        return Statement(
            "ALTER TABLE %(table)s ADD %(constraint)s",
            table=Table(model._meta.db_table, schema_editor.quote_name),
            constraint=self.constraint_sql(model, schema_editor),
        )

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        return Statement(
            "ALTER TABLE %(table)s DROP CONSTRAINT %(name)s",
            table=Table(model._meta.db_table, schema_editor.quote_name),
            name=schema_editor.quote_name(self.name),
        )

    def validate(
        self, model: Any, instance: Any, exclude: Any = None, using: str = DEFAULT_DB_ALIAS
    ) -> None:
        """Compare with the other row if it is at hand; else the database has the last word."""
        key = model._meta.get_field(self.fields[0])
        if self.fields[0] in set(exclude or ()) or not key.is_cached(instance):
            return
        other = getattr(instance, self.fields[0])
        if other is None:
            return
        for name, theirs in zip(self.fields[1:], self.to_fields[1:], strict=True):
            own = getattr(instance, model._meta.get_field(name).attname)
            if own != getattr(other, other._meta.get_field(theirs).attname):
                raise ValidationError({self.fields[0]: ValidationError(self.says, code="owner")})

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        return path, args, kwargs | {"fields": self.fields, "to_fields": self.to_fields}

    def clone(self) -> "SameOwner":
        _path, args, kwargs = self.deconstruct()
        return type(self)(*args, **kwargs, says=self.says)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SameOwner):
            return NotImplemented
        return self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash((type(self), self.name))


class HasDefaultCustomer(KeptByDatabase):
    """A new company gets its default customer, called as the company, whoever inserts it.

    A migration that changes the table of customers removes this rule first, and adds it again at
    its end: SQLite makes a table anew, which no trigger may name meanwhile.
    """

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        name = schema_editor.quote_name(self.name)
        if schema_editor.connection.vendor == "sqlite":
            return f"DROP TRIGGER IF EXISTS {name}"
        return f"DROP FUNCTION IF EXISTS {name}() CASCADE"

    def _statements(self, model: Any, schema_editor: Any) -> list[Statement]:
        quote = schema_editor.quote_name
        name, customers = quote(self.name), quote("drivers_customer")
        table = Table(model._meta.db_table, quote)
        insert = (
            f"INSERT INTO {customers} (company_id, name, is_default) VALUES (NEW.id, NEW.name, "
            f"{'1' if schema_editor.connection.vendor == 'sqlite' else 'true'});"
        )
        if schema_editor.connection.vendor == "sqlite":
            trigger = f"CREATE TRIGGER {name} AFTER INSERT ON %(table)s BEGIN {insert} END"
            return [Statement(trigger, table=table)]
        return [
            Statement(
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
                f"BEGIN {insert} RETURN NULL; END $$",
                table=table,
            ),
            Statement(
                f"CREATE TRIGGER {name} AFTER INSERT ON %(table)s "
                f"FOR EACH ROW EXECUTE FUNCTION {name}()",
                table=table,
            ),
        ]
