"""Time that is in no statement is found: held locks, slow commits, another who writes."""

import pytest
from django.db import transaction

from drivers.models import Company
from perf.recording.finding import COMMIT, HELD, LOCKED
from perf.recording.record import record_queries
from perf.recording.waiting import find_waiting
from tests.support import builders as make

MS = 1_000_000


@pytest.fixture
def written():
    """Return what a transaction of a write and a read sent; as if none of it had taken any time."""
    make.company()
    with record_queries() as q, transaction.atomic():
        Company.objects.update(name="written")
        assert Company.objects.count() == 1
    for number, statement in enumerate(sorted([*q, *q.control], key=lambda s: s.start_ns)):
        statement.start_ns = number * MS
        statement.execute_ns = statement.fetch_ns = 0
    return q


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_is_held_open_took_the_time_in_which_nothing_was_asked(written):
    write, _read = written
    assert find_waiting(written) == []
    for statement in [*written, *written.control]:
        if statement.start_ns > write.start_ns:
            statement.start_ns += 400 * MS
    [found] = find_waiting(written)
    assert (found.kind, found.ms) == (HELD, 401)
    assert found.place.startswith("tests/perf/recording/test_waiting.py:")
    assert "holds locks on drivers_company" in found.what


@pytest.mark.django_db(transaction=True)
def test_a_slow_commit_is_told_at_its_line(written):
    [commit] = [s for s in written.control if s.sql == "COMMIT"]
    commit.execute_ns = 120 * MS
    [found] = find_waiting(written)
    assert (found.kind, found.ms) == (COMMIT, 120)
    assert found.place.startswith("tests/perf/recording/test_waiting.py:")
    assert found.what == "the commit takes 120 ms."


@pytest.mark.sqlite_only
@pytest.mark.django_db(transaction=True)
def test_sqlite_waits_at_begin_for_another_who_writes(written):
    [begin] = [s for s in written.control if s.sql.startswith("BEGIN")]
    begin.execute_ns = 150 * MS
    [found] = find_waiting(written)
    assert (found.kind, found.ms) == (LOCKED, 150)
