"""Peers are judged by their words, by rules; what is not installed is said, and never counted."""

import json
import os
import re
import subprocess
import sys

import pytest
from django.core.management import call_command

from perf.recording import finding as kinds
from tests import PROJECT
from tests.perf.peers import page
from tests.perf.peers.judging import CURED, CURES, FOUND, MISSED, by_row, is_at, judge
from tests.perf.peers.tools import TOOLS
from tests.perf.planted.faults import ALL_ROWS, EVERY
from tests.perf.planted.marks import marks, place_of

pytestmark = pytest.mark.any_database

BY_NUMBER = {fault.number: fault for fault in EVERY}
PAGE = PROJECT / "docs" / "performance" / "peers.md"


def said(words, mark, *meant):
    return {"words": words, "place": marks().get(mark, mark), "kinds": meant}


def judged(fault, reports):
    return judge(fault, place_of(fault), reports)


LOOP = said("Add .select_related('author')", "method_field", kinds.READS)


@pytest.mark.parametrize(
    ("reports", "rank", "shown"),
    [
        ([LOOP], CURED, "✔"),
        ([LOOP | {"place": marks()["method_field"] + "0"}], FOUND, "◐ no line"),
        ([LOOP | {"place": ""}], FOUND, "◐ no line"),
        ([LOOP | {"words": "N+1 on Book.author"}], FOUND, "◐ no cure"),
        ([LOOP | {"words": "?", "place": "?"}], FOUND, "◐ no line, no cure"),
        ([LOOP | {"kinds": [kinds.INDEX]}], MISSED, "–"),
        ([], MISSED, "–"),
        # The cure of another line is none.
        ([LOOP | {"words": "?"}, LOOP | {"place": "elsewhere.py:1"}], FOUND, "◐ no cure"),
    ],
)
def test_a_tool_is_judged_by_line_and_words(reports, rank, shown):
    found = judged(BY_NUMBER["1"], reports)
    assert (found.rank, str(found)) == (rank, shown)


def test_a_place_is_compared_to_its_end():
    assert is_at("a/b.py:12 name (c.py:3)", "a/b.py:12")
    assert not is_at("a/b.py:123", "a/b.py:12")
    assert not is_at("x/a/b.py:12", "a/b.py:12")
    assert is_at("app.api.Nested.to_representation[author]", "app.api.Nested")
    assert not is_at("app.api.NestedMany", "app.api.Nested")


def test_of_a_fault_in_parts_the_worst_counts():
    good, bad = judged(BY_NUMBER["1"], [LOOP]), judged(BY_NUMBER["1"], [])
    assert by_row({BY_NUMBER["3"]: good, BY_NUMBER["3 many"]: bad}) == {3: MISSED}
    assert by_row({BY_NUMBER["3"]: good, BY_NUMBER["3 many"]: good}) == {3: CURED}


def test_every_fault_has_a_pattern_that_its_own_cure_fits():
    assert CURES.keys() == BY_NUMBER.keys()
    assert [str(f) for f in EVERY if not re.search(CURES[f.number], f"{f.also} {f.cure}")] == []


