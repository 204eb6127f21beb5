"""How many statements each door may send: measured at two sizes, held against one file.

A door fails when it sends more than its budget, when it sends more for a larger company, when a
detector finds a fault in it (`perf.recording.find`), when it reads bookings, assignments or events
from end to end, and when it has no budget. Time is never looked at. The chunks of one bulk insert
on SQLite count as one statement.

Each size is measured with its company's rows alone in the database, beside a bystander that is
always the same: what forgets to ask for the company grows too.
"""

import logging
import re
import tomllib
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.utils.translation import gettext as _

from perf.indexes.explain import explain, rolled_back
from perf.project.doors.discover import BudgetDoor, all_doors
from perf.project.doors.sample_company import SIZES, NotMeasured, make_world
from perf.project.doors.visitor import unlogged
from perf.recording.find import find_all
from perf.recording.finding import TIMED
from perf.recording.record import Recording, record_queries
from perf.recording.repeated import MANY_ROWS, find_loops

logger = logging.getLogger(__name__)

FILE = Path(__file__).resolve().parent / "budgets.toml"
PLANNED_PAST = 6_000
GUARDED = frozenset({"bookings_booking", "dispatch_assignment", "bookings_event"})
REASONS = {
    "not_measured": "# Doors without a number, and why.",
    "scans": "# Doors that may read a guarded table from end to end, and why.",
    "findings": "# Doors whose findings are right as they are, and why.",
}
HEAD = """\
# Statements that each door sends, at any size (perf/project/doors/budgets.py). One is for both
# databases. Measured by `manage.py check_budgets`; written by `manage.py check_budgets --update`,
# which keeps the reasons below and asks before it takes in more. A door that is in none fails.
"""


@dataclass(frozen=True)
class Measured:
    """A door's recordings by size, or why there are none."""

    door: BudgetDoor
    recordings: tuple[Recording, ...] = ()
    not_measured: str = ""

    @property
    def counts(self):
        return tuple(count(recording) for recording in self.recordings)

    @property
    def statements(self):
        return max(self.counts, default=None)

    def findings(self):
        """Return what the detectors find with the larger company, but for what is only slow."""
        found = find_all(self.recordings[-1]) if self.recordings else []
        return [finding for finding in found if finding.kind not in TIMED]

    def growth(self):
        """Return a line for each place that sends more for the larger company.

        From none to one is no growth: a dispatch without breaks writes none.
        """
        if len(self.recordings) < 2:
            return []
        small, *_between, large = (Counter(_keys(r)) for r in self.recordings)
        fixes = {
            (text, site): loop.cure
            for loop in find_loops(self.recordings[-1])
            for text in loop.statements
            for site in loop.sites
        }
        return [
            f"{small[key]} → {number} × {key[1]}: {key[0][:120]}  {fixes.get(key, '')}".rstrip()
            for key, number in large.items()
            if number > max(small[key], 1)
        ]


@dataclass(frozen=True)
class Verdict:
    """One line of the table: what a door sends, may send, and what is wrong."""

    door: BudgetDoor
    counts: tuple[int, ...]
    budget: int | None
    problems: tuple[str, ...] = ()
    reason: str = ""

    def __str__(self):
        counts = " ".join(f"{number:4}" for number in self.counts) or f"{self.reason:>9}"
        budget = "" if self.budget is None else self.budget
        lines = [f"  {counts}  {budget:>4}  {self.door.kind[:-1]} {self.door.name}"]
        return "\n".join(lines + [f"        ! {problem}" for problem in self.problems])


def count(recording):
    return len(list(_keys(recording)))


def _keys(recording):
    """Yield (fingerprint, site) of each statement; chunks of one bulk insert are one."""
    last = None
    for statement in recording:
        key = statement.fingerprint, statement.site
        bulk = statement.sql.startswith("INSERT") and MANY_ROWS.search(statement.sql)
        chunk = statement.sql.startswith("INSERT") and key == last
        if not (chunk and connection.vendor == "sqlite"):
            yield key
        last = key if bulk else None


def measure(door, worlds) -> Measured:
    """Call the door once per world, and take back what it wrote."""
    return _joined(door, [_once(door, world) for world in worlds])


def _once(door, world):
    """Return the recording of one call, or why there is none."""
    try:
        with unlogged(), taken_back():
            door.call(world)  # fills the caches that live as long as the process
        ContentType.objects.clear_cache()
        with unlogged(), taken_back(), record_queries(watch_rows=True) as recording:
            door.call(world)
    except NotMeasured as why:
        return str(why)
    except Exception as error:  # of any view or command; the check fails, with all doors measured
        logger.exception("%s cannot be measured.", door.name)
        return f"{type(error).__name__}: {error}"
    return recording


def _joined(door, found):
    why = next((one for one in found if isinstance(one, str)), None)
    return Measured(door, not_measured=why) if why is not None else Measured(door, tuple(found))


@contextmanager
def taken_back():
    """Roll the block back; a dispatch may commit inside it."""
    block = transaction.atomic()
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)


def measure_all(doors=None) -> list[Measured]:
    """Measure every door at every size; nothing of one size is there at the other."""
    doors = doors or all_doors()
    found: list[list] = [[] for _door in doors]
    for size in SIZES:
        with taken_back():
            world = make_world(size)
            for door, recordings in zip(doors, found, strict=True):
                recordings.append(_once(door, world))
        ContentType.objects.clear_cache()
    return [_joined(door, recordings) for door, recordings in zip(doors, found, strict=True)]


