import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from perf.measuring.machine import describe_machine
from perf.measuring.progress import Progress
from perf.project.benchmarks.pages import BOARD_MS, BOARD_STATEMENTS, LIST_MS, benchmark_pages

SLOWEST = 12


class Command(BaseCommand):
    help = (
        "Times the admin on scratch tables, from the request to the last byte of the page: every "
        "list, searched, filtered and further on, with a large past; and the board of a day."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--bookings", type=int, default=1_000_000, metavar="N",
            help="Past bookings for the lists; 0 leaves the lists out (default: 1000000).",
        )  # fmt: skip
        parser.add_argument(
            "--board", type=int, nargs="*", default=[100, 1_000], metavar="N",
            help="Bookings of the days whose boards are timed (default: 100 1000).",
        )  # fmt: skip
        parser.add_argument(
            "--drivers", type=int, default=100, metavar="N", help="Drivers of a board (100)."
        )
        parser.add_argument(
            "--times", type=int, default=15, metavar="N", help="Visits of a page (default: 15)."
        )
        parser.add_argument("--seed", type=int, default=1, help="Seed of the past (default: 1).")
        parser.add_argument(
            "--output", type=Path, metavar="FILE", help="Write every figure there, as JSON."
        )

    def handle(self, *, bookings, board, drivers, times, seed, output, **options):
        for name, value, least, most in (
            ("--bookings", bookings, 0, 20_000_000),
            *(("--board", size, 4, 10_000) for size in board),
            ("--drivers", drivers, 2, 1_000),
            ("--times", times, 1, 1_000),
            ("--seed", seed, 1, 10_000),
        ):
            if not least <= value <= most:
                raise CommandError(
                    _("%(name)s must be between %(least)d and %(most)d.")
                    % {"name": name, "least": least, "most": most}
                )
        progress = Progress(self.stderr, 2 + 2 * len(board))
        try:
            result = benchmark_pages(
                bookings=bookings, boards=board, drivers=drivers, times=times, seed=seed,
                progress=progress,
            )  # fmt: skip
        finally:
            progress.close()
        lists, boards = result["lists"], result["boards"]
        if lists:
            slowest = sorted(lists, key=lambda page: -page.took.median)
            self.stdout.write(
                _("%(count)d lists on %(bookings)s bookings; the slowest:")
                % {"count": len(lists), "bookings": f"{bookings:,}"}
            )
            self._table(slowest[:SLOWEST])
            over = sum(page.took.median * 1000 > LIST_MS for page in lists)
            self.stdout.write(_goal(_("a list at most %d ms") % LIST_MS, not over, over))
        if boards:
            self._table(boards)
            slow = sum(page.took.median * 1000 > BOARD_MS for page in boards)
            self.stdout.write(_goal(_("the board at most %d ms") % BOARD_MS, not slow, slow))
            many = sum(page.statements > BOARD_STATEMENTS for page in boards)
            said = _("the board at most %d statements") % BOARD_STATEMENTS
            self.stdout.write(_goal(said, not many, many))
        if output:
            figures = {
                "kind": "benchmark_pages",
                "machine": describe_machine(),
                "load_average": result["load_average"],
                "bookings": bookings,
                "lists": [page.as_dict() for page in lists],
                "boards": [page.as_dict() for page in boards],
            }
            output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")

    def _table(self, pages):
        head = f"{'median':>9} {'p95':>9} {'database':>9} {'statements':>10}  page"
        self.stdout.write(head)
        for page in pages:
            took = page.took
            self.stdout.write(
                f"{took.median * 1000:6.0f} ms {took.p95 * 1000:6.0f} ms "
                f"{page.database_ms:6.1f} ms {page.statements:10}  {page.name} ({page.role})"
            )


def _goal(said, reached, over):
    answer = _("yes") if reached else _("no: %d over it") % over
    return f"{said}: {answer}"
