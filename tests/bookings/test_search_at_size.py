"""Searches ask an index, whatever the number of rows, and find what they found before."""

import pytest
from django.db import connection
from django.db.models import Q

from bookings.models import Client
from bookings.search import CLIENTS_FOUND, find_bookings, find_clients
from drivers.db.folding import fold
from drivers.db.parts import WORDS_AT_MOST
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
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE bookings_client")
    return company


def plan_of(rows):
    """Return what the database would do, in its words."""
    return rows.explain()


@pytest.mark.parametrize("words", WORDS)
def test_clients_are_found_by_parts_of_all_words(many, words):
    wanted = fold(words).split()
    rows = Client.objects.filter(company=many).values_list("id", "name", "phone", "address")
    expected = {pk for pk, *texts in rows if all(word in fold(" ".join(texts)) for word in wanted)}
    assert set(find_clients(many, words).values_list("id", flat=True)) == expected


@pytest.mark.parametrize("words", ["zzzz", "muller 17", "rue 44"])
def test_a_search_of_clients_asks_the_index_of_parts(many, words):
    plan = plan_of(find_clients(many, words)[:CLIENTS_FOUND])
    assert "client_parts" in plan
    assert "Seq Scan" not in plan
    assert "SCAN bookings_client" not in plan


def test_a_search_of_bookings_reads_no_table_from_end_to_end(many, django_assert_num_queries):
    for number, client in enumerate(find_clients(many, "blanc")[:50]):
        make.booking(many, client=client, reference=f"R{number}")
    rows = many.bookings.order_by("-scheduled_time", "-id")
    for words, found in (("blanc", 50), ("R7", 1), ("zzzz", 0)):
        with django_assert_num_queries(3):
            searched = find_bookings(rows, words, company=many)
        assert searched.count() == found
        assert "SCAN bookings" not in plan_of(searched)


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
