"""Find what a loop asked one by one, and say in Django's words how to ask it once.

The same statement (its values apart) from the same place, several times: N+1 in reads and in
writes. The same values too: a duplicate.
"""

import re
from collections import defaultdict
from dataclasses import dataclass

from django.utils.translation import gettext as _

from perf.recording.fix_advice import fix_for

READS, WRITES, DUPLICATES = "n+1 reads", "n+1 writes", "duplicates"
FROM = 3  # how often makes a loop
MANY_ROWS = re.compile(r"\)\s*,\s*\(|\bUNNEST\b|\bjson_each\b|\bUNION ALL\b", re.IGNORECASE)
LIST = re.compile(r"\bIN \((?:%s|\?|\d+)\s*,", re.IGNORECASE)


@dataclass(frozen=True)
class Cluster:
    """A statement that was sent again and again. `rows` are those of all of them together."""

    kind: str
    fingerprint: str
    site: object
    count: int
    ms: float
    rows: int
    fix: str

    def __str__(self):
        return _("%(count)d × %(kind)s at %(site)s (%(ms).1f ms): %(fix)s") % self.as_dict()

    def as_dict(self):
        return {
            "kind": self.kind,
            "statement": self.fingerprint,
            "site": str(self.site),
            "count": self.count,
            "ms": round(self.ms, 3),
            "rows": self.rows,
            "fix": self.fix,
        }


def find_clusters(statements, *, at_least=FROM):
    """Return the clusters, the longest in total first."""
    places = defaultdict(list)
    for statement in statements:
        places[statement.alias, statement.fingerprint, statement.site].append(statement)
    clusters = []
    for (_alias, fingerprint, site), group in places.items():
        for same in _repeated(group).values():
            if len(same) > 1:
                clusters.append(_cluster(DUPLICATES, fingerprint, site, same))
        values = _values(group)
        single = [statement for statement in group if not _is_batch(statement)]
        if len(single) >= at_least and len(values) > 1:
            kind = WRITES if single[0].is_write else READS
            clusters.append(_cluster(kind, fingerprint, site, single))
    return sorted(clusters, key=lambda cluster: (-cluster.ms, cluster.fingerprint))


def _repeated(group):
    """Return reads with the same values in the same transaction."""
    same = defaultdict(list)
    for statement in group:
        if not statement.is_write and statement.params is not None:
            same[statement.sql, repr(statement.params), statement.transaction].append(statement)
    return same


def _values(group):
    if any(statement.params is None for statement in group):
        return range(len(group))
    return {(statement.sql, repr(statement.params)) for statement in group}


def _is_batch(statement):
    """Say whether the statement handles many rows by itself: chunks of a bulk are no loop."""
    return statement.many or bool(MANY_ROWS.search(statement.sql) or LIST.search(statement.sql))


def _cluster(kind, fingerprint, site, group):
    return Cluster(
        kind=kind,
        fingerprint=fingerprint,
        site=site,
        count=len(group),
        ms=sum(statement.ms for statement in group),
        rows=sum(statement.rows for statement in group),
        fix=fix_for(kind == DUPLICATES, fingerprint, site, group),
    )
