"""The history: kept only when asked for, and series that compare like with like."""

import io
import json

import numpy as np
import pytest
from django.core.management import BaseCommand, CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from perf.measuring.machine import describe_machine
from perf.models import Kind, Measurement
from perf.trends.charts import line_chart, shown
from perf.trends.steps import Series, chance_of_step, find_step, groups_of
from perf.trends.store import LARGEST, add_record, machine_name, remember
from tests.support import builders as make
from tests.support.builders import DAY, NOW

MACHINE = {
    "processor": "A Processor", "cores": 2, "memory_gb": 8.0, "system": "Linux x86_64",
    "python": "3.11.2", "database": "PostgreSQL 15.4", "commit": "abcdef123456",
    "changed_files": 0,
}  # fmt: skip


def test_a_measurement_is_kept_with_where_it_comes_from(db, budget):
    figures = {"total_ms": 812.5, "statements": 16}
    with budget(1):
        remember(Kind.DISPATCH, figures, at=NOW, size=1000, machine=MACHINE)
    row = Measurement.objects.get()
    assert (row.kind, row.commit, row.at, row.size) == (
        "benchmark_dispatch", "abcdef123456", NOW, 1000,
    )  # fmt: skip
    assert (row.engine, row.version) == ("PostgreSQL", "15.4")
    assert row.machine == "2 × A Processor, 8.0 GB, Linux x86_64, Python 3.11.2"
    assert row.figures == figures


def test_changes_that_are_not_committed_are_marked(db):
    remember(Kind.PROFILE, {}, at=NOW, machine=MACHINE | {"changed_files": 3})
    assert Measurement.objects.get().commit == "abcdef123456+"


def test_without_a_repository_there_is_no_commit(db):
    remember(Kind.PROFILE, {}, at=NOW, machine=MACHINE | {"commit": ""})
    assert Measurement.objects.get().commit == ""


