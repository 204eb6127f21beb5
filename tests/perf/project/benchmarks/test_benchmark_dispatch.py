"""The benchmark of the dispatch, at the smallest sizes: what it holds, never how long it took."""

import copy
import json
import re
import socket
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from dispatch.models import Assignment
from perf.measuring.progress import Progress
from perf.measuring.scratch import MARK
from perf.project.benchmarks.dispatch import VERSION, against, steps_of
from perf.project.benchmarks.dispatch_report import markdown, table
from perf.project.benchmarks.goals import GUIDE, Answer, change, reached
from perf.project.benchmarks.variants import ARMS, _facts, locks_held_s
from perf.recording.record import Recording
from perf.recording.statement import Statement


def run(*arguments, **options):
    out = StringIO()
    call_command("benchmark_dispatch", *arguments, stdout=out, **options)
    return out.getvalue()


pytestmark = pytest.mark.django_db  # in one stretch, so that `outcome` is made once


@pytest.fixture(scope="module")
def outcome(django_db_setup, django_db_blocker, tmp_path_factory):
    """Return (folder, printed text) of one benchmark of two tiny sizes."""
    folder = tmp_path_factory.mktemp("benchmark")
    with django_db_blocker.unblock():
        text = run("--bookings", "4", "12", "--iterations", "2", "--history", "30",
                   "--output", str(folder))  # fmt: skip
    return folder, text


@pytest.fixture
def result(outcome):
    return json.loads((outcome[0] / "benchmark.json").read_text())


@pytest.mark.slow
def test_every_raw_value_is_kept(result):
    assert result["version"] == VERSION
    assert set(result["sizes"]) == {"4", "12"}
    arms = result["sizes"]["12"]["arms"]
    assert set(arms) == {"naive", "indexes", "eager", "bulk", "tuned", "control"}
    for arm in arms.values():
        values = arm["values"]
        assert [len(values[key]) for key in ("load_s", "apply_s", "total_s")] == [2, 2, 2]
        for load_s, apply_s, total_s in zip(*values.values(), strict=True):
            assert load_s + apply_s == pytest.approx(total_s)
        assert min(values["total_s"]) > 0


@pytest.mark.slow
def test_only_naive_statements_grow_with_the_bookings(result):
    def statements(size, name):
        recorded = result["sizes"][size]["arms"][name]["recorded"]
        return {phase: facts["statements"] for phase, facts in recorded.items()}

    assert statements("4", "tuned") == statements("12", "tuned")
    assert statements("12", "tuned")["load"] == 3
    # Another booking costs the loops at least its client and its assignment, and an assigned
    # one three saves.
    more = result["sizes"]["12"]["assigned"] - result["sizes"]["4"]["assigned"]
    assert more > 0
    assert statements("12", "naive")["load"] >= statements("4", "naive")["load"] + 8 * 2
    assert statements("12", "naive")["apply"] >= statements("4", "naive")["apply"] + more * 3


@pytest.mark.slow
def test_naive_commits_every_row_and_tuned_once(result):
    arms = result["sizes"]["12"]["arms"]
    assigned = result["sizes"]["12"]["assigned"]
    assert arms["tuned"]["recorded"]["apply"]["commits"] == 1
    # An assignment, a booking and an event each.
    assert arms["naive"]["recorded"]["apply"]["commits"] >= 3 * assigned
    assert arms["naive"]["peak_bytes"] > 0


@pytest.mark.slow
def test_each_optimisation_alone_changes_its_own_phase(result):
    arms = result["sizes"]["12"]["arms"]
    statements = {
        name: [phase["statements"] for phase in arm["recorded"].values()]
        for name, arm in arms.items()
        if arm["recorded"]
    }
    assert statements["indexes"] == statements["naive"]
    assert statements["eager"] == [statements["tuned"][0], statements["naive"][1]]
    assert statements["bulk"] == [statements["naive"][0], statements["tuned"][1]]


