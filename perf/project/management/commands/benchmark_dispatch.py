import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from perf.measuring.progress import Progress
from perf.project.benchmarks.dispatch import against, benchmark, steps_of
from perf.project.benchmarks.dispatch_report import markdown, table
from perf.project.benchmarks.variants import ARMS
from perf.trends.headlines import remember_dispatch
from perf.trends.store import add_record


class Command(BaseCommand):
    help = (
        "Measures dispatching before and after: interleaved runs on scratch databases, with "
        "planning left out. Writes benchmark.json, PERFORMANCE_REPORT.md and charts."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--bookings", type=int, nargs="+", default=[100, 1000, 10000], metavar="N",
            help="Sizes of the day to dispatch (default: 100 1000 10000).",
        )  # fmt: skip
        parser.add_argument("--iterations", type=int, default=10, help="Rounds (default: 10).")
        parser.add_argument(
            "--compare", nargs=2, choices=list(ARMS), default=["naive", "tuned"],
            metavar=("BEFORE", "AFTER"),
            help=f"Two of {', '.join(ARMS)} (default: naive tuned).",
        )  # fmt: skip
        parser.add_argument(
            "--history", type=int, default=10_000, help="Past bookings (default: 10000)."
        )
        parser.add_argument("--seed", type=int, default=1, help="Seed of the day (default: 1).")
        parser.add_argument("--output", metavar="DIR", help="Where to write the files.")
        parser.add_argument(
            "--against", metavar="OLD.json", help="An older benchmark.json to compare with."
        )
        add_record(parser)

    def handle(self, *, bookings, iterations, compare, history, seed, output, record, **options):
        for name, values, most in (
            ("--bookings", bookings, 100_000),
            ("--iterations", [iterations], 1_000),
            ("--history", [history], 5_000_000),
            ("--seed", [seed], 10_000),
        ):
            if not all(0 < value <= most for value in values):
                raise CommandError(
                    _("%(name)s must be between 1 and %(most)d.") % {"name": name, "most": most}
                )
        if compare[0] == compare[1]:
            raise CommandError(_("Compare two different arms; the A/A control comes by itself."))
        old = _read(options["against"]) if options["against"] else None
        draw = _drawing() if output else None
        work = {"sizes": sorted(set(bookings)), "iterations": iterations, "compare": compare}
        progress = Progress(self.stderr, steps_of(**work))
        try:
            result = benchmark(**work, history=history, seed=seed, step=progress.step)
        finally:
            progress.close()
        try:
            comparison = against(result, old) if old else []
        except (ValueError, KeyError) as error:
            raise CommandError(f"--against: {error}") from error
        self.stdout.write(table(result))
        for row in comparison:
            self.stdout.write(
                _("%(bookings)d bookings against the older result: %(verdict)s") % row
            )
        if record:
            remember_dispatch(result)
        if not output:
            return None
        folder = Path(output)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "benchmark.json").write_text(json.dumps(result, indent=1) + "\n")
        charts = draw(result, folder)
        (folder / "PERFORMANCE_REPORT.md").write_text(markdown(result, charts, comparison))
        return _("Written to %(folder)s: benchmark.json, PERFORMANCE_REPORT.md, %(charts)s.") % {
            "folder": folder,
            "charts": ", ".join(name for name, _title in charts),
        }


def _read(name):
    try:
        return json.loads(Path(name).read_text())
    except (OSError, ValueError) as error:
        raise CommandError(f"--against {name}: {error}") from error


def _drawing():
    """Return the function that draws, before hours of measuring go into nothing."""
    try:
        from perf.project.benchmarks.dispatch_charts import (
            draw_dispatch,  # matplotlib comes with requirements-dev.txt
        )
    except ImportError as error:
        raise CommandError(
            _("--output draws charts with matplotlib: install requirements-dev.txt.")
        ) from error
    return draw_dispatch
