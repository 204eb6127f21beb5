import json

from django.core.management.base import BaseCommand

from perf.measuring.overhead import measure_overhead


class Command(BaseCommand):
    help = "Measures what recording statements costs on this machine and database."

    def add_arguments(self, parser):
        parser.add_argument(
            "--statements", type=int, default=100, help="Statements in a block; default 100."
        )
        parser.add_argument("--pairs", type=int, default=30, help="Pairs of blocks; default 30.")
        parser.add_argument(
            "--watch-rows",
            action="store_true",
            help="Also watch what rows are for.",
        )
        parser.add_argument("--json", action="store_true", help="Print the result as JSON.")

    def handle(self, *, statements, pairs, watch_rows, **options):
        overhead = measure_overhead(statements=statements, pairs=pairs, watch_rows=watch_rows)
        if options["json"]:
            return json.dumps(overhead.as_dict(), indent=2)
        return overhead.summary()
