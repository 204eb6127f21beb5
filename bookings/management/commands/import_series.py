from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from bookings.import_series import OPTIONAL, REQUIRED, import_series
from bookings.management.arguments import add_file_of_company, read_file
from bookings.models import Actor, Door
from drivers.management.arguments import company_of, customer_of

SHOWN = 20


class Command(BaseCommand):
    help = (
        "Import standing orders from a CSV file or an Excel workbook. Required columns: "
        f"{', '.join(REQUIRED)}; optional: {', '.join(OPTIONAL)}. Weekdays are written mon, tue, "
        "wed, thu, fri, sat, sun, times are local to the company. An order that is known already "
        "is not made again; one row in error stops the whole import."
    )

    def add_arguments(self, parser):
        add_file_of_company(parser, of_what="standing orders")

    def handle(self, *, file, company, customer, dry_run, **options):
        owner = company_of(company)
        result = import_series(
            owner,
            read_file(Path(file)),
            actor=Actor(Door.COMMAND, name="import_series"),
            now=timezone.now(),
            customer=customer_of(owner, customer) if customer else None,
            dry_run=dry_run,
        )
        for fault in result.errors[:SHOWN]:
            self.stdout.write(f"  {fault}")
        if result.errors:
            raise CommandError(result.summary())
        return result.summary()
