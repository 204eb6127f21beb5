"""The database's own word is passed on, of our tables alone."""

import pytest
from django.db import connection

from bookings.models import Client
from perf.indexes.explain import explain, postgres_plan
from perf.indexes.server_counters import read_server
from perf.recording.finding import COVERED
from perf.recording.record import record_queries
from tests.support import builders as make


def many_clients(count):
    company = make.company()
    Client.objects.bulk_create(
        (Client(company=company, name=f"C{i}", address=f"A{i % 9}") for i in range(count)),
        batch_size=5_000,
    )


def run(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.django_db
def test_twins_are_named_and_a_clean_schema_is_not():
    run("ANALYZE")
    assert [one for one in read_server(connection) if one.kind == COVERED] == []
    run("CREATE INDEX zz_twin ON bookings_client (company_id, address)")
    run("CREATE INDEX zz_twin_2 ON bookings_client (company_id, address)")
    [told] = [one for one in read_server(connection) if one.kind == COVERED]
    assert told.what == "zz_twin_2: zz_twin covers it."
    assert told.place == "bookings_client"  # no model declares it


@pytest.mark.sqlite_only
@pytest.mark.django_db
def test_tables_that_were_never_analyzed_are_told(monkeypatch):
    run("ANALYZE")
    assert read_server(connection) == ()
    monkeypatch.setattr("perf.indexes.server_counters._is_analyzed", lambda cursor: False)
    [told] = read_server(connection)
    assert "never analyzed" in told.what


@pytest.mark.postgres_only
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_unused_indexes_dead_rows_and_old_statistics_are_told(monkeypatch):
    run("ALTER TABLE bookings_client SET (autovacuum_enabled = false)")
    try:
        many_clients(30_000)
        run("CREATE INDEX zz_unused ON bookings_client (address, name, company_id)")
        run("ANALYZE bookings_client")
        run("SELECT pg_stat_reset()")  # what other tests read is counted too
        for _time in range(1_000):
            Client.objects.filter(pk=0).exists()
        run("SELECT pg_stat_force_next_flush()")
        assert "zz_unused (" not in "\n".join(map(str, read_server(connection)))
        for _time in range(1_000):
            Client.objects.filter(company=0, name="nobody").exists()
        Client.objects.update(phone="1")
        run("SELECT pg_stat_force_next_flush()")
        told = "\n".join(map(str, read_server(connection)))
        # As if it alone found what a row that is deleted leaves behind.
        monkeypatch.setattr("perf.indexes.server_counters.key_served", lambda index, others: "x")
        of_a_key = "\n".join(map(str, read_server(connection)))
    finally:
        run("DROP INDEX IF EXISTS zz_unused")
        run("ALTER TABLE bookings_client RESET (autovacuum_enabled)")
    assert "zz_unused (" in told
    assert "zz_unused (" not in of_a_key
    assert "VACUUM does not keep up" in told  # a few dead rows are pruned by the update itself
    assert "bookings_client: 30000 rows changed since its statistics" in told


@pytest.mark.postgres_only
@pytest.mark.django_db
def test_a_sort_that_goes_to_disk_is_in_the_plan():
    many_clients(8_000)
    run("SET LOCAL work_mem = '64kB'")
    with record_queries() as q:
        list(Client.objects.order_by("address", "name"))
    assert "A sort wrote" in " ".join(map(str, explain(q.statements[0], connection).remarks))
    run("SET LOCAL work_mem = '64MB'")
    assert "A sort wrote" not in " ".join(map(str, explain(q.statements[0], connection).remarks))


@pytest.mark.postgres_only
@pytest.mark.django_db
def test_old_statistics_show_in_the_plan():
    """Nearly all addresses were the same when they were gathered."""
    company = make.company()
    Client.objects.bulk_create(
        Client(company=company, name=f"C{i}", address="same") for i in range(8_000)
    )
    run("ANALYZE bookings_client")
    Client.objects.update(address="other")
    with record_queries() as q:
        list(Client.objects.filter(address="same"))
    told = " ".join(map(str, explain(q.statements[0], connection).remarks))
    assert "rows were expected and 0 came" in told
    run("ANALYZE bookings_client")
    assert explain(q.statements[0], connection).remarks == ()


def node(**facts):
    return postgres_plan([{"Plan": {"Node Type": "Seq Scan", "Relation Name": "t"} | facts}])


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"Plan Rows": 10, "Actual Rows": 5_000, "Actual Loops": 1}, "10 rows were expected"),
        ({"Plan Rows": 900_000, "Actual Rows": 3, "Actual Loops": 1}, "3 came"),
        ({"Plan Rows": 1_000, "Actual Rows": 5_000, "Actual Loops": 1}, ""),
        ({"Plan Rows": 1, "Actual Rows": 90, "Actual Loops": 1}, ""),
        ({"Plan Rows": 9_000}, ""),  # not run
        ({"Hash Batches": 4}, "in 4 parts"),
        ({"Hash Batches": 1}, ""),
    ],
)
def test_what_is_remarkable_is_said(facts, said):
    remarks = node(**facts).remarks
    assert [said in str(remark) for remark in remarks] == [True] * bool(said)


@pytest.mark.any_database
def test_what_a_limit_cuts_short_is_not_misjudged():
    scan = {"Node Type": "Seq Scan", "Relation Name": "t", "Plan Rows": 90_000,
            "Actual Rows": 3, "Actual Loops": 1}  # fmt: skip
    assert postgres_plan([{"Plan": {"Node Type": "Limit", "Plans": [scan]}}]).remarks == ()
