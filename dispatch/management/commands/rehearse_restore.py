import signal
import sys
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from dispatch.invariants.rehearsal import rehearse
from drivers.db.backups.problem import BackupProblem

VAR = settings.BASE_DIR / "var"


class Command(BaseCommand):
    help = (
        "Rehearse a restore: take a backup while others work, restore it into a database of "
        "another name, compare the rows of every table, check what must hold, whether "
        "SEALING_KEYS open what is sealed, and drop it. What differs is an error (exit 1)."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--backup",
            type=Path,
            metavar="FILE",
            help="An existing backup (pg_dump -Fc; of SQLite a copy) instead of a new one.",
        )
        parser.add_argument(
            "--folder",
            type=Path,
            default=VAR,
            help="Folder with room for the backup, on SQLite for what is restored too "
            "(default: var).",
        )
        parser.add_argument(
            "--at-rest",
            action="store_true",
            help="It is of a stopped installation: no run may be under way.",
        )

    def handle(self, *, backup, folder, at_rest, **options):
        if backup is not None and not backup.is_file():
            raise CommandError(_("--backup: there is no file %(file)s.") % {"file": backup})
        if not folder.is_dir():
            raise CommandError(_("--folder: there is no folder %(folder)s.") % {"folder": folder})
        # What is restored is removed on every way out that a process has.
        before = {
            each: signal.signal(each, lambda number, _frame: sys.exit(128 + number))
            for each in (signal.SIGTERM, signal.SIGHUP)  # a terminal that is closed hangs up
        }
        try:
            done = rehearse(folder, backup=backup, at_rest=at_rest)
        except BackupProblem as problem:
            raise CommandError(problem) from problem
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
        for line in done.summary():
            self.stdout.write(line)
        if not done.is_good:
            for line in done.faults():
                self.stderr.write(line)
            raise CommandError(_("What is restored is not what it should be."))
        return (
            _("Restored as it was: all that must hold holds.")
            if done.expected is None
            else _("Restored as it was: all rows are there, all that must hold holds.")
        )
