"""Judge anew which trips of days were on time, by another definition; all else stays counted.

Old days are not counted again for that: their rows may be less exact than they were (positions of
forgotten clients are rounded).
"""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date

from bookings.models import Status
from dispatch.models import MEASURES, DayFigures
from dispatch.reports.count import DAILY, Counted, Key, keys_of
from dispatch.reports.trips import OnTime, punctuality, read_trips
from drivers.models import Company

JUDGED = ("early", "on_time", "late")


def judge_days(company: Company, days: Collection[date], on_time: Mapping[int, OnTime]) -> Counted:
    """Return the figures of days as they stand, but for JUDGED: 2 queries, none without days.

    `on_time` is that of each customer; who is missing has no trips of that time yet.
    """
    if not days:
        return Counted(frozenset(), {})
    stored = DayFigures.objects.filter(company=company, kind__in=DAILY, day__in=sorted(days))
    rows: dict[Key, Counter[str]] = {}
    for values in stored.values_list(*Key._fields, *MEASURES):
        key = Key._make(values[: len(Key._fields)])
        key = key._replace(kind=DayFigures.Kind(key.kind))
        counts = Counter(dict(zip(MEASURES, values[len(Key._fields) :], strict=True)))
        rows[key] = counts - Counter({name: counts[name] for name in JUDGED})
    for trip in read_trips(company, days):
        judged_by = on_time.get(trip.customer_id)
        if trip.status != Status.COMPLETED or trip.at_the_door is None or judged_by is None:
            continue
        which = punctuality(trip.at_the_door - trip.scheduled_time, judged_by)
        for key in keys_of(trip, company.local(trip.scheduled_time)):
            if key in rows:  # otherwise it was done meanwhile, and its day is counted next
                rows[key][which] += 1
    return Counted(frozenset(days), rows)
