"""Write what was sampled, and forget what is old: few statements, whatever there is to write.

A write is one upsert (SQLite takes a few, for it has fewer parameters); reading what was followed
before, the plans and forgetting come once an hour.
"""

from dataclasses import asdict
from datetime import timedelta

from django.db import transaction

from perf.models import Sampled, SampleKind
from perf.sampling.export import export
from perf.sampling.plans import read_plans
from perf.sampling.totals import FOLLOWED, key_of

WRITTEN = 500  # rows at once; the rest waits for the next time
CHANGING = ("count", "statements", "total_ms", "max_ms", "buckets", "detail")


def write(totals):
    """Write the rows that changed, with the plans of what was slow."""
    changed = [row for row in totals.rows.values() if row.is_new][:WRITTEN]
    if not changed:
        return
    first_of_hour = totals.written_in != totals.hour
    if first_of_hour:
        _follow_known(totals)
    plans = read_plans(totals)
    with transaction.atomic():
        Sampled.objects.bulk_create(
            [_stored(row, totals) for row in changed],
            update_conflicts=True,
            unique_fields=["key"],
            update_fields=CHANGING,
        )
        if plans:
            Sampled.objects.bulk_create(
                plans, update_conflicts=True, unique_fields=["key"], update_fields=["hour"]
            )
        if first_of_hour:
            forget(totals.options, totals.hour)
    for row in changed:
        row.is_new = False
    totals.written_in = totals.hour
    export(totals)


def _stored(row, totals):
    fields = asdict(row)
    del fields["is_new"]
    names = row.kind, totals.release, totals.process, row.hour, row.door, row.place, row.statement
    return Sampled(key=key_of(*names), release=totals.release, process=totals.process, **fields)


def _follow_known(totals):
    """Follow what any process found slow: 1 query."""
    known = Sampled.objects.filter(kind=SampleKind.STATEMENT).order_by()
    for name in known.values_list("door", "place", "statement").distinct()[:FOLLOWED]:
        totals.follow(*name)


def forget(options, now):
    """Delete rows that are too old or too many: 3 queries."""
    Sampled.objects.filter(hour__lt=now - timedelta(days=options.keep_days)).delete()
    newest = Sampled.objects.order_by("-id").values_list("id", flat=True)
    last = newest[options.keep_rows : options.keep_rows + 1].first()
    if last is not None:
        Sampled.objects.filter(id__lte=last).delete()
