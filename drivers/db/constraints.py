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

# The number of those who may overlap, of a row alone one that no other row has, as an address.
NUMBER = "(inet '8000::' + COALESCE(%(together)s, -%(key)s))"


def fields_of(constraint: BaseConstraint) -> set[str]:
    """Return the names of the fields that decide whether a row may be beside the others.

    Empty for a rule of one row alone: it needs no other row to be checked.
    """
    if isinstance(constraint, NoOverlap):
        names = (
            constraint.owner,
            constraint.start,
            constraint.end,
            constraint.only,
            constraint.together,
        )
        return {name for name in names if name}
    if isinstance(constraint, UniqueConstraint):
        return {*constraint.fields, *(constraint.condition or Q()).referenced_base_fields}
    return set()


class NoOverlap(BaseConstraint):
    """No two rows with the same `owner` share a moment of [start, end).

    `only` names a boolean column: the rule is for the rows where it is true. Rows without an owner
    overlap nothing. `field` is the one that a person is told to change, if it is one.
    `together` names a column of whole numbers: rows with the same number may overlap. A row without
    a number overlaps no other.

    PostgreSQL: an exclusion over one range of whole seconds, in which every owner has a
    stretch of 317 years of its own. Ranges of owner and of time side by side would need GiST,
    with which inserting 1,000 assignments took half as long again as with SP-GiST.
    "Another number" needs GiST, and an operator class that knows `<>`: without extensions that is
    the one of addresses (`inet_ops`), so the number is counted from an address. It is deferrable,
    so that a statement may give rows that overlap another number; it is checked when the statement
    ends. A trigger of SQLite checks row by row: there such rows are renumbered while `only` is
    false.
    """

    default_violation_error_message = _("This period overlaps another one of the same driver.")

    def __init__(self, *, name, owner, start, end, only=None, together=None, field="", **messages):
        self.owner, self.start, self.end, self.only, self.field = owner, start, end, only, field
        self.together = together
        super().__init__(name=name, **messages)

    def constraint_sql(self, model, schema_editor):
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.deferred_sql.extend(self._triggers(model, schema_editor))
            return None
        period = f"int8range({SECOND % 'start'}, {SECOND % 'end'}) WITH &&"
        rule = f"EXCLUDE USING spgist ({period})%(where)s"
        if self.together:
            rule = (
                f"EXCLUDE USING gist ({period}, {NUMBER} inet_ops WITH <>)%(where)s "
                "DEFERRABLE INITIALLY IMMEDIATE"
            )
        return self._fill(f"CONSTRAINT %(name)s {rule}", model, schema_editor)

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
        others = " AND other.%(only)s" if self.only else ""
        if self.together:
            others += (
                " AND (NEW.%(together)s IS NULL OR other.%(together)s IS NOT NEW.%(together)s)"
            )
        return [
            self._fill(
                f"CREATE TRIGGER %(trigger)s AFTER {event} ON %(table)s WHEN {only}EXISTS ("
                "SELECT 1 FROM %(table)s AS other WHERE other.%(owner)s = NEW.%(owner)s "
                "AND other.%(start)s < NEW.%(end)s AND other.%(end)s > NEW.%(start)s "
                f"AND other.id <> NEW.id{others}) "
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
            together=column(self.together) if self.together else "",
            key=schema_editor.quote_name(model._meta.pk.column),
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
        if self.together and (number := getattr(instance, self.together)) is not None:
            rows = rows.exclude(**{self.together: number})
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
        if self.together:
            kwargs["together"] = self.together
        return "drivers.db.constraints.NoOverlap", args, kwargs

    def clone(self):
        _path, args, kwargs = self.deconstruct()
        return type(self)(*args, **kwargs, field=self.field)

    def __eq__(self, other):
        if not isinstance(other, NoOverlap):
            return NotImplemented
        return self.deconstruct() == other.deconstruct()

    def __hash__(self):
        return hash((self.name, self.owner, self.start, self.end, self.only, self.together))


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


class KeptLog(AppendOnly):
    """Rows are inserted, never changed, and deleted only when they are so many `days` old.

    How old says the column `at`, by the database's clock.
    """

    def __init__(self, *, name, days, **messages):
        self.days = days
        super().__init__(name=name, **messages)

    def deconstruct(self):
        path, args, kwargs = super().deconstruct()
        return path, args, kwargs | {"days": self.days}

    def _statements(self, model, schema_editor):
        table = Table(model._meta.db_table, schema_editor.quote_name)
        name = schema_editor.quote_name
        message = f"{self.name}: rows are only added, and kept for {self.days} days"
        if schema_editor.connection.vendor == "sqlite":
            refuse = f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            young = f"OLD.{name('at')} > datetime('now', '-{self.days} days')"
            return [
                Statement(
                    f"CREATE TRIGGER {name(f'{self.name}_update')} BEFORE UPDATE ON %(table)s "
                    f"{refuse}",
                    table=table,
                ),
                Statement(
                    f"CREATE TRIGGER {name(f'{self.name}_delete')} BEFORE DELETE ON %(table)s "
                    f"WHEN {young} {refuse}",
                    table=table,
                ),
            ]
        old = f"OLD.{name('at')} <= now() - interval '{self.days} days'"
        return [
            Statement(
                f"CREATE OR REPLACE FUNCTION {name(self.name)}() RETURNS trigger "
                "LANGUAGE plpgsql AS $$ BEGIN "
                f"IF TG_OP = 'DELETE' THEN IF {old} THEN RETURN OLD; END IF; END IF; "
                "RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', "
                f"MESSAGE = '{message}'; END $$",
                table=table,
            ),
            Statement(
                f"CREATE TRIGGER {name(self.name)} BEFORE UPDATE OR DELETE ON %(table)s "
                f"FOR EACH ROW EXECUTE FUNCTION {name(self.name)}()",
                table=table,
            ),
        ]


class SealedLog(AppendOnly):
    """Rows are inserted, never deleted, and changed only to forget a person.

    A change may seal a JSON column of `sides`: put a value `sealed` in, whose `data` is empty where
    a sealed one is erased. It may make a text of `emptied` empty. All else stays as it was written.
    With `kept_days` rows may be deleted that are so old: by the column `at` and the database's
    clock.
    """

    def __init__(self, *, name, sides, emptied, kept_days=None, **messages):
        self.sides, self.emptied, self.kept_days = list(sides), list(emptied), kept_days
        super().__init__(name=name, **messages)

    def deconstruct(self):
        path, args, kwargs = super().deconstruct()
        told = {"sides": self.sides, "emptied": self.emptied}
        kept = {} if self.kept_days is None else {"kept_days": self.kept_days}
        return path, args, kwargs | told | kept

    def _statements(self, model, schema_editor):
        table = Table(model._meta.db_table, schema_editor.quote_name)
        name = schema_editor.quote_name
        is_sqlite = schema_editor.connection.vendor == "sqlite"

        def column(field):
            return name(model._meta.get_field(field).column)

        may_change = {*self.sides, *self.emptied}
        rules = []
        for field in model._meta.concrete_fields:
            quoted = name(field.column)
            if field.name not in may_change:
                same = "IS" if is_sqlite else "IS NOT DISTINCT FROM"
                rules.append(f"NEW.{quoted} {same} OLD.{quoted}")
        for field in map(column, self.emptied):
            rules.append(f"NEW.{field} IN ('', OLD.{field})")
        for field in map(column, self.sides):
            if is_sqlite:
                sealed = "json_type({row}.{field}, '$.sealed') IS NOT NULL"
                data = f"json_extract(NEW.{field}, '$.sealed.data')"
                same = f"NEW.{field} IS OLD.{field}"
            else:
                sealed = "{row}.{field} -> 'sealed' IS NOT NULL"
                data = f"NEW.{field} -> 'sealed' ->> 'data'"
                same = f"NEW.{field} = OLD.{field}"
            was, is_now = (sealed.format(row=row, field=field) for row in ("OLD", "NEW"))
            rules.append(f"({same} OR ({is_now} AND (NOT ({was}) OR {data} = '')))")
        forgets = " AND ".join(rules)
        message, days = f"{self.name}: rows are only added", self.kept_days
        if is_sqlite:
            refuse = f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            young = f"WHEN OLD.{name('at')} > datetime('now', '-{days} days') " if days else ""
            return [
                Statement(
                    f"CREATE TRIGGER {name(f'{self.name}_update')} BEFORE UPDATE ON %(table)s "
                    f"WHEN ({forgets}) IS NOT TRUE {refuse}",
                    table=table,
                ),
                Statement(
                    f"CREATE TRIGGER {name(f'{self.name}_delete')} BEFORE DELETE ON %(table)s "
                    f"{young}{refuse}",
                    table=table,
                ),
            ]
        old = f"OLD.{name('at')} <= now() - interval '{days} days'"
        deletes = f"IF TG_OP = 'DELETE' THEN IF {old} THEN RETURN OLD; END IF; END IF; "
        return [
            Statement(
                f"CREATE OR REPLACE FUNCTION {name(self.name)}() RETURNS trigger "
                f"LANGUAGE plpgsql AS $$ BEGIN {deletes if days else ''}"
                f"IF TG_OP = 'UPDATE' THEN IF {forgets} THEN RETURN NEW; END IF; END IF; "
                "RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', "
                f"MESSAGE = '{message}'; END $$",
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
