"""Keep the figures of a measurement in the history that the admin shows.

Nothing is written unasked: a command takes `add_record(parser)`, and calls `remember` only
when its `record` option is true. It is by `--record`, or where PERFORMANCE_HISTORY=1 is in the
environment; then `--no-record` says no.

    remember(Kind.DISPATCH, {"total_ms": 812.0, "statements": 16}, at=now, size=1000)

Of `Kind.INDEXES`, `figures["indexes"]` is a list of dictionaries with any of: `name`, `table`,
`size_mb`, `used` (recorded queries that use it), `read_ratio` and `write_ratio` (with / without,
[middle, low, high] or a number), `verdict` ("keep: reads are faster with it").
"""

import json
from argparse import BooleanOptionalAction

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _

from perf.measuring.machine import describe_machine
from perf.models import Measurement

LARGEST = 100_000  # characters of JSON: figures, not raw values, which have their own file


def add_record(parser):
    """Add --record and --no-record."""
    parser.add_argument(
        "--record",
        action=BooleanOptionalAction,
        default=getattr(settings, "PERFORMANCE_HISTORY", False),
        help="Keep the figures in the history (admin, Performance); default: only where "
        "PERFORMANCE_HISTORY=1 is set.",
    )


def remember(kind, figures: dict, *, at, size=None, machine=None) -> Measurement:
    """Insert a row into the user's own database, 1 query: call it outside scratch databases.

    `machine` is what `describe_machine` returned when it was measured; by default, now. Raises
    CommandError where the table is missing.
    """
    text = json.dumps(figures, allow_nan=False)
    if len(text) > LARGEST:
        raise ValueError(f"{len(text)} characters are no figures; at most {LARGEST}.")
    machine = machine or describe_machine()
    engine, _space, version = machine["database"].partition(" ")
    commit = machine["commit"] + ("+" if machine["commit"] and machine["changed_files"] else "")
    try:
        with transaction.atomic():
            return Measurement.objects.create(
                kind=kind,
                commit=commit,
                at=at,
                engine=engine,
                version=version,
                size=size,
                machine=machine_name(machine),
                figures=figures,
            )
    except DatabaseError as error:
        raise CommandError(
            _("The figures could not be kept (run manage.py migrate first?): %(error)s")
            % {"error": error}
        ) from error


def machine_name(machine):
    """Return what has to be the same for times to be compared; it names no owner."""
    return (
        f"{machine['cores']} × {machine['processor']}, {machine['memory_gb']} GB, "
        f"{machine['system']}, Python {machine['python']}"
    )[:200]