def scanning(budgets, doors=None, *, more=lambda world: ()) -> dict[str, list[str]]:
    """Return {door's name: lines} of those that read a guarded table from end to end.

    Asked with a past that is large enough for SQLite's planner. `more(world)` are doors beside.
    """
    with taken_back():
        world = make_world("large", history=PLANNED_PAST)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        return {
            door.name: lines
            for door in [*(doors or all_doors()), *more(world)]
            if (lines := full_scans(measure(door, [world]), budgets))
        }


def read_budgets(file=FILE) -> dict:
    """Return {"urls": {...}, "commands": {...}, and for the reasons those of REASONS}."""
    found = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return {name: found.get(name, {}) for name in ("urls", "commands", *REASONS)}


def allowed(budgets, door):
    """Return the door's number on this database, or None."""
    number = budgets[door.kind].get(door.name)
    return number.get(connection.vendor) if isinstance(number, dict) else number


def judge(measured, budgets, scans=()) -> Verdict:
    """Hold a measured door against the budgets; `scans` are its lines of `scanning`."""
    door = measured.door
    verdict = Verdict(door, measured.counts, allowed(budgets, door))
    if measured.not_measured:
        reason = budgets["not_measured"].get(door.name, "")
        if reason:
            return replace(verdict, reason=reason)
        return replace(
            verdict,
            problems=(
                _("not measured (%(why)s), and budgets.toml does not say why")
                % {"why": measured.not_measured},
            ),
        )
    problems = faults(measured, budgets)
    problems += [_("reads from end to end: %(line)s") % {"line": line} for line in scans]
    if verdict.budget is None:
        problems.append(_("has no budget: run manage.py check_budgets --update"))
    elif measured.statements > verdict.budget:
        problems.append(
            _("sends %(more)d more than its budget:\n%(listing)s")
            % {
                "more": measured.statements - verdict.budget,
                "listing": measured.recordings[-1].listing(),
            }
        )
    return replace(verdict, problems=tuple(problems))


def faults(measured, budgets) -> list[str]:
    """Return what no number makes right: a line for each growth and each finding of the door."""
    lines = [_("grows with the rows: %(line)s") % {"line": x} for x in measured.growth()]
    if measured.door.name not in budgets["findings"]:
        lines += map(str, measured.findings())
    return lines


def taking_more(measured, budgets) -> str:
    """Return why the door's new number is not to be taken in unasked, or ''.

    It is larger than the one there is, or the door has faults.
    """
    old = allowed(budgets, measured.door)
    lines = faults(measured, budgets)
    if old is not None and measured.statements > old:
        lines.insert(
            0, _("%(old)d → %(new)d statements") % {"old": old, "new": measured.statements}
        )
    return "\n    ".join(lines)


WHOLE = re.compile(r'^SELECT COUNT\(\*\) AS "__count" FROM "\w+"$')


def full_scans(measured, budgets) -> list[str]:
    """Return a line for each statement that reads a guarded table from end to end.

    PostgreSQL is asked whether an index *can* serve the statement, which does not depend on
    the number of rows. SQLite decides by its statistics: give it a few thousand rows. What is
    no full scan says `explain.read_whole_only`; counting all rows is not meant either.
    """
    lines: list[str] = []
    seen: set[str] = set()
    if measured.door.name in budgets["scans"] or not measured.recordings:
        return lines
    for statement in measured.recordings[-1]:
        text = statement.fingerprint
        if text in seen or WHOLE.match(text):
            continue
        if not text.startswith(("SELECT", "UPDATE", "DELETE")):
            continue
        seen.add(text)
        plan = _plan_with_indexes(statement)
        scanned = GUARDED.intersection(plan.full_scans)
        if scanned:
            tables = ", ".join(sorted(scanned))
            lines.append(f"{tables} at {statement.site}: {text[:80]} … {text[-160:]}")
    return lines


def _plan_with_indexes(statement):
    if connection.vendor == "sqlite":
        return explain(statement, connection)
    with rolled_back(connection), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        return explain(statement, connection, analyze=False)


def write_budgets(measured, file=FILE, *, accept=lambda item, why: False) -> list[str]:
    """Write the numbers of this database into the file; the other's numbers and reasons stay.

    `accept(item, why)` is asked for each door that takes more; without its leave the old number
    stays, or none. Return the names of those.
    """
    old = read_budgets(file)
    refused = {
        item.door.name
        for item in measured
        if item.statements is not None and (why := taking_more(item, old)) and not accept(item, why)
    }
    lines = [HEAD]
    for kind in ("urls", "commands"):
        lines.append(f"[{kind}]")
        for item in sorted(measured, key=lambda m: m.door.name):
            if item.door.kind != kind or item.statements is None:
                continue
            if item.door.name not in refused:
                lines.append(f'"{item.door.name}" = {_number(old, item)}')
            elif item.door.name in old[kind]:
                lines.append(f'"{item.door.name}" = {_written(old[kind][item.door.name])}')
        lines.append("")
    for kind, about in REASONS.items():
        lines += [about, f"[{kind}]"]
        lines += [f'"{name}" = "{why}"' for name, why in sorted(old[kind].items())]
        lines.append("")
    file.write_text("\n".join(lines), encoding="utf-8")
    return sorted(refused)


def _number(old, item):
    before = old[item.door.kind].get(item.door.name)
    numbers = dict(before) if isinstance(before, dict) else {}
    if isinstance(before, int):
        numbers = {"sqlite": before, "postgresql": before}
    numbers[connection.vendor] = item.statements
    return _written(numbers)


def _written(numbers):
    """Return a number, or those of both databases, as TOML."""
    if isinstance(numbers, int):
        return str(numbers)
    if len(set(numbers.values())) == 1:
        return str(next(iter(numbers.values())))
    return "{" + ", ".join(f"{name} = {n}" for name, n in sorted(numbers.items())) + "}"
