from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from bookings.places.import_addresses import import_addresses
from drivers.refused import Refused


class Command(BaseCommand):
    help = (
        "Import addresses into the register that all companies of this installation search. "
        "The columns may be those of the Swiss directory of building addresses, the French Base "
        "Adresse Nationale, or OpenAddresses. What the file does not have stays."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "file", metavar="FILE", type=Path, help="A CSV file, plain or compressed (.gz)."
        )
        parser.add_argument(
            "--skip-invalid",
            action="store_true",
            help="Leave out rows that are no addresses; by default one stops the import.",
        )

    def handle(self, *, file, skip_invalid, **options):
        shows = self.stderr.isatty() and options["verbosity"] > 0

        def progress(rows):
            if shows:
                self.stderr.write(f"\r{rows:,} addresses", ending="")

        try:
            done = import_addresses(file, skip_invalid=skip_invalid, progress=progress)
        except Refused as refusal:
            raise CommandError(str(refusal)) from None
        if shows:
            self.stderr.write("")
        return done.summary()
