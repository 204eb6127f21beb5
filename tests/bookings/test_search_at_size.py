"""Searches ask an index, whatever the number of rows, and find what they found before."""

import re

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from bookings.doubles import like
from bookings.models import Booking, Client
from bookings.search import CLIENTS_FOUND, find_bookings, find_clients
from drivers.db.folding import fold
from drivers.db.parts import WORDS_AT_MOST
from drivers.db.statistics import refresh_statistics
from drivers.models import Role
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db
MANY = 3_000
WORDS = [
    "Müller",
    "avenue",
    "+41 70",
    "zzzz",
    "m",
    "zq",
    "le 12 rue",
    "40%",
    "a_b",
    '"q"',
    "' --",
    "",
]


@pytest.fixture
def many():
    """Many clients of one company, some with signs that a pattern or a query could misread."""
    company = make.company()
    texts = ["Élodie Müller", "Anna Blanc", '40% of "q"', "a_b", "' -- Zoé", "axb", "40 of q"]
    Client.objects.bulk_create(
        Client(
            company=company,
            name=f"{texts[i % len(texts)]} {i}",
            phone=f"+41 70 {i:04d}",
            address=f"{('Rue', 'Avenue')[i % 2]} {i % 90}",
        )
        for i in range(MANY)
    )
    make.client(make.company("other"), "Élodie Müller")
    count_rows()
    return company


def count_rows():
    """Let the database count its rows: what autovacuum does, and `clear_expired` on SQLite."""
    refresh_statistics()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE bookings_client, bookings_booking")


@pytest.mark.parametrize("words", WORDS)
def test_clients_are_found_by_parts_of_all_words(many, words):
    wanted = fold(words).split()
    rows = Client.objects.filter(company=many).values_list("id", "name", "phone", "address")
    expected = {pk for pk, *texts in rows if all(word in fold(" ".join(texts)) for word in wanted)}
    assert set(find_clients(many, words).values_list("id", flat=True)) == expected


@pytest.mark.parametrize("words", ["zzzz", "muller 17", "rue 44"])
def test_a_search_of_clients_asks_the_index_of_parts(many, words):
    plan = find_clients(many, words)[:CLIENTS_FOUND].explain()
    assert "client_parts" in plan
    assert "Seq Scan" not in plan
    assert "company_id=?" not in plan  # which would read all clients of the company on SQLite


def test_a_search_of_bookings_reads_no_table_from_end_to_end(many, django_assert_num_queries):
    for number, client in enumerate(find_clients(many, "blanc")[:50]):
        make.booking(many, client=client, reference=f"R{number}")
    others = find_clients(many, "muller").values_list("id", flat=True)
    Booking.objects.bulk_create(
        Booking(
            company=many,
            client_id=others[number % len(others)],
            pickup_lat=46.2,
            pickup_lon=6.1,
            dropoff_lat=46.2,
            dropoff_lon=6.1,
            scheduled_time=make.NOW,
        )
        for number in range(MANY)
    )
    count_rows()
    rows = many.bookings.order_by("-scheduled_time", "-id")
    for words, found in (("blanc", 50), ("R17", 1), ("zzzz", 0)):
        with django_assert_num_queries(3) as sent:
            searched = find_bookings(rows, words, company=many)
        assert searched.count() == found
        for plan in (searched[:50].explain(), *(plan_of(row["sql"]) for row in sent)):
            assert not SCAN.search(plan), plan
        assert "company_id=?" not in searched[:50].explain()


def test_who_may_be_the_same_person_is_found_by_both_indexes(many, django_assert_num_queries):
    first = Client.objects.filter(company=many).order_by("id").values("id")[:50]
    Client.objects.filter(id__in=first).update(phone_key="")
    count_rows()
    one = Client.objects.filter(company=many).exclude(phone_key="").last()
    customer = one.customer
    with django_assert_num_queries(1) as sent:
        found = like(many, customer, "Somebody Else", one.phone)
    assert found == [one]
    plan = plan_of(sent[0]["sql"])
    assert not SCAN.search(plan), plan
    assert "idx_client_customer_folded" in plan
    assert "idx_client_customer_phone" in plan


SCAN = re.compile(r"(Seq Scan on|SCAN) \"?bookings_(booking|client)\b")


def plan_of(sql):
    how = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        cursor.execute(f"{how} {sql}".replace("%", "%%"))
        return "\n".join(str(row) for row in cursor.fetchall())


def test_a_search_of_the_api_reads_no_company_from_end_to_end():
    company = make.company()
    make.booking(company, client=make.client(company, "Anna"), reference="R1")
    with CaptureQueriesContext(connection) as sent:
        answer = caller(Role.OWNER).get(f"{API}bookings/", {"search": "anna"})
    assert len(answer.json()["results"]) == 1
    page = [row["sql"] for row in sent if "LIMIT 51" in row["sql"]]
    assert len(page) == 1
    assert '"bookings_booking"."company_id" =' not in page[0]
    with CaptureQueriesContext(connection) as sent:  # no word, no search: by the company's index
        assert len(caller(Role.OWNER).get(f"{API}bookings/?search=%20").json()["results"]) == 1
    assert '"bookings_booking"."company_id" =' in sent[-1]["sql"]
    assert (
        not caller(Role.OWNER, make.company("other"))
        .get(f"{API}bookings/", {"search": "anna"})
        .json()["results"]
    )


def test_further_words_of_a_search_are_not_looked_at(many):
    words = ["blanc"] * WORDS_AT_MOST
    assert find_clients(many, " ".join([*words, "zzzz"])).exists()
    assert not find_clients(many, " ".join([*words[1:], "zzzz"])).exists()


def test_what_is_changed_or_deleted_is_found_no_more(many):
    client = make.client(many, "Before", phone="1", address="Somewhere")
    Client.objects.filter(pk=client.pk).update(name="After", address="Elsewhere")
    for words, found in (("before", False), ("somewhere", False), ("AFTER else", True)):
        assert find_clients(many, words).filter(pk=client.pk).exists() == found
    client.delete()
    assert not find_clients(many, "after else").exists()
    assert not Client.objects.filter(Q(searched__has_parts="after")).exists()


@pytest.mark.parametrize("words", ["elodie", "70 0123", "avenue 33", "R-1"])
def test_the_api_finds_bookings_by_client_or_reference(words):
    company = make.company()
    person = make.client(company, "Élodie", phone="+41 70 0123", address="Avenue 33")
    booking = make.booking(company, client=person, reference="R-1")
    make.booking(company, client=make.client(company, "Anna"), reference="R-10")
    (row,) = caller(Role.OWNER).get(f"{API}bookings/", {"search": words}).json()["results"]
    assert row["id"] == booking.pk
