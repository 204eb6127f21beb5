"""Tell the verdicts on all doors, in one of `notes.FORMATS`."""

from django.utils.translation import gettext as _

from perf.measuring.machine import git
from perf.recording import notes


def in_format(verdicts, sizes, form) -> str:
    """Return what is printed; for GitHub only what is wrong."""
    wrong = [problem for verdict in verdicts for problem in verdict.problems]
    if form == "json":
        doors = [verdict.as_dict() for verdict in verdicts]
        return notes.as_json({"sizes": sizes, "doors": doors, "problems": notes.as_dicts(wrong)})
    if form == "github":
        return notes.as_github(wrong, prefix=git("rev-parse", "--show-prefix"))
    if form == "markdown":
        return "\n".join(_markdown(verdicts, sizes))
    head = _("  statements (%(sizes)s), budget, door") % {"sizes": ", ".join(sizes)}
    return "\n".join([head, *map(str, verdicts)])


def _markdown(verdicts, sizes):
    rows = [
        (
            f"`{verdict.door.name}`",
            *(verdict.counts or [""] * len(sizes)),
            "" if verdict.budget is None else verdict.budget,
            "\n".join(map(str, verdict.problems)) or verdict.reason,
        )
        for verdict in verdicts
    ]
    heads = [f"Statements, {size}" for size in sizes]
    return notes.table(("Door", *heads, "Budget", "What is wrong"), rows)
