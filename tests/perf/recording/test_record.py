"""The recorder: what it sees, what it keeps, and that it leaves nothing behind."""

import threading

import pytest
from django.db import IntegrityError, connection, connections, transaction

from bookings.models import Booking, Client
from drivers.models import Company
from perf.recording.record import record_queries
from tests.support import builders as make


@pytest.mark.django_db
def test_a_statement_is_kept_with_its_rows_and_its_line():
    for name in ("Ada", "Ben", "Cleo"):
        make.client(name=name)
    with record_queries() as q:
        list(Client.objects.filter(name__gt="B").values_list("name"))
    [statement] = q.statements
    assert statement.rows == 2  # Ben and Cleo
    assert statement.sql.startswith("SELECT")
    assert list(statement.params) == ["B"]
    assert statement.site.file == "tests/perf/recording/test_record.py"
    assert statement.site.function == "test_a_statement_is_kept_with_its_rows_and_its_line"
    assert statement.execute_ns > 0
    assert statement.fetch_ns > 0
    assert not statement.is_write


@pytest.mark.django_db
def test_the_nearest_line_of_an_app_is_the_place():
    company = make.company()
    owner = company.default_customer
    with record_queries() as q:
        list(Booking.objects.on(company, make.DAY))
        make.client(company, customer=owner)
    assert [s.site.file for s in q] == [
        "tests/perf/recording/test_record.py",
        "tests/support/builders.py",
    ]
    from dispatch.day.load import read_trips

    with record_queries() as q:
        read_trips(company, make.DAY, company.day_bounds(make.DAY))
    assert str(q.statements[0].site).startswith("dispatch/day/queries.py:")


@pytest.mark.django_db
def test_a_write_counts_the_rows_it_wrote():
    make.booking(clock="09:00")
    make.booking(clock="10:00")
    with record_queries() as q:
        Booking.objects.update(notes="x")
    assert [(s.rows, s.is_write) for s in q] == [(2, True)]


@pytest.mark.django_db
def test_parameters_are_not_kept_when_not_wanted():
    with record_queries(keep_params=False) as q:
        Company.objects.filter(slug="secret").first()
    assert [s.params for s in q] == [None]
    assert "secret" not in q.listing()


@pytest.mark.django_db
def test_an_iterator_is_one_statement_with_all_its_rows():
    company = make.company()
    Client.objects.bulk_create([Client(company=company, name=f"C{i}") for i in range(250)])
    with record_queries() as q:
        assert sum(1 for _client in Client.objects.iterator(chunk_size=100)) == 250
    assert [s.rows for s in q] == [250]


@pytest.mark.django_db
def test_executemany_is_one_statement():
    ids = [make.client().id for _i in range(3)]
    with record_queries() as q, connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE bookings_client SET address = %s WHERE id = %s", [("x", i) for i in ids]
        )
    [statement] = q.statements
    assert statement.many
    assert len(statement.params) == 3


@pytest.mark.django_db
def test_rows_read_straight_from_a_cursor_are_counted():
    make.client()
    make.client()
    with record_queries() as q, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM bookings_client ORDER BY id")
        first = cursor.fetchone()
        rest = list(cursor)
        cursor.execute("SELECT id FROM bookings_client ORDER BY id")
        assert [first, *rest] == cursor.fetchmany(5)
    assert [s.rows for s in q] == [2, 2]


@pytest.mark.django_db
def test_a_failing_statement_is_kept_and_the_error_goes_on():
    make.company()
    with record_queries() as q:
        with pytest.raises(IntegrityError), transaction.atomic():
            make.company()
        assert Company.objects.count() == 1
    assert [s.error for s in q] == ["IntegrityError", None]


@pytest.mark.django_db
def test_everything_is_as_before_afterwards_even_after_an_error():
    before = list(connection.execute_wrappers), set(vars(connection))
    with pytest.raises(Company.DoesNotExist), record_queries():
        Company.objects.get(slug="nowhere")
    assert (list(connection.execute_wrappers), set(vars(connection))) == before


@pytest.mark.django_db
def test_recorders_nest():
    with record_queries() as outer:
        Company.objects.count()
        with record_queries() as inner:
            Company.objects.count()
        Company.objects.count()
    assert (len(outer), len(inner)) == (3, 1)
    assert inner.statements[0] is outer.statements[1]


@pytest.mark.django_db
def test_other_wrappers_keep_working_beside_the_recorder():
    seen = []

    def noting(execute, sql, params, many, context):
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(noting), record_queries() as q:
        Company.objects.count()
    with record_queries() as q2, connection.execute_wrapper(noting):
        Company.objects.count()
    assert (len(seen), len(q), len(q2)) == (2, 1, 1)
    assert q2.statements[0].site.file == "tests/perf/recording/test_record.py"


@pytest.mark.django_db
def test_savepoints_are_control_and_no_statements():
    with record_queries() as q, transaction.atomic():
        Company.objects.count()
    assert len(q) == 1
    assert [s.fingerprint for s in q.control] == ["SAVEPOINT ?", "RELEASE SAVEPOINT ?"]


@pytest.mark.django_db(transaction=True)
def test_each_transaction_has_its_number():
    with record_queries() as q:
        with transaction.atomic():
            make.company("one")
            make.company("two")
        Company.objects.count()
        with transaction.atomic():
            make.company("three")
    assert [s.transaction for s in q] == [1, 1, None, 2]
    assert q.transactions == 2
    assert [s.sql for s in q.control if s.sql != "BEGIN IMMEDIATE"] == ["COMMIT", "COMMIT"]


@pytest.mark.django_db(transaction=True)
def test_threads_are_recorded_when_asked_for():
    def count():
        Company.objects.count()
        connections.close_all()

    for all_threads, expected in ((False, 1), (True, 2)):
        with record_queries(all_threads=all_threads) as q:
            Company.objects.count()
            thread = threading.Thread(target=count)
            thread.start()
            thread.join()
        assert len(q) == expected
        assert len({s.thread for s in q}) == expected


@pytest.mark.django_db
def test_a_relation_that_loads_itself_is_named():
    make.booking(client=make.client())
    booking = Booking.objects.get()
    with record_queries() as q:
        assert booking.client.name
    assert q.statements[0].site.relation == "Booking.client"
    booking = Booking.objects.only("id").get()
    with record_queries() as q:
        assert booking.reference
    assert q.statements[0].site.deferred == "Booking.reference"