def test_this_machine_is_described_by_itself(db):
    remember(Kind.PLANNER, {"n": 1}, at=NOW)
    row = Measurement.objects.get()
    assert row.engine == {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[connection.vendor]
    assert row.machine == machine_name(describe_machine())


@pytest.mark.parametrize("figures", [{"x": float("nan")}, {"x": "y" * LARGEST}], ids=["nan", "raw"])
def test_what_are_no_figures_is_refused(db, figures):
    with pytest.raises(ValueError, match="JSON|figures"):
        remember(Kind.PROFILE, figures, at=NOW, machine=MACHINE)
    assert not Measurement.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_migration_goes_back_and_forth_and_its_absence_is_told():
    executor = MigrationExecutor(connection)
    executor.migrate([("perf", None)])
    try:
        assert "perf_measurement" not in connection.introspection.table_names()
        with pytest.raises(CommandError, match="manage.py migrate"):
            remember(Kind.PROFILE, {}, at=NOW, machine=MACHINE)
    finally:
        call_command("migrate", "perf", verbosity=0)
    assert "perf_measurement" in connection.introspection.table_names()


class Measuring(BaseCommand):
    def add_arguments(self, parser):
        add_record(parser)

    def handle(self, *, record, **options):
        return json.dumps(record)


def recorded(*options):
    out = io.StringIO()
    call_command(Measuring(), *options, stdout=out)
    return json.loads(out.getvalue())


def test_nothing_is_recorded_unasked(settings):
    assert settings.PERFORMANCE_HISTORY is False
    assert recorded() is False
    assert recorded("--record") is True
    settings.PERFORMANCE_HISTORY = True
    assert recorded() is True
    assert recorded("--no-record") is False


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
@pytest.mark.any_database
def test_the_measuring_commands_keep_their_figures_when_told_to(tmp_path):
    company = make.company()
    make.shift(make.driver(company))
    make.booking(company)
    profile = ["profile_dispatch", "--company", "geneva", "--date", f"{DAY}", "--time-limit", "0"]
    dispatch = ["benchmark_dispatch", "--bookings", "8", "--iterations", "1", "--history", "9"]
    call_command(*profile, "--output", str(tmp_path))
    assert not Measurement.objects.exists()
    for command in (profile, dispatch):
        call_command(*command, "--output", str(tmp_path), "--record", stderr=io.StringIO())
    rows = {row.kind: row for row in Measurement.objects.all()}
    assert rows.keys() == {Kind.PROFILE, Kind.DISPATCH}
    assert rows[Kind.PROFILE].size == 1
    assert rows[Kind.DISPATCH].size == 8
    assert rows[Kind.DISPATCH].figures["total_ms"] > 0


def measurement(commit="c", kind=Kind.LOAD, engine="SQLite", size=100, machine="m", **figures):
    return Measurement(
        kind=kind, commit=commit, at=NOW, engine=engine, version="1", size=size, machine=machine,
        figures=figures,
    )  # fmt: skip


def test_only_like_is_compared_with_like():
    rows = [
        measurement("new", p=3), measurement("other size", size=1000, p=9),
        measurement("other machine", machine="n", p=9), measurement("old", p=2),
    ]  # fmt: skip
    groups = groups_of(rows)
    assert [len(group.rows) for group in groups] == [2, 1, 1]
    (series,) = groups[0].series(8)
    assert (series.commits, series.values) == (("old", "new"), (2.0, 3.0))


def test_series_are_the_numbers_of_the_latest_row():
    rows = [measurement(a=1, text="x", flag=True, b=2.5, none=None, many=[1]), measurement(a=4)]
    assert [s.name for s in groups_of(rows)[0].series(8)] == ["a", "b"]
    assert [s.name for s in groups_of(rows)[0].series(1)] == ["a"]
    assert [s.values for s in groups_of(rows)[0].series(8)] == [(4.0, 1.0), (2.5,)]


def test_a_step_is_found_where_it_happened():
    step = find_step((100, 104, 98, 101, 50, 52, 49, 51))
    assert step.at == 4
    # Medians: 98, 100, 101, 104 and 49, 50, 51, 52.
    assert (step.before, step.after) == (100.5, 50.5)
    assert round(step.change, 3) == -0.498


def test_a_step_is_not_found_too_early():
    # Least deviations: only a split after the eighth value leaves two level halves.
    assert find_step((410, 400, 415, 405, 398, 402, 411, 404, 205, 199, 203, 200)).at == 8


@pytest.mark.parametrize(
    "values",
    [
        (), (1,), (100, 100, 100, 50), (100, 100, 100, 100, 100, 100),
        (100, 130, 90, 120, 95, 125, 92, 128), (100, 101, 100, 104, 105, 104),
    ],
    ids=["none", "one", "one run", "level", "noise", "under a tenth"],
)  # fmt: skip
def test_noise_is_no_step(values):
    assert find_step(values) is None


def test_counts_need_no_chance_to_be_a_step():
    assert find_step((13, 13, 13, 16, 16, 16)).at == 3
    # With noise three values on each side are in this order by chance in 1 of 10 series.
    assert chance_of_step((13.1, 13.0, 13.2, 16.1, 16.2, 16.0)) == pytest.approx(0.1, abs=0.02)
    assert find_step((13.1, 13.0, 13.2, 16.1, 16.2, 16.0)) is None


@pytest.mark.parametrize("noise", [0.05, 0.15, 0.25])
def test_pure_noise_shows_a_step_in_at_most_a_twentieth_of_series(noise):
    rng = np.random.default_rng(3)
    found = sum(
        find_step(tuple(np.exp(rng.normal(0, noise, int(rng.integers(6, 40)))))) is not None
        for _ in range(200)
    )
    assert found <= 10


def series(name, *values):
    return Series(name, values, ("c",) * len(values), (NOW,) * len(values))


def test_more_is_better_only_of_throughput():
    up = (10, 10, 10, 20, 20, 20)
    assert series("throughput_per_s", *up).better is True
    assert series("p95_ms", *up).better is False
    assert series("p95_ms", *reversed(up)).better is True
    assert series("p95_ms", 1).better is None


@pytest.mark.parametrize("values", [(0,), (0, 0), (5,), (-1, 2), (1e12, 1e-9)])
def test_any_values_can_be_drawn(values):
    svg = line_chart(series("x", *map(float, values)))
    assert svg.count("<circle") == len(values)
    assert "nan" not in svg


def test_a_chart_escapes_what_it_is_given():
    evil = Series('"><script>', (1.0,), ("<b>",), (NOW,))
    svg = line_chart(evil)
    assert "<script>" not in svg
    assert "<b>" not in svg


def test_numbers_are_shown_as_people_read_them():
    assert [shown(value) for value in (None, 0, 12.345, 1.2345, 16, 123456.7)] == [
        "–", "0", "12.3", "1.23", "16", "123,457",
    ]  # fmt: skip
