import json
import re
from pathlib import Path
from statistics import mean

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from perf.models import Kind
from perf.project.benchmarks.planner import run_alone
from perf.trends.store import add_record, remember

COLUMNS = (
    ("bookings", "bookings", 8),
    ("seed", "seed", 4),
    ("engine", "engine", 8),
    ("placed", "placed", 7),
    ("objective", "objective", 10),
    ("deadhead_km", "deadhead km", 11),
    ("drivers", "drivers", 7),
    ("emergency_drivers", "emergency", 9),
    ("missed_preferences", "pref missed", 11),
    ("load_sd", "load sd", 7),
    ("wall_s", "wall s", 7),
    ("cpu_s", "CPU s", 7),
    ("peak_mb", "peak MB", 7),
    ("violations", "broken rules", 12),
)
ENGINE = re.compile(r"search|greedy|vroom:[0-5]")


class Command(BaseCommand):
    help = (
        "Measures planning engines on invented days, without a database: what they place, what "
        "it costs, and what it takes."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--bookings", type=int, nargs="+", default=[100, 1000], help="Sizes of the days."
        )
        parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="Seeds.")
        parser.add_argument(
            "--engines",
            nargs="+",
            default=["search", "vroom:5", "greedy"],
            help="search, greedy, vroom:0 to vroom:5 (default: search vroom:5 greedy).",
        )
        parser.add_argument(
            "--time-limit",
            type=float,
            help="Seconds of the search (default: the budget of the size; 0: a brief search).",
        )
        parser.add_argument("--threads", type=int, default=2, help="Threads (default: 2).")
        parser.add_argument("--output", type=Path, help="Write the rows to this JSON file, too.")
        add_record(parser)

    def handle(self, *, bookings, seeds, engines, time_limit, threads, output, record, **options):
        for engine in engines:
            if not ENGINE.fullmatch(engine):
                raise CommandError(f"There is no engine {engine!r}; see --help.")
        if min(bookings) < 0 or threads < 1 or (time_limit or 0) < 0:
            raise CommandError("Sizes and limits cannot be negative, and threads start at 1.")
        self.stdout.write(" ".join(f"{title:>{width}}" for _, title, width in COLUMNS))
        now, rows = timezone.now(), []
        for size in bookings:
            for seed in seeds:
                for engine in engines:
                    try:
                        row = run_alone(size, seed, engine, time_limit, threads).as_dict()
                    except ValueError as error:
                        raise CommandError(str(error)) from error
                    rows.append(row)
                    self.stdout.write(
                        " ".join(f"{row[name]:>{width}}" for name, _, width in COLUMNS)
                    )
                    self.stdout.flush()
        if output:
            output.write_text(json.dumps({"threads": threads, "runs": rows}, indent=1) + "\n")
        if record:
            for size in bookings:
                of_size = [row for row in rows if row["bookings"] == size]
                remember(Kind.PLANNER, headlines(of_size), at=now, size=size)
        return f"{len(rows)} runs, {sum(row['violations'] for row in rows)} broken rules."


def headlines(rows):
    """Return each engine's means over the seeds: what is left, its price, and the time."""
    figures = {}
    for row in rows:
        values = {
            "unserved": row["bookings"] - row["placed"],
            "objective": row["objective"],
            "wall_s": row["wall_s"],
        }
        for name, value in values.items():
            figures.setdefault(f"{row['engine'].replace(':', '')}_{name}", []).append(value)
    return {name: round(mean(values), 3) for name, values in figures.items()}
