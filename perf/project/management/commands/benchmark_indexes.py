import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from perf.management.profiling import add_format, told_index_report
from perf.measuring.progress import Progress
from perf.project.benchmarks.indexes import STEPS, benchmark_indexes
from perf.project.benchmarks.shapes import PLAIN, SHAPES
from perf.proving import report, shapes_report
from perf.proving.shapes import compare_shapes
from perf.trends.headlines import remember_indexes
from perf.trends.store import add_record

ALL = "all"


class Command(BaseCommand):
    help = (
        "Proves every index on a scratch database with a large past: who uses it, what it saves "
        "and costs, which are useless and which are missing. Writes indexes.json and "
        "INDEX_REPORT.md; of several shapes of data index_shapes.json and INDEX_SHAPES.md, which "
        "name the verdicts that flip."
    )

    def add_arguments(self, parser):
        add_format(parser)
        parser.add_argument(
            "--bookings", type=int, default=1_000_000, metavar="N",
            help="Bookings of all companies (default: 1000000).",
        )  # fmt: skip
        parser.add_argument(
            "--shape", choices=[PLAIN.name, *(shape.name for shape in SHAPES), ALL],
            default=PLAIN.name,
            help=f"How they are divided (default: {PLAIN.name}). {ALL}: each of "
            f"{', '.join(shape.name for shape in SHAPES)} in turn, and their verdicts compared.",
        )  # fmt: skip
        parser.add_argument(
            "--seconds", type=float, default=150, metavar="S",
            help="About how long to measure each shape, filling not counted (default: 150).",
        )  # fmt: skip
        parser.add_argument("--seed", type=int, default=1, help="Seed of the past (default: 1).")
        parser.add_argument("--output", metavar="DIR", help="Where to write the files.")
        add_record(parser)

    def handle(self, *, bookings, shape, seconds, seed, output, record, **options):
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
        if record and shape != PLAIN.name:
            raise CommandError(_("--record keeps the plain shape alone: the trend is of one."))
        wanted = [one for one in (PLAIN, *SHAPES) if shape == one.name]
        wanted = wanted or list(SHAPES)
        progress = Progress(self.stderr, STEPS * len(wanted))
        try:
            results = {
                one.name: benchmark_indexes(
                    bookings=bookings, seconds=seconds, seed=seed, progress=progress, shape=one
                )
                for one in wanted
            }
        finally:
            progress.close()
        if shape == ALL:
            self._tell(compare_shapes(results), shapes_report, "index_shapes.json", options, output)
            return
        if record:
            remember_indexes(results[shape])
        self._tell(results[shape], report, "indexes.json", options, output)

    def _tell(self, result, told, data, options, output):
        """Print the result as the module `told` has it; write its two files into `output`."""
        self.stdout.write(told_index_report(result, told, options["format"]))
        if not output:
            return
        text = {"indexes.json": "INDEX_REPORT.md", "index_shapes.json": "INDEX_SHAPES.md"}[data]
        folder = Path(output)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / data).write_text(json.dumps(result, indent=1) + "\n")
        (folder / text).write_text(told.markdown(result))
        self.stderr.write(
            _("Written to %(folder)s: %(data)s, %(text)s.")
            % {"folder": folder, "data": data, "text": text}
        )
