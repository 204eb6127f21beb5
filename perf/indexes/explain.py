"""Ask the database how it runs recorded statements: after the run, never in it.

PostgreSQL: EXPLAIN (ANALYZE, BUFFERS, TIMING OFF), always inside a transaction that is rolled
back, with a lock and a statement timeout; what cannot be repeated (an insert of rows that are
there) is explained without being run. SQLite: EXPLAIN QUERY PLAN, which runs nothing. Both
give the same nodes.
"""

import json
import re
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, replace

from django.db import DatabaseError, OperationalError, connections
from django.db.models.query import MAX_GET_RESULTS

from perf.indexes.remarks import Remark, misjudged, spilled

TIMEOUT_MS = 10_000
LOCK_TIMEOUT_MS = 1_000
WASTE = 10  # rows thrown away for each that is given
GROUPING = re.compile(r"Aggregate|Group|Distinct|Unique|Window", re.IGNORECASE)
EXPLAINED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


@dataclass(frozen=True)
class PlanNode:
    """One step of a plan.

    `rows` are what came out of it on PostgreSQL (estimated when the statement was not run);
    SQLite does not tell. `removed` are the rows read and thrown away in all its loops, None
    where nothing was run. `condition` is what its index or join is asked, `filter` what is
    asked of the rows it has read (SQLite does not tell). `full_scan`: it reads every row of a
    table; see `read_whole_only`. `remarks` tell what went to disk, and estimates that were
    far off.
    """

    node: str
    table: str = ""
    alias: str = ""
    index: str = ""
    rows: int | None = None
    removed: int | None = None
    condition: str = ""
    filter: str = ""
    full_scan: bool = False
    depth: int = 0
    remarks: tuple[Remark, ...] = ()

    @property
    def wasteful(self):
        """Say whether it was seen to throw away far more rows than it gave."""
        return (self.removed or 0) > WASTE * max(self.rows or 0, 10)

    def __str__(self):
        parts = [self.node]
        if self.table:
            parts.append(f"on {self.table}")
        if self.index:
            parts.append(f"using {self.index}")
        if self.rows is not None:
            parts.append(f"rows={self.rows}")
        if self.removed:
            parts.append(f"removed={self.removed}")
        asked = " and ".join(filter(None, (self.condition, self.filter)))
        if asked:
            parts.append(f"({asked})")
        return "  " * self.depth + " ".join(parts)


@dataclass(frozen=True)
class QueryPlan:
    """How a statement is run; `error` says why there are no nodes. `ms` with ANALYZE only."""

    nodes: tuple[PlanNode, ...] = ()
    cost: float | None = None
    ms: float | None = None
    buffers: int | None = None
    error: str = ""

    def __str__(self):
        return "\n".join(map(str, self.nodes)) or self.error

    @property
    def indexes(self):
        return frozenset(node.index for node in self.nodes if node.index)

    @property
    def full_scans(self):
        """Return the tables that are read from end to end."""
        return tuple(node.table for node in self.nodes if node.full_scan and node.table)

    @property
    def remarks(self):
        return tuple(dict.fromkeys(remark for node in self.nodes for remark in node.remarks))

    @property
    def sorts(self):
        return any("Sort" in node.node for node in self.nodes)

    @property
    def groups(self):
        return any(GROUPING.search(node.node) for node in self.nodes)

    def as_dict(self):
        return {
            "nodes": [str(node) for node in self.nodes],
            "full_scans": list(self.full_scans),
            "indexes": sorted(self.indexes),
            "remarks": list(map(str, self.remarks)),
            "cost": self.cost,
            "ms": self.ms,
            "buffers": self.buffers,
            "error": self.error,
        }


def distinct(statements):
    """Return the statements by fingerprint, the longest in total first."""
    groups = defaultdict(list)
    for statement in statements:
        groups[statement.fingerprint].append(statement)
    return dict(
        sorted(groups.items(), key=lambda item: -sum(statement.total_ns for statement in item[1]))
    )


@contextmanager
def separate_connection(alias="default"):
    """Yield a connection of its own; for a database in memory there is only the one."""
    shared = connections[alias]
    name = str(shared.settings_dict["NAME"])
    if shared.vendor == "sqlite" and (":memory:" in name or "mode=memory" in name):
        yield shared
        return
    connection = connections.create_connection(alias)
    try:
        connection.ensure_connection()
        connection.execute_wrappers.clear()  # what is tried here is no slow statement of anybody's
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT_MS}")
        yield connection
    finally:
        connection.close()


