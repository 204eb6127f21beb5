"""Press every suggestion of seeded days by its own button, and judge what is named better.

    python -m tests.support.advice --days 20 --bookings 200 --drivers 20

It runs on a test database of its own beside that of DATABASE_URL (not while the tests run: theirs
has the same name), prints each failure with how to see it again, then the figures, and exits with 1
if anything failed. The same seed makes the same day.
"""

import argparse
import os
import sys

import django
from django.test.utils import setup_databases, setup_test_environment, teardown_databases

MOMENTS = ("06:30", "08:30", "11:00", "13:30", "16:00")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.advice",
        description="Press every suggestion of seeded days by its own button, after the busiest "
        "driver was reported sick, and compare what is written with what was announced.",
    )
    parser.add_argument("--days", type=int, default=20, help="days (default 20)")
    parser.add_argument("--bookings", type=int, default=200, help="of each day (default 200)")
    parser.add_argument("--drivers", type=int, default=20, help="of each day (default 20)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first day (default 1)")
    parser.add_argument(
        "--at", nargs="*", default=MOMENTS, metavar="HH:MM", help="moments of each day (default 5)"
    )
    parser.add_argument(
        "--panels", type=int, default=6, help="trips opened at each moment (default 6)"
    )
    parser.add_argument(
        "--judged",
        type=int,
        default=200,
        help="planned trips of each day whose other drivers are judged (default 200)",
    )
    parser.add_argument(
        "--iterations",
        type=int,
        help="of each run that improves the day (default: its default time)",
    )
    parser.add_argument("--shared", action="store_true", help="clients may share vehicles")
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    os.environ.setdefault("SLOW_QUERY_MS", "0")  # a machine that also does other things is no news
    django.setup()
    setup_test_environment(debug=False)
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        # Imported late: the models need Django to be set up.
        from tests.support.advice.measure import measure_days

        return 0 if measure_days(**vars(options)) else 1
    finally:
        teardown_databases(databases, verbosity=0)


if __name__ == "__main__":
    sys.exit(main())