@pytest.mark.slow
def test_too_few_rounds_show_no_difference(result):
    judged = result["sizes"]["12"]["ratios"]["tuned"]["total_s"]
    assert (judged["verdict"], judged["why"]) == ("no difference shown", "fewer than 6 pairs")


@pytest.mark.slow
def test_the_files_are_written_and_the_report_comes_from_the_json(outcome, result):
    folder, text = outcome
    written = {path.name for path in folder.iterdir()}
    assert written >= {
        "benchmark.json", "PERFORMANCE_REPORT.md", "performance_comparison.png",
        "time_by_size.png", "pair_ratios.png", "optimisations.png",
    }  # fmt: skip
    report = (folder / "PERFORMANCE_REPORT.md").read_text()
    charts = re.findall(r"!\[(.*)\]\((.*)\)", report)
    assert {name for _title, name in charts} <= written
    assert markdown(result, [(name, title) for title, name in charts]) == report
    assert table(result) in text
    assert "\r" not in text


@pytest.mark.slow
def test_a_large_size_runs_the_loops_in_fewer_rounds_and_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("perf.project.benchmarks.dispatch.ALONE_UP_TO", 3)
    run("--bookings", "4", "--iterations", "7", "--history", "30", "--output", str(tmp_path))
    arms = json.loads((tmp_path / "benchmark.json").read_text())["sizes"]["4"]["arms"]
    rounds = {name: len(arm["values"]["total_s"]) for name, arm in arms.items()}
    assert rounds == {"naive": 6, "tuned": 7, "control": 7}
    report = (tmp_path / "PERFORMANCE_REPORT.md").read_text()
    assert "only 6 of naive at 4 |" in report


@pytest.mark.slow
def test_the_files_name_no_machine_and_no_path(outcome):
    for name in ("benchmark.json", "PERFORMANCE_REPORT.md"):
        text = (outcome[0] / name).read_text()
        for told in (socket.gethostname(), str(settings.BASE_DIR)):
            assert told not in text


@pytest.mark.slow
def test_the_users_database_is_not_touched(outcome):
    assert not Assignment.objects.exists()
    assert MARK not in str(connection.settings_dict["NAME"])


@pytest.mark.slow
def test_two_other_arms_can_be_compared(tmp_path):
    run("--bookings", "3", "--iterations", "1", "--history", "5", "--compare", "copy", "tuned",
        "--output", str(tmp_path))  # fmt: skip
    result = json.loads((tmp_path / "benchmark.json").read_text())
    assert set(result["sizes"]["3"]["arms"]) == {"copy", "tuned", "control"}
    assert result["growth"] == {}


@pytest.mark.slow
def test_an_older_result_is_compared_by_statements_and_ratios(result):
    old = copy.deepcopy(result)
    assert [row["verdict"] for row in against(result, old)] == ["no difference shown"] * 2
    ratio = old["sizes"]["12"]["ratios"]["tuned"]["total_s"]
    ratio |= {"ratio": 0.0001, "low": 0.00009, "high": 0.00011}
    old["sizes"]["12"]["arms"]["tuned"]["recorded"]["load"]["statements"] -= 1
    row = against(result, old)[1]
    assert (row["bookings"], row["verdict"]) == (12, "slower")
    assert row["new"]["statements"] == row["old"]["statements"] + 1
    with pytest.raises(ValueError, match="different arms"):
        against(result, old | {"compare": ["copy", "tuned"]})


@pytest.mark.slow
def test_a_goal_counts_only_with_its_whole_interval(result):
    size = copy.deepcopy(result["sizes"]["12"])
    ratio = size["ratios"]["tuned"]["total_s"]
    ratio |= {"verdict": "faster", "why": "", "ratio": 0.4, "low": 0.3, "high": 0.49}
    assert reached(GUIDE[0], size, "naive", "tuned")[0] is Answer.REACHED
    ratio["high"] = 0.51
    answer, why = reached(GUIDE[0], size, "naive", "tuned")
    assert (answer, "the goal lies between" in why) == (Answer.UNDECIDED, True)
    ratio["low"] = 0.505
    assert reached(GUIDE[0], size, "naive", "tuned")[0] is Answer.MISSED
    ratio |= {"low": 0.3, "verdict": "no difference shown", "why": "the interval includes 1"}
    assert reached(GUIDE[0], size, "naive", "tuned")[0] is Answer.UNDECIDED


