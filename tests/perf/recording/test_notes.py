"""A fault is told in each format, with the place that an editor or a pull request can open."""

import json

import pytest

from perf.recording.call_site import Site
from perf.recording.finding import READS, Finding
from perf.recording.notes import (
    ERROR,
    Note,
    as_dicts,
    as_github,
    as_markdown,
    as_text,
    note_of,
    position,
)

pytestmark = pytest.mark.any_database


def found(site):
    return Finding(
        kind=READS,
        place=str(site),
        what="a loop sends 3 statements.",
        cure="Use a|b.",
        count=3,
        ms=1.25,
        rows=3,
        statements=("SELECT ?",),
        sites=(site,),
    )


LINE = Site(file="shop/views.py", line=7, function="books")


def test_a_finding_is_told_in_every_format():
    note = note_of(found(LINE), door="GET /books/")
    assert as_text([note]) == (
        "  shop/views.py:7 books\n    a loop sends 3 statements. (1.2 ms)\n    → Use a|b."
    )
    assert as_markdown([note]).splitlines()[2] == (
        "| shop/views.py:7 books | a loop sends 3 statements. | 1.2 | Use a\\|b. |"
    )
    [told] = json.loads(json.dumps(as_dicts([note])))
    assert (told["file"], told["line"], told["door"]) == ("shop/views.py", 7, "GET /books/")
    assert as_github([note], prefix="src/") == (
        "::warning file=src/shop/views.py,line=7,title=n+1 reads%3A GET /books/"
        "::shop/views.py:7 books: a loop sends 3 statements. Use a|b."
    )


def test_an_annotation_stays_one_line_and_keeps_its_properties_apart():
    note = Note(what="100 %\nmore: a, b", kind="budget", door="a, b: c", level=ERROR)
    assert as_github([note]) == ("::error title=budget%3A a%2C b%3A c::100 %25%0Amore: a, b")


def test_a_file_outside_of_the_project_gets_no_line():
    note = note_of(found(Site(file="/usr/lib/x.py", line=1)))
    assert as_github([note]).startswith("::warning title=n+1 reads::")


class Admin:
    pass


@pytest.mark.parametrize(
    ("site", "where"),
    [
        (LINE, ("shop/views.py", 7)),
        (Site(owner=f"{__name__}.Admin"), ("tests/perf/recording/test_notes.py", 66)),
        (Site(owner=f"{__name__}.Gone"), ("", 0)),
        (Site(), ("", 0)),
    ],
)
def test_a_class_is_where_it_begins(site, where):
    assert position(site) == where