@contextmanager
def rolled_back(connection):
    """Take back whatever the block does; inside a transaction, back to where it was."""
    if connection.in_atomic_block:
        savepoint = connection.savepoint()
        try:
            yield
        finally:
            try:
                connection.savepoint_rollback(savepoint)
            except OperationalError:  # a busy server: the block's own timeout counted for this
                connection.savepoint_rollback(savepoint)
        return
    connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    connection.in_atomic_block = True  # so that the same inside it takes a savepoint
    try:
        yield
    finally:
        connection.in_atomic_block = False
        connection.rollback()
        connection.set_autocommit(True)


def explain_top(statements, *, top=10, alias="default", analyze=True):
    """Return {fingerprint: QueryPlan} of the `top` distinct statements by total time.

    Of each, the slowest one is replayed, on a connection of its own.
    """
    plans = {}
    with separate_connection(alias) as connection:
        for text, group in distinct(s for s in statements if s.alias == alias).items():
            if len(plans) == top:
                break
            if text.startswith(EXPLAINED):
                slowest = max(group, key=lambda statement: statement.total_ns)
                plans[text] = explain(slowest, connection, analyze=analyze)
    return plans


def explain(statement, connection, *, analyze=True):
    """Return the plan of a recorded statement; errors are in it, never raised."""
    params = statement.params
    if statement.many:
        params = params[0] if params else None
    if params is None and "%s" in statement.sql:
        return QueryPlan(error="no parameters were kept")
    try:
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN QUERY PLAN " + statement.sql, params)
                plan = sqlite_plan(cursor.fetchall(), statement.sql)
        else:
            plan = _postgres(statement.sql, params, connection, analyze)
        partial = partial_indexes(connection, plan)
        of_a_get = is_get(statement.sql)
        return read_whole_only(plan, statement.fingerprint, partial, of_a_get=of_a_get)
    except DatabaseError as error:
        return QueryPlan(error=f"{type(error).__name__}: {str(error).splitlines()[0]}")


STOPS_EARLY = re.compile(r" LIMIT \S+(?: OFFSET \S+)?(?: FOR .*)?$")
OF_A_GET = re.compile(rf" LIMIT {MAX_GET_RESULTS}(?: FOR .*)?$")
IN_PARENTHESES = re.compile(r"\([^()]*\)")


def read_whole_only(plan, fingerprint, partial, *, of_a_get=False) -> QueryPlan:
    """Return the plan with `full_scan` only where every row of a table is read.

    Not so: an index of `partial`, which holds some of the rows; and what a LIMIT stops, read
    first and in an index's order, unless it was seen to throw away far more than it gave. The
    LIMIT of a get() stops nothing: after the one row it reads on for a second.
    """
    first = next((node for node in plan.nodes if node.table), None)
    limited = bool(STOPS_EARLY.search(fingerprint)) and not of_a_get
    stops = limited and not plan.sorts and not plan.groups

    def stays(node):
        return node.index not in partial and not (stops and node is first and not first.wasteful)

    return replace(
        plan,
        nodes=tuple(
            replace(node, full_scan=False) if node.full_scan and not stays(node) else node
            for node in plan.nodes
        ),
    )


def is_get(sql) -> bool:
    """Say whether a get() sent this: its own LIMIT, conditions, no order."""
    while (shorter := IN_PARENTHESES.sub("", sql)) != sql:
        sql = shorter
    return bool(OF_A_GET.search(sql)) and " WHERE " in sql and " ORDER BY " not in sql


def partial_indexes(connection, plan) -> frozenset[str]:
    """Return which indexes of the plan's full scans hold some rows of their table only."""
    names = sorted({node.index for node in plan.nodes if node.full_scan and node.index})
    if not names:
        return frozenset()
    places = ", ".join(["%s"] * len(names))
    asked = (
        "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%% WHERE %%' AND name "
        if connection.vendor == "sqlite"
        else "SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%% WHERE %%' AND indexname "
    )
    with connection.cursor() as cursor:
        cursor.execute(f"{asked} IN ({places})", names)
        return frozenset(name for (name,) in cursor.fetchall())


def _postgres(sql, params, connection, analyze):
    if analyze:
        try:
            return _postgres_once(sql, params, connection, "ANALYZE, BUFFERS, TIMING OFF, ")
        except DatabaseError:
            pass  # it cannot be repeated, or takes too long: explain it without running it
    return _postgres_once(sql, params, connection, "")


def _postgres_once(sql, params, connection, options):
    with rolled_back(connection), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
        cursor.execute(f"SET LOCAL statement_timeout = {TIMEOUT_MS}")
        cursor.execute(f"EXPLAIN ({options}FORMAT JSON) {sql}", params)
        found = cursor.fetchone()[0]
    return postgres_plan(json.loads(found) if isinstance(found, str) else found)


