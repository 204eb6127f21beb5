"""What is written: rows as they stand, in few statements, bounded by days and by number."""

import threading
from datetime import datetime, timedelta, timezone

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from drivers.models import Company
from perf.models import Sampled, SampleKind
from perf.recording import waiting
from perf.recording.record import record_queries
from perf.sampling import buffer as buffers
from perf.sampling import plans, sample, store, totals
from perf.sampling.buffer import Buffer
from perf.sampling.sample import Sample, Sampling
from tests.support import builders as make

AT = datetime(2026, 6, 17, 8, 30, tzinfo=timezone.utc)  # noqa: UP017
HOUR = timedelta(hours=1)


def sampled(slug="a", at=AT, door="GET x/", ms=5.0, work=None):
    with record_queries() as recording:
        (work or (lambda: list(Company.objects.filter(slug=slug))))()
    return Sample(door, at, ms, recording)


def rows(kind=SampleKind.STATEMENT):
    return list(Sampled.objects.filter(kind=kind).order_by("hour", "id"))


@pytest.mark.django_db
def test_a_slow_statement_is_kept_with_its_place_and_its_times(sampling):
    buffer = sampling(SLOW_MS=0)
    buffer.add(sampled())
    buffer.add(sampled("b"))
    buffer.flush()
    [row] = rows()
    assert (row.door, row.count, row.hour) == ("GET x/", 2, AT.replace(minute=0))
    assert row.place.startswith("tests/perf/sampling/test_store.py:")
    assert '"slug" = ?' in row.statement
    assert sum(row.buckets.values()) == 2
    assert row.total_ms > row.max_ms > 0


@pytest.mark.django_db
def test_a_statement_that_was_slow_once_is_followed_when_it_is_fast(sampling):
    buffer = sampling(SLOW_MS=0)
    buffer.add(sampled())
    buffer.flush()
    again = sampling(SLOW_MS=1000)  # another process, for which nothing is slow
    again.add(sampled())
    again.flush()  # it reads what is known, and follows it from then on
    again.add(sampled())
    again.flush()
    assert [row.count for row in rows()] == [1, 1]


@pytest.mark.django_db
def test_a_statement_that_never_was_slow_is_not_kept(sampling):
    buffer = sampling(SLOW_MS=1000)
    buffer.add(sampled())
    buffer.flush()
    assert not rows()
    assert rows(SampleKind.DOOR)


@pytest.mark.django_db
def test_rows_are_of_an_hour_and_a_process_and_are_written_as_they_stand(sampling):
    one, other = sampling(), sampling()
    for at in (AT, AT + timedelta(minutes=20), AT + HOUR):
        one.add(sampled(at=at))
        one.flush()
    other.add(sampled())
    other.flush()
    found = rows(SampleKind.DOOR)
    assert [(row.hour, row.count) for row in found] == [
        (AT.replace(minute=0), 2), (AT.replace(minute=0), 1), (AT.replace(minute=0) + HOUR, 1),
    ]  # fmt: skip
    assert len({row.process for row in found}) == 2


@pytest.mark.django_db
def test_the_number_of_statements_of_a_write_does_not_depend_on_what_there_is(sampling):
    buffer = sampling(SLOW_MS=0)

    def written(doors):
        for number in range(doors):
            buffer.add(sampled(door=f"GET {number}/"))
        with CaptureQueriesContext(connection) as found:
            buffer.flush()
        return len(found)

    written(1)
    few = written(2)
    assert few == written(20) == 3  # a savepoint, the upsert, its release


@pytest.mark.django_db
def test_nothing_new_is_no_statement(sampling, django_assert_num_queries):
    buffer = sampling()
    buffer.add(sampled())
    buffer.flush()
    with django_assert_num_queries(0):
        buffer.flush()


@pytest.mark.django_db
def test_a_write_that_fails_is_logged_and_done_with_the_next(sampling, monkeypatch, caplog):
    buffer = sampling()
    buffer.add(sampled())
    with monkeypatch.context() as broken:
        broken.setattr(store, "_stored", None)
        buffer.flush()
    assert "could not be written" in caplog.text
    buffer.add(sampled())
    buffer.flush()
    assert rows(SampleKind.DOOR)[0].count == 2


@pytest.mark.django_db
def test_old_rows_and_too_many_are_forgotten(sampling):
    buffer = sampling(KEEP_DAYS=2, KEEP_ROWS=100)
    Sampled.objects.bulk_create(
        Sampled(key=f"old {number}", kind=SampleKind.DOOR, hour=AT - timedelta(days=3))
        for number in range(5)
    )
    Sampled.objects.bulk_create(
        Sampled(key=f"many {number}", kind=SampleKind.DOOR, hour=AT) for number in range(120)
    )
    buffer.add(sampled())
    buffer.flush()
    assert not Sampled.objects.filter(key__startswith="old").exists()
    assert Sampled.objects.count() == 100
    assert Sampled.objects.order_by("id").last().door == "GET x/"  # the newest stay


