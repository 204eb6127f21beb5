import sys

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from perf.measuring.scratch import scratch_database
from perf.project.doors.budgets import (
    FILE,
    judge,
    measure_all,
    read_budgets,
    scanning,
    write_budgets,
)


class Command(BaseCommand):
    help = "Measures the statements of every door on a scratch database, against their budgets."

    def add_arguments(self, parser):
        parser.add_argument(
            "--update",
            action="store_true",
            help=f"Write what was measured to perf/{FILE.name}; what takes more is asked for.",
        )
        parser.add_argument(
            "--accept",
            action="append",
            default=[],
            metavar="DOOR",
            help="Take in more for this door without asking; may be given several times.",
        )

    def handle(self, *, update, accept, **options):
        with scratch_database():
            measured = measure_all()
            refused = []
            if update:
                refused = write_budgets(
                    measured, FILE, accept=lambda item, why: self._accepts(item, why, accept)
                )
            budgets = read_budgets()
            scans = scanning(budgets)
            verdicts = [judge(item, budgets, scans.get(item.door.name, ())) for item in measured]
        self.stdout.write(_("  statements (small, large), budget, door"))
        for verdict in verdicts:
            self.stdout.write(str(verdict))
        if refused:
            self.stdout.write(
                _("Not taken in: %(doors)s. Mend them, or --accept them by name.")
                % {"doors": ", ".join(refused)}
            )
        failed = sum(bool(verdict.problems) for verdict in verdicts)
        if failed:
            raise CommandError(_("%(failed)d doors fail.") % {"failed": failed})
        return _("%(count)d doors, all within their budgets.") % {"count": len(verdicts)}

    def _accepts(self, item, why, accepted):
        """Ask at a terminal; elsewhere only what was named is accepted."""
        if item.door.name in accepted:
            return True
        self.stdout.write(f"{item.door.name}:\n    {why}")
        if not sys.stdin.isatty():
            return False
        return input(_("Take it into the budget? [y/N] ")).strip().lower() in ("y", "yes")
