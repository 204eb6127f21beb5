"""Read from a statement how it uses each table: what an index for it would have to hold."""

from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp

DIALECTS = {"postgresql": "postgres", "sqlite": "sqlite"}
RANGES = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)


@dataclass(frozen=True)
class TableUse:
    """How one table is used in one SELECT, UPDATE or DELETE.

    `equal`, `listed` (IN, ANY) and `ranged` are columns compared with values or with another
    table's columns; `ordered` are those of ORDER BY, "-name" descending; `conditions` are
    terms without values ('"is_open"', '"client_id" IS NULL'): a partial index could hold them.
    """

    table: str
    equal: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    ranged: tuple[str, ...] = ()
    ordered: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def table_uses(fingerprint, vendor):
    """Return how the statement uses its tables; () for what cannot be parsed."""
    try:
        tree = sqlglot.parse_one(fingerprint.replace("?", "0"), read=DIALECTS[vendor])
    except sqlglot.errors.SqlglotError:
        return ()
    uses = []
    for scope in tree.find_all(exp.Select, exp.Update, exp.Delete):
        for alias, table in _tables(scope).items():
            uses.append(_use(scope, alias, table))
    return tuple(uses)


def _tables(scope):
    """Return {alias: table} of one scope, those of its subqueries left out."""
    found = {}
    for table in scope.find_all(exp.Table):
        if table.find_ancestor(exp.Select, exp.Update, exp.Delete) is scope and table.name:
            found[table.alias_or_name] = table.name
    return found


def _use(scope, alias, table):
    equal, listed, ranged, conditions = [], [], [], []

    def column_of(node):
        while isinstance(node, exp.Paren | exp.Cast):
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
        elif isinstance(term, exp.In):
            if column_of(term.this):
                listed.append(column_of(term.this))
        elif isinstance(term, RANGES):
            column = column_of(term.this) or (
                column_of(term.expression) if isinstance(term, exp.Binary) else None
            )
            if column:
                ranged.append(column)
        else:
            conditions += _condition(term, column_of)
    return TableUse(
        table=table,
        equal=_once(equal),
        listed=_once(listed),
        ranged=_once(ranged),
        ordered=_ordered(scope, column_of),
        conditions=_once(conditions),
    )


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
        empty = isinstance(inner.expression, exp.Null)
        if empty:
            return [f'"{column_of(inner.this)}" IS {"NOT " if negated else ""}NULL']
    return []


def _ordered(scope, column_of):
    order = scope.args.get("order")
    if order is None:
        return ()
    columns = []
    for term in order.expressions:
        column = column_of(term.this)
        if column is None:
            break
        columns.append(f"-{column}" if term.args.get("desc") else column)
    return tuple(columns)


def _once(names):
    return tuple(dict.fromkeys(names))
