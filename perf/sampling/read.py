"""Read what was sampled: two releases to be compared, and what is dearest now. 3 queries."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Min

from perf.models import Sampled, SampleKind
from perf.sampling import histogram
from perf.sampling.compare import compare

MOST_ROWS = 5_000  # the newest of each release


@dataclass(frozen=True)
class Release:
    name: str
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Thing:
    """A slow statement, loop or wait of the release that runs; milliseconds.

    `count` are runs of a statement, else requests; `detail` is what `Sampled` has of it.
    """

    door: str
    place: str
    statement: str
    count: int
    statements: int
    total_ms: float
    p50_ms: float | None
    p95_ms: float | None
    max_ms: float
    detail: dict


@dataclass(frozen=True)
class Sampling:
    """What the page shows. `changes` is None without a release before this one."""

    current: Release | None = None
    previous: Release | None = None
    requests: int = 0
    changes: list | None = None
    statements: tuple[Thing, ...] = ()
    loops: tuple[Thing, ...] = ()
    waits: tuple[Thing, ...] = ()


def read_releases() -> Sampling:
    """Return the release that was sampled last beside the one before it: at most 3 queries."""
    found = (
        Sampled.objects.values("release")
        .annotate(first=Min("hour"), last=Max("hour"))
        .order_by("-last", "-first", "release")[:2]
    )
    releases = [Release(one["release"], one["first"], one["last"]) for one in found]
    if not releases:
        return Sampling()
    current, *previous = (
        list(Sampled.objects.filter(release=release.name).order_by("-id")[:MOST_ROWS])
        for release in releases
    )
    return Sampling(
        current=releases[0],
        previous=releases[1] if previous else None,
        requests=sum(row.count for row in current if row.kind == SampleKind.DOOR),
        changes=compare(previous[0], current) if previous else None,
        statements=dearest(current, SampleKind.STATEMENT),
        loops=dearest(current, SampleKind.LOOP),
        waits=dearest(current, SampleKind.WAIT),
    )


def dearest(rows, kind, most=15) -> tuple[Thing, ...]:
    """Return the things of a kind that took longest in total."""
    groups = defaultdict(list)
    for row in rows:
        if row.kind == kind:
            groups[row.door, row.place, row.statement].append(row)
    found = [_thing(key, group) for key, group in groups.items()]
    found.sort(key=lambda thing: (-thing.total_ms, thing.door, thing.place))
    return tuple(found[:most])


def _thing(key, rows):
    buckets: dict[str, int] = {}
    for row in rows:
        histogram.add(buckets, row.buckets)
    largest = max(row.max_ms for row in rows)

    def quantile(share):
        value = histogram.quantile(buckets, share)
        return None if value is None else min(value, largest)

    door, place, statement = key
    return Thing(
        door,
        place,
        statement,
        count=sum(row.count for row in rows),
        statements=sum(row.statements for row in rows),
        total_ms=sum(row.total_ms for row in rows),
        p50_ms=quantile(0.5),
        p95_ms=quantile(0.95),
        max_ms=largest,
        detail=max(rows, key=lambda row: row.hour).detail,
    )
