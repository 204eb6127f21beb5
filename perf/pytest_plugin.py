"""Budgets in tests: so many statements, and no loop that asks one by one.

    pytest -p perf.pytest_plugin        # or in addopts, or pytest_plugins = ["perf.pytest_plugin"]

    def test_books(client, budget):
        with budget(3):                 # at most 3 statements
            client.get("/books/")

    @pytest.mark.queries(max=5)         # the whole test, without its fixtures and setUp()
    def test_author(client): ...

Both fail for a loop as well, whatever the number, and tell its line and its cure; `loops=False`
allows loops. The marker leaves out loops of the tests' own files: those that make rows. Statements
are counted as everywhere here: savepoints and commits are none.
"""

from contextlib import contextmanager
from functools import partial, wraps
from inspect import iscoroutinefunction
from pathlib import Path
from unittest import TestCase

import pytest

from perf.our_code import shown_path
from perf.recording.record import record_queries
from perf.recording.repeated import find_loops

TESTS = ("test_*.py", "*_test.py", "tests.py", "conftest.py")


def pytest_configure(config):
    config.addinivalue_line(
        "markers",
        "queries(max, loops=False): sends at most so many statements, and none of them in a loop",
    )


@pytest.fixture
def budget():
    """Return budget(statements, loops=False): a block that may send no more than that."""
    return held


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    marker = item.get_closest_marker("queries")
    if marker is None:
        return (yield)
    made_here = partial(_is_in_tests, own=shown_path(str(item.path)))
    limit = partial(held, *_asked(marker), without=made_here)
    if isinstance(getattr(item, "instance", None), TestCase) and not iscoroutinefunction(item.obj):
        # Around the method are setUp() and the end of a transaction. pytest takes `obj`, and
        # pytest-django what the instance has.
        item.obj = _limited(getattr(item.instance, item.name), limit)
        setattr(item.instance, item.name, item.obj)
        return (yield)
    with limit():
        return (yield)


def _limited(test, limit):
    @wraps(test)
    def run(*args, **kwargs):
        __tracebackhide__ = True
        with limit():
            return test(*args, **kwargs)

    return run


def _asked(marker):
    """Return (statements, loops) of a marker; fail for what is neither."""
    given = dict(zip(("max", "loops"), marker.args, strict=False)) | marker.kwargs
    most, loops = given.pop("max", None), given.pop("loops", False)
    if given or len(marker.args) > 2 or not isinstance(most, int) or not isinstance(loops, bool):
        pytest.fail(
            "queries takes max, a number of statements, and loops, True or False: "
            "@pytest.mark.queries(max=5).",
            pytrace=False,
        )
    return most, loops


@contextmanager
def held(statements, loops=False, *, without=lambda finding: False):
    """Fail after the block if it sent more statements, or some in a loop unless `loops` says so.

    Loops for which `without(finding)` is true are left out. What the block raises comes first.
    """
    __tracebackhide__ = True
    with record_queries(watch_rows=True) as recording:
        yield recording
    found = [] if loops else [one for one in find_loops(recording) if not without(one)]
    told = [f"{one.kind} at {one.place}: {one.what}\n    → {one.cure}" for one in found]
    if len(recording) > statements:
        told.insert(0, f"{len(recording)} statements, at most {statements} are allowed")
        told.append(recording.listing())
    if told:
        pytest.fail("\n".join(told), pytrace=False)


def _is_in_tests(finding, own):
    return all(
        site.file == own or any(Path(site.file).match(name) for name in TESTS)
        for site in finding.sites
    )
