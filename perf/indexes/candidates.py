"""Say which indexes recorded statements could use and the database lacks. Nothing is tried here.

Candidates come from how the statements use the tables that were scanned, sorted, or searched
with a part of the condition only. What no index on bare columns serves gets one on the
expression, for its words, or for the rows that are wanted; or is rewritten (`rewriting`).
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace

from django.apps import apps
from django.utils.translation import gettext as _

from perf.indexes.predicates import Unserved, table_uses

WIDEST = 4
COVERED = 3  # columns that a covering index carries at most beside those it is searched by
KNOWN_FUNCTIONS = re.compile(r'^(LOWER|UPPER)\((?:CAST\()?"(\w+)"(?: AS TEXT\))?\)$')
RELABELLED = re.compile(r'^CAST\("(\w+)" AS TEXT\)$')  # of a text column: the column itself
TRIGRAMS = "gin_trgm_ops"


@dataclass(frozen=True)
class Candidate:
    """An index that recorded statements could use.

    `columns` are in order, "-name" descends; of the first `free` the order is all the same.
    `condition` is the SQL of a partial index, or "". `expression` is SQL that follows the
    columns, `operators` its class on PostgreSQL: "gin_trgm_ops" makes a GIN index. `carried`
    are columns that it holds only to be read from it. `beside` is a second index that is of
    use together with this one. `fingerprints` are the statements it is meant for. `reason` is
    for people.
    """

    table: str
    columns: tuple[str, ...]
    condition: str = ""
    expression: str = ""
    operators: str = ""
    carried: tuple[str, ...] = ()
    beside: "Candidate | None" = None
    free: int = field(default=0, compare=False)
    reason: str = field(default="", compare=False)
    fingerprints: tuple[str, ...] = field(default=(), compare=False)

    def all_sql(self, name, vendor):
        """Return {name: CREATE INDEX} of this one and the one beside it."""
        found = {name: self.sql(name, vendor)}
        if self.beside:
            second = f"{name[:60]}_2"
            found[second] = self.beside.sql(second, vendor)
        return found

    def sql(self, name, vendor="postgresql"):
        parts = [
            f'"{column[1:]}" DESC' if column.startswith("-") else f'"{column}"'
            for column in self.columns
        ]
        if vendor == "sqlite":
            parts += [f'"{column}"' for column in self.carried]
        if self.expression:
            parts.append(f"({self.expression}) {self.operators}".rstrip())
        method = " USING gin" if self.operators == TRIGRAMS else ""
        carried = ", ".join(f'"{column}"' for column in self.carried)
        include = f" INCLUDE ({carried})" if carried and vendor != "sqlite" else ""
        where = f" WHERE {self.condition}" if self.condition else ""
        return (
            f'CREATE INDEX "{name}" ON "{self.table}"{method} ({", ".join(parts)}){include}{where}'
        )

    def name(self):
        names = [column.lstrip("-") for column in self.columns]
        names += re.findall(r'"(\w+)"', self.expression)
        partial = "_part" if self.condition else ""
        kind = "_trgm" if self.operators == TRIGRAMS else "_expr" if self.expression else ""
        covering = "_covering" if self.carried else ""
        return f"idx_{self.table}_{'_'.join(names)}{kind}{covering}{partial}"[:63]

    def django(self):
        """Return what goes into Meta.indexes, with the fields' names."""
        names = _field_names(self.table)
        fields = [
            ("-" if column.startswith("-") else "") + names.get(column.lstrip("-"), column)
            for column in self.columns
        ]
        rest = f'{_django_condition(self.condition, names)}, name="{self.name()}")'
        if self.carried:
            listed = ", ".join(f'"{names.get(column, column)}"' for column in self.carried)
            rest = f", include=[{listed}]{rest}"
        if not self.expression:
            listed = ", ".join(f'"{name}"' for name in fields)
            line = f"Index(fields=[{listed}]{rest}"
        else:
            line = self._django_expression(fields, names, rest)
        return f"{line} + {self.beside.django()}" if self.beside else line

    def _django_expression(self, fields, names, rest):
        known = KNOWN_FUNCTIONS.match(self.expression)
        if known:
            text = f'{known[1].capitalize()}("{names.get(known[2], known[2])}")'
        elif relabelled := RELABELLED.match(self.expression):
            text = f'F("{names.get(relabelled[1], relabelled[1])}")'
        else:
            text = f"RawSQL({self.expression!r}, ())"
        if self.operators:
            text = f'OpClass({text}, name="{self.operators}")'
        if self.operators == TRIGRAMS:
            return f"GinIndex({text}{rest}"
        listed = "".join(
            f'F("{name.lstrip("-")}"){".desc()" if name.startswith("-") else ""}, '
            for name in fields
        )
        return f"Index({listed}{text}{rest}"