def test_the_words_of_each_peer_are_understood():
    root = str(PROJECT)
    doctor = TOOLS["query-doctor"].report(
        {
            "issue_type": "n_plus_one",
            "description": "N+1 detected",
            "fix_suggestion": "Add .select_related('author')",
            "location": {"file": f"{root}/tests/a.py", "line": 3, "function": "f"},
        }
    )
    assert (doctor.place, doctor.kinds[0]) == ("tests/a.py:3", kinds.READS)
    zeal = TOOLS["zeal"].report(f"N+1 detected on planted.Book.author at {root}/tests/a.py:3 in f")
    assert zeal.place == "tests/a.py:3"
    assert root not in zeal.as_dict()["words"]
    eager = "Potential unnecessary eager load detected on `Book.editor`"
    assert TOOLS["nplusone"].report(eager, "a.py:1").as_dict() == {
        "words": eager,
        "place": "",  # it is said at the end of the request
        "kinds": (kinds.EAGER,),
    }
    lazy = TOOLS["nplusone"].report("Potential n+1 query detected on `Book.author`", "a.py:1")
    assert (lazy.place, lazy.kinds[0]) == ("a.py:1", kinds.READS)
    planted = f"{root}/tests/perf/planted"
    trace = (
        f'File "{root}/x.py", line 1\nFile "{planted}/a.py", line 2\nFile "{planted}/b.py", line 3'
    )
    listed = [(f'SELECT 1 FROM "t" WHERE "t"."id" = {number}', trace) for number in range(5)]
    [loop] = TOOLS["Silk"].reports(listed)
    assert (loop.place, loop.words[:3]) == ("tests/perf/planted/a.py:2", "5 ×")
    assert TOOLS["Silk"].reports(listed[:4]) == []


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize(("name", "rank"), [("perf", CURED), ("zeal", FOUND), ("Silk", FOUND)])
def test_what_is_locked_here_is_really_asked(name, rank, tmp_path):
    fault, twin = BY_NUMBER["1"], "api/MethodFieldClean"
    asked = subprocess.run(
        [sys.executable, "-m", "tests.perf.peers.ask", "--rows", "0"]
        + [f"--only={path}" for path in (fault.path, twin)],
        cwd=PROJECT,
        env={
            **os.environ,
            "PEER": name,
            "DATABASE_URL": f"sqlite:///{tmp_path / 'peers.sqlite3'}",
            "DJANGO_SETTINGS_MODULE": "tests.perf.peers.settings",
        },
        capture_output=True,
        text=True,
    )
    assert asked.returncode == 0, asked.stderr
    result = json.loads(asked.stdout)
    found = judged(fault, result["said"][fault.path])
    assert (found.rank, found.line) == (rank, True)
    assert result["said"][twin] == []
    assert result["version"]


@pytest.mark.django_db
def test_a_peer_that_is_not_installed_is_said_so(monkeypatch, capsys):
    monkeypatch.setattr(type(TOOLS["nplusone"]), "module", "nowhere_to_be_found")
    asked = subprocess.CompletedProcess([], 0, '{"version": "1", "said": {}}\n', "")
    said_of_all = {path: [] for path in page.TWINS}
    asked.stdout = json.dumps({"version": "1", "said": said_of_all})
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: asked)
    monkeypatch.setenv("DATABASE_URL", "sqlite:///:memory:")
    call_command("compare_with_peers", tool=["nplusone", "zeal"])
    out, err = capsys.readouterr()
    assert "nplusone is not installed (requirements-peers.txt)." in err
    assert "Not installed, and not asked: nplusone." in out
    head = next(line for line in out.splitlines() if line.startswith("|  | fault"))
    assert head == "|  | fault | perf | zeal 1 |"


@pytest.fixture
def committed():
    return json.loads(PAGE.with_suffix(".json").read_text())


def test_the_committed_page_is_what_its_words_say(committed):
    assert committed["places"].keys() == BY_NUMBER.keys(), "faults came or went: make peers"
    assert PAGE.read_text() == page.as_markdown(committed)
    assert all(one["version"] for one in committed["tools"].values())
    assert committed["tools"].keys() == TOOLS.keys()
    assert committed["database"] == "postgresql"  # where every fault applies


def test_the_workbench_finds_33_of_36_and_is_behind_in_no_row(committed):
    mine = page.judged(committed)["perf"]
    assert mine.keys() == {fault for fault in EVERY if fault.only in ("", "postgresql")}
    ranks = {row: rank for row, rank in by_row(mine).items() if row <= ALL_ROWS}
    assert len(ranks) == ALL_ROWS
    assert sum(rank == CURED for rank in ranks.values()) >= 33
    assert [str(fault) for fault, one in mine.items() if not one.line] == []
    assert page.behind(committed) == []
    assert [path for path in page.TWINS if committed["tools"]["perf"]["said"][path]] == []
