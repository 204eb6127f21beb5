import sys
from contextlib import nullcontext

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from perf.doors.budget_file import budgets_path, read_budgets, write_budgets
from perf.doors.door import project_doors
from perf.doors.grown import judge_grown
from perf.doors.judge import judge, scanning
from perf.doors.listed import listed_doors
from perf.doors.measure import measure_all
from perf.doors.report import in_format
from perf.management.profiling import add_format, user_named
from perf.measuring.scratch import scratch_database


class Command(BaseCommand):
    help = (
        "Measures the statements of every door, and holds them to the file of budgets: on a "
        'scratch database with the rows of PERF["DOORS"], or without it on the project\'s own, '
        "where what is written is taken back."
    )

    def add_arguments(self, parser):
        add_format(parser)
        parser.add_argument(
            "--user",
            default="",
            metavar="NAME",
            help="Who asks for the pages that the file does not name (default: nobody, and then "
            "those of the admin are left out).",
        )
        parser.add_argument(
            "--update",
            action="store_true",
            help="Write what was measured to the file; what takes more is asked for.",
        )
        parser.add_argument(
            "--accept",
            action="append",
            default=[],
            metavar="DOOR",
            help="Take in more for this door without asking; may be given several times.",
        )

        parser.add_argument(
            "--rows",
            type=int,
            metavar="N",
            help='Hold the doors with so many rows of years instead (make_grown of PERF["DOORS"]): '
            "what the detectors find and what the plans show, no numbers of statements.",
        )

    def handle(self, *, user, update, accept, rows, **options):
        try:
            of, file = project_doors(), budgets_path()
            budgets = read_budgets(file)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        if user and of.find:
            raise CommandError('--user is for pages that are found; PERF["DOORS"] finds its own.')
        if rows is not None:
            return self._grown(of, budgets, rows, update, options["format"])
        if of.make is None:
            user_named(user)
        with scratch_database() if of.make else nullcontext():
            doors = of.find() if of.find else listed_doors(budgets, user=user)
            measured = measure_all(doors, of)
            refused = []
            if update:
                refused = write_budgets(
                    measured, file, accept=lambda item, why: self._accepts(item, why, accept)
                )
                budgets = read_budgets(file)
            scans = scanning(budgets, doors, of)
            verdicts = [judge(item, budgets, scans.get(item.door.name, ())) for item in measured]
        self.stdout.write(in_format(verdicts, of.sizes, options["format"]))
        if refused:
            self.stderr.write(
                _("Not taken in: %(doors)s. Mend them, or --accept them by name.")
                % {"doors": ", ".join(refused)}
            )
        self._fail(verdicts)
        self.stderr.write(
            _("%(count)d doors, all within their budgets.") % {"count": len(verdicts)},
            self.style.SUCCESS,
        )
        return None

    def _grown(self, of, budgets, rows, update, form):
        """Hold the doors with the rows of years."""
        if of.make_grown is None:
            raise CommandError(
                '--rows needs a perf.doors.door.Doors with make_grown(rows) in PERF["DOORS"].'
            )
        if update:
            raise CommandError("--update writes numbers of statements, which --rows leaves alone.")
        if not 1 <= rows <= 20_000_000:
            raise CommandError("--rows must be between 1 and 20000000.")
        with scratch_database():
            doors = of.find() if of.find else listed_doors(budgets)
            verdicts = list(judge_grown(of, doors, budgets, rows))
        self.stdout.write(in_format(verdicts, (f"{rows:,}",), form))
        self._fail(verdicts)
        self.stderr.write(
            _("%(count)d doors, nothing found with %(rows)s rows.")
            % {"count": len(verdicts), "rows": f"{rows:,}"},
            self.style.SUCCESS,
        )

    def _fail(self, verdicts):
        failed = sum(bool(verdict.problems) for verdict in verdicts)
        if failed:
            raise CommandError(_("Doors that fail: %(failed)d.") % {"failed": failed})

    def _accepts(self, item, why, accepted):
        """Ask at a terminal; elsewhere only what was named is accepted."""
        if item.door.name in accepted:
            return True
        self.stderr.write(f"{item.door.name}:\n    {why}")
        if not sys.stdin.isatty():
            return False
        return input(_("Take it into the budget? [y/N] ")).strip().lower() in ("y", "yes")
