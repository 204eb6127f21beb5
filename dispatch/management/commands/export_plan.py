import io
import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import ngettext

from dispatch.management.arguments import add_day
from dispatch.manifest import read_manifest
from drivers.management.arguments import add_company, company_of


class Command(BaseCommand):
    help = "Export a day as driver manifests: every stop in order, with planned times and places."

    def add_arguments(self, parser):
        add_company(parser)
        add_day(parser)
        parser.add_argument(
            "--format",
            choices=["csv", "json"],
            default="csv",
            help="csv has a row for each stop; json also has unassigned bookings. Default: csv.",
        )
        parser.add_argument(
            "--output", metavar="FILE", help="File to write; default: standard output."
        )

    def handle(self, *, company, day, output, **options):
        manifest = read_manifest(company_of(company), day)
        if options["format"] == "json":
            text = json.dumps(manifest.as_dict(), indent=2, ensure_ascii=False) + "\n"
        else:
            buffer = io.StringIO(newline="")
            manifest.write_csv(buffer)
            text = buffer.getvalue()
            if manifest.driving["by"] != "roads":
                self.stderr.write(manifest.driving_text)
            if manifest.unassigned:
                self.stderr.write(
                    ngettext(
                        "%(count)d booking has no driver; --format json lists it.",
                        "%(count)d bookings have no driver; --format json lists them.",
                        len(manifest.unassigned),
                    )
                    % {"count": len(manifest.unassigned)}
                )
        if not output:
            self.stdout.write(text, ending="")
            return
        # Excel takes a CSV file for Windows-1252 unless it begins with a byte-order mark.
        encoding = "utf-8-sig" if options["format"] == "csv" else "utf-8"
        try:
            Path(output).write_text(text, encoding=encoding, newline="")
        except OSError as error:
            raise CommandError(f"{output}: {error.strerror}.") from error
