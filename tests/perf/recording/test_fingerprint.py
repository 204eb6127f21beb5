"""Statements that differ in values only have one fingerprint."""

import pytest

from bookings.models import Client
from perf.recording.fingerprint import fingerprint
from perf.recording.record import record_queries
from tests.support import builders as make


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a, b FROM t ORDER BY 1",
        "SELECT a, b FROM t ORDER BY 2 DESC, 1 ASC",
        'SELECT a, b FROM t ORDER BY "t"."a" ASC, 2 DESC',
        "SELECT a, COUNT(*) FROM t GROUP BY 1, 2 ORDER BY 3 DESC",
    ],
)
def test_places_of_columns_are_no_values(sql):
    assert fingerprint(sql) == sql
    assert fingerprint(f"{sql} LIMIT 5") == f"{sql} LIMIT ?"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = 22.5"),
        ("SELECT a FROM t WHERE b = 'x'", "SELECT a  FROM t\nWHERE b = 'it''s'"),
        ("SELECT a FROM t WHERE b = %s", "SELECT a FROM t WHERE b = 'x' -- why"),
        ("SELECT a FROM t WHERE b = $1", "SELECT a FROM t WHERE b = $$x y$$"),
        ("SELECT a FROM t WHERE b IN (%s, %s)", "SELECT a FROM t WHERE b IN (1, 2, 3)"),
        (
            'INSERT INTO t ("a", "b") VALUES (%s, %s)',
            'INSERT INTO t ("a", "b") VALUES (1, \'\'), (2, NULL)',
        ),
        (
            "INSERT INTO t (a) VALUES (%s, (%s)::jsonb) RETURNING id",
            "INSERT INTO t (a) VALUES (%s, (%s)::jsonb), (%s, (%s)::jsonb) RETURNING id",
        ),
        ('SAVEPOINT "s140_x1"', 'SAVEPOINT "s99_x25"'),
        ('RELEASE SAVEPOINT "s140_x1"', 'RELEASE SAVEPOINT "s99_x25"'),
        ("ROLLBACK TO SAVEPOINT s1", "ROLLBACK TO SAVEPOINT s2"),
        ("SELECT a FROM t LIMIT 21", "SELECT a FROM t LIMIT 5;"),
        ("SELECT x = ANY(ARRAY[1, 2])", "SELECT x = ANY(ARRAY[3])"),
        (
            "UPDATE t SET a = CASE WHEN (id = %s) THEN %s ELSE NULL END",
            "UPDATE t SET a = CASE WHEN (id = %s) THEN %s WHEN (id = %s) THEN %s ELSE NULL END",
        ),
    ],
)
def test_values_make_no_difference(one, other):
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a FROM t1", "SELECT a FROM t2"),
        ('SELECT "2026" FROM t', 'SELECT "2027" FROM t'),
        ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b > 1"),
        ("SELECT a FROM t WHERE b IN (1)", "SELECT a FROM t WHERE b NOT IN (1)"),
        ("INSERT INTO t (a) VALUES (1)", "INSERT INTO t (b) VALUES (1)"),
    ],
)
def test_anything_else_does(one, other):
    assert fingerprint(one) != fingerprint(other)


def test_a_cast_is_no_parameter():
    assert fingerprint("SELECT a::text FROM t WHERE b = :c") == "SELECT a::text FROM t WHERE b = ?"


@pytest.mark.django_db
def test_the_number_of_rows_in_an_insert_makes_no_difference():
    owner = {"company": (company := make.company()), "customer": company.default_customer}
    with record_queries() as q:
        for count in (2, 5):
            Client.objects.bulk_create([Client(**owner, name=f"{count} {i}") for i in range(count)])
        for count in (1, 2):
            list(Client.objects.filter(name__in=["x", "y"][:count]))
    inserts, selects = [s.fingerprint for s in q][:2], [s.fingerprint for s in q][2:]
    assert len(set(inserts)) == 1
    assert len(set(selects)) == 1
