"""What indexes there are: whose, on what, how large, and which of them another one covers."""

import re
from dataclasses import asdict, dataclass

from perf.our_code import our_apps


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """An index as the database has it. `columns` are in order, "-name" descends, and "+name" is
    only carried along (INCLUDE); () for one on expressions.

    `constraint`: it stands behind a primary key or another constraint, and cannot go. `sql`
    creates it again.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    condition: str
    unique: bool
    constraint: bool
    declared: bool
    bytes: int
    sql: str

    def as_dict(self):
        return asdict(self) | {"columns": list(self.columns)}


def read_indexes(connection) -> list[IndexFacts]:
    """Return the indexes of our tables, in order of table and name."""
    tables = {
        model._meta.db_table: {index.name for index in model._meta.indexes}
        for app in our_apps()
        for model in app.get_models(include_auto_created=True)
    }
    read = _sqlite if connection.vendor == "sqlite" else _postgres
    found = []
    with connection.cursor() as cursor:
        for name, table, unique, constraint, size, sql in read(cursor, list(tables)):
            columns, condition = parts(sql)
            found.append(
                IndexFacts(
                    name=name,
                    table=table,
                    columns=columns,
                    condition=condition,
                    unique=bool(unique),
                    constraint=bool(constraint),
                    declared=name in tables[table],
                    bytes=size or 0,
                    sql=sql or "",
                )
            )
    return sorted(found, key=lambda facts: (facts.table, facts.name))


def _postgres(cursor, tables):
    cursor.execute(
        "SELECT ci.relname, ct.relname, i.indisunique, c.oid IS NOT NULL, "
        "pg_relation_size(i.indexrelid), pg_get_indexdef(i.indexrelid) "
        "FROM pg_index i JOIN pg_class ci ON ci.oid = i.indexrelid "
        "JOIN pg_class ct ON ct.oid = i.indrelid "
        "LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x') "
        "WHERE ct.relname = ANY(%s)",
        [tables],
    )
    return cursor.fetchall()


def _sqlite(cursor, tables):
    """Read the schema; an index without SQL stands behind UNIQUE in the table itself."""
    places = ", ".join(["%s"] * len(tables))
    cursor.execute(
        "SELECT name, tbl_name, sql LIKE 'CREATE UNIQUE%%' OR sql IS NULL, sql IS NULL, "
        "(SELECT SUM(pgsize) FROM dbstat WHERE dbstat.name = sqlite_master.name), sql "
        f"FROM sqlite_master WHERE type = 'index' AND tbl_name IN ({places})",
        tables,
    )
    return cursor.fetchall()


def parts(sql: str | None) -> tuple[tuple[str, ...], str]:
    """Return the columns and the condition of a CREATE INDEX, without quotes and brackets."""
    match = re.search(
        r"\((?P<columns>[^()]*)\)(?: INCLUDE \((?P<carried>[^()]*)\))?"
        r"(?: WHERE (?P<condition>.*))?$",
        sql or "",
    )
    if not match:
        return (), ""
    columns = []
    for text in match["columns"].replace('"', "").split(","):
        name, *order = text.split()
        columns.append(f"-{name}" if "DESC" in order else name)
    carried = (match["carried"] or "").replace('"', "").split(",")
    columns += [f"+{name.strip()}" for name in carried if name.strip()]
    condition = (match["condition"] or "").replace('"', "")
    while condition.startswith("(") and condition.endswith(")"):
        condition = condition[1:-1]
    return tuple(columns), condition


def key_served(index: IndexFacts, others: list[IndexFacts]) -> str:
    """Return the column of a foreign key that only this index begins with, or ''.

    Whoever deletes what the key points to looks for the rows that do: without the index in the
    whole table.
    """
    first = next(iter(index.columns), "")
    if first not in _foreign_keys(index.table):
        return ""
    finds = {"", f"{first} IS NOT NULL"}
    if index.condition not in finds:
        return ""
    alike = (
        other
        for other in others
        if (other.table, *other.columns[:1]) == (index.table, first) and other.condition in finds
    )
    return "" if any(other.name != index.name for other in alike) else first


def _foreign_keys(table):
    return {
        field.column
        for app in our_apps()
        for model in app.get_models(include_auto_created=True)
        if model._meta.db_table == table
        for field in model._meta.local_concrete_fields
        if field.is_relation
    }


def covered_by(index: IndexFacts, others: list[IndexFacts]) -> str:
    """Return the name of an index that can do all this one can, or ''.

    It begins with the same columns in the same order, for the same rows or more. One behind
    a constraint, or unique, covers others but is not covered. Of two equal ones the later
    name is.
    """
    if index.unique or index.constraint or not index.columns:
        return ""
    for other in others:
        if other.name == index.name or other.table != index.table:
            continue
        begins = other.columns[: len(index.columns)] == index.columns
        same = other.columns == index.columns and other.condition == index.condition
        if begins and other.condition in ("", index.condition):
            if same and not other.unique and other.name > index.name:
                continue
            if index.condition and not other.condition:
                continue  # a smaller index for few rows is no copy of a large one for all
            return other.name
    return ""
