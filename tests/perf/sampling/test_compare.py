"""Two releases: what is worse is told with its cost, and what may be noise is not."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from perf.models import Sampled, SampleKind
from perf.sampling import histogram
from perf.sampling.compare import (
    BETTER,
    CHANGED,
    LOOP,
    OPEN,
    PLAN,
    STATEMENT,
    STATEMENTS,
    TIME,
    WORSE,
    compare,
    pair_up,
)
from perf.sampling.read import dearest

pytestmark = pytest.mark.any_database
START = datetime(2026, 6, 1, tzinfo=timezone.utc)  # noqa: UP017


def row(kind=SampleKind.DOOR, hour=0, door="GET x/", count=10, ms=20.0, each=6, **more):
    """Return a row; `ms` and the statements `each` are those of one request."""
    return Sampled(
        kind=kind, hour=START + timedelta(hours=hour), door=door, count=count,
        total_ms=ms * count, max_ms=ms, statements=each * count, **more,
    )  # fmt: skip


def hours(count, first=0, noise=0.05, seed=1, ms=20.0, **more):
    rng = np.random.default_rng(seed)
    return [
        row(hour=first + number, ms=ms * float(np.exp(rng.normal(0, noise))), **more)
        for number in range(count)
    ]


def told(changes):
    return {change.what: change.verdict for change in changes}


def test_a_door_that_became_slower_is_told_with_what_it_cost():
    [time, statements] = compare(hours(24), hours(24, first=24, ms=30.0, seed=2))
    assert (time.what, time.verdict, time.door) == (TIME, WORSE, "GET x/")
    assert time.before == pytest.approx(20, rel=0.05)
    assert time.after == pytest.approx(30, rel=0.05)
    assert time.cost_ms == pytest.approx(10 * 240, rel=0.1)  # 24 hours of 10 requests
    assert statements.verdict == OPEN


def test_one_statement_more_is_told_and_one_less_too():
    detail = {"database_ms": 12.0}
    before = hours(6, detail=detail)
    after = hours(6, first=6, each=7, detail=detail)
    found = told(compare(before, after))
    assert found[STATEMENTS] == WORSE
    assert told(compare(after, before))[STATEMENTS] == BETTER


def test_with_fewer_than_six_hours_nothing_is_compared():
    assert compare(hours(24), hours(5, ms=90.0)) == []
    assert compare(hours(5), hours(24, ms=90.0)) == []


def test_a_statement_is_compared_where_it_stands():
    def times(ms, first):
        return hours(
            24, first, ms=ms, kind=SampleKind.STATEMENT, place="a.py:1 f", statement="SELECT"
        )

    [change] = compare(times(20.0, 0), times(60.0, 24))
    assert (change.what, change.verdict) == (STATEMENT, WORSE)
    assert (change.place, change.statement) == ("a.py:1 f", "SELECT")


def test_what_would_hold_alone_need_not_hold_among_all():
    def all_doors(others, *factors):
        hours = range(len(factors))
        doors = [row(hour=hour, ms=20.0 * factors[hour]) for hour in hours]
        return doors + [row(hour=h, door=f"GET {n}/") for n in range(others) for h in hours]

    before, after = (1.0,) * 6, (1.1, 1.3, 1.2, 1.05, 1.4, 1.15)  # Student's p: 0.010
    for others, verdict in ((0, WORSE), (30, OPEN)):  # times 2, and times 62
        found = compare(all_doors(others, *before), all_doors(others, *after))
        [time] = [change for change in found if change.door == "GET x/" and change.what == TIME]
        assert time.verdict == verdict


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_pages_of_the_same_release_twice_show_a_verdict_in_at_most_a_twentieth(noise):
    """Ten doors, two comparisons each, 60 pages."""
    pages = 0
    for seed in range(60):
        sides = [
            [
                one
                for door in range(10)
                for one in hours(
                    12, first, noise, seed=1000 * seed + 2 * door + side, door=f"GET {door}/"
                )
            ]
            for side, first in ((0, 0), (1, 24))
        ]
        pages += any(change.verdict != OPEN for change in compare(*sides))
    assert pages <= 3


def test_a_load_that_follows_the_hour_of_the_day_is_no_change():
    """Nights are slow: the release before ran for two days, this one for one of its nights."""

    def at(hour):
        return 60.0 if hour % 24 < 6 else 20.0

    before = [row(hour=hour, ms=at(hour) * (1 + hour % 5 / 100)) for hour in range(48)]
    after = [row(hour=hour, ms=at(hour) * (1 + hour % 4 / 100)) for hour in range(48, 54)]
    assert told(compare(before, after))[TIME] == OPEN


def test_hours_of_the_day_are_paired_first_and_then_what_is_left():
    def observed(*hours):
        return [(START + timedelta(hours=hour), float(hour)) for hour in hours]

    assert pair_up(observed(1, 2, 3), observed(26, 27, 30)) == [(2, 26), (3, 27), (1, 30)]


def loop(hour=0, count=10, **more):
    detail = {"kind": "n+1 reads", "cure": {"en": "Ask once.", "fr": "Une fois."}}
    return row(
        SampleKind.LOOP, hour, count=count, ms=5.0, each=9, place="a.py:1 f", detail=detail, **more
    )


def test_a_new_loop_is_told_with_its_cure():
    before, after = [row(count=100)], [row(hour=1, count=100), loop(hour=1, count=50)]
    [change] = compare(before, after)
    assert (change.what, change.verdict, change.after) == (LOOP, WORSE, 9)
    assert dict(change.detail)["fr"] == "Une fois."
    assert change.cost_ms == 5.0 * 50


def test_a_loop_that_was_there_is_not_new():
    assert compare([row(), loop()], [row(hour=1), loop(hour=1)]) == []


def test_a_rare_loop_may_have_been_missed_before():
    # One of 100 requests, and none of 100: by chance in half of all cases.
    [change] = compare([row(count=100)], [row(hour=1, count=100), loop(hour=1, count=1)])
    assert change.verdict == OPEN
    # Of a door that was not sampled before nothing is known.
    assert compare([row(door="other")], [row(hour=1, count=100), loop(hour=1, count=50)]) == []


def plan(hour, *shape):
    detail = {"plan": "/".join(shape), "shape": list(shape)}
    return Sampled(
        kind=SampleKind.PLAN, hour=START + timedelta(hours=hour), count=1, statement="SELECT",
        place="a.py:1 f", detail=detail,
    )  # fmt: skip


def statement(hour, ms):
    return row(SampleKind.STATEMENT, hour, ms=ms, statement="SELECT", place="a.py:1 f")


def test_a_plan_that_was_not_known_is_a_change_without_a_verdict():
    before = [statement(0, 20.0), plan(0, "Index Scan")]
    after = [statement(1, 90.0), plan(1, "Index Scan"), plan(2, "Seq Scan")]
    [change] = compare(before, after)
    assert (change.what, change.verdict, change.door) == (PLAN, CHANGED, "GET x/")
    assert change.detail == (("Index Scan",), ("Seq Scan",))
    assert change.cost_ms == 70.0 * 10
    assert compare(before, after[:2]) == []
    assert compare(before[:1], after) == []  # no plan was known


def test_the_dearest_comes_first():
    before = [*hours(24), *hours(24, door="GET y/", seed=3)]
    after = [*hours(24, ms=30.0, seed=2), *hours(24, door="GET y/", ms=90.0, seed=4)]
    doors = [change.door for change in compare(before, after) if change.verdict == WORSE]
    assert doors == ["GET y/", "GET x/"]


def test_quantiles_of_a_histogram_are_within_a_tenth():
    values = np.random.default_rng(1).lognormal(3, 1, 5000)
    buckets = {}
    for value in values:
        histogram.add(buckets, {histogram.bucket_of(value): 1})
    for share in (0.5, 0.95):
        assert histogram.quantile(buckets, share) == pytest.approx(
            float(np.quantile(values, share)), rel=0.1
        )
    assert histogram.quantile({}, 0.5) is None
    assert histogram.quantile({histogram.bucket_of(0): 1}, 0.5) < 0.002


def test_rows_of_hours_and_processes_are_one_thing():
    kind = SampleKind.STATEMENT
    rows = [statement(0, 10.0), statement(1, 30.0), row(kind, door="GET y/", ms=1.0)]
    first, second = dearest(rows, kind)
    assert (first.count, first.total_ms, first.max_ms) == (20, 400.0, 30.0)
    assert second.door == "GET y/"
