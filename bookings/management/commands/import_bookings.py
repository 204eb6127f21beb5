import csv
import json
from contextlib import nullcontext
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.cells import safe_cells
from bookings.importing.import_bookings import import_bookings
from bookings.importing.rows import OPTIONAL, REQUIRED, UNREAD
from bookings.management.arguments import add_file_of_company, read_file
from bookings.models import Actor, Door
from bookings.parsing import DAY_FIRST, MONTH_FIRST
from drivers.management.arguments import company_of, customer_of
from drivers.refused import Refused

SHOWN = 20


class Command(BaseCommand):
    help = (
        "Import a company's bookings from a CSV file or an Excel workbook. Required columns: "
        f"{', '.join(REQUIRED)}; optional: {', '.join(OPTIONAL)}; ignored, from an export: "
        f"{', '.join(UNREAD)}. The reference identifies a booking: importing a file twice "
        "changes nothing, and a changed row updates its booking, manual changes included, "
        "unless the trip has started or ended. A blank cell leaves what a stored booking has; "
        "“-” clears an optional value. A new booking needs all required values, but for a pickup "
        "that follows from its appointment. Where a position "
        "is missing, its address is searched: what is found surely is taken and listed, and any "
        "other row is in error and says which places are likely."
    )

    def add_arguments(self, parser):
        add_file_of_company(parser, of_what="bookings and references")
        parser.add_argument(
            "--skip-invalid",
            action="store_true",
            help="Import the valid rows; by default one invalid row stops the whole import.",
        )
        parser.add_argument(
            "--release-broken",
            action="store_true",
            help="Release the trips that rows break, so that they need a driver again; by default "
            "such rows are left out.",
        )
        parser.add_argument(
            "--dates",
            choices=[DAY_FIRST, MONTH_FIRST],
            help="Which number is first in dates like 05/06/2026; by default they are rejected.",
        )
        parser.add_argument(
            "--errors",
            metavar="OUT.csv",
            help=f"Write all errors to this file; only {SHOWN} are printed.",
        )
        parser.add_argument("--json", action="store_true", help="Print the result as JSON.")

    def handle(
        self,
        *,
        file,
        company,
        customer,
        dry_run,
        skip_invalid,
        release_broken,
        dates,
        errors,
        **options,
    ):
        path = Path(file)
        data = read_file(path)
        try:
            # Before the import: a file that cannot be written should stop it.
            with _errors_file(errors, path) as errors_file:
                owner = company_of(company)
                result = import_bookings(
                    owner,
                    data,
                    actor=Actor(Door.COMMAND, name="import_bookings"),
                    now=timezone.now(),
                    filename=path.name,
                    dry_run=dry_run,
                    skip_invalid=skip_invalid,
                    release_broken=release_broken,
                    order=dates,
                    customer=customer_of(owner, customer) if customer else None,
                )
                if errors_file:
                    _write_errors(errors_file, result.errors)
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.") from error
        except Refused as error:  # of several imports, the name says which
            raise CommandError(f"{path.name}: {error}") from error

        if options["json"]:
            self.stdout.write(json.dumps(result.as_dict(), indent=2, ensure_ascii=False))
        else:
            self._print(result)
        if result.refused:
            raise CommandError(
                _("Nothing was imported. Correct the rows or skip them with --skip-invalid.")
            )

    def _print(self, result):
        self.stdout.write(result.summary())
        for title, rows in (
            (_("Rows with errors:"), result.errors),
            (_("Skipped rows:"), result.skipped),
            (_("Rows left out, which would break trips:"), result.broken),
            (_("Rows whose trips have to be released:"), result.released),
            (_("Addresses without a position:"), result.addresses),
            (_("Places far from the depot or from any road:"), result.far_away),
            (_("Trips at the same time as others of the client:"), result.overlapping),
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
        raise CommandError(_("--errors must not name the imported file."))
    return path.open("w", newline="", encoding="utf-8-sig")


def _write_errors(file, errors):
    writer = csv.writer(file)
    writer.writerow(["line", "column", "value", "message"])
    writer.writerows(safe_cells(error.as_dict().values()) for error in errors)