def _field_names(table):
    model = model_of(table)
    return {f.column: f.name for f in model._meta.concrete_fields} if model else {}


def _django_condition(condition, names):
    if not condition:
        return ""
    terms = []
    for term in condition.split(" AND "):
        column = term.split('"')[1]
        name = names.get(column, column)
        if " = " in term:
            value = term.partition(" = ")[2].rstrip(")")
            terms.append(f"{'~' if term.startswith('NOT') else ''}Q({name}={value})")
        elif "NULL" in term:
            terms.append(f"Q({name}__isnull={'NOT' not in term})")
        else:
            terms.append(f"Q({name}={not term.startswith('NOT')})")
    return f", condition={' & '.join(terms)}"


def model_of(table):
    for model in apps.get_models(include_auto_created=True):
        if model._meta.db_table == table:
            return model
    return None


def propose(statements_with_plans, connection) -> list[Candidate]:
    """Return indexes that the (statement, plan) pairs could use and the database lacks.

    Small tables are proposed for too: whether it pays is measured.
    """
    found = defaultdict(list)
    existing: dict[str, dict] = {}
    trigrams = connection.vendor == "postgresql" and _has_trigrams(connection)
    for statement, plan in statements_with_plans:
        for table in {node.table for node in plan.nodes if node.table} - existing.keys():
            existing[table] = _existing(connection, table) if model_of(table) else {}
        known = {name: index for indexes in existing.values() for name, index in indexes.items()}
        for use, why in wanting(statement, plan, known):
            candidates = [*_candidates(use), *_special(use, statement, trigrams)]
            for candidate in candidates:
                if not any(_serves(index, candidate) for index in existing[use.table].values()):
                    found[candidate].append((statement.fingerprint, why))
    return _merged(found)


def wanting(statement, plan, indexes=None):
    """Yield (use, why) of each table of ours that the plan could reach better.

    `indexes` are those there are, {name: (columns, condition)}, as far as they are known.
    """
    for use in table_uses(statement.fingerprint, statement.vendor):
        why = _why(use, plan, indexes or {})
        if why and model_of(use.table) is not None:
            yield use, why


def _why(use, plan, indexes):
    """Return why the plan's access to the table could be better, or ''."""
    for node in plan.nodes:
        if node.table != use.table:
            continue
        if node.full_scan:
            return _("every row of %(table)s is read") % {"table": use.table}
        if node.wasteful:
            return _("%(removed)d rows of %(table)s are read and thrown away") % {
                "removed": node.removed,
                "table": use.table,
            }
        columns, _condition = indexes.get(node.index, ((), ""))
        first, *behind = (column.lstrip("-") for column in columns or ("",))
        late = [column for column in behind if column in use.equal]
        if first in use.ranged and late:
            return _(
                "the index in use (%(index)s) begins with a range of %(first)s, and %(late)s, "
                "which has one value, stands behind it"
            ) % {"index": node.index, "first": first, "late": ", ".join(late)}
        wanted = {*use.equal, *use.listed, *use.ranged[:1]}
        if node.index and not node.index.startswith("primary") and wanted:
            missing = sorted(column for column in wanted if column not in node.condition)
            if missing and _key(use.table) not in use.equal and node.removed != 0:
                return _("the index in use does not hold %(columns)s") % {
                    "columns": ", ".join(missing)
                }
        if plan.sorts and use.ordered:
            return _("its rows are sorted for ORDER BY")
    return ""


def _key(table):
    model = model_of(table)
    return model._meta.pk.column if model else "id"


def _candidates(use):
    """Yield column orders: equal first, then lists, then a range or the order."""
    key = _key(use.table)
    if key in use.equal or key in use.listed:
        return
    condition = " AND ".join(use.conditions)
    head = (*use.equal, *use.listed)
    tails = [use.ranged[:1]] if use.ranged else []
    ordered = tuple(c for c in use.ordered if c.lstrip("-") not in head)
    if ordered and not use.listed and (head or ordered[0].lstrip("-") != key):
        tails.append(ordered)
    for tail in tails or [()]:
        columns = tuple(dict.fromkeys(head + tail))[:WIDEST]
        if not columns or columns == (key,):
            continue
        plain = Candidate(use.table, columns, condition, free=len(use.equal))
        yield plain
        if condition:
            yield replace(plain, condition="")
        carried = tuple(c for c in use.selected if c not in {n.lstrip("-") for n in columns})
        if carried and len(carried) <= COVERED:
            yield replace(plain, condition="", carried=carried)
    if not head and not tails and use.conditions:
        columns = tuple(term.split('"')[1] for term in use.conditions)
        yield Candidate(use.table, columns[:1], condition)


