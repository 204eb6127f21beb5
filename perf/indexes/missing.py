"""Say which index is missing: read from recorded plans, then tried, and advised if it helps.

Candidates come from how the statements use the tables that were scanned, or searched with a
part of the condition only. Each is built in a place where it hurts nobody (`try_index`) and its
statements are planned and timed before and after.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace

from django.apps import apps
from django.utils.translation import gettext as _

from perf.indexes.explain import QueryPlan
from perf.indexes.predicates import table_uses

# A statement has to get this much faster, and the table to hold this many rows.
FASTER = 0.8
SMALLEST_TABLE = 1_000
WIDEST = 4


@dataclass(frozen=True)
class Candidate:
    """An index that recorded statements could use.

    `columns` are in order, "-name" descends. `condition` is the SQL of a partial index, or "".
    `fingerprints` are the statements it is meant for. `reason` is for people.
    """

    table: str
    columns: tuple[str, ...]
    condition: str = ""
    reason: str = field(default="", compare=False)
    fingerprints: tuple[str, ...] = field(default=(), compare=False)

    def sql(self, name):
        """Return CREATE INDEX; the same text serves both databases."""
        columns = ", ".join(
            f'"{column[1:]}" DESC' if column.startswith("-") else f'"{column}"'
            for column in self.columns
        )
        where = f" WHERE {self.condition}" if self.condition else ""
        return f'CREATE INDEX "{name}" ON "{self.table}" ({columns}){where}'

    def name(self):
        columns = "_".join(column.lstrip("-") for column in self.columns)
        partial = "_part" if self.condition else ""
        return f"idx_{self.table}_{columns}{partial}"[:63]

    def django(self):
        """Return the line for Meta.indexes, with the fields' names."""
        model = model_of(self.table)
        names = {f.column: f.name for f in model._meta.concrete_fields} if model else {}
        fields = [
            ("-" if column.startswith("-") else "") + names.get(column.lstrip("-"), column)
            for column in self.columns
        ]
        condition = ""
        if self.condition:
            terms = []
            for term in self.condition.split(" AND "):
                column = term.split('"')[1]
                name = names.get(column, column)
                if "NULL" in term:
                    terms.append(f"Q({name}__isnull={'NOT' not in term})")
                else:
                    terms.append(f"Q({name}={not term.startswith('NOT')})")
            condition = f", condition={' & '.join(terms)}"
        listed = ", ".join(f'"{name}"' for name in fields)
        return f'Index(fields=[{listed}]{condition}, name="{self.name()}")'


@dataclass(frozen=True)
class Trial:
    """One statement with and without the index: plans, and milliseconds where it was run.

    With an index that its plan does not use it is not run.
    """

    fingerprint: str
    count: int
    before: QueryPlan
    after: QueryPlan
    before_ms: float | None
    after_ms: float | None
    used: bool

    @property
    def ratio(self):
        """Return the time with the index over that without; planner's cost if not run."""
        if self.before_ms and self.after_ms:
            return self.after_ms / self.before_ms
        if self.before.cost:
            return self.after.cost / self.before.cost
        return 1.0

    @property
    def saved_ms(self):
        if not (self.before_ms and self.after_ms):
            return 0.0
        return (self.before_ms - self.after_ms) * self.count


@dataclass(frozen=True)
class Advice:
    """An index worth having, first things first, with the trials that say so."""

    priority: int
    candidate: Candidate
    trials: tuple[Trial, ...]

    @property
    def saved_ms(self):
        return sum(trial.saved_ms for trial in self.trials)

    def as_dict(self):
        return {
            "priority": self.priority,
            "table": self.candidate.table,
            "columns": list(self.candidate.columns),
            "condition": self.candidate.condition,
            "reason": self.candidate.reason,
            "django": self.candidate.django(),
            "saved_ms": round(self.saved_ms, 3),
            "trials": [
                {
                    "statement": trial.fingerprint,
                    "count": trial.count,
                    "ratio": round(trial.ratio, 4),
                    "before_ms": trial.before_ms,
                    "after_ms": trial.after_ms,
                    "before": trial.before.as_dict(),
                    "after": trial.after.as_dict(),
                }
                for trial in self.trials
            ],
        }


