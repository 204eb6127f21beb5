"""Hold the doors with the rows of years: faults that are none in a small database.

Numbers of statements are held at the sizes of the budgets, for which rows are made alike; here
are looked at what the detectors find, and how the database runs each statement with its own
statistics: tables read from end to end, rows read for nothing, work that went to disk. Time is
told, and nothing is judged by it.
"""

from collections.abc import Iterator

from django.db import connection
from django.utils.translation import gettext as _

from perf.doors.door import Doors
from perf.doors.judge import WHOLE, Verdict, full_scans, judge
from perf.doors.measure import Measured, measure
from perf.indexes.explain import distinct, explain
from perf.indexes.find import find_in_plans
from perf.measuring.scratch import settle
from perf.measuring.taken_back import taken_back
from perf.recording.finding import STATISTICS
from perf.recording.notes import ERROR, Note, note_of, position

MANY = 0.01  # of the rows: thrown away by one statement
MOST = 0.5  # of the rows: no count that stops at ten thousand
CHANGED = ("SELECT", "UPDATE", "DELETE")


def judge_grown(of: Doors, doors, budgets, rows) -> Iterator[Verdict]:
    """Yield the verdict on each door, and on those of `of.find_grown`, with so many rows.

    In an empty scratch database, which is filled. Raises ValueError where nobody makes the rows.
    """
    if of.make_grown is None:
        raise ValueError("Doors without make_grown(rows) cannot be held with the rows of years.")
    world = of.make_grown(rows)
    settle()
    yield from (_judged(measure(door, [world]), of, budgets, rows) for door in doors)
    if of.find_grown:
        more = of.find_grown(world)
        yield from (_judged(measure(door, [world]), of, budgets, rows) for door in more)


def _judged(measured, of, budgets, rows):
    if measured.not_measured:
        return judge(measured, budgets)
    name = measured.door.name
    problems = full_scans(measured, budgets, of.guarded)
    if name not in budgets["findings"]:
        problems += [note_of(found, door=name, level=ERROR) for found in measured.findings()]
        problems += plan_notes(measured, of.guarded, rows, scans=name in budgets["scans"])
    return Verdict(
        measured.door,
        measured.counts,
        None,
        tuple(problems),
        ms=sum(recording.ms for recording in measured.recordings),
    )


def plan_notes(measured: Measured, guarded, rows, *, scans=False) -> list[Note]:
    """Return what the plans show: what is read whole, or thrown away, or went to disk.

    What is read of guarded tables is left out where it may be read whole (`scans`).
    """
    door = measured.door.name
    statements = {
        text: group
        for text, group in distinct(measured.recordings[-1]).items()
        if text.startswith(CHANGED)
    }
    notes: list[Note] = []
    plans = {}
    with taken_back():
        for text, group in statements.items():
            slowest = max(group, key=lambda s: s.total_ns)
            plans[text] = explain(slowest, connection)
            notes += [] if scans else _reading(slowest, plans[text], guarded, rows, door)
        # Just analyzed: what is misjudged now is no matter of old statistics.
        found = [one for one in find_in_plans(statements, plans, []) if one.kind != STATISTICS]
    return notes + [note_of(one, door=door, level=ERROR) for one in found]


def _read(node):
    """Return how many rows a step has read; 0 on SQLite, which does not tell."""
    return (node.rows or 0) + (node.removed or 0)


def _reading(statement, plan, guarded, rows, door):
    """Yield a note of each table that a statement reads for nothing, or whole.

    What SQLite reads whole is told by `full_scans`, which asks for the very plan there.
    """
    if WHOLE.match(statement.fingerprint):
        return
    for node in plan.nodes:
        if node.wasteful and node.removed >= rows * MANY:
            what = _("throws away %(removed)d rows of %(table)s for %(rows)d") % {
                "removed": node.removed,
                "table": node.table or node.node,
                "rows": node.rows or 0,
            }
        elif node.full_scan and node.table in guarded and _read(node) >= rows * MOST:
            what = _("reads %(table)s from end to end") % {"table": node.table}
        else:
            continue
        file, line = position(statement.site)
        text = statement.fingerprint
        yield Note(
            what=f"{what}: {text[:80]} … {text[-160:]}",
            kind="scan",
            place=str(statement.site),
            door=door,
            file=file,
            line=line,
            ms=round(statement.total_ns / 1e6, 3),
            level=ERROR,
        )
