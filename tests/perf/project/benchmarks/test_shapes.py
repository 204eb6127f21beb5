"""The same bookings in four shapes: whose they are, how old, and which verdicts flip."""

import json
from collections import Counter
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from bookings.models import Booking, Status
from drivers.models import Company
from perf.measuring.scratch import scratch_database
from perf.project.benchmarks.shapes import DAY, PLAIN, SHAPES, Shape, fill
from perf.proving import shapes_report
from perf.proving.shapes import Change, change_of, compare_shapes
from perf.proving.verdicts import name_better, tell_shown

BY_NAME = {shape.name: shape for shape in SHAPES}


@pytest.mark.parametrize(
    ("name", "companies", "visited"),
    [("plain", 2, 250), ("huge", 2, 950), ("small", 1_000, 1), ("open", 2, 250), ("year", 2, 250)],
)
def test_each_shape_divides_the_bookings(name, companies, visited):
    shape = {PLAIN.name: PLAIN, **BY_NAME}[name]
    sizes = dict(shape.sizes(1_000))
    assert len(sizes) == companies
    assert sizes["visited"] == visited
    assert list(sizes)[-1] == "visited"
    assert sum(sizes.values()) == 1_000


def test_a_year_is_a_day_after_the_other():
    assert BY_NAME["year"].day_size(1_000_000, 250_000) == 685  # 250,000 / 365
    assert PLAIN.day_size(1_000_000, 250_000) == 1_000
    assert BY_NAME["small"].day_size(1_000_000, 1_000) == 100  # a tenth of a thousandth


@pytest.mark.parametrize(
    "wrong", [{"share": 0.0}, {"share": 1.0}, {"ahead": 1.0}, {"others": 0}], ids=str
)
def test_a_shape_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="shares below 1"):
        Shape("wrong", "", **wrong)


@pytest.mark.slow
@pytest.mark.django_db
def test_of_the_open_shape_nine_of_ten_lie_ahead_and_are_open():
    with scratch_database():
        fill(200, 1, BY_NAME["open"])
        visited = Company.objects.get(slug="visited")
        rows = Booking.objects.filter(company=visited)
        end = visited.day_bounds(DAY)[1]
        ahead = rows.filter(scheduled_time__gte=end)
        assert Counter(ahead.values_list("status", flat=True)) == {Status.ACCEPTED: 45}
        assert rows.filter(status=Status.COMPLETED).count() == 5


@pytest.mark.parametrize(
    ("shown", "change"),
    [
        (["keep", "keep", "drop", "undecided"], Change.FLIPS),
        (["keep", "better"], Change.FLIPS),
        (["keep", "undecided"], Change.NOT_EVERYWHERE),
        (["drop", "undecided"], Change.NOT_EVERYWHERE),
        (["drop", "better"], Change.SAME),
        (["keep", "keep"], Change.SAME),
    ],
)
def test_a_verdict_flips_between_needed_and_useless(shown, change):
    assert change_of(shown) is change


def entry(name, verdict):
    compared = {"ratio": {"ratio": 0.5, "low": 0.4, "high": 0.6}, "with_s": [1.0]}
    return {
        "name": name, "table": "t", "columns": ["x"], "condition": "", "constraint": False,
        "unique": False, "asked_for": False, "verdict": verdict, "reads": compared,
        "writes": None, "net_s": 1.0, "used_by": ["a", "b"],
    }  # fmt: skip


def report(*entries, missing=()):
    result = {
        "began_at": "b", "ended_at": "e", "weights": "w", "about": "some", "tables": {"t": 5},
        "filling_s": 1.0, "comparisons": {"all": 2, "unstable": 0}, "indexes": list(entries),
        "machine": {
            "database": "SQLite 3", "commit": "abc", "changed_files": 0, "processor": "p",
            "cores": 2, "memory_gb": 1,
        },
        "load_average_before": [1.0], "schema": {"missing": list(missing)},
        "missing": {"measured": [
            {"django": name, "net_s": 0.5, "used_by": [], "table": "t", "reads": None}
            for name in missing
        ]},
    }  # fmt: skip
    tell_shown(result)
    name_better(result)
    return result


@pytest.fixture
def compared():
    rule = entry("rule", "keep: it is a rule") | {"unique": True}
    asked = entry("guide", "drop: no recorded statement uses it") | {"asked_for": True}
    return compare_shapes(
        {
            "huge": report(entry("same", "keep: x"), entry("turns", "keep: x"), asked, rule),
            "small": report(
                entry("same", "keep: y"),
                entry("turns", "drop: x"),
                entry("guide", "keep: x"),
                missing=["Index(…)"],
            ),
        }
    )


def test_what_is_shown_decides_not_what_is_said_of_it(compared):
    found = {one["name"]: one["change"] for one in compared["indexes"]}
    # The guide's is kept whatever is shown; that it is of no use to one shape is said.
    assert found == {"guide": Change.FLIPS, "turns": Change.FLIPS, "same": Change.SAME}
    assert compared["indexes"][0]["shapes"]["huge"]["verdict"].startswith("keep, the owner asked")
    assert list(found)[-1] == "same"
    assert compared["missing"] == {"Index(…)": {"small": 0.5}}


def test_those_that_flip_are_named_in_every_report(compared):
    compared = json.loads(json.dumps(compared))
    said = "Verdicts that flip with the shape: guide, turns."
    assert said in shapes_report.table(compared)
    text = shapes_report.markdown(compared)
    assert said in text
    assert "| commit | abc, clean |" in text
    assert "| turns<br>t (x) | **keep**, used by 2<br>r 0.500 [0.400, 0.600]" in text
    assert "Missing on some: Index(…): small (+0.50 s a day)." in text
    noted = [note.what for note in shapes_report.notes(compared)]
    assert noted == [
        f"{name}: its verdict flips with the shape of the data." for name in ("guide", "turns")
    ]


def test_one_command_measures_all_shapes_and_compares_them(tmp_path, monkeypatch):
    """What measuring one shape is, test_benchmark_indexes.py shows."""
    few = [Shape("huge", "h", share=0.95), Shape("small", "s", share=0.5)]
    asked = []

    def measured(*, shape, bookings, seconds, **_options):
        asked.append((shape, bookings, seconds))
        return report(entry("turns", "keep: x" if shape.name == "huge" else "drop: x"))

    command = "perf.project.management.commands.benchmark_indexes"
    monkeypatch.setattr(f"{command}.SHAPES", few)
    monkeypatch.setattr(f"{command}.benchmark_indexes", measured)
    out = StringIO()
    call_command(
        "benchmark_indexes", "--bookings", "60", "--seconds", "1", "--shape", "all",
        "--output", str(tmp_path), stdout=out, stderr=StringIO(),
    )  # fmt: skip
    assert asked == [(shape, 60, 1) for shape in few]
    result = json.loads((tmp_path / "index_shapes.json").read_text())
    assert list(result["shapes"]) == ["huge", "small"]
    assert [(one["name"], one["change"]) for one in result["indexes"]] == [("turns", Change.FLIPS)]
    assert (tmp_path / "INDEX_SHAPES.md").read_text() == shapes_report.markdown(result)
    assert shapes_report.table(result) in out.getvalue()


def test_the_trend_is_of_the_plain_shape_alone():
    with pytest.raises(CommandError, match="--record keeps the plain shape alone"):
        call_command("benchmark_indexes", "--shape", "huge", "--record")
