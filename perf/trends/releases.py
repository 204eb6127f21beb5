"""What was sampled, as rows of the page: what changed since the release before, and what is dear.

A verdict stands only where the statistics give one; the other comparisons are counted.
"""

from dataclasses import dataclass

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from perf.sampling import compare
from perf.sampling.options import read_options
from perf.sampling.read import Release, Thing, read_releases
from perf.trends.charts import shown

SHOWN = 30
MARKS = {compare.WORSE: "bad", compare.BETTER: "good"}


@dataclass(frozen=True)
class ChangeRow:
    verdict: str
    mark: str
    what: str
    door: str
    place: str
    statement: str
    before: str
    after: str
    ratio: str
    cost: str
    cure: str
    plans: tuple


@dataclass(frozen=True)
class Section:
    """`compared` are all comparisons, `undecided` those of them without a verdict."""

    is_on: bool
    current: Release | None
    previous: Release | None
    requests: int
    shown_requests: str
    changes: list
    more: int
    compared: int
    undecided: int
    tables: list


def sampled_section() -> Section:
    """Return what the page shows of the samples: at most 2 queries."""
    found = read_releases()
    changes = found.changes or []
    told = [change for change in changes if change.verdict != compare.OPEN]
    plans = {change.statement: change for change in told if change.what == compare.PLAN}
    dearer = {change.statement for change in told if change.what == compare.STATEMENT}
    rows = [
        _row(change, plans.get(change.statement) if change.statement else None)
        for change in told
        if change.what != compare.PLAN or change.statement not in dearer
    ]
    return Section(
        is_on=read_options().is_on,
        current=found.current,
        previous=found.previous,
        requests=found.requests,
        shown_requests=shown(found.requests),
        changes=rows[:SHOWN],
        more=max(0, len(rows) - SHOWN),
        compared=len(changes),
        undecided=len(changes) - len(told),
        tables=[
            (title, [(thing, *_told(thing)) for thing in things])
            for title, things in (
                (_("Slow statements"), found.statements),
                (_("Loops (N+1) and what is asked twice"), found.loops),
                (_("Waits: locks, open transactions, commits"), found.waits),
            )
            if things
        ],
    )


def _row(change, plan):
    """Return the row of a change; a new plan stands with the statement that it made dearer."""
    names = {
        compare.TIME: _("time of a request, ms"),
        compare.STATEMENTS: _("statements of a request"),
        compare.STATEMENT: _("time of a statement, ms"),
        compare.LOOP: _("new loop: statements of a request"),
        compare.PLAN: _("new plan: time of the statement, ms"),
    }
    verdicts = {
        compare.WORSE: _("worse"),
        compare.BETTER: _("better"),
        compare.CHANGED: _("changed"),
    }
    ratio = change.ratio
    return ChangeRow(
        verdict=verdicts[change.verdict],
        mark=MARKS.get(change.verdict, ""),
        what=names[change.what],
        door=change.door,
        place=change.place,
        statement=change.statement,
        before=shown(change.before),
        after=shown(change.after),
        ratio="" if ratio is None else f"× {ratio.ratio:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]",
        cost=shown(change.cost_ms),
        cure=in_language(dict(change.detail)) if change.what == compare.LOOP else "",
        plans=plan.detail if plan is not None and change.what != compare.LOOP else (),
    )


def _told(thing: Thing):
    """Return the cells of a thing: its count and milliseconds as texts, what it is and its cure."""
    ms = [shown(value) for value in (thing.total_ms, thing.p50_ms, thing.p95_ms, thing.max_ms)]
    texts = [in_language(thing.detail.get(name, {})) for name in ("what", "cure")]
    return shown(thing.count), ms, " ".join(filter(None, texts))


def in_language(texts: dict) -> str:
    """Return the text in the language that is active, or in the first there is."""
    language = (get_language() or "").partition("-")[0]
    return texts.get(language) or next(iter(texts.values()), "")
