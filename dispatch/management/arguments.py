"""Arguments that several commands share, and the errors they answer with."""

from argparse import ArgumentTypeError
from datetime import date

from django.core.management.base import CommandError

from drivers.models import Company


def add_company(parser):
    parser.add_argument("--company", required=True, metavar="SLUG", help="Short name.")


def add_day(parser):
    parser.add_argument(
        "--date",
        required=True,
        dest="day",
        type=_day,
        metavar="YYYY-MM-DD",
        help="Day in the company's timezone.",
    )


def company_of(slug):
    """Return the company of that short name, or say which ones there are: 1 or 2 queries."""
    company = Company.objects.filter(slug=slug).first()
    if company is None:
        known = Company.objects.order_by("slug", "id").values_list("slug", flat=True)[:10]
        raise CommandError(
            f"There is no company {slug!r}. Known: {', '.join(known) or 'none yet'}."
        )
    return company


def _day(value):
    try:
        day = date.fromisoformat(value)
    except ValueError:
        day = None
    # At the ends of the calendar there are no neighbours, and UTC is out of reach.
    if day is None or not 1900 <= day.year < 3000:
        raise ArgumentTypeError(f"{value!r} is not a date; write YYYY-MM-DD.")
    return day
