"""Arguments that the profiling commands share."""

from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from perf.profiling.report import as_text, write_profile


def add_profiling(parser):
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
        default=settings.BASE_DIR / "var" / "profiling",
        metavar="DIR",
        help="Folder of PROFILING_RESULTS.md, profile.json, speedscope.json and history.jsonl; "
        "default var/profiling.",
    )


def options_of(options):
    return {
        "slow_ms": options["slow_ms"],
        "top": options["top"],
        "explain": options["explain"],
        "may_build": options["try_indexes"],
        "apply": options["apply"],
    }


def shown(profile, folder):
    """Write the files, and return what the terminal shows."""
    files = write_profile(profile, folder)
    return "\n".join(
        [as_text(profile), "", _("Written: %(files)s") % {"files": ", ".join(map(str, files))}]
    )
