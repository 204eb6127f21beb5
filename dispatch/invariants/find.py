"""Find what contradicts itself in the database: for tests, operators and rehearsed restores."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.utils.translation import gettext as _

from bookings.models import Booking
from dispatch.invariants.bookings import faults_of_bookings
from dispatch.invariants.tables import EXAMPLES, faults_of_tables
from drivers.db.snapshot import snapshot
from drivers.models import Company

SHOWN = 3  # examples of a rule


def find_broken(
    company: Company | None = None,
    *,
    since: datetime | None = None,
    at_rest: bool = False,
    using: str = DEFAULT_DB_ALIAS,
) -> dict[str, list[Any]]:
    """Return {rule: the first examples of what breaks it}; empty if all is well.

    Of a company, or of all; with `since` only of the bookings requested for then or later. Others
    may write meanwhile: all is read as of one moment. 14 statements, and 4 for each page of
    bookings.
    """
    bookings = Booking.objects.using(using)
    if company:
        bookings = bookings.filter(company=company)
    if since:
        bookings = bookings.filter(scheduled_time__gte=since)
    found: dict[str, list[Any]] = defaultdict(list)
    with snapshot(using):
        for faults in (
            faults_of_bookings(bookings),
            faults_of_tables(company, using, at_rest=at_rest),
        ):
            for rule, example in faults:
                if len(found[rule]) < EXAMPLES:
                    found[rule].append(example)
    return dict(found)


def in_words(found: dict[str, list[Any]]) -> list[str]:
    """Return a line for each broken rule, with the first examples."""
    return [
        f"{_(rule)}: {len(examples)}: {', '.join(str(example) for example in examples[:SHOWN])}"
        for rule, examples in sorted(found.items())
    ]