def statement(sql, ms, *, rows=1, start_ms=0.0, transaction=None):
    made = Statement(sql, None, False, "default", "postgresql", transaction, None)
    made.start_ns, made.execute_ns, made.rows = int(start_ms * 1e6), int(ms * 1e6), rows
    return made


def recording(*statements, control=()):
    made = Recording(keep_params=False, all_threads=False)
    made.statements += statements
    made.control += control
    return made


def test_a_write_of_thousands_of_rows_is_slow_by_the_thousand():
    facts = _facts(
        recording(
            statement("INSERT INTO t", 400, rows=10_000),  # 40 for each 1,000
            statement("UPDATE t", 600, rows=10_000),  # 60
            statement("SELECT 1", 60, rows=10_000),  # reading is no excuse
            statement("UPDATE t", 60, rows=10),
        )
    )
    assert (facts["slow"], facts["slow_50"]) == (3, 4)
    # (400 + 600 + 60) ms for 20,010 rows.
    assert facts["write_ms_per_1000_rows"] == pytest.approx(1_060 / 20.010)


def test_locks_are_held_from_the_first_that_locks_to_the_end_of_the_commit():
    held = locks_held_s(
        recording(
            statement("SELECT 1", 100, start_ms=0, transaction=1),
            statement("SELECT 2 FOR UPDATE", 10, start_ms=200, transaction=1),
            statement("UPDATE t", 10, start_ms=500, transaction=1),
            statement("UPDATE t", 30, start_ms=2_000),
            control=[
                statement("SAVEPOINT x", 1, start_ms=150, transaction=1),
                statement("COMMIT", 40, start_ms=600, transaction=1),
            ],
        )
    )
    assert held == pytest.approx(0.440)  # 640 - 200


def test_a_change_is_told_in_per_cent():
    assert change(0.5) == "−50.0 %"
    assert change(0.0015) == "−99.85 %"
    assert change(1.25) == "+25.0 %"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--bookings", "0"], "--bookings must be between"),
        (["--iterations", "0"], "--iterations must be between"),
        (["--compare", "tuned", "tuned"], "two different arms"),
        (["--against", "/nowhere.json"], "/nowhere.json"),
    ],
)
def test_nonsense_is_refused_before_anything_is_measured(arguments, complaint):
    with pytest.raises(CommandError, match=complaint):
        run(*arguments)


class Terminal(StringIO):
    def write(self, text, ending=None):
        return super().write(text)

    def isatty(self):
        return True


def test_the_bar_shows_on_a_terminal_only():
    terminal, pipe = Terminal(), StringIO()
    for stream in (terminal, pipe):
        bar = Progress(stream, 2)
        bar.step("first")
        bar.step("second")
        bar.close()
    assert "1/2" in terminal.getvalue()
    assert "second" in terminal.getvalue()
    assert pipe.getvalue() == ""


def test_the_bar_knows_how_many_steps_there_are():
    # A size: inventing, recording the arms, memory, the rounds.
    assert steps_of(sizes=[100], iterations=10, compare=["naive", "tuned"]) == 1 + 5 + 1 + 10
    assert steps_of(sizes=[9000], iterations=3, compare=["naive", "tuned"]) == 1 + 2 + 1 + 3
    assert set(ARMS) >= {"naive", "tuned", "copy"}


@pytest.mark.slow
def test_the_control_can_be_measured():
    out = StringIO()
    call_command(
        "measure_control", "--trials", "2", "--pairs", "2", "--report", "2", "--bookings", "4",
        stdout=out,
    )  # fmt: skip
    assert out.getvalue().startswith("0 of 2 trials")  # two pairs show nothing
    assert "0 of 1 reports of 2 held a false verdict" in out.getvalue()
