"""The pages for contributors name what is there: files, functions in them, commands, links.

A file is written `dispatch/runs/run.py`, something in it `dispatch/runs/run.py:run_dispatch`, a
member of a class `dispatch/models/assignments.py:Assignment.Status`.
"""

import ast
import re
from functools import cache

import pytest
from django.core.management import get_commands

from tests import PROJECT

pytestmark = pytest.mark.any_database

PAGES = sorted(
    page
    for pattern in ("*.md", "docs/*.md", "docs/decisions/*.md", "docs/contributing/*.md")
    for page in PROJECT.glob(pattern)
    if page.name not in ("CHANGELOG.md", "LICENSE.md")
)
FOLDERS = "bookings|dispatch|dispatchsite|docs|drivers|perf|tests"
REFERENCE = re.compile(
    rf"`(?P<path>(?:{FOLDERS})/[\w./*-]*|[\w-]+\.(?:py|toml|md))(?:: ?(?P<name>[A-Za-z_][\w.]*))?`"
)
LINK = re.compile(r"\]\((?P<target>[^)#\s]+)(?:#[^)]*)?\)")
TARGET = re.compile(r"(?:^ {4}|`)make (?P<name>[a-z][a-z-]*)", re.MULTILINE)
COMMAND = re.compile(r"manage\.py (?P<name>[a-z][a-z_]+)")


@cache
def names_in(file):
    """Return what a module defines: functions, classes, constants, and members as Class.name."""
    return frozenset(_names(ast.parse(file.read_text(encoding="utf-8")).body, ""))


def _names(body, before):
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield before + node.name
        if isinstance(node, ast.ClassDef):
            yield from _names(node.body, f"{before}{node.name}.")
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        for target in targets:
            yield from (before + n.id for n in ast.walk(target or ast.Pass()) if _is_name(n))


def _is_name(node):
    return isinstance(node, ast.Name)


def wrong_references(text):
    """Return the references of a text to what is not there."""
    wrong = []
    for found in REFERENCE.finditer(text):
        path, name = found["path"], found["name"]
        files = sorted(PROJECT.glob(path)) if "*" in path else [PROJECT / path]
        if not files or not all(file.exists() for file in files):
            wrong.append(path)
        elif name and name not in names_in(files[0]):
            wrong.append(f"{path}:{name}")
    return wrong


def test_there_are_pages_with_references():
    text = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = [found for found in REFERENCE.finditer(text) if found["name"]]
    assert len(named) > 80
    assert {page.name for page in PAGES} > {"README.md", "architecture.md", "index.md"}


def test_what_is_not_there_is_found():
    text = "`dispatch/gone.py`, `dispatch/ledger.py:Gone`, `dispatch/models/runs.py:DispatchRun`"
    assert wrong_references(text) == ["dispatch/gone.py", "dispatch/ledger.py:Gone"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_a_page_names_what_is_there(page):
    text = page.read_text(encoding="utf-8")
    links = [found["target"] for found in LINK.finditer(text)]
    lost = [to for to in links if ":" not in to and not (page.parent / to).exists()]
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    assert wrong_references(text) == []
    assert lost == []
    assert {found["name"] for found in TARGET.finditer(text)} <= targets
    assert {found["name"] for found in COMMAND.finditer(text)} <= get_commands().keys()
