"""The day as an argument of commands."""

from argparse import ArgumentTypeError
from datetime import date


def add_day(parser):
    parser.add_argument(
        "--date",
        required=True,
        dest="day",
        type=_day,
        metavar="YYYY-MM-DD",
        help="Day in the company's timezone.",
    )


def _day(value):
    try:
        day = date.fromisoformat(value)
    except ValueError:
        day = None
    # At the ends of the calendar there are no neighbours, and UTC is out of reach.
    if day is None or not 1900 <= day.year < 3000:
        raise ArgumentTypeError(f"{value!r} is not a date; write YYYY-MM-DD.")
    return day
