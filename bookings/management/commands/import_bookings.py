import csv
import json
from contextlib import nullcontext
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.cells import safe_cells
from bookings.importing.csv_file import BYTES_AT_MOST, FileRefusedError
from bookings.importing.import_bookings import ImportConflictError, import_bookings
from bookings.importing.rows import OPTIONAL, REQUIRED, UNREAD
from bookings.models import Actor, Door
from bookings.parsing import DAY_FIRST, MONTH_FIRST
from drivers.models import Company

SHOWN = 20


class Command(BaseCommand):
    help = (
        "Imports a company's bookings from a CSV file or an Excel workbook. Columns: "
        f"{', '.join(REQUIRED)}; optional: {', '.join(OPTIONAL)}; of an export, not read: "
        f"{', '.join(UNREAD)}. The reference is a booking's identity: importing a file twice "
        "changes nothing, and a changed row updates its booking, whatever was written there by "
        "hand meanwhile, unless it is under way or over."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "file", metavar="FILE", help="A CSV file or an Excel workbook; at most 64 MB."
        )
        parser.add_argument("--company", required=True, metavar="SLUG", help="The company's slug.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Write nothing; say what would happen."
        )
        parser.add_argument(
            "--skip-invalid",
            action="store_true",
            help="Import the good rows; without it, one bad row stops the whole import.",
        )
        parser.add_argument(
            "--dates",
            choices=[DAY_FIRST, MONTH_FIRST],
            help="Which number is first in dates like 05/06/2026; without it they are refused.",
        )
        parser.add_argument(
            "--errors", metavar="OUT.csv", help=f"Write all errors there; {SHOWN} are shown."
        )
        parser.add_argument("--json", action="store_true", help="Print the result as JSON.")

    def handle(self, *, file, company, dry_run, skip_invalid, dates, errors, **options):
        path = Path(file)
        try:
            with path.open("rb") as opened:
                data = opened.read(BYTES_AT_MOST + 1)
            # Before the import: a file that cannot be written should stop it.
            with _errors_file(errors, path) as errors_file:
                result = import_bookings(
                    Company.objects.get(slug=company),
                    data,
                    actor=Actor(Door.COMMAND, name="import_bookings"),
                    now=timezone.now(),
                    filename=path.name,
                    dry_run=dry_run,
                    skip_invalid=skip_invalid,
                    order=dates,
                )
                if errors_file:
                    _write_errors(errors_file, result.errors)
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.") from error
        except Company.DoesNotExist:
            raise CommandError(
                _("There is no company with the slug “%(slug)s”.") % {"slug": company}
            ) from None
        except (FileRefusedError, ImportConflictError) as error:
            raise CommandError(f"{path.name}: {error}") from error

        if options["json"]:
            self.stdout.write(json.dumps(result.as_dict(), indent=2, ensure_ascii=False))
        else:
            self._print(result)
        if result.refused:
            raise CommandError(
                _("Nothing was imported. Correct the rows, or leave them out with --skip-invalid.")
            )

    def _print(self, result):
        self.stdout.write(result.summary())
        for title, rows in (
            (_("Bad rows:"), result.errors),
            (_("Skipped rows:"), result.skipped),
        ):
            if rows:
                self.stdout.write(title)
            for row in rows[:SHOWN]:
                self.stdout.write(f"  {row}")
            if len(rows) > SHOWN:
                self.stdout.write(_("  … and %(count)s more") % {"count": len(rows) - SHOWN})


def _errors_file(name, imported):
    if not name:
        return nullcontext()
    path = Path(name)
    if path.exists() and path.samefile(imported):
        raise CommandError(_("--errors names the file that is imported."))
    return path.open("w", newline="", encoding="utf-8-sig")


def _write_errors(file, errors):
    writer = csv.writer(file)
    writer.writerow(["line", "column", "value", "message"])
    writer.writerows(safe_cells(error.as_dict().values()) for error in errors)
