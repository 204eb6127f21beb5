"""The page that teaches the faults has each kind, and quotes what is really said."""

import re

import pytest
from babel.messages.pofile import read_po

from perf.recording import finding
from tests import PROJECT

pytestmark = pytest.mark.any_database

PAGE = (PROJECT / "docs" / "performance" / "faults.md").read_text(encoding="utf-8")
OF_DOORS = {"growth", "scan", "budget"}  # kinds of the notes of check_budgets alone
VALUE = re.compile(r"%\(\w+\)(?:\.\d)?[a-z]")


def kinds():
    named = {name: value for name, value in vars(finding).items() if name.isupper()}
    return {value for value in named.values() if isinstance(value, str)} | OF_DOORS


def texts():
    """Return the texts of the workbench that may be said, as patterns."""
    with (PROJECT / "dispatchsite/locale/fr/LC_MESSAGES/django.po").open("rb") as file:
        catalog = read_po(file)
    ids = [m.id for m in catalog if isinstance(m.id, str) and _is_said(m)]
    ids = [text for text in ids if len(VALUE.sub("", text)) > 10]  # or it would be like any other
    return [".+".join(map(re.escape, VALUE.split(text))).replace("%%", "%") for text in ids]


def _is_said(message):
    return any(file.startswith("perf/") for file, _line in message.locations)


def test_each_kind_has_its_heading():
    heads = [
        part for line in re.findall(r"^### (.+)$", PAGE, re.MULTILINE) for part in line.split(", ")
    ]
    assert set(heads) == kinds()
    assert len(heads) == len(set(heads))


def test_what_is_quoted_is_what_is_said():
    said = re.compile(rf"(?:{'|'.join(texts())})\.?")
    quoted = [quote.splitlines() for quote in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)]
    assert len(quoted) > 20
    for _place, *lines in quoted:
        assert len(lines) == 2
        for line in lines:
            assert said.fullmatch(line.removeprefix("→ ")), line
