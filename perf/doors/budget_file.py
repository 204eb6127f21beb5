"""The file of budgets: TOML, a number of statements for each door, and reasons.

`PERF["BUDGETS"]` is its path; without it `budgets.toml` in the project's folder.
"""

import json
import tomllib
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils.translation import gettext as _

from perf.doors.door import KINDS
from perf.doors.measure import Measured
from perf.our_code import base_folder, option
from perf.recording.notes import ERROR, Note, note_of

REASONS = {
    "not_measured": "# Doors without a number, and why.",
    "scans": "# Doors that may read a guarded table from end to end, and why.",
    "findings": "# Doors whose findings are right as they are, and why.",
}
HEAD = """\
# Statements that each door sends, at any size. One number is for both databases. Measured by
# `manage.py check_budgets`; written by `manage.py check_budgets --update`, which keeps the reasons
# below and asks before it takes in more. A door that is in none fails.
"""


def budgets_path() -> Path:
    """Return the path of the file, which need not exist."""
    return base_folder() / option("BUDGETS", "budgets.toml")


def read_budgets(file: Path) -> dict:
    """Return {"urls": {...}, "commands": {...}, "calls": {...}, and those of REASONS}.

    Raises ImproperlyConfigured for what is no TOML, a table that is none of these, and a budget
    that is no number of statements.
    """
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    except tomllib.TOMLDecodeError as error:
        raise ImproperlyConfigured(f"{file}: {error}") from error
    known = (*KINDS, *REASONS)
    for name, rows in found.items():
        if name not in known or not isinstance(rows, dict):
            raise ImproperlyConfigured(f"{file}: “{name}” is none of [{'], ['.join(known)}].")
        for door, value in rows.items():
            if name in REASONS:
                right = isinstance(value, str) and bool(value.strip())
            else:
                numbers = value.values() if isinstance(value, dict) else [value]
                right = all(type(number) is int and number >= 0 for number in numbers)
            if not right:
                wanted = "a reason" if name in REASONS else "a number of statements"
                raise ImproperlyConfigured(f"{file}: [{name}] “{door}” needs {wanted}.")
    return {name: found.get(name, {}) for name in known}


def allowed(budgets, door):
    """Return the door's number on this database, or None."""
    number = budgets[door.kind].get(door.name)
    return number.get(connection.vendor) if isinstance(number, dict) else number


def faults(measured: Measured, budgets) -> list[Note]:
    """Return what no number makes right: each growth and each finding of the door."""
    notes = measured.growth()
    if measured.door.name not in budgets["findings"]:
        notes += [
            note_of(found, door=measured.door.name, level=ERROR) for found in measured.findings()
        ]
    return notes


def taking_more(measured, budgets) -> str:
    """Return why the door's new number is not to be taken in unasked, or ''.

    It is larger than the one there is, or the door has faults.
    """
    old = allowed(budgets, measured.door)
    lines = list(map(str, faults(measured, budgets)))
    if old is not None and measured.statements > old:
        lines.insert(
            0, _("%(old)d → %(new)d statements") % {"old": old, "new": measured.statements}
        )
    return "\n    ".join(lines)


def write_budgets(measured, file, *, accept=lambda item, why: False) -> list[str]:
    """Write the numbers of this database into the file; the other's numbers and reasons stay, and
    so does the number of a door that cannot be measured now.

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
    for kind in KINDS:
        rows = list(_rows(kind, measured, old, refused))
        if rows or old[kind]:
            lines += [f"[{kind}]", *rows, ""]
    for kind, about in REASONS.items():
        lines += [about, f"[{kind}]"]
        lines += [f"{_quoted(name)} = {_quoted(why)}" for name, why in sorted(old[kind].items())]
        lines.append("")
    part = file.with_name(f"{file.name}.new")  # whole or not at all
    part.write_text("\n".join(lines), encoding="utf-8")
    part.replace(file)
    return sorted(refused)


def _quoted(text):
    """Return the text as TOML writes it: its escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)


def _rows(kind, measured, old, refused):
    for item in sorted(measured, key=lambda m: m.door.name):
        if item.door.kind != kind:
            continue
        if item.statements is not None and item.door.name not in refused:
            yield f"{_quoted(item.door.name)} = {_number(old, item)}"
        elif item.door.name in old[kind]:
            yield f"{_quoted(item.door.name)} = {_written(old[kind][item.door.name])}"


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
