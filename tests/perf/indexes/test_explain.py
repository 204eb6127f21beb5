"""Plans are read after the run, in one form for both databases, and change nothing."""

from dataclasses import replace

import pytest
from django.db import connection

from bookings.models import Booking, Client
from perf.indexes.explain import (
    PlanNode,
    QueryPlan,
    distinct,
    explain,
    explain_top,
    is_get,
    partial_indexes,
    postgres_plan,
    read_whole_only,
    separate_connection,
    sqlite_plan,
)
from perf.recording.record import record_queries
from tests.support import builders as make


def recorded(queryset):
    with record_queries() as q:
        list(queryset)
    return q.statements[0]


@pytest.mark.django_db
def test_a_condition_without_index_scans_the_table():
    make.booking()
    plan = explain(recorded(Booking.objects.filter(notes="x")), connection)
    assert plan.full_scans == ("bookings_booking",)
    assert plan.error == ""


@pytest.mark.django_db
def test_a_condition_with_an_index_names_it():
    company = make.company()
    owner = company.default_customer
    Client.objects.bulk_create([Client(company=company, name=f"C{i}") for i in range(2000)])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    plan = explain(
        recorded(Client.objects.filter(customer=owner, name="C7", phone="", external_id="")),
        connection,
    )
    assert plan.full_scans == ()
    [index] = plan.indexes  # SQLite names a unique constraint in its own way
    assert index in ("client_once", "sqlite_autoindex_bookings_client_1")
    if connection.vendor == "postgresql":
        assert plan.nodes[0].rows == 1
        assert plan.cost > 0
        assert plan.buffers > 0


@pytest.mark.django_db
def test_an_alias_is_the_table_behind_it():
    make.booking(client=make.client())
    queryset = Booking.objects.filter(return_of__notes="x", client__address="y")
    plan = explain(recorded(queryset), connection)
    assert {node.table for node in plan.nodes if node.table} <= {
        "bookings_booking",
        "bookings_client",
    }


@pytest.mark.django_db
def test_explaining_a_write_writes_nothing():
    make.booking()
    with record_queries() as q:
        Booking.objects.update(notes="first")
    Booking.objects.update(notes="second")
    plan = explain(q.statements[0], connection)
    assert plan.error == ""
    assert plan.full_scans == ("bookings_booking",)
    assert Booking.objects.get().notes == "second"


@pytest.mark.django_db(transaction=True)
def test_a_connection_of_its_own_writes_nothing_either():
    make.booking()
    with record_queries() as q:
        Booking.objects.update(notes="first")
        client = make.client()
        Booking.objects.filter(notes="nothing like it").delete()
    Booking.objects.update(notes="second")
    plans = explain_top(q, top=10)
    assert set(plans) == set(distinct(q))
    assert {plan.error for plan in plans.values()} == {""}
    assert Booking.objects.get().notes == "second"
    assert Client.objects.get() == client


@pytest.mark.django_db(transaction=True)
def test_a_locked_row_delays_nobody():
    """A write is explained beside a transaction that holds its rows."""
    from django.db import transaction

    make.booking()
    with record_queries() as q:
        Booking.objects.update(notes="first")
    with transaction.atomic(), separate_connection() as other:
        Booking.objects.update(notes="second")
        plan = explain(q.statements[0], other)
    assert plan.full_scans == ("bookings_booking",)


@pytest.mark.django_db
def test_a_statement_without_its_parameters_says_so():
    with record_queries(keep_params=False) as q:
        list(Client.objects.filter(name="x"))
    assert explain(q.statements[0], connection).error == "no parameters were kept"


@pytest.mark.django_db
def test_what_cannot_be_explained_says_why():
    statement = recorded(Client.objects.filter(name="x"))
    statement.sql = statement.sql.replace("bookings_client", "bookings_nothing")
    assert "bookings_nothing" in explain(statement, connection).error
    assert Client.objects.count() == 0  # the transaction around is well


@pytest.mark.django_db
def test_a_plan_holds_no_values():
    plan = explain(
        recorded(Client.objects.filter(name="Ada Lovelace", wheelchair=True)), connection
    )
    assert "Lovelace" not in str(plan)


LIST = 'SELECT 1 FROM "a" ORDER BY "a"."id" LIMIT ?'
ALL = 'SELECT 1 FROM "a" ORDER BY "a"."id"'
GET = 'SELECT 1 FROM "a" WHERE "a"."x" = %s LIMIT 21'


def scan(**facts):
    return PlanNode("Index Scan", table="a", index="a_pkey", full_scan=True, **facts)


@pytest.mark.parametrize(
    ("nodes", "text", "whole"),
    [
        ([scan()], ALL, ("a",)),
        ([scan()], LIST, ()),
        ([scan()], LIST + " OFFSET ?", ()),
        ([scan()], LIST + " FOR UPDATE", ()),
        # The LIMIT stops nothing: it sorts or groups first, or is told to throw nearly all away.
        ([PlanNode("Sort"), scan()], LIST, ("a",)),
        ([PlanNode("HashAggregate"), scan()], LIST, ("a",)),
        ([scan(rows=3, removed=9_000)], LIST, ("a",)),
        # Only what is read first stops.
        ([PlanNode("Scan", table="b"), scan()], LIST, ("a",)),
        ([replace(scan(), index="some_rows")], ALL, ()),
    ],
)
def test_a_table_is_read_whole_only_if_every_row_is(nodes, text, whole):
    plan = read_whole_only(QueryPlan(nodes=tuple(nodes)), text, {"some_rows"})
    assert plan.full_scans == whole