@pytest.mark.django_db
def test_samples_that_are_too_many_are_dropped_and_told(sampling, monkeypatch, caplog):
    buffer = sampling()
    monkeypatch.setattr(buffers, "MOST", 2)
    for _ in range(5):
        buffer.add(sampled())
    buffer.flush()
    assert rows(SampleKind.DOOR)[0].count == 2
    assert "3 samples were dropped" in caplog.text


@pytest.mark.django_db
def test_the_rows_of_an_hour_are_bounded(sampling, monkeypatch):
    monkeypatch.setattr(totals, "MOST", 3)
    buffer = sampling()
    for number in range(9):
        buffer.add(sampled(door=f"GET {number}/"))
    buffer.flush()
    assert Sampled.objects.count() == 3


@pytest.mark.django_db
def test_a_plan_is_asked_for_once_an_hour_and_a_changed_one_is_another_row(sampling, monkeypatch):
    asked = []

    def explain_top(statements, **options):
        asked.append(options)
        return original(statements, **options)

    original = plans.explain_top
    monkeypatch.setattr(plans, "explain_top", explain_top)
    buffer, other = sampling(SLOW_MS=0), sampling(SLOW_MS=0)
    for process in (buffer, buffer, other):
        process.add(sampled())
        process.flush()
    assert len(asked) == 1
    assert asked[0]["analyze"] is False
    buffer.add(sampled(at=AT + HOUR))
    buffer.flush()
    [row] = rows(SampleKind.PLAN)
    assert (len(asked), row.hour) == (2, AT.replace(minute=0) + HOUR)
    assert "drivers_company" in "\n".join(row.detail["shape"])
    monkeypatch.setattr(plans, "shape_of", lambda plan: ["another"])
    buffer.add(sampled(at=AT + 2 * HOUR))
    buffer.flush()
    assert len({row.detail["plan"] for row in rows(SampleKind.PLAN)}) == 2


@pytest.mark.django_db
def test_a_long_transaction_that_holds_locks_is_a_wait(sampling, monkeypatch):
    monkeypatch.setattr(waiting, "HELD_MS", 0)
    company = make.company()

    def work():
        with transaction.atomic():
            Company.objects.filter(id=company.id).update(name="x")
            Company.objects.count()

    buffer = sampling()
    buffer.add(sampled(work=work, ms=totals.WAITS_FROM_MS))
    buffer.flush()
    assert {row.detail["kind"] for row in rows(SampleKind.WAIT)} == {"open transaction"}
    assert "drivers_company" in rows(SampleKind.WAIT)[0].detail["what"]["en"]


@pytest.mark.django_db(transaction=True)
def test_a_thread_writes_with_a_connection_of_its_own(settings, monkeypatch):
    settings.PERF = {**settings.PERF, "RELEASE": "v1", "FLUSH_SAMPLES": 2}
    buffer = Buffer()
    monkeypatch.setattr(sample, "buffer", buffer)
    written_by, original = [], buffers.write
    monkeypatch.setattr(
        buffers, "write", lambda t: (written_by.append(threading.current_thread()), original(t))
    )
    for _ in range(3):
        with Sampling(lambda: "GET x/"):
            Company.objects.count()
    buffer.stop()
    assert sum(row.count for row in rows(SampleKind.DOOR)) == 3
    assert threading.current_thread() not in written_by


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres_only
def test_who_holds_a_lock_is_asked_while_a_sample_waits(settings, monkeypatch):
    settings.PERF = {**settings.PERF, "RELEASE": "v1"}
    company = make.company()
    buffer = Buffer()
    monkeypatch.setattr(sample, "buffer", buffer)
    with Sampling(lambda: "GET first/"):
        pass  # the thread begins with the first sample
    holds, done = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            Company.objects.filter(id=company.id).update(name="held")
            holds.set()
            done.wait(0.6)
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    holds.wait(5)
    with Sampling(lambda: "GET x/"):
        Company.objects.filter(id=company.id).update(name="mine")
    done.set()
    holder.join()
    buffer.stop()
    [wait] = rows(SampleKind.WAIT)
    assert wait.detail["kind"] == "lock wait"
    assert wait.max_ms > 100
    assert "for a lock of" in wait.detail["what"]["en"]
    assert 'UPDATE "drivers_company" SET "name" = ?' in wait.detail["what"]["en"]
    assert "held" not in wait.detail["what"]["en"]


@pytest.mark.django_db
def test_a_sample_that_comes_late_takes_nothing_from_the_hour_before(sampling):
    one = sampling()
    for at in (AT, AT, AT + HOUR, AT):
        one.add(sampled(at=at))
        one.flush()
    found = [(row.hour, row.count) for row in rows(SampleKind.DOOR)]
    assert found == [(AT.replace(minute=0), 2), (AT.replace(minute=0) + HOUR, 2)]