def propose(statements_with_plans, connection) -> list[Candidate]:
    """Return indexes that the (statement, plan) pairs could use and the database lacks.

    Nothing is tried here. Small tables are proposed for too: whether it pays is measured.
    """
    found = defaultdict(list)
    existing = {}
    for statement, plan in statements_with_plans:
        fingerprint = statement.fingerprint
        for use in table_uses(fingerprint, connection.vendor):
            why = _wanting(use, plan)
            if not why or model_of(use.table) is None:
                continue
            if use.table not in existing:
                existing[use.table] = _existing(connection, use.table)
            for candidate in _candidates(use):
                if not any(_serves(index, candidate) for index in existing[use.table]):
                    found[candidate].append((fingerprint, why))
    return _merged(found)


def _wanting(use, plan):
    """Return why the plan's access to the table could be better, or ''."""
    for node in plan.nodes:
        if node.table != use.table:
            continue
        if node.full_scan:
            return _("every row of %(table)s is read") % {"table": use.table}
        if node.removed and node.removed > 10 * max(node.rows or 0, 10):
            return _("%(removed)d rows of %(table)s are read and thrown away") % {
                "removed": node.removed,
                "table": use.table,
            }
        wanted = {*use.equal, *use.listed, *use.ranged[:1]}
        if node.index and not node.index.startswith("primary") and wanted:
            missing = sorted(column for column in wanted if column not in node.filter)
            if missing and "id" not in use.equal:
                return _("the index in use does not hold %(columns)s") % {
                    "columns": ", ".join(missing)
                }
        if plan.sorts and use.ordered:
            return _("its rows are sorted for ORDER BY")
    return ""


def _candidates(use):
    """Yield column orders: equal first, then lists, then a range or the order."""
    if "id" in use.equal or "id" in use.listed:
        return
    condition = " AND ".join(use.conditions)
    head = (*use.equal, *use.listed)
    tails = [use.ranged[:1]] if use.ranged else []
    ordered = tuple(c for c in use.ordered if c.lstrip("-") not in head)
    if ordered and not use.listed and ordered != ("id",):
        tails.append(ordered)
    for tail in tails or [()]:
        columns = tuple(dict.fromkeys(head + tail))[:WIDEST]
        if columns:
            yield Candidate(use.table, columns, condition)
            if condition:
                yield Candidate(use.table, columns)
    if not head and not tails and use.conditions:
        columns = tuple(term.split('"')[1] for term in use.conditions)
        yield Candidate(use.table, columns[:1], condition)


def _existing(connection, table):
    """Return (columns, condition) of every index of the table, as far as they are columns."""
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
    indexes = []
    for name, facts in constraints.items():
        if not (facts["index"] or facts["unique"] or facts["primary_key"]) or not facts["columns"]:
            continue
        orders = facts.get("orders") or ["ASC"] * len(facts["columns"])
        columns = tuple(
            f"-{column}" if order == "DESC" else column
            for column, order in zip(facts["columns"], orders, strict=False)
        )
        _before, _where, condition = (texts.get(name) or "").partition(" WHERE ")
        indexes.append((columns, condition.replace('"', "").strip("() ")))
    return indexes


def _serves(index, candidate):
    """Say whether an index there is holds the candidate's columns first, for the same rows."""
    columns, condition = index
    wanted = candidate.condition.replace('"', "")
    return columns[: len(candidate.columns)] == candidate.columns and condition in ("", wanted)


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


def advise(candidates, statements, laboratory) -> list[Advice]:
    """Try the candidates for their statements, and return those that pay, best first.

    `statements` are {fingerprint: [Statement]}. Of several that pay for the same statement,
    the one that saves most is advised.
    """
    tried = []
    for candidate in candidates:
        if laboratory.rows(candidate.table) < SMALLEST_TABLE:
            continue
        trials = [
            trial
            for trial in laboratory.try_index(candidate, statements)
            if trial.used and trial.ratio <= FASTER
        ]
        if trials:
            tried.append((candidate, tuple(trials)))
    tried.sort(key=lambda item: (-sum(t.saved_ms for t in item[1]), len(item[0].columns)))
    advised, served = [], set()
    for candidate, trials in tried:
        new = {trial.fingerprint for trial in trials} - served
        if new:
            served |= new
            advised.append(Advice(len(advised) + 1, candidate, trials))
    return advised


def model_of(table):
    for model in apps.get_models(include_auto_created=True):
        if model._meta.db_table == table:
            return model
    return None
