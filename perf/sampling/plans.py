"""Remember how the database runs what was slow: a plan's shape, asked for once an hour.

EXPLAIN without ANALYZE: nothing is run again. A shape is the steps with their tables and indexes,
without costs and values.
"""

from collections import defaultdict
from hashlib import blake2b

from perf.indexes.explain import EXPLAINED, explain_top
from perf.models import Sampled, SampleKind
from perf.sampling.totals import LONGEST, key_of

MOST = 5  # statements at a time


def read_plans(totals) -> list[Sampled]:
    """Return rows for the plans of the statements that were slow, if none was asked for this hour.

    1 query where something was slow, and an EXPLAIN for each that is due; 1 query more for those
    that are to be exported.
    """
    slow, totals.slow = totals.slow, {}
    due = {
        text: statement
        for text, statement in slow.items()
        if totals.explained.get(text) != totals.hour and text.startswith(EXPLAINED)
    }
    if not due:
        return []
    of_hour = Sampled.objects.filter(kind=SampleKind.PLAN, hour__gte=totals.hour)
    asked = set(of_hour.filter(release=totals.release).values_list("statement", flat=True))
    rows = []
    for text in [text for text in due if text[:LONGEST] not in asked][:MOST]:
        totals.explained[text] = totals.hour
        statement = due[text]
        plan = explain_top([statement], top=1, alias=statement.alias, analyze=False).get(text)
        shape = shape_of(plan) if plan is not None and not plan.error else []
        if shape:
            rows.append(_row(totals, text, statement, shape))
    for text in due:
        if text[:LONGEST] in asked:
            totals.explained[text] = totals.hour
    if rows and totals.options.export:
        totals.replanned += _of_another_shape(rows)
    return rows


def _of_another_shape(rows):
    """Return those whose statement has been run by other plans alone, in whatever release."""
    statements = [row.statement for row in rows]
    found = Sampled.objects.filter(kind=SampleKind.PLAN, statement__in=statements)
    known = defaultdict(set)
    for statement, detail in found.values_list("statement", "detail"):
        known[statement].add(detail["plan"])
    return [
        row
        for row in rows
        if known[row.statement] and row.detail["plan"] not in known[row.statement]
    ]


def shape_of(plan) -> list[str]:
    """Return a line for each step: what it does, with which table and index."""
    return [
        "  " * node.depth + " ".join(filter(None, (node.node, node.table, node.index)))
        for node in plan.nodes
    ]


def digest(shape) -> str:
    return blake2b("\n".join(shape).encode(), digest_size=8).hexdigest()


def _row(totals, text, statement, shape):
    found = digest(shape)
    return Sampled(
        key=key_of(SampleKind.PLAN, totals.release, text[:LONGEST], found),
        kind=SampleKind.PLAN,
        release=totals.release,
        hour=totals.hour,
        place=str(statement.site)[:300],
        statement=text[:LONGEST],
        count=1,
        detail={"plan": found, "shape": shape, "since": totals.hour.isoformat()},
    )
