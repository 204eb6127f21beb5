"""Tell findings and broken budgets: at a terminal, in Markdown, JSON, on a pull request.

A note is what every report tells of one fault. GitHub shows those of the format `github` at their
lines when an action prints them (docs.github.com, "Workflow commands", `::warning`).
"""

import inspect
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from perf.our_code import shown_path
from perf.recording.finding import Finding

FORMATS = ("text", "markdown", "json", "github")
WARNING, ERROR = "warning", "error"


@dataclass(frozen=True)
class Note:
    """One fault. `file`, from the project's folder, and `line` are "" and 0 where it has none.

    `door` is what was called when it was seen; `level` WARNING, or ERROR for what fails a check.
    """

    what: str
    kind: str
    place: str = ""
    cure: str = ""
    door: str = ""
    file: str = ""
    line: int = 0
    ms: float | None = None
    level: str = WARNING

    def __str__(self):
        told = f"{self.what} {self.cure}".rstrip()
        return f"{self.place}: {told}" if self.place else told


def note_of(found: Finding, *, door: str = "", level: str = WARNING) -> Note:
    file, line = position(found.sites[0]) if found.sites else ("", 0)
    return Note(
        what=found.what,
        kind=found.kind,
        place=found.place,
        cure=found.cure,
        door=door,
        file=file,
        line=line,
        ms=round(found.ms, 3),
        level=level,
    )


def position(site) -> tuple[str, int]:
    """Return the file and line of a site; those of the class where there is only that."""
    if site.file:
        return site.file, site.line
    try:
        owner = import_string(site.owner)
        _lines, line = inspect.getsourcelines(owner)
        return shown_path(inspect.getsourcefile(owner) or ""), line
    except (ImportError, OSError, TypeError):  # a class inside of a function, or made at run time
        return "", 0


def as_text(notes) -> str:
    """Return three lines for each: where, what, the cure."""
    lines = []
    for note in notes:
        took = "" if note.ms is None else f" ({note.ms:.1f} ms)"
        lines += [f"  {note.place}"] if note.place else []
        lines.append(f"    {note.what}{took}")
        lines += [f"    → {note.cure}"] if note.cure else []
    return "\n".join(lines)


def as_markdown(notes) -> str:
    """Return a table."""
    rows = [
        (note.place, note.what, "" if note.ms is None else f"{note.ms:.1f}", note.cure)
        for note in notes
    ]
    return "\n".join(table((_("Where"), _("What"), _("Total ms"), _("Cure")), rows))


def as_dicts(notes) -> list[dict]:
    return [asdict(note) for note in notes]


def as_github(notes, *, prefix: str = "") -> str:
    """Return a workflow command for each; `prefix` leads from the repository to the project."""
    return "\n".join(_command(note, prefix) for note in notes)


def _command(note, prefix):
    properties = {"title": f"{note.kind}: {note.door}" if note.door else note.kind}
    if note.file and not Path(note.file).is_absolute():
        properties |= {"file": f"{prefix}{note.file}", "line": str(note.line)}
    told = ",".join(
        f"{name}={_escaped(value).replace(':', '%3A').replace(',', '%2C')}"
        for name, value in sorted(properties.items())
    )
    return f"::{note.level} {told}::{_escaped(str(note))}"


def _escaped(text):
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def as_json(data) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)


def table(head, rows) -> list[str]:
    """Return the lines of a table in Markdown."""

    def cells(values):
        return "| " + " | ".join(_cell(value) for value in values) + " |"

    return [cells(head), "|" + "---|" * len(head), *(cells(row) for row in rows)]


def _cell(value):
    return str(value).replace("|", "\\|").replace("\n", "<br>")
