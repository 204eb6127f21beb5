from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from perf.measuring.scratch import scratch_database
from perf.project.doors.budgets import FILE, judge, measure_all, read_budgets, write_budgets
from perf.project.doors.sample_company import SIZES, make_world


class Command(BaseCommand):
    help = "Measures the statements of every door on a scratch database, against their budgets."

    def add_arguments(self, parser):
        parser.add_argument(
            "--update", action="store_true", help=f"Write what was measured to perf/{FILE.name}."
        )

    def handle(self, *, update, **options):
        with scratch_database():
            worlds = [make_world(size) for size in SIZES]
            measured = measure_all(worlds)
            if update:
                write_budgets(measured)
            budgets = read_budgets()
            verdicts = [judge(item, budgets) for item in measured]
        self.stdout.write(_("  statements (small, large), budget, door"))
        for verdict in verdicts:
            self.stdout.write(str(verdict))
        failed = sum(bool(verdict.problems) for verdict in verdicts)
        if failed:
            raise CommandError(_("%(failed)d doors fail.") % {"failed": failed})
        return _("%(count)d doors, all within their budgets.") % {"count": len(verdicts)}
