"""What the commands that import a file have in common: their arguments, and how they read it."""

from pathlib import Path

from django.core.management.base import CommandError

from bookings.importing.csv_file import BYTES_AT_MOST
from drivers.management.arguments import add_company


def add_file_of_company(parser, *, of_what):
    """Add the file of what, such as "bookings", its company and customer, and the dry run."""
    parser.add_argument(
        "file", metavar="FILE", help="A CSV file or an Excel workbook; at most 64 MB."
    )
    add_company(parser)
    parser.add_argument(
        "--customer",
        metavar="NAME",
        help=f"Customer whose {of_what} these are (default: the default one).",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="Write nothing; print what would be written."
    )


def read_file(path: Path) -> bytes:
    """Return the file, a byte more than is allowed if it is too large. Raises CommandError."""
    try:
        with path.open("rb") as opened:
            return opened.read(BYTES_AT_MOST + 1)
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}.") from error