def _special(use, statement, trigrams):
    """Yield indexes for the terms that bare columns do not serve."""
    key = _key(use.table)
    if key in use.equal or key in use.listed:
        return
    head = use.equal[: WIDEST - 1]
    for term in use.unserved:
        if term.kind in (Unserved.FUNCTION, Unserved.CAST) and term.expression:
            yield Candidate(use.table, head, expression=term.expression, free=len(head))
        elif term.kind is Unserved.CONTAINS and term.expression:
            if starts_only(statement):
                operators = "text_pattern_ops"
                yield Candidate(use.table, head, expression=term.expression, operators=operators)
            elif trigrams:
                yield Candidate(use.table, (), expression=term.expression, operators=TRIGRAMS)
        elif term.kind is Unserved.OR:
            first, second = (Candidate(use.table, (column,)) for column in term.columns[:2])
            yield replace(first, beside=second)
        elif term.kind is Unserved.NEGATION and statement.vendor == "postgresql":
            condition = _wanted_rows(term, use.table, statement)
            rest = head or tuple(use.ordered[:1]) or (key,)
            if condition:
                yield Candidate(use.table, rest, condition, free=len(head))


def starts_only(statement):
    """Say whether its LIKEs ask how a text begins: none of its values begins with a wildcard."""
    params = statement.params
    values = params.values() if isinstance(params, dict) else params or ()
    texts = [value for value in values if isinstance(value, str)]
    return any("%" in text for text in texts) and not any(text.startswith("%") for text in texts)


def _wanted_rows(term, table, statement):
    """Return the condition of an index without the rows that the negation leaves out, or ''.

    Only where the value is one of a field's choices: other values come from people.
    """
    model = model_of(table)
    field = next((f for f in model._meta.concrete_fields if f.column == term.columns[0]), None)
    if field is None or not field.choices or not isinstance(statement.params, tuple | list):
        return ""
    match = re.search(rf'NOT \("{table}"\."{field.column}" = %s\)', statement.sql)
    if match is None:
        return ""
    value = statement.params[statement.sql[: match.end()].count("%s") - 1]
    known = {str(choice) for choice, _label in field.flatchoices}
    if not isinstance(value, str) or value not in known or not value.isidentifier():
        return ""
    return f"NOT (\"{field.column}\" = '{value}')"


def _has_trigrams(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'")
        return cursor.fetchone() is not None


def _existing(connection, table):
    """Return {name: (columns, condition)} of the table's indexes, as far as they are columns."""
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, table)
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", [table]
            )
        else:
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = %s",
                [table],
            )
        texts = dict(cursor.fetchall())
    indexes = {}
    for name, facts in constraints.items():
        named = facts["columns"] and None not in facts["columns"]  # None is an expression
        if not (facts["index"] or facts["unique"] or facts["primary_key"]) or not named:
            continue
        orders = facts.get("orders") or ["ASC"] * len(facts["columns"])
        columns = tuple(
            f"-{column}" if order == "DESC" else column
            for column, order in zip(facts["columns"], orders, strict=False)
        )
        _before, _where, condition = (texts.get(name) or "").partition(" WHERE ")
        indexes[name] = columns, condition.replace('"', "").strip("() ")
    return indexes


def _serves(index, candidate):
    """Say whether an index there is does the candidate's work, for the same rows.

    Of columns that are compared with one value the order is all the same; the rest may be
    read in either direction.
    """
    if candidate.expression or candidate.carried or candidate.beside:
        return False
    columns, condition = index
    wanted = candidate.condition.replace('"', "")
    # A condition with a value is what the index is for: one on all rows is none of it.
    if condition != wanted and (condition or " = " in wanted):
        return False
    wide = len(candidate.columns)
    there, free = columns[:wide], candidate.free
    if {c.lstrip("-") for c in there[:free]} != {c.lstrip("-") for c in candidate.columns[:free]}:
        return False
    rest = candidate.columns[free:]
    return len(there) == wide and there[free:] in (rest, tuple(map(_turned, rest)))


def _turned(column):
    return column[1:] if column.startswith("-") else f"-{column}"


def _merged(found):
    """Return the candidates, each with its statements, the most used first."""
    candidates = []
    for candidate, uses in sorted(found.items(), key=lambda item: (-len(item[1]), item[0].table)):
        reasons = dict.fromkeys(why for _fingerprint, why in uses)
        candidates.append(
            replace(
                candidate,
                reason="; ".join(reasons),
                fingerprints=tuple(dict.fromkeys(text for text, _why in uses)),
            )
        )
    return candidates
