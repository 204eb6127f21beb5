"""Which papers of a driver and a vehicle have expired on a day, where that stops them. No query.

A paper is valid until the end of its last day; without a date nothing is known of it.
"""

from datetime import date

from drivers.models import Company


def expired_papers(company: Company, day: date, **until: date | None) -> frozenset[str]:
    """Return the names of those whose last day is before this one: none unless it is the policy."""
    if not company.expired_stop:
        return frozenset()
    return frozenset(name for name, last in until.items() if last is not None and last < day)
