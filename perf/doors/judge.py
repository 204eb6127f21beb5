"""Hold what was measured against the budgets.

A door fails when it sends more than its budget, when it sends more for a larger size, when a
detector finds a fault in it (`perf.recording.find`), when it reads a guarded table from end to end,
and when it has no budget. Time is never looked at.
"""

import re
from dataclasses import dataclass, replace

from django.db import connection
from django.utils.translation import gettext as _

from perf.doors.budget_file import allowed, faults
from perf.doors.door import Door, Doors
from perf.doors.measure import measure
from perf.indexes.explain import explain, rolled_back
from perf.measuring.taken_back import taken_back
from perf.recording.notes import ERROR, Note, position


@dataclass(frozen=True)
class Verdict:
    """One line of the table: what a door sends, may send, and what is wrong."""

    door: Door
    counts: tuple[int, ...]
    budget: int | None
    problems: tuple[Note, ...] = ()
    reason: str = ""
    ms: float | None = None  # in the database, where that is told

    def __str__(self):
        counts = " ".join(f"{number:4}" for number in self.counts) or f"{self.reason:>9}"
        budget = "" if self.budget is None else self.budget
        took = "" if self.ms is None else f"{self.ms:9.1f} ms"
        lines = [f"  {counts}  {budget:>4}{took}  {self.door.kind[:-1]} {self.door.name}"]
        return "\n".join(lines + [f"        ! {problem}" for problem in self.problems])

    def as_dict(self):
        return {
            "kind": self.door.kind,
            "door": self.door.name,
            "statements": list(self.counts),
            "budget": self.budget,
            "reason": self.reason,
            "ms": None if self.ms is None else round(self.ms, 3),
            "failed": bool(self.problems),
        }


def judge(measured, budgets, scans=()) -> Verdict:
    """Hold a measured door against the budgets; `scans` are its notes of `scanning`."""
    door = measured.door
    verdict = Verdict(door, measured.counts, allowed(budgets, door))
    if measured.not_measured:
        reason = budgets["not_measured"].get(door.name, "")
        if reason:
            return replace(verdict, reason=reason)
        why = _("not measured (%(why)s), and budgets.toml does not say why")
        return replace(verdict, problems=(_problem(door, why % {"why": measured.not_measured}),))
    problems = [*faults(measured, budgets), *scans]
    if verdict.budget is None:
        problems.append(_problem(door, _("has no budget: run manage.py check_budgets --update")))
    elif measured.statements > verdict.budget:
        what = _("sends %(more)d more than its budget:\n%(listing)s") % {
            "more": measured.statements - verdict.budget,
            "listing": measured.recordings[-1].listing(),
        }
        problems.append(_problem(door, what))
    return replace(verdict, problems=tuple(problems))


def _problem(door, what):
    return Note(what=what, kind="budget", door=door.name, level=ERROR)


def scanning(budgets, doors, of: Doors, *, more=lambda world: ()) -> dict[str, list[Note]]:
    """Return {door's name: notes} of those that read a guarded table from end to end.

    Asked in the planned world, whose rows must be many enough for SQLite's planner. `more(world)`
    are doors beside. What could not be measured has a note too, unless the budgets say why.
    """
    if not of.guarded:
        return {}
    with taken_back():
        world = of.planned_world()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        return {
            door.name: notes
            for door in [*doors, *more(world)]
            if (notes := _scans(measure(door, [world], cold=True), budgets, of.guarded))
        }


def _scans(measured, budgets, guarded):
    if measured.not_measured and measured.door.name not in budgets["not_measured"]:
        why = _("not measured (%(why)s)") % {"why": measured.not_measured}
        return [_problem(measured.door, why)]
    return full_scans(measured, budgets, guarded)


WHOLE = re.compile(r'^SELECT COUNT\(\*\) AS "__count" FROM "\w+"$')


def full_scans(measured, budgets, guarded) -> list[Note]:
    """Return a note for each statement that reads a guarded table from end to end.

    PostgreSQL is asked whether an index *can* serve the statement, which does not depend on
    the number of rows. SQLite decides by its statistics: give it a few thousand rows. What is
    no full scan says `explain.read_whole_only`; counting all rows is not meant either.
    """
    notes: list[Note] = []
    seen: set[str] = set()
    if measured.door.name in budgets["scans"] or not measured.recordings:
        return notes
    for statement in measured.recordings[-1]:
        text = statement.fingerprint
        if text in seen or WHOLE.match(text):
            continue
        if not text.startswith(("SELECT", "UPDATE", "DELETE")):
            continue
        seen.add(text)
        plan = _plan_with_indexes(statement)
        scanned = guarded.intersection(plan.full_scans)
        if scanned:
            tables = ", ".join(sorted(scanned))
            line = f"{tables} at {statement.site}: {text[:80]} … {text[-160:]}"
            file, number = position(statement.site)
            notes.append(
                Note(
                    what=_("reads from end to end: %(line)s") % {"line": line},
                    kind="scan",
                    door=measured.door.name,
                    file=file,
                    line=number,
                    level=ERROR,
                )
            )
    return notes


def _plan_with_indexes(statement):
    if connection.vendor == "sqlite":
        return explain(statement, connection)
    with rolled_back(connection), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        return explain(statement, connection, analyze=False)