@pytest.mark.parametrize(
    ("sql", "is_one"),
    [
        (GET, True),
        (GET + " FOR UPDATE", True),
        (GET.replace("%s", "(SELECT 1 FROM b ORDER BY COALESCE(y, %s))"), True),
        (GET.replace("21", "10"), False),  # any ten
        (GET.replace("LIMIT", 'ORDER BY "a"."id" LIMIT'), False),  # a page of twenty, and one more
        ('SELECT 1 FROM "a" LIMIT 21', False),
    ],
)
def test_a_get_reads_on_after_the_row_that_it_finds(sql, is_one):
    assert is_get(sql) is is_one
    plan = read_whole_only(QueryPlan(nodes=(scan(),)), LIST, set(), of_a_get=is_one)
    assert plan.full_scans == (("a",) if is_one else ())


@pytest.mark.django_db
def test_a_get_without_an_index_reads_the_table_whole():
    client = make.client()
    Client.objects.filter(pk=client.pk).update(address="the only one")
    with record_queries() as q:
        Client.objects.get(address="the only one")
    plan = explain(q.statements[0], connection, analyze=False)
    assert plan.full_scans == ("bookings_client",)


@pytest.mark.django_db
def test_a_partial_index_read_whole_is_no_table_read_whole():
    make.booking()
    index = "idx_driver_company_available"
    shown = QueryPlan(nodes=(scan(), PlanNode("Scan", table="d", index=index, full_scan=True)))
    assert partial_indexes(connection, shown) == {index}


def test_sqlites_steps_are_understood():
    sql = 'SELECT 1 FROM "a" INNER JOIN "b" T2 ON (T2."x" = "a"."id") ORDER BY "a"."y"'
    plan = sqlite_plan(
        [
            (2, 0, 0, "SCAN a"),
            (5, 0, 0, "SEARCH T2 USING COVERING INDEX b_x (x=?)"),
            (7, 0, 0, "SEARCH a USING INTEGER PRIMARY KEY (rowid=?)"),
            (8, 0, 0, "SEARCH T2 USING AUTOMATIC COVERING INDEX (x=?) LEFT-JOIN"),
            (9, 0, 0, "SCAN json_each VIRTUAL TABLE INDEX 1:"),
            (10, 0, 0, "SCAN 62 CONSTANT ROWS"),
            (20, 0, 0, "USE TEMP B-TREE FOR ORDER BY"),
        ],
        sql,
    )
    assert [(n.table, n.index, n.full_scan) for n in plan.nodes] == [
        ("a", "", True),
        ("b", "b_x", False),
        ("a", "primary key", False),
        ("b", "(built for this statement)", False),
        ("", "", False),
        ("", "", False),
        ("", "", False),
    ]
    assert plan.sorts


@pytest.mark.sqlite_only
@pytest.mark.django_db
def test_a_subquery_is_no_table_that_is_read_whole():
    newest = Booking.objects.order_by("reference").values("client")[:3]
    with record_queries() as q:
        assert newest.count() == 0
    [statement] = q
    assert explain(statement, connection).full_scans == ("bookings_booking",)


@pytest.mark.parametrize("word", ["CO-ROUTINE", "MATERIALIZE"])
def test_what_sqlite_makes_for_the_statement_is_no_table(word):
    rows = [(1, 0, 0, f"{word} subquery"), (2, 1, 0, "SCAN a"), (9, 0, 0, "SCAN subquery")]
    plan = sqlite_plan(rows, 'SELECT COUNT(*) FROM (SELECT DISTINCT "a"."x" FROM "a") subquery')
    assert plan.full_scans == ("a",)


@pytest.mark.parametrize(("kind", "told"), [("Inner", 1), ("Semi", 0), ("Anti", 0)])
def test_what_an_exists_stops_is_not_misjudged(kind, told):
    inner = {
        "Node Type": "Seq Scan", "Relation Name": "b", "Plan Rows": 131_604, "Actual Rows": 1,
        "Actual Loops": 1,
    }  # fmt: skip
    loop = {"Node Type": "Nested Loop", "Join Type": kind, "Plan Rows": 1, "Plans": [inner]}
    assert len(postgres_plan([{"Plan": loop}]).remarks) == told


def test_postgresqls_steps_are_understood():
    plan = postgres_plan(
        [
            {
                "Plan": {
                    "Node Type": "Sort",
                    "Total Cost": 9.5,
                    "Plan Rows": 3,
                    "Plans": [
                        {
                            "Node Type": "Seq Scan",
                            "Relation Name": "a",
                            "Alias": "a",
                            "Actual Rows": 2,
                            "Actual Loops": 3,
                            "Rows Removed by Filter": 40,
                            "Filter": "((name)::text = 'Ada'::text)",
                        },
                        {
                            "Node Type": "Index Scan",
                            "Relation Name": "b",
                            "Index Name": "b_x",
                            "Index Cond": "(x = 5)",
                        },
                    ],
                },
                "Execution Time": 1.5,
            }
        ]
    )
    assert (plan.cost, plan.ms, plan.full_scans, plan.indexes) == (9.5, 1.5, ("a",), {"b_x"})
    assert plan.nodes[1].rows == 6  # 2 rows in each of 3 loops
    assert plan.nodes[1].removed == 120  # 40 in each
    assert plan.nodes[1].filter == "((name)::text = ?::text)"
    assert plan.sorts
