"""Faults of indexes and plans are found with their line and their cure, and nothing beside them.

How long a statement takes is no test's business: here an index is judged by the work that it
saves, counted by the database, in place of the time.
"""

import pytest
from django.db import connection
from django.utils import timezone

from perf.indexes.ablation import Bench
from perf.indexes.explain import explain, rolled_back
from perf.indexes.server_counters import read_server
from perf.profiling.targets import profile_url
from tests.perf.planted import rows
from tests.perf.planted.faults import CLEAN_PLANS, PLANS, TABLES
from tests.perf.planted.test_faults import _the_app_is_ours, assert_found  # noqa: F401

pytestmark = pytest.mark.slow
STEPS = 20  # of SQLite's machine, for each unit of work
UNIT_S = 1e-5


@pytest.fixture(scope="module", autouse=True)
def _many(migrated, django_db_blocker):
    with django_db_blocker.unblock(), rows.scratch_tables():
        rows.plant_many()
        if connection.vendor != "postgresql":
            yield
            return
        rows.read_often()
        with rows.worn():
            yield


@pytest.fixture(autouse=True)
def _by_work(monkeypatch):
    monkeypatch.setattr(Bench, "replay", work)


def work(bench, statement, connection=None):
    """Stand in for `Bench.replay`: return the work as if it were seconds."""
    connection = connection or bench.connection
    if connection.vendor == "postgresql":
        return explain(statement, connection, analyze=False).cost * UNIT_S
    counted = [1]
    with rolled_back(connection), connection.cursor() as cursor:
        raw = connection.connection
        raw.set_progress_handler(lambda: counted.append(1), STEPS)
        try:
            cursor.execute(statement.sql, statement.params)
            cursor.fetchall()
        finally:
            raw.set_progress_handler(None, 0)
    return len(counted) * UNIT_S


def profiled(path):
    return profile_url(f"/{path}/", now=timezone.now(), explain=True, may_build=True)


def applying(faults):
    """Return the faults of the database at hand."""
    return [fault for fault in faults if fault.only in ("", connection.vendor)]


@pytest.mark.parametrize("fault", applying(PLANS), ids=str)
def test_a_planted_fault_is_found_with_its_line_and_its_cure(fault):
    found = profiled(fault.path).findings
    assert_found(fault, found)
    assert {one.place for one in found} == {found[0].place}


@pytest.mark.parametrize("path", CLEAN_PLANS)
def test_nothing_is_found_in_a_clean_twin(path):
    assert list(map(str, profiled(path).findings)) == []


@pytest.mark.parametrize("fault", applying(TABLES), ids=str)
def test_a_fault_of_the_tables_is_found(fault):
    assert_found(fault, read_server(connection))


def test_nothing_is_said_of_the_tables_beside_their_faults():
    """Of twins one is to go, of few values only those none of which is rare."""
    found = read_server(connection)
    assert len(found) == len(applying(TABLES)), "\n".join(map(str, found))
