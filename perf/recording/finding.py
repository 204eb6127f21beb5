"""What a detector says: a kind, a place, what happens there, and the cure."""

from dataclasses import dataclass

from django import db
from django.utils.translation import gettext as _

from perf.recording.call_site import Site

READS, WRITES, DUPLICATES = "n+1 reads", "n+1 writes", "duplicates"
SAVEPOINTS = "savepoints in a loop"
ROWS, COLUMNS, EAGER, OFFSET = "unused rows", "unused columns", "unused eager load", "offset"
HELD, LOCKED, COMMIT = "open transaction", "lock wait", "slow commit"
INDEX, UNSERVED = "missing index", "condition that no index serves"
SPILL, STATISTICS, BLOAT = "spill to disk", "old statistics", "bloat"
COVERED, UNUSED, FEW = "redundant index", "unused index", "index on few values"
TIMED = frozenset({HELD, LOCKED, COMMIT})  # kinds that a busy machine may make


@dataclass(frozen=True)
class Finding:
    """One fault. `count`, `ms` and `rows` are those of its statements together; the `ms` of an open
    transaction are those in which nothing was asked.

    `statements` are their fingerprints, `sites` the places that they came from, the first of which
    is the place. Neither holds a value.
    """

    kind: str
    place: str
    what: str
    cure: str
    count: int
    ms: float
    rows: int
    statements: tuple[str, ...]
    sites: tuple[Site, ...]

    def __str__(self):
        return f"{self.place}: {self.what} {self.cure}"

    def as_dict(self):
        return {
            "kind": self.kind,
            "place": self.place,
            "what": self.what,
            "cure": self.cure,
            "count": self.count,
            "ms": round(self.ms, 3),
            "rows": self.rows,
            "statements": list(self.statements),
            "sites": [str(site) for site in self.sites],
        }


def finding(kind, what, cure, group, place="", ms=None) -> Finding:
    """Return the finding of a group of statements; its place is where most of them come from.

    `ms` is what it took, where that is not the time of the statements.
    """
    sites: dict[Site, int] = {}
    for statement in group:
        sites[statement.site] = sites.get(statement.site, 0) + 1
    alias = group[0].alias
    if alias != db.DEFAULT_DB_ALIAS:
        what += " " + _("The database is “%(alias)s”.") % {"alias": alias}
    return Finding(
        kind=kind,
        place=place or ", ".join(places(sites)),
        what=what,
        cure=cure,
        count=len(group),
        ms=sum(statement.ms for statement in group) if ms is None else ms,
        rows=sum(statement.rows for statement in group),
        statements=tuple(dict.fromkeys(statement.fingerprint for statement in group)),
        sites=tuple(sites),
    )


def places(sites):
    """Return the places as texts, each once, with what stands behind a method."""
    found: dict[str, None] = {}
    for site in sites:
        behind = site.shown or (site.owner if site.file else "")
        found[f"{site} ({behind})" if behind else str(site)] = None
    return list(found)
