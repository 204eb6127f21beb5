from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from bookings.places.import_addresses import import_addresses
from drivers.refused import Refused


class Command(BaseCommand):
    help = (
        "Import addresses into the register that all companies of this installation search. "
        "The columns may be those of the Swiss directory of building addresses, the French Base "
        "Adresse Nationale, or OpenAddresses; or the file is an OpenStreetMap extract. What the "
        "file does not have stays."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "file",
            metavar="FILE",
            type=Path,
            help="A CSV file, plain or compressed (.gz), or a map (.osm, .osm.pbf), which needs "
            "the package osmium: pip install -r requirements-osm.txt.",
        )
        parser.add_argument(
            "--skip-invalid",
            action="store_true",
            help="Leave out rows that are no addresses; by default one stops the import.",
        )

        parser.add_argument(
            "--locality",
            default="",
            metavar="NAME",
            help="The locality of what on a map names none and has no place near; by default that "
            "is left out.",
        )

    def handle(self, *, file, skip_invalid, locality, **options):
        shows = self.stderr.isatty() and options["verbosity"] > 0

        def progress(rows):
            if shows:
                self.stderr.write(f"\r{rows:,} addresses", ending="")

        try:
            done = import_addresses(
                file, skip_invalid=skip_invalid, locality=locality.strip(), progress=progress
            )
        except Refused as refusal:
            raise CommandError(str(refusal)) from None
        if shows:
            self.stderr.write("")
        return done.summary()
