"""Arguments that the profiling commands share."""

from pathlib import Path

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from perf.measuring.machine import git
from perf.our_code import base_folder
from perf.profiling.report import in_format, write_profile
from perf.profiling.visitor import NoSuchUser, find_user
from perf.recording import notes
from perf.recording.notes import FORMATS


def add_format(parser):
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="text",
        help="What is printed; github: the findings as annotations of a pull request.",
    )


def add_profiling(parser):
    add_format(parser)
    parser.add_argument(
        "--slow-ms", type=float, default=50, help="Milliseconds of a slow statement; default 50."
    )
    parser.add_argument(
        "--top", type=int, default=10, help="How many statements to list; default 10."
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="Replay the top statements that read, and try indexes; plans are shown without it.",
    )
    parser.add_argument(
        "--try-indexes",
        action="store_true",
        help="PostgreSQL: build the indexes to try, in a transaction that is taken back; it "
        "keeps writers of the table waiting. SQLite always tries them on a copy.",
    )
    parser.add_argument(
        "--apply", action="store_true", help="Keep what is written; without it all is taken back."
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=base_folder() / "var" / "profiling",
        metavar="DIR",
        help="Folder of PROFILING_RESULTS.md, profile.json, speedscope.json and history.jsonl; "
        "default var/profiling.",
    )


def told_index_report(result, told, form):
    """Return what an index benchmark prints; `told` is the module that tells its result."""
    if form == "json":
        return notes.as_json(result)
    if form == "markdown":
        return told.markdown(result)
    if form == "github":
        return notes.as_github(told.notes(result), prefix=git("rev-parse", "--show-prefix"))
    return told.table(result)


def options_of(options):
    return {
        "slow_ms": options["slow_ms"],
        "top": options["top"],
        "explain": options["explain"],
        "may_build": options["try_indexes"],
        "apply": options["apply"],
    }


def user_named(name):
    """Return the user, or None for no name. Raises CommandError."""
    try:
        return find_user(name) if name else None
    except NoSuchUser as error:
        raise CommandError(str(error)) from error


def shown(command, profile, options):
    """Write the files, and return what is printed; where they lie is told beside it."""
    files = write_profile(profile, options["output"])
    command.stderr.write(
        _("Written: %(files)s") % {"files": ", ".join(map(str, files))}, command.style.NOTICE
    )
    return in_format(profile, options["format"])
