"""Of the page "Performance": what the release that runs made worse, where, and what cures it."""

from datetime import timedelta

import pytest

from perf.models import Sampled, SampleKind
from perf.sampling import read
from perf.sampling.totals import key_of
from tests.support.builders import NOW

URL = "/admin/perf/measurement/"
CURE = {"en": "Ask once.", "fr": "Demandez une fois."}


def sampled(number=0, release="v2", kind=SampleKind.DOOR, ms=20.0, each=6, count=10, **more):
    """Keep an hour of a door, before the present; `ms` and the statements `each` of a request."""
    fields = {
        "key": key_of(release, kind, number, more), "kind": kind, "release": release,
        "hour": NOW - timedelta(hours=number), "door": "GET x/", "count": count,
        "total_ms": ms * count, "max_ms": ms, "statements": each * count,
    }  # fmt: skip
    return Sampled.objects.create(**fields | more)


def two_releases(ms=60.0, each=6):
    for number in range(12):
        wobble = 1 + number % 3 / 50
        sampled(number + 24, "v1", ms=20.0 * wobble)
        sampled(number, "v2", ms=ms * wobble, each=each)


def section(admin_client):
    return admin_client.get(URL).context["sampled"]


def test_without_samples_it_says_how_to_get_them(admin_client, settings):
    assert "SAMPLE_REQUESTS=0.01" in admin_client.get(URL).content.decode()
    settings.PERF = {**settings.PERF, "SAMPLE": 0.01}
    assert "Nothing has been sampled yet" in admin_client.get(URL).content.decode()


def test_one_release_has_nothing_to_compare_with(admin_client):
    sampled()
    page = admin_client.get(URL).content.decode()
    assert "<code>v2</code>" in page
    assert "no release before it" in page


def test_what_became_worse_is_told_with_both_releases(admin_client):
    two_releases()
    page = admin_client.get(URL)
    [change] = page.context["sampled"].changes
    assert (change.verdict, change.door, change.mark) == ("worse", "GET x/", "bad")
    assert change.ratio.startswith("× 3.")
    for part in ("<code>v2</code>", "<code>v1</code>", "time of a request, ms"):
        assert part in page.content.decode()


def test_what_may_be_noise_is_counted_and_not_told(admin_client):
    two_releases(ms=20.2)
    found = section(admin_client)
    assert found.changes == []
    assert (found.compared, found.undecided) == (2, 2)
    assert "No change is shown." in admin_client.get(URL).content.decode()


def test_a_new_loop_has_its_line_and_its_cure_in_the_readers_language(admin_client):
    two_releases(ms=20.0)
    loop = {"kind": "n+1 reads", "cure": CURE}
    sampled(kind=SampleKind.LOOP, count=90, place="a.py:7 f", statement="SELECT ?", detail=loop)
    [change] = section(admin_client).changes
    assert (change.place, change.cure) == ("a.py:7 f", "Ask once.")
    admin_client.cookies["django_language"] = "fr"
    page = admin_client.get(URL)
    assert page.context["sampled"].changes[0].cure == "Demandez une fois."
    assert "Depuis la dernière version" in page.content.decode()


@pytest.mark.parametrize(("ms", "rows"), [(20.0, ["changed"]), (60.0, ["worse"])])
def test_a_new_plan_stands_with_the_statement_that_it_made_dearer(admin_client, ms, rows):
    for release, first, level, plan in (("v1", 24, 20.0, "Index Scan"), ("v2", 0, ms, "Seq Scan")):
        about = {"kind": SampleKind.STATEMENT, "place": "a.py:7 f", "statement": "SELECT ?"}
        for number in range(12):
            sampled(first + number, release, ms=level * (1 + number % 3 / 50), **about)
        detail = {"plan": plan, "shape": [plan]}
        sampled(first, release, SampleKind.PLAN, statement="SELECT ?", detail=detail)
    changes = section(admin_client).changes
    assert [change.verdict for change in changes] == rows
    assert changes[0].plans == (("Index Scan",), ("Seq Scan",))
    assert "Seq Scan" in admin_client.get(URL).content.decode()


def test_what_is_dear_now_is_listed_by_its_time(admin_client):
    buckets = {"17": 9, "21": 1}  # 9 of 2**(17.5/4) = 20.7 ms, one of 2**(21.5/4) = 41.5
    sampled(kind=SampleKind.STATEMENT, statement="SELECT ?", buckets=buckets, ms=22.0)
    [(_title, [(thing, count, ms, _cure)])] = section(admin_client).tables
    assert (thing.statement, count) == ("SELECT ?", "10")
    assert ms == ["220", "20.7", "22", "22"]  # no quantile is above the largest


def test_everything_is_escaped(admin_client):
    evil = "<script>alert(1)</script>"
    for kind in SampleKind:
        detail = {"cure": {"en": evil}, "kind": evil, "plan": evil, "shape": [evil]}
        about = {"door": evil, "place": evil, "statement": evil, "detail": detail}
        for release, plan in ((evil, "new"), ("v1", "old")):
            sampled(kind=kind, release=release, **about | {"detail": detail | {"plan": plan}})
    page = admin_client.get(URL).content.decode()
    assert "&lt;script&gt;alert" in page
    assert "<script>alert" not in page


def test_a_release_of_many_rows_leaves_the_one_before_to_compare_with(admin_client, monkeypatch):
    two_releases()
    monkeypatch.setattr(read, "MOST_ROWS", 12)
    [change] = section(admin_client).changes
    assert change.verdict == "worse"
