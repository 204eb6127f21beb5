"""Constraints on both engines: periods do not overlap, logs are append-only and in commit order.

Triggers on SQLite do what PostgreSQL's exclusion constraints do. They are written as
deferred statements of the schema editor, so that they survive SQLite's table rebuilds.
"""

from zlib import crc32

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.ddl_references import Statement, Table
from django.db.models import BaseConstraint, Q, UniqueConstraint
from django.utils.translation import gettext_lazy as _

from drivers.db.triggers import KeptByDatabase

# The number of a moment's second in its owner's stretch; its operators are immutable.
SECOND = (
    "%%(owner)s * 10000000000 + "
    "floor(extract(epoch FROM %%(%s)s - timestamptz '2000-01-01 00:00+00'))::bigint"
)


def fields_of(constraint: BaseConstraint) -> set[str]:
    """Return the names of the fields that decide whether a row may be beside the others.

    Empty for a rule of one row alone: it needs no other row to be checked.
    """
    if isinstance(constraint, NoOverlap):
        names = (constraint.owner, constraint.start, constraint.end, constraint.only)
        return {name for name in names if name}
    if isinstance(constraint, UniqueConstraint):
        return {*constraint.fields, *(constraint.condition or Q()).referenced_base_fields}
    return set()


class NoOverlap(BaseConstraint):
    """No two rows with the same `owner` share a moment of [start, end).

    `only` names a boolean column: the rule is for the rows where it is true. Rows without an owner
    overlap nothing. `field` is the one that a person is told to change, if it is one.

    PostgreSQL: an exclusion over one range of whole seconds, in which every owner has a
    stretch of 317 years of its own. Ranges of owner and of time side by side would need GiST,
    with which inserting 1,000 assignments took half as long again as with SP-GiST.
    """

    default_violation_error_message = _("This period overlaps another one of the same driver.")

    def __init__(self, *, name, owner, start, end, only=None, field="", **messages):
        self.owner, self.start, self.end, self.only, self.field = owner, start, end, only, field
        super().__init__(name=name, **messages)

    def constraint_sql(self, model, schema_editor):
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.deferred_sql.extend(self._triggers(model, schema_editor))
            return None
        return self._fill(
            "CONSTRAINT %(name)s EXCLUDE USING spgist (int8range("
            f"{SECOND % 'start'}, {SECOND % 'end'}) WITH &&)%(where)s",
            model,
            schema_editor,
        )

    def create_sql(self, model, schema_editor):
        if schema_editor.connection.vendor == "sqlite":
            first, second = self._triggers(model, schema_editor)
            schema_editor.deferred_sql.append(second)
            return first
        return Statement(
            "ALTER TABLE %(table)s ADD %(constraint)s",
            table=Table(model._meta.db_table, schema_editor.quote_name),
            constraint=self.constraint_sql(model, schema_editor),
        )

    def remove_sql(self, model, schema_editor):
        quote = schema_editor.quote_name
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {quote(self.name + '_update')}")
            return f"DROP TRIGGER IF EXISTS {quote(self.name + '_insert')}"
        return Statement(
            "ALTER TABLE %(table)s DROP CONSTRAINT %(name)s",
            table=Table(model._meta.db_table, quote),
            name=quote(self.name),
        )

    def _triggers(self, model, schema_editor):
        only = "NEW.%(only)s AND " if self.only else ""
        other_only = " AND other.%(only)s" if self.only else ""
        return [
            self._fill(
                f"CREATE TRIGGER %(trigger)s AFTER {event} ON %(table)s WHEN {only}EXISTS ("
                "SELECT 1 FROM %(table)s AS other WHERE other.%(owner)s = NEW.%(owner)s "
                "AND other.%(start)s < NEW.%(end)s AND other.%(end)s > NEW.%(start)s "
                f"AND other.id <> NEW.id{other_only}) "
                "BEGIN SELECT RAISE(ABORT, 'constraint failed: %(plain_name)s'); END",
                model,
                schema_editor,
                trigger=schema_editor.quote_name(f"{self.name}_{event.lower()}"),
            )
            for event in ("INSERT", "UPDATE")
        ]

    def _fill(self, template, model, schema_editor, **parts):
        def column(name):
            return schema_editor.quote_name(model._meta.get_field(name).column)

        conditions = [column(self.only)] if self.only else []
        if model._meta.get_field(self.owner).null:  # a range without bounds overlaps every other
            conditions.append(f"{column(self.owner)} IS NOT NULL")
        return Statement(
            template,
            table=Table(model._meta.db_table, schema_editor.quote_name),
            name=schema_editor.quote_name(self.name),
            plain_name=self.name,
            owner=column(self.owner),
            start=column(self.start),
            end=column(self.end),
            only=column(self.only) if self.only else "",
            where=f" WHERE ({' AND '.join(conditions)})" if conditions else "",
            **parts,
        )

    def validate(self, model, instance, exclude=None, using=DEFAULT_DB_ALIAS):
        names = {self.owner, self.start, self.end}
        if exclude and names & set(exclude):
            return
        values = {name: getattr(instance, model._meta.get_field(name).attname) for name in names}
        if None in values.values():
            return
        if self.only:  # generated, perhaps: from the values that the row would have
            row = instance._get_field_expression_map(meta=model._meta, exclude=exclude)
            if not Q(**{self.only: True}).check(row, using=using):
                return
        rows = model._default_manager.using(using).filter(
            **{
                self.owner: values[self.owner],
                f"{self.start}__lt": values[self.end],
                f"{self.end}__gt": values[self.start],
            }
        )
        if self.only:
            rows = rows.filter(**{self.only: True})
        other = rows.exclude(pk=instance.pk).order_by(self.start, "pk").first()
        if other is not None:
            error = ValidationError(self.message_for(other), code=self.violation_error_code)
            raise ValidationError({self.field: error}) if self.field else error

    def message_for(self, other):
        """Return what is said to who would overlap this other row."""
        return self.get_violation_error_message()

    def deconstruct(self):
        _path, args, kwargs = super().deconstruct()
        kwargs |= {"owner": self.owner, "start": self.start, "end": self.end}
        if self.only:
            kwargs["only"] = self.only
        return "drivers.db.constraints.NoOverlap", args, kwargs

    def clone(self):
        _path, args, kwargs = self.deconstruct()
        return type(self)(*args, **kwargs, field=self.field)

    def __eq__(self, other):
        if not isinstance(other, NoOverlap):
            return NotImplemented
        return self.deconstruct() == other.deconstruct()

    def __hash__(self):
        return hash((self.name, self.owner, self.start, self.end, self.only))


