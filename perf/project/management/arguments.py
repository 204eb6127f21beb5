from argparse import ArgumentTypeError
from datetime import date


def a_day(value):
    """Return the date of an argument; its complaint tells how to write one."""
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ArgumentTypeError(f"{value!r} is not a date; write YYYY-MM-DD.") from None
