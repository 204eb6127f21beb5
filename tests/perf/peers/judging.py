"""Judge what a tool said of a planted fault, by rules that look at its words alone.

*Found*: it said something, of that request, that may mean this kind of fault (`tools.Tool` maps its
kinds, in its favour). *Line*: one of those reports has the marked file and line, or names the class
and the part where no line of the project stands. *Cure*: one of those that have the line (of all,
if none has) holds the words of `CURES`.
"""

import re
from dataclasses import dataclass

# By the number of the fault: what the words of a cure must hold, in any tool's language.
CURES = {
    "1": r"select_related\W+author",
    "2": r"prefetch_related\W+reviews",
    "3": r"select_related\W+author",
    "3 many": r"prefetch_related\W+reviews",
    "4": r"author\W+to list_select_related|select_related\W+author",
    "4 count": r"annotate|prefetch_related\W+reviews",
    "5": r"author.*list_select_related|select_related\W+author",
    "6": r"select_related\W+publisher",
    "6 admin": r"publisher.*list_select_related|select_related\W+(author__)?publisher",
    "7": r"select_related\W+author",
    "7 key": r"select_related\W+author",
    "7 wrapped": r"select_related\W+author",
    "8": r"Prefetch\(|in Python",
    "9": r"annotate|prefetch_related\W+reviews",
    "10": r"Exists\(|annotate",
    "11": r"bulk_update|\bupdate\(",
    "11 read": r"in_bulk|bulk_update",
    "12": r"bulk_create",
    "13": r"\bIN\b|\bANY\b|__in\b",
    "14": r"atomic",
    "14 update": r"update\(|bulk_update",
    "15": r"reader\W+-?seen_at",
    "16": r"due_at",
    "17": r"__gte|range",
    "17 Lower": r"Lower\(",
    "18": r"[Tt]rigram|trgm|[Ff]ull.text",
    "18 SQLite": r"FTS|[Ff]ull.text",
    "19": r"__in\b|condition=",
    "20": r"(?s)union|email.*phone|phone.*email",
    "21": r"library\W+at\b",
    "22": r"library\W+due_at",
    "23": r"shelf",
    "24": r"visit_reader\b",
    "25": r"visit_phone(_again)?\b",
    "26": r"visit_note\b",
    "26 few": r"visit_door\b",
    "27": r"__gt\b|__gt=|keyset|cursor",
    "28": r"iterator\(|aggregate\(|paginat",
    "29": r"count\(\)",
    "29 bool": r"exists\(\)",
    "30": r"(defer|only|values)\(\W*(scan|blurb|title)",
    "31": r"[Kk]eep the result|variable|reuse|cache",
    "31 places": r"[Kk]eep the result|variable|reuse|cache",
    "31 admin": r"show_full_result_count",
    "32": r"select_related\W+(author|editor)",
    "33": r"on_commit|outside",
    "34": r"nowait|skip_locked|lock_timeout",
    "35": r"work_mem|by an index",
    "36": r"(out of|[Rr]emove|unnecessary).*(editor|select_related)",
    "36 prefetch": r"(out of|[Rr]emove|unnecessary).*(reviews|prefetch_related)",
    "37": r"ANALYZE",
    "37 table": r"ANALYZE",
    "38": r"VACUUM",
}
MISSED, FOUND, CURED = range(3)


@dataclass(frozen=True)
class Judgement:
    """What a tool made of a fault."""

    found: bool
    line: bool = False
    cure: bool = False

    @property
    def rank(self):
        return CURED if self.line and self.cure else FOUND if self.found else MISSED

    def __str__(self):
        if self.rank == CURED:
            return "✔"
        if self.rank == MISSED:
            return "–"
        lacks = [name for name in ("line", "cure") if not getattr(self, name)]
        return f"◐ no {', no '.join(lacks)}"


def judge(fault, place, reports):
    """Return the Judgement of the reports (dicts of `tools.Report`) on a fault's request.

    `place` is where the fault stands: `marks.place_of` when it was asked about.
    """
    meant = [one for one in reports if fault.kind in one["kinds"]]
    here = [one for one in meant if is_at(one["place"], place)]
    words = re.compile(CURES[fault.number])
    # Several reports on one line make one cure: an index on each side of an OR.
    told = " ".join(one["words"] for one in here or meant)
    return Judgement(bool(meant), bool(here), bool(meant) and words.search(told) is not None)


def is_at(place, wanted):
    """Say whether a place begins with the wanted file and line, or class and part."""
    return re.match(rf"{re.escape(wanted)}(?![\d\w])", place) is not None


def false_reports(said, clean):
    """Return (twins of which something was said, reports of them all)."""
    counts = [len(said[path]) for path in clean]
    return sum(map(bool, counts)), sum(counts)


def by_row(judgements):
    """Return {row of the 36: rank} of {fault: Judgement}: of a row in parts the worst counts."""
    rows: dict[int, int] = {}
    for fault, judgement in judgements.items():
        rows[fault.row] = min(judgement.rank, rows.get(fault.row, CURED))
    return rows
