import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from perf.measuring.scratch import scratch_database
from perf.measuring.statistics import summarize
from perf.project.benchmarks.api import BULK, measure_bulk, measure_reading, seed


class Command(BaseCommand):
    help = "Times a page of bookings beside a naive serializer and a raw query, and a bulk."

    def add_arguments(self, parser):
        parser.add_argument(
            "--pairs", type=int, default=60, metavar="N", help="Interleaved rounds (default: 60)."
        )
        parser.add_argument(
            "--output", type=Path, metavar="FILE", help="Write the figures there, as JSON."
        )

    def handle(self, *, pairs, output, **options):
        if not 1 <= pairs <= 400:
            raise CommandError("--pairs takes a number from 1 to 400.")
        with scratch_database():
            company, key = seed(timezone.now())
            reading = measure_reading(company, key, pairs=pairs)
            bulk = measure_bulk(key, times=min(pairs, 7))
        found = summarize(bulk)
        self.stdout.write(reading.summary())
        self.stdout.write(
            f"{BULK:,} bookings by one request: median {found.median:.3f} s, max {found.max:.3f} s"
        )
        if output:
            figures = {"reading": reading.as_dict(), "bulk_s": bulk}
            output.write_text(json.dumps(figures) + "\n", encoding="utf-8")
