"""Let the database note which periods of a table's rows have changed, whoever changes them."""

from collections.abc import Sequence
from typing import Any

from django.db.backends.ddl_references import Statement, Table

from drivers.db.triggers import KeptByDatabase


class NotesPeriods(KeptByDatabase):
    """Each inserted, deleted or changed row puts its `fields` into the table `into`.

    `fields` are (an owner, the start, the end); `into` has columns of the same names. An update
    notes the row before and after, if one of `fields` and `besides` differs. Notes are only added,
    so that nobody waits for another: whoever reads them deletes those that it saw.
    """

    def __init__(
        self,
        *,
        name: str,
        into: str,
        fields: list[str],
        besides: Sequence[str] = (),
        **messages: Any,
    ) -> None:
        self.into, self.fields, self.besides = into, list(fields), list(besides)
        super().__init__(name=name, **messages)

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        told = {"into": self.into, "fields": self.fields, "besides": self.besides}
        return path, args, kwargs | told

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        quote = schema_editor.quote_name
        if schema_editor.connection.vendor == "sqlite":
            for event in ("insert", "delete"):
                schema_editor.execute(f"DROP TRIGGER IF EXISTS {quote(f'{self.name}_{event}')}")
            return f"DROP TRIGGER IF EXISTS {quote(f'{self.name}_update')}"
        return f"DROP FUNCTION IF EXISTS {quote(self.name)}() CASCADE"

    def _statements(self, model: Any, schema_editor: Any) -> list[Statement]:
        quote = schema_editor.quote_name
        columns = [quote(model._meta.get_field(name).column) for name in self.fields]
        watched = [*columns, *(quote(model._meta.get_field(name).column) for name in self.besides)]
        is_sqlite = schema_editor.connection.vendor == "sqlite"
        same = "IS NOT" if is_sqlite else "IS DISTINCT FROM"
        differs = " OR ".join(f"NEW.{column} {same} OLD.{column}" for column in watched)

        def note(row: str) -> str:
            values = ", ".join(f"{row}.{column}" for column in columns)
            return f"INSERT INTO {quote(self.into)} ({', '.join(columns)}) VALUES ({values});"

        table = Table(model._meta.db_table, quote)
        if is_sqlite:
            noted = {
                "INSERT": ("", note("NEW")),
                "DELETE": ("", note("OLD")),
                "UPDATE": (f" WHEN {differs}", f"{note('OLD')} {note('NEW')}"),
            }
            return [
                Statement(
                    f"CREATE TRIGGER {quote(f'{self.name}_{event.lower()}')} "
                    f"AFTER {event} ON %(table)s FOR EACH ROW{when} BEGIN {body} END",
                    table=table,
                )
                for event, (when, body) in noted.items()
            ]
        return [
            Statement(
                f"CREATE OR REPLACE FUNCTION {quote(self.name)}() RETURNS trigger "
                f"LANGUAGE plpgsql AS $$ BEGIN "
                f"IF TG_OP = 'INSERT' THEN {note('NEW')} "
                f"ELSIF TG_OP = 'DELETE' THEN {note('OLD')} "
                f"ELSIF {differs} THEN {note('OLD')} {note('NEW')} END IF; "
                f"RETURN NULL; END $$",
                table=table,
            ),
            Statement(
                f"CREATE TRIGGER {quote(self.name)} AFTER INSERT OR UPDATE OR DELETE ON %(table)s "
                f"FOR EACH ROW EXECUTE FUNCTION {quote(self.name)}()",
                table=table,
            ),
        ]
