import json
from datetime import UTC, datetime
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from perf.doors.budget_file import budgets_path, read_budgets
from perf.doors.door import project_doors
from perf.doors.listed import listed_doors
from perf.doors.measure import measure
from perf.management.profiling import add_format, told_index_report
from perf.measuring.machine import describe_machine, load_average
from perf.measuring.progress import Progress
from perf.measuring.scratch import scratch_database, settle
from perf.proving import report
from perf.proving.indexes import STEPS, Recorded, Weights, prove_indexes, taking


class Command(BaseCommand):
    help = (
        'Proves every index on a scratch database with the rows of PERF["DOORS"], of its largest '
        "size: who uses it, what it saves and costs, which are useless and which are missing."
    )

    def add_arguments(self, parser):
        add_format(parser)
        parser.add_argument(
            "--seconds", type=float, default=150, metavar="S",
            help="About how long to measure, filling not counted (default: 150).",
        )  # fmt: skip
        parser.add_argument(
            "--worth-ms", type=float, default=1, metavar="MS",
            help="Milliseconds from which a statement may lack an index (default: 1).",
        )  # fmt: skip
        parser.add_argument(
            "--output", type=Path, metavar="DIR",
            help="Where to write indexes.json and INDEX_REPORT.md.",
        )  # fmt: skip

    def handle(self, *, seconds, worth_ms, output, **options):
        if not 1 <= seconds <= 36_000:
            raise CommandError("--seconds must be between 1 and 36000.")
        if worth_ms < 0:
            raise CommandError("--worth-ms must not be negative.")
        try:
            of = project_doors()
            doors = of.find() if of.find else listed_doors(read_budgets(budgets_path()))
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        if of.make is None:
            raise CommandError(
                "Indexes are dropped to be measured, and that on a scratch database alone: name "
                'in PERF["DOORS"] a perf.doors.door.Doors with make(size), which fills it.'
            )
        progress = Progress(self.stderr, STEPS + 2)
        try:
            result = self._measured(of, doors, Weights(worth_ms=worth_ms), seconds, progress)
        finally:
            progress.close()
        self.stdout.write(told_index_report(result, report, options["format"]))
        if not output:
            return
        output.mkdir(parents=True, exist_ok=True)
        (output / "indexes.json").write_text(json.dumps(result, indent=1) + "\n")
        (output / "INDEX_REPORT.md").write_text(report.markdown(result))
        self.stderr.write(f"Written to {output}: indexes.json, INDEX_REPORT.md.")

    def _measured(self, of, doors, weights, seconds, progress):
        size = of.sizes[-1]
        result = {
            "kind": "benchmark_indexes",
            "began_at": _now(),
            "about": f"the rows of the size “{size}”",
            "load_average_before": load_average(),
        }
        with scratch_database() as scratch:
            result["machine"] = describe_machine()
            with taking(result, "filling_s"):
                progress.step("filling")
                world = of.world(size)
                settle()
            progress.step("recording the doors")
            recorded = Recorded()
            with taking(result, "recording_s"):
                for door in doors:
                    measured = measure(door, [world])
                    for recording in measured.recordings:
                        recorded.add(door.name, recording)
                    if measured.not_measured:
                        self.stderr.write(f"{door.name}: {measured.not_measured}")
            prove_indexes(result, scratch, recorded, weights, seconds=seconds, progress=progress)
        result["load_average_after"] = load_average()
        result["ended_at"] = _now()
        return result


def _now():
    return datetime.now(UTC).isoformat(timespec="seconds")
