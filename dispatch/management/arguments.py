"""Arguments that several commands share."""

from argparse import ArgumentTypeError

from drivers.times import day_of


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
        return day_of(value)
    except ValueError as error:
        raise ArgumentTypeError(f"{value!r} is not a date; use YYYY-MM-DD: {error}") from None
