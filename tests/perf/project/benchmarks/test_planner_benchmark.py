import json
import tempfile
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import SimpleTestCase, TestCase

from perf.models import Measurement
from perf.project.benchmarks.planner import run

pytestmark = pytest.mark.slow


class RecordedPlannerTests(TestCase):
    @pytest.mark.slow
    def test_the_history_gets_each_engines_means_by_size(self):
        call_command(
            *("benchmark_planner", "--bookings", "30", "--seeds", "4", "5", "--record"),
            *("--engines", "greedy", "--time-limit", "0"),
            stdout=StringIO(),
        )
        kept = Measurement.objects.get()
        runs = [run(30, seed, "greedy") for seed in (4, 5)]
        self.assertEqual((kept.kind, kept.size), ("planner", 30))
        mean = (runs[0].objective + runs[1].objective) / 2
        self.assertEqual(kept.figures["greedy_objective"], mean)


class BenchmarkPlannerTests(SimpleTestCase):
    def call(self, *arguments):
        out = StringIO()
        call_command("benchmark_planner", *arguments, stdout=out)
        return out.getvalue()

    def test_prints_a_row_for_each_size_seed_and_engine_and_writes_them(self):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "runs.json"
            text = self.call(
                *("--bookings", "30", "--seeds", "4", "--engines", "greedy", "search"),
                *("--time-limit", "0", "--output", str(path)),
            )
            runs = json.loads(path.read_text())["runs"]
        self.assertEqual([run["engine"] for run in runs], ["greedy", "search"])
        # Without time the search is brief, but not worse than the first plan.
        self.assertLessEqual(runs[1]["objective"], runs[0]["objective"])
        self.assertIn("2 runs, 0 broken rules.", text)
        self.assertEqual(len(text.strip().splitlines()), 1 + 2 + 1)

    def test_a_run_describes_itself(self):
        row = run(40, 2, "greedy")
        self.assertEqual((row.bookings, row.violations), (40, 0))
        self.assertGreaterEqual(40, row.placed)
        self.assertGreater(row.peak_mb, 10)

    def test_refuses_what_does_not_exist(self):
        for arguments in (("--engines", "magic"), ("--bookings", "-1"), ("--threads", "0")):
            with self.assertRaises(CommandError):
                self.call(*arguments)
