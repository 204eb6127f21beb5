"""Compare what was sampled of two releases: what became dearer, by how much, and where.

An observation is what one process sampled of one thing in one hour. Observations of the two
releases are paired by the hour of the day, and judged as every report here is: all comparisons
together (`perf.measuring.statistics`). Pure: rows in, changes out.
"""

from collections import defaultdict, deque
from dataclasses import dataclass
from math import prod

from perf.measuring.statistics import (
    FEWEST_PAIRS,
    LEVEL,
    Ratio,
    Verdict,
    holm,
    judge,
    paired_ratio,
)
from perf.models import SampleKind

MOST_PAIRS = 200  # of a comparison, the newest
SMALLEST_VALUE = 0.001  # stands for nothing: a ratio needs something
TIME, STATEMENTS, STATEMENT, LOOP, PLAN = "time", "statements", "statement", "loop", "plan"
WORSE, BETTER, CHANGED, OPEN = "worse", "better", "changed", "open"


@dataclass(frozen=True)
class Change:
    """What one thing was in the release before, and what it is now.

    `what` says what was compared: the milliseconds of a request (TIME) or its number of
    statements, the milliseconds of a slow statement, a loop that was not there, a plan that was
    not. `cost_ms` is what the change took in all that was sampled, less than 0 where it saved.
    `ratio` is None of a loop and a plan. `verdict` is WORSE, BETTER, or OPEN where it may be noise;
    a plan has CHANGED, and whether its times have is a comparison of their own. `detail` are the
    cures of a loop by language, or the steps of the plans before and now.
    """

    what: str
    door: str
    place: str
    statement: str
    before: float
    after: float
    cost_ms: float
    ratio: Ratio | None = None
    verdict: str = OPEN
    why: str = ""
    detail: tuple = ()


def compare(before, after) -> list[Change]:
    """Return the changes between the rows of two releases, the dearest first."""
    compared = [*_doors(before, after), *_statements(before, after)]
    loops = list(_new_loops(before, after))
    adjusted = holm([change.ratio.t_p for change, _control in compared] + [p for _loop, p in loops])
    found = []
    for (change, control), p in zip(compared, adjusted[: len(compared)], strict=True):
        found.append(_judged(change, control, p))
    for (change, _p), p in zip(loops, adjusted[len(compared) :], strict=True):
        found.append(_with(change, WORSE if p <= 1 - LEVEL else OPEN))
    found += _new_plans(before, after)
    return sorted(found, key=lambda change: (-change.cost_ms, change.door, change.what))


def _with(change, verdict, why=""):
    return Change(**vars(change) | {"verdict": verdict, "why": why})


def _judged(change, control, p):
    judgement = judge(change.ratio, control)
    if judgement.verdict is Verdict.NOT_SHOWN:
        return _with(change, OPEN, judgement.why)
    if p > 1 - LEVEL:
        return _with(change, OPEN, "it does not hold among all comparisons")
    return _with(change, WORSE if judgement.verdict is Verdict.SLOWER else BETTER)


def _grouped(rows, kind, *names):
    found = defaultdict(list)
    for row in rows:
        if row.kind == kind and row.count:
            found[tuple(getattr(row, name) for name in names)].append(row)
    return found


def _doors(before, after):
    old, new = _grouped(before, SampleKind.DOOR, "door"), _grouped(after, SampleKind.DOOR, "door")
    for (door,), rows in new.items():
        earlier = old.get((door,), ())
        database_ms = sum(row.detail.get("database_ms", 0.0) for row in rows)
        per_statement = database_ms / max(1, sum(row.statements for row in rows))
        for what, total, price in (
            (TIME, "total_ms", 1.0),
            (STATEMENTS, "statements", per_statement),
        ):
            yield from _compared(what, (door, "", ""), earlier, rows, total, price)


def _statements(before, after):
    names = "door", "place", "statement"
    old = _grouped(before, SampleKind.STATEMENT, *names)
    for key, rows in _grouped(after, SampleKind.STATEMENT, *names).items():
        yield from _compared(STATEMENT, key, old.get(key, ()), rows, "total_ms", 1.0)


