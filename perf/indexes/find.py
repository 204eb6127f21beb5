"""What the plans of recorded statements show, as findings: each with its place and its cure.

An index is missing only if one was tried and shown to pay (`missing`). A condition that no index
serves is told where it throws away far more rows than it gives.
"""

import re

from django.db import connections
from django.utils.translation import gettext as _

from perf.indexes.candidates import model_of, wanting
from perf.indexes.catalog import IndexFacts, covered_by, read_indexes
from perf.indexes.explain import WASTE
from perf.indexes.missing import SMALLEST_TABLE
from perf.indexes.rewriting import sentence
from perf.recording.finding import INDEX, UNSERVED, Finding, finding

AGGREGATE = re.compile(r"^SELECT (?:COUNT|SUM|AVG|MIN|MAX)\(")


def find_in_plans(statements, plans, advice) -> list[Finding]:
    """Return the findings of explained statements: {fingerprint: [Statement]}, {fingerprint: plan}.

    `advice` is what was shown to pay (`missing.advise`). Reads the indexes there are, and counts
    the tables that are read whole.
    """
    found: list[Finding] = []
    told: set[str] = set()
    rows = _Rows()
    for item in advice:
        groups = [statements[t.fingerprint] for t in item.trials if t.fingerprint in statements]
        group = [statement for one in groups for statement in one]
        if not group:
            continue
        told |= {statement.fingerprint for statement in group}
        rewritten = list(dict.fromkeys(
            text
            for one in groups
            for text, _why in _unserved(one[0], plans.get(one[0].fingerprint))
        ))  # fmt: skip
        kind = UNSERVED if rewritten else INDEX
        what = _("%(reason)s; with an index × %(ratio)s.") % {
            "reason": item.candidate.reason,
            "ratio": min(item.trials, key=lambda trial: trial.ratio).comparison.ratio,
        }
        there = read_indexes(connections[group[0].alias])
        cure = " ".join([_index(item.candidate, there), *rewritten])
        found.append(finding(kind, what, cure, group))
    for text, plan in plans.items():
        group = statements.get(text)
        if not group:
            continue
        found += [finding(r.kind, r.what, r.cure, group) for r in plan.remarks]
        if text not in told:
            slowest = max(group, key=lambda statement: statement.total_ns)
            for rewriting, why in _unserved(slowest, plan):
                if _wastes(slowest, plan, rows):
                    found.append(finding(UNSERVED, f"{why}.", rewriting, group))
    return found


def _unserved(statement, plan):
    """Yield (how to write it, why) for each condition of a statement that no index serves."""
    for use, why in wanting(statement, plan) if plan else ():
        for term in use.unserved:
            text = sentence(term, use.table, statement)
            if text:
                yield text, why


def _wastes(statement, plan, rows):
    """Say whether far more rows are read than given, and not of a small table, as far as is known.

    SQLite does not tell what it throws away: there the rows of the whole table count, and of an
    aggregate, which gives one, nothing is known.
    """
    if any(node.removed is not None for node in plan.nodes):
        return any(n.wasteful and n.removed >= SMALLEST_TABLE for n in plan.nodes)
    if AGGREGATE.match(statement.fingerprint):
        return False
    read = max(map(rows.of, plan.full_scans), default=0)
    return read >= SMALLEST_TABLE and read > WASTE * max(statement.rows, 10)


class _Rows:
    """How many rows tables have; each is counted once."""

    def __init__(self):
        self._counted = {}

    def of(self, table):
        if table not in self._counted:
            model = model_of(table)
            self._counted[table] = model._base_manager.count() if model else 0
        return self._counted[table]


def _index(candidate, there):
    """Return what to add to the model, and which indexes that are there it makes useless."""
    model = model_of(candidate.table)
    cure = _("Add %(index)s to Meta.indexes of %(model)s.") % {
        "index": candidate.django(),
        "model": model.__name__,
    }
    if candidate.expression or candidate.beside:
        return cure
    new = IndexFacts(
        name=candidate.name(),
        table=candidate.table,
        columns=candidate.columns,
        condition=candidate.condition,
        unique=False,
        constraint=False,
        declared=True,
        bytes=0,
        sql="",
    )
    replaced = [
        facts.name
        for facts in there
        if facts.table == new.table
        and not (facts.unique or facts.constraint)
        and (covered_by(facts, [facts, new]) or _reordered(facts, new))
    ]
    if not replaced:
        return cure
    instead = _("It stands in for %(others)s: take that out, if nothing else needs it.")
    return f"{cure} {instead % {'others': ', '.join(replaced)}}"


def _reordered(facts, new):
    """Say whether an index has the same columns in another order."""
    return facts.condition == new.condition and (
        sorted(name.lstrip("-") for name in facts.columns)
        == sorted(name.lstrip("-") for name in new.columns)
    )
