import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from perf.measuring.progress import Progress
from perf.project.benchmarks.indexes import STEPS, benchmark_indexes
from perf.proving.report import markdown, table
from perf.trends.headlines import remember_indexes
from perf.trends.store import add_record


class Command(BaseCommand):
    help = (
        "Proves every index on a scratch database with a large past: who uses it, what it saves "
        "and costs, which are useless and which are missing. Writes indexes.json and "
        "INDEX_REPORT.md."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--bookings", type=int, default=1_000_000, metavar="N",
            help="Past bookings (default: 1000000).",
        )  # fmt: skip
        parser.add_argument(
            "--seconds", type=float, default=150, metavar="S",
            help="About how long to measure, filling not counted (default: 150).",
        )  # fmt: skip
        parser.add_argument("--seed", type=int, default=1, help="Seed of the past (default: 1).")
        parser.add_argument("--output", metavar="DIR", help="Where to write the files.")
        add_record(parser)

    def handle(self, *, bookings, seconds, seed, output, record, **options):
        for name, value, least, most in (
            ("--bookings", bookings, 40, 20_000_000),
            ("--seconds", seconds, 1, 36_000),
            ("--seed", seed, 1, 10_000),
        ):
            if not least <= value <= most:
                raise CommandError(
                    _("%(name)s must be between %(least)d and %(most)d.")
                    % {"name": name, "least": least, "most": most}
                )
        progress = Progress(self.stderr, STEPS)
        try:
            result = benchmark_indexes(
                bookings=bookings, seconds=seconds, seed=seed, progress=progress
            )
        finally:
            progress.close()
        self.stdout.write(table(result))
        if record:
            remember_indexes(result)
        if not output:
            return None
        folder = Path(output)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "indexes.json").write_text(json.dumps(result, indent=1) + "\n")
        (folder / "INDEX_REPORT.md").write_text(markdown(result))
        return _("Written to %(folder)s: indexes.json, INDEX_REPORT.md.") % {"folder": folder}
