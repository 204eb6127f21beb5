"""The benchmark of the admin's pages visits every list, and says what is over the goals."""

import json
import re
from io import StringIO

import pytest
from django.contrib import admin
from django.core.management import CommandError, call_command

from perf.our_code import our_labels
from perf.project.benchmarks import pages


def call(*arguments):
    out = StringIO()
    call_command("benchmark_pages", *arguments, "--times", "1", stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_every_list_and_a_board_are_timed(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "WARM_UP", 0)
    every = pages.list_pages
    filtered = {"bookings, a day, a word", "bookings, status: completed"}
    monkeypatch.setattr(  # of the filters two: all are opened when the figures are made
        pages,
        "list_pages",
        lambda *on: [page for page in every(*on) if ", " not in page[0] or page[0] in filtered],
    )
    file = tmp_path / "pages.json"
    said = call("--bookings", "40", "--board", "8", "--drivers", "3", "--output", str(file))
    figures = json.loads(file.read_text())
    lists = figures["lists"]
    ours = [m for m in admin.site._registry if m._meta.app_label in our_labels()]
    seen = {page["path"].split("?")[0] for page in lists if page["role"] == "superuser"}
    assert len(seen) == len(ours)
    roles = {page["role"] for page in lists}
    assert roles == {"owner", "superuser"}
    names = {page["name"] for page in lists}
    assert {"bookings", *filtered} <= names
    assert all(page["statements"] >= 3 and len(page["seconds"]) == 1 for page in lists)
    assert [page["name"] for page in figures["boards"]] == ["board, 8 bookings"] * 2
    assert re.search(r"the board at most 12 statements: yes", said)


@pytest.mark.django_db
def test_what_is_too_slow_is_counted(monkeypatch):
    board = pages.Page("board", "/", "owner", [0.4, 0.5, 0.6], 13, 2.0)
    quick = pages.Page("lists", "/", "owner", [0.1], 5, 2.0)
    monkeypatch.setattr(
        "perf.project.management.commands.benchmark_pages.benchmark_pages",
        lambda **options: {"lists": [quick], "boards": [board], "load_average": []},
    )
    said = call()
    assert "a list at most 150 ms: yes" in said
    assert "the board at most 300 ms: no: 1 over it" in said
    assert "the board at most 12 statements: no: 1 over it" in said


@pytest.mark.parametrize(
    ("arguments", "name"),
    [(["--times", "0"], "--times"), (["--board", "3"], "--board"), (["--bookings", "-1"], "--b")],
)
def test_nonsense_is_refused_by_name(arguments, name):
    with pytest.raises(CommandError, match=name):
        call_command("benchmark_pages", *arguments, stdout=StringIO())