class AppendOnly(KeptByDatabase):
    """Rows are inserted, never changed or deleted: triggers on both engines."""

    def remove_sql(self, model, schema_editor):
        quote = schema_editor.quote_name
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {quote(self.name + '_update')}")
            return f"DROP TRIGGER IF EXISTS {quote(self.name + '_delete')}"
        return f"DROP FUNCTION IF EXISTS {quote(self.name)}() CASCADE"

    def _statements(self, model, schema_editor):
        table = Table(model._meta.db_table, schema_editor.quote_name)
        name = schema_editor.quote_name
        if schema_editor.connection.vendor == "sqlite":
            return [
                Statement(
                    f"CREATE TRIGGER {name(f'{self.name}_{event.lower()}')} "
                    f"BEFORE {event} ON %(table)s "
                    f"BEGIN SELECT RAISE(ABORT, '{self.name}: rows are only added'); END",
                    table=table,
                )
                for event in ("UPDATE", "DELETE")
            ]
        return [
            Statement(
                f"CREATE OR REPLACE FUNCTION {name(self.name)}() RETURNS trigger "
                "LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING "
                f"ERRCODE = 'integrity_constraint_violation', MESSAGE = "
                f"'{self.name}: rows are only added'; END $$",
                table=table,
            ),
            Statement(
                f"CREATE TRIGGER {name(self.name)} BEFORE UPDATE OR DELETE ON %(table)s "
                f"FOR EACH ROW EXECUTE FUNCTION {name(self.name)}()",
                table=table,
            ),
        ]


class NumberedInCommitOrder(KeptByDatabase):
    """The ids of one `owner`'s rows grow in the order in which their transactions commit.

    A sequence alone gives numbers before the commit: a reader who asks for "all after 7" could
    see 8 and never 7. On PostgreSQL a trigger makes a writer wait for the owner's other
    writers, from its first row to its commit, and only then takes the number. So rows of this
    kind are the last thing a transaction writes, all at once. SQLite has one writer at a time.
    """

    def __init__(self, *, name, owner, **messages):
        self.owner = owner
        super().__init__(name=name, **messages)

    def remove_sql(self, model, schema_editor):
        if schema_editor.connection.vendor != "postgresql":
            return None
        return f"DROP FUNCTION IF EXISTS {schema_editor.quote_name(self.name)}() CASCADE"

    def _statements(self, model, schema_editor):
        if schema_editor.connection.vendor != "postgresql":
            return []
        name = schema_editor.quote_name(self.name)
        table, key = model._meta.db_table, model._meta.pk.column
        owner = schema_editor.quote_name(model._meta.get_field(self.owner).column)
        sequence = schema_editor.quote_name(f"{table}_{key}_seq")
        lock = f"({self._space()}, mod(NEW.{owner}, 2147483647)::integer)"
        # Plain expressions: what runs a query (PERFORM), or looks names up, takes longer for
        # each row than to insert it. The lock is there at once for all rows but the first.
        return [
            Statement(
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
                f"BEGIN IF NOT pg_try_advisory_xact_lock{lock} THEN "
                f"PERFORM pg_advisory_xact_lock{lock}; END IF; "
                f"NEW.{schema_editor.quote_name(key)} := nextval('{sequence}'); "
                "RETURN NEW; END $$",
                table=Table(table, schema_editor.quote_name),
            ),
            Statement(
                f"CREATE TRIGGER {name} BEFORE INSERT ON %(table)s "
                f"FOR EACH ROW EXECUTE FUNCTION {name}()",
                table=Table(table, schema_editor.quote_name),
            ),
        ]

    def _space(self):
        """Return the first key of the advisory locks: the same in every process."""
        return crc32(self.name.encode()) - 2**31

    def deconstruct(self):
        path, args, kwargs = super().deconstruct()
        return path, args, kwargs | {"owner": self.owner}