def _compared(what, key, before, after, total, price):
    """Yield (change, control) if there are enough observations on both sides."""
    old, new = _observed(before, total), _observed(after, total)
    pairs = pair_up(old, new)
    if len(pairs) < FEWEST_PAIRS:
        return
    control = paired_ratio(
        [value for _hour, value in old[0::2]][: len(old) // 2],
        [value for _hour, value in old[1::2]],
    )
    ratio = paired_ratio(*zip(*pairs, strict=True))
    was, now = _mean(before, total), _mean(after, total)
    cost = (now - was) * sum(row.count for row in after) * price
    door, place, statement = key
    yield Change(what, door, place, statement, was, now, cost, ratio), control


def _mean(rows, total):
    return sum(getattr(row, total) for row in rows) / max(1, sum(row.count for row in rows))


def _observed(rows, total):
    """Return (hour, mean) of each row, the same hours of the day together, the newest first."""
    found = [(row.hour, max(getattr(row, total) / row.count, SMALLEST_VALUE)) for row in rows]
    return sorted(found, key=lambda one: (one[0].hour, -one[0].timestamp()))


def pair_up(before, after):
    """Return pairs of values: of the same hour of the day as far as there are, then the rest."""
    waiting: dict[int, deque] = defaultdict(deque)
    for hour, value in before:
        waiting[hour.hour].append(value)
    pairs, left = [], []
    for hour, value in after:
        if waiting[hour.hour]:
            pairs.append((waiting[hour.hour].popleft(), value))
        else:
            left.append(value)
    rest = [value for values in waiting.values() for value in values]
    return (pairs + list(zip(rest, left, strict=False)))[:MOST_PAIRS]


def _new_loops(before, after):
    """Yield (change, p) of each loop that the release before was not seen to have.

    `p` is how often all requests with the loop would be of this release by chance, had it been in
    both: Fisher's exact test.
    """
    names = "door", "place"
    known = _grouped(before, SampleKind.LOOP, *names).keys()
    requests = [
        {
            door: sum(row.count for row in rows)
            for (door,), rows in _grouped(side, SampleKind.DOOR, "door").items()
        }
        for side in (before, after)
    ]
    for key, rows in _grouped(after, SampleKind.LOOP, *names).items():
        was, now = requests[0].get(key[0], 0), requests[1].get(key[0], 0)
        if key in known or not was:
            continue
        count = sum(row.count for row in rows)
        newest = max(rows, key=lambda row: row.hour)
        p = prod((now - i) / (now + was - i) for i in range(min(count, now)))
        door, place = key
        change = Change(
            LOOP,
            door,
            place,
            newest.statement,
            before=0.0,
            after=_mean(rows, "statements"),
            cost_ms=sum(row.total_ms for row in rows),
            detail=tuple(newest.detail.get("cure", {}).items()),
        )
        yield change, p


def _new_plans(before, after):
    """Return the statements that are run by a plan that the release before did not know."""
    old = _grouped(before, SampleKind.PLAN, "statement")
    times = {
        text: rows for (text,), rows in _grouped(after, SampleKind.STATEMENT, "statement").items()
    }
    earlier = {
        text: rows for (text,), rows in _grouped(before, SampleKind.STATEMENT, "statement").items()
    }
    for (text,), rows in _grouped(after, SampleKind.PLAN, "statement").items():
        known = {row.detail["plan"] for row in old.get((text,), ())}
        fresh = [row for row in rows if row.detail["plan"] not in known]
        if not known or not fresh:
            continue
        now, was = times.get(text, ()), earlier.get(text, ())
        newest = max(fresh, key=lambda row: row.hour)
        last = max(old[text,], key=lambda row: row.hour)
        cost = (_mean(now, "total_ms") - _mean(was, "total_ms")) * sum(row.count for row in now)
        yield Change(
            PLAN,
            door=now[0].door if now else "",
            place=newest.place,
            statement=text,
            before=_mean(was, "total_ms"),
            after=_mean(now, "total_ms"),
            cost_ms=cost,
            verdict=CHANGED,
            detail=(tuple(last.detail["shape"]), tuple(newest.detail["shape"])),
        )
