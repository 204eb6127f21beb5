"""Read from a statement how it uses each table: what an index for it would have to hold."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import sqlglot
from sqlglot import exp

DIALECTS = {"postgresql": "postgres", "sqlite": "sqlite"}
RANGES = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)


class Unserved(StrEnum):
    """The kinds of condition that an index on bare columns does not serve."""

    DATE = "part of a date"
    FUNCTION = "function"
    CAST = "cast"
    CONTAINS = "contains"
    NEGATION = "negation"
    OR = "or"


@dataclass(frozen=True)
class Term:
    """One condition of a kind that no index on bare columns serves.

    `columns` are those it speaks of. `expression` is the SQL that is compared, its table left
    out ('LOWER("name")'), or "" where it holds values and no index can hold it.
    """

    kind: Unserved
    columns: tuple[str, ...]
    expression: str = ""


@dataclass(frozen=True)
class TableUse:
    """How one table is used in one SELECT, UPDATE or DELETE.

    `equal`, `listed` (IN, ANY) and `ranged` are columns compared with values or with another
    table's columns; `ordered` are those of ORDER BY, "-name" descending; `conditions` are
    terms without values ('"is_open"', '"client_id" IS NULL'): a partial index could hold them.
    `unserved` are the terms of which no index on bare columns can serve. `selected` are the
    columns that are read from it, () where that cannot be said.
    """

    table: str
    equal: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    ranged: tuple[str, ...] = ()
    ordered: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    unserved: tuple[Term, ...] = ()
    selected: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def table_uses(fingerprint, vendor):
    """Return how the statement uses its tables; () for what cannot be parsed."""
    try:
        text = fingerprint.replace(" ESCAPE ?", " ESCAPE '!'").replace("?", "0")
        tree = sqlglot.parse_one(text, read=DIALECTS[vendor])
    except sqlglot.errors.SqlglotError:
        return ()
    uses = []
    for scope in tree.find_all(exp.Select, exp.Update, exp.Delete):
        for alias, table in _tables(scope).items():
            uses.append(_use(scope, alias, table, DIALECTS[vendor]))
    return tuple(uses)


def _tables(scope):
    """Return {alias: table} of one scope, those of its subqueries left out."""
    found = {}
    for table in scope.find_all(exp.Table):
        if table.find_ancestor(exp.Select, exp.Update, exp.Delete) is scope and table.name:
            found[table.alias_or_name] = table.name
    return found


def _use(scope, alias, table, dialect):
    equal, listed, ranged, conditions, unserved = [], [], [], [], []

    def column_of(node):
        while isinstance(node, exp.Paren) or _is_relabelled(node):
            node = node.this
        if isinstance(node, exp.Column) and node.table == alias:
            return node.name
        return None

    for term in _terms(scope):
        if isinstance(term, exp.EQ):
            left, right = column_of(term.left), column_of(term.right)
            column = left or right
            if column and not (left and right):
                (listed if isinstance(term.right, exp.Any) else equal).append(column)
                continue
        elif isinstance(term, exp.In):
            if column_of(term.this):
                listed.append(column_of(term.this))
                continue
        elif isinstance(term, RANGES):
            column = column_of(term.this) or (
                column_of(term.expression) if isinstance(term, exp.Binary) else None
            )
            if column:
                ranged.append(column)
                continue
        elif found := _condition(term, column_of):
            conditions += found
            continue
        unserved += _unserved(term, alias, dialect)
    return TableUse(
        table=table,
        equal=_once(equal),
        listed=_once(listed),
        ranged=_once(ranged),
        ordered=_ordered(scope, column_of),
        conditions=_once(conditions),
        unserved=_once(unserved),
        selected=_selected(scope, alias),
    )


def _is_relabelled(node):
    """Say whether it is a cast to text, which an index on a text column serves."""
    return isinstance(node, exp.Cast) and node.to.this in (exp.DataType.Type.TEXT,)


def _unserved(term, alias, dialect):
    """Return the term as one that bare columns do not serve, if it is about this table alone."""
    columns = list(term.find_all(exp.Column))
    mine = _once(column.name for column in columns if column.table == alias)
    if not mine or any(column.table != alias for column in columns) or term.find(exp.Select):
        return []
    while isinstance(term, exp.Paren):
        term = term.this
    if isinstance(term, exp.Or):
        return [Term(Unserved.OR, mine)] if len(mine) > 1 else []
    if isinstance(term, exp.Not | exp.NEQ):
        return [Term(Unserved.NEGATION, mine)]
    if isinstance(term, exp.Escape):
        term = term.this
    if isinstance(term, exp.Like | exp.ILike):
        return [Term(Unserved.CONTAINS, mine, _expression(term.this, dialect))]
    if not isinstance(term, (exp.EQ, exp.In, *RANGES)):
        return []
    side = next(
        node
        for node in (term.this, term.expression, *term.args.values())
        if isinstance(node, exp.Expr) and node.find(exp.Column)
    )
    if isinstance(side, exp.Column):
        return []
    text = side.sql(dialect=dialect).lower()
    if "django_date" in text or "at time zone" in text or isinstance(side, exp.Extract):
        return [Term(Unserved.DATE, mine)]
    kind = Unserved.CAST if isinstance(side, exp.Cast) else Unserved.FUNCTION
    return [Term(kind, mine, _expression(side, dialect))]


def _expression(node, dialect):
    """Return the SQL without its table, or "" where it holds values: they are not known here."""
    if node.find(exp.Literal) or isinstance(node, exp.Column):
        return ""
    bare = node.copy()
    for column in bare.find_all(exp.Column):
        column.set("table", None)
    return bare.sql(dialect=dialect)


def _selected(scope, alias):
    if not isinstance(scope, exp.Select) or scope.find(exp.Star):
        return ()
    found = [column for term in scope.expressions for column in term.find_all(exp.Column)]
    return _once(column.name for column in found if column.table == alias)


def _terms(scope):
    """Yield the terms that all have to be true: of WHERE, and of the joins' ON."""
    clauses = [scope.args.get("where"), *(j.args.get("on") for j in scope.args.get("joins") or ())]
    for clause in clauses:
        if clause is None:
            continue
        todo = [clause.this if isinstance(clause, exp.Where) else clause]
        while todo:
            term = todo.pop(0)
            if isinstance(term, exp.Paren):
                todo.insert(0, term.this)
            elif isinstance(term, exp.And):
                todo[:0] = [term.left, term.right]
            else:
                yield term


def _condition(term, column_of):
    negated = isinstance(term, exp.Not)
    inner = term.this if negated else term
    while isinstance(inner, exp.Paren):
        inner = inner.this
    if column_of(inner):
        return [f'NOT "{column_of(inner)}"' if negated else f'"{column_of(inner)}"']
    if isinstance(inner, exp.Is) and column_of(inner.this):
        negated = negated or bool(inner.args.get("negate"))
        if isinstance(inner.expression, exp.Null):
            return [f'"{column_of(inner.this)}" IS {"NOT " if negated else ""}NULL']
    return []


def _ordered(scope, column_of):
    order = scope.args.get("order")
    if order is None:
        return ()
    columns = []
    for term in order.expressions:
        column = column_of(_selected_at(term.this, scope))
        if column is None:
            break
        columns.append(f"-{column}" if term.args.get("desc") else column)
    return tuple(columns)


def _selected_at(node, scope):
    """Return what is ordered by: of a number, the column selected at that place."""
    if isinstance(node, exp.Literal) and not node.is_string and isinstance(scope, exp.Select):
        place = int(node.this) - 1
        if 0 <= place < len(scope.expressions):
            return scope.expressions[place].unalias()
    return node


def _once(names):
    return tuple(dict.fromkeys(names))