def postgres_plan(found):
    """Return the plan that EXPLAIN (FORMAT JSON) gave."""
    nodes = []

    def visit(raw, depth, cut_short):
        loops = raw.get("Actual Loops", 1)
        rows = raw.get("Actual Rows", raw.get("Plan Rows", 0))
        kind = raw["Node Type"]
        if raw.get("Parallel Aware"):
            kind = f"Parallel {kind}"
        if kind == "ModifyTable":
            kind = raw["Operation"]
        bounded = any(name in raw for name in ("Index Cond", "Recheck Cond", "TID Cond"))
        scans = "Seq Scan" in kind or (kind.startswith("Index") and not bounded)
        condition = raw.get("Index Cond") or raw.get("Recheck Cond") or raw.get("Hash Cond")
        nodes.append(
            PlanNode(
                node=kind,
                table=raw.get("Relation Name", ""),
                alias=raw.get("Alias", ""),
                index=raw.get("Index Name", ""),
                rows=round(rows * max(loops, 1)),
                removed=_removed(raw, loops),
                condition=_masked(condition or ""),
                filter=_masked(raw.get("Filter", "")),
                full_scan=scans,
                depth=depth,
                remarks=(*spilled(raw), *([] if cut_short else misjudged(raw))),
            )
        )
        for child in raw.get("Plans", ()):
            stops = kind == "Limit" or "Join" in kind or raw.get("Join Type") in ("Semi", "Anti")
            visit(child, depth + 1, cut_short or stops)

    top = found[0]["Plan"]
    visit(top, 0, cut_short=False)
    buffers = [top[name] for name in ("Shared Hit Blocks", "Shared Read Blocks") if name in top]
    return QueryPlan(
        nodes=tuple(nodes),
        cost=top.get("Total Cost"),
        ms=found[0].get("Execution Time"),
        buffers=sum(buffers) if buffers else None,
    )


def _removed(raw, loops):
    """Return the rows of all loops that were read for nothing; the server tells their mean."""
    names = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    told = [raw[name] for name in names if name in raw]
    return round(sum(told) * max(loops, 1)) if told else None


def _masked(condition):
    """Leave the values out: they come from parameters."""
    return re.sub(r"'(?:[^']|'')*'|(?<![\w.])-?\d+(?:\.\d+)?\b", "?", condition)


SQLITE_STEP = re.compile(
    r"^(?P<verb>SCAN|SEARCH) (?:TABLE )?(?P<table>\S+)(?: AS (?P<alias>\S+))?"
    r"(?: (?P<virtual>VIRTUAL TABLE))?"
    r"(?: USING (?P<how>(?:AUTOMATIC )?(?:PARTIAL )?(?:COVERING )?INDEX|INTEGER PRIMARY KEY)"
    r" ?(?P<index>[^\s(]+)?)?"
    r"(?: ?\((?P<condition>.*)\))?"
)
NO_TABLE = re.compile(r"CONSTANT|SUBQUERY|\(|\d+$")
OF_THE_STATEMENT = re.compile(r"(?:CO-ROUTINE|MATERIALIZE) (\S+)$")  # a subquery's own name


def sqlite_plan(rows, sql):
    """Return the plan of EXPLAIN QUERY PLAN's rows (id, parent, unused, detail)."""
    depths = {0: -1}
    nodes = []
    made = {match[1] for *_row, detail in rows if (match := OF_THE_STATEMENT.match(detail))}
    for step, parent, _number, detail in rows:
        depth = depths[step] = depths.get(parent, -1) + 1
        nodes.append(_sqlite_node(detail, depth, sql, made))
    return QueryPlan(nodes=tuple(nodes))


def _sqlite_node(detail, depth, sql, made):
    match = SQLITE_STEP.match(detail)
    if match is None:
        name = detail.replace("USE TEMP B-TREE FOR", "Sort for").capitalize()
        return PlanNode(node="Sort" if "ORDER BY" in detail else name, depth=depth)
    alias = match["table"]
    is_none = match["virtual"] or NO_TABLE.match(alias) or alias in made
    table = "" if is_none else real_table(alias, sql)
    how = match["how"] or ""
    index = match["index"] or ("primary key" if "PRIMARY" in how else "")
    if "AUTOMATIC" in how:
        index = "(built for this statement)"
    node = "Scan" if match["verb"] == "SCAN" else "Search"
    if "COVERING" in how:
        node += " of the index only"
    return PlanNode(
        node=node,
        table=table,
        alias=alias,
        index=index,
        condition=match["condition"] or "",
        full_scan=bool(table) and match["verb"] == "SCAN",
        depth=depth,
    )


def real_table(alias, sql):
    """Return the table behind an alias of the statement (`"bookings_booking" T3`)."""
    match = re.search(rf'"([^"]+)" (?:AS )?"?{re.escape(alias)}"?(?![\w"])', sql)
    if match and f'"{alias}"."' not in match[0] and not match[0].startswith(f'"{alias}"'):
        return match[1]
    return alias
