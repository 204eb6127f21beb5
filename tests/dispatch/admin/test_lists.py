"""The lists of events and of assignments, in a dispatcher's words."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.models import Event
from dispatch.models import Assignment
from drivers.models import Driver
from tests.support import builders as make

EVENTS = reverse("admin:bookings_event_changelist")
ASSIGNMENTS = reverse("admin:dispatch_assignment_changelist")
pytestmark = pytest.mark.django_db


@pytest.fixture
def company(client):
    company = make.company()
    client.force_login(make.member(company))
    return company


def trip(company, name, driver, **fields):
    """Return the assignment of a client's trip, and log it."""
    booking = make.booking(company, client=make.client(company, name), **fields)
    row = make.assignment(booking, driver)
    make.event(
        company,
        booking=booking,
        kind=Event.Kind.ASSIGNED,
        new={"driver": driver.pk, "pickup": "2026-06-17T07:00:00Z"},
    )
    return row


def rows(client, page, **params):
    answer = client.get(page, params)
    assert answer.status_code == 200
    return list(answer.context["cl"].result_list)


def clients(client, page, **params):
    return {row.booking.client.name for row in rows(client, page, **params)}


def statements(client, page, **params):
    with CaptureQueriesContext(connection) as seen:
        client.get(page, params)
    return len(seen)


def test_an_event_is_a_sentence_with_names_and_local_times(client, company):
    anna = make.driver(company, "Anna Roth")
    row = trip(company, "Nadia Favre", anna)
    make.event(
        company,
        booking=row.booking,
        kind=Event.Kind.BOOKING_CHANGED,
        old={"client": None, "passengers": 1},
        new={"client": row.booking.client_id, "passengers": 2},
        reason="a friend",
        actor="hospital",
    )
    text = client.get(EVENTS).text
    assert "Assigned to Anna Roth, 09:00" in text
    assert "client: Nadia Favre · passengers: 1 → 2 · “a friend”" in text
    assert "hospital (API)" in text
    assert "{&quot;" not in text
    [event] = Event.objects.filter(kind=Event.Kind.ASSIGNED)
    one = client.get(reverse("admin:bookings_event_change", args=[event.pk])).text
    assert "Assigned to Anna Roth, 09:00" in one


@pytest.mark.parametrize("page", [EVENTS, ASSIGNMENTS])
def test_a_list_is_searched_by_client_reference_and_driver(client, company, page):
    trip(company, "Nadia Favre", make.driver(company, "Anna Roth"), reference="T-1")
    trip(company, "Omar Blanc", make.driver(company, "Ben Weiss"), reference="T-2")
    assert clients(client, page) == {"Nadia Favre", "Omar Blanc"}
    for words in ("nadia", "T-1", "roth"):
        assert clients(client, page, q=words) == {"Nadia Favre"}
    assert clients(client, page, q="nobody") == set()


@pytest.mark.parametrize("page", [EVENTS, ASSIGNMENTS])
def test_no_other_companys_rows_are_found(client, company, page):
    other = make.company("other")
    trip(other, "Nadia Favre", make.driver(other, "Anna Roth"), reference="T-1")
    for params in ({}, {"q": "nadia"}, {"q": "T-1"}, {"q": "roth"}):
        assert clients(client, page, **params) == set()


def test_events_are_of_a_day_and_of_a_kind(client, company):
    make.event(company, at=make.at("00:00"))
    make.event(company, at=make.at("23:59"), kind=Event.Kind.RELEASED)
    make.event(company, at=make.at("24:00"))
    day = {"from": make.DAY, "to": make.DAY}
    assert [row.at for row in rows(client, EVENTS, **day)] == [make.at("23:59"), make.at("00:00")]
    released = rows(client, EVENTS, kind__exact="assignment.released", **day)
    assert [row.at for row in released] == [make.at("23:59")]


def test_superseded_assignments_are_shown_only_when_asked_for(client, company):
    row = trip(company, "Nadia Favre", make.driver(company, "Anna Roth"))
    old = make.assignment(row.booking, row.driver, status="superseded")
    assert rows(client, ASSIGNMENTS) == [row]
    assert set(rows(client, ASSIGNMENTS, status="all")) == {row, old}
    assert rows(client, ASSIGNMENTS, status="superseded") == [old]
    assert rows(client, ASSIGNMENTS, status="planned") == [row]


def test_assignments_say_who_and_what_is_fixed(client, company):
    row = trip(company, "Nadia Favre", make.driver(company, "Anna Roth"))
    Assignment.objects.update(locked=True, confirmed=True)
    text = client.get(ASSIGNMENTS).text
    for shown in ("Nadia Favre</a> " + row.booking.reference, "Anna Roth", "confirmed and locked"):
        assert shown in text


@pytest.mark.parametrize("page", [EVENTS, ASSIGNMENTS])
def test_a_list_takes_as_many_statements_for_one_as_for_many(client, company, page):
    trip(company, "Ana", make.driver(company, "Anna Roth"))
    few = statements(client, page), statements(client, page, q="ana")
    for number in range(20):
        trip(company, f"Ana {number}", make.driver(company, f"Anna {number}"))
    assert (statements(client, page), statements(client, page, q="ana")) == few


@pytest.mark.sqlite_only
@pytest.mark.parametrize("page", [EVENTS, ASSIGNMENTS])
def test_a_list_is_read_in_the_order_of_an_index(client, company, page):
    trip(company, "Ana", make.driver(company, "Anna Roth"))
    table = {EVENTS: "bookings_event", ASSIGNMENTS: "dispatch_assignment"}[page]
    index = {EVENTS: "idx_event_company_at", ASSIGNMENTS: "idx_assignment_company_pickup"}[page]
    for params in ({}, {"from": make.DAY, "to": make.DAY}):
        with CaptureQueriesContext(connection) as seen:
            client.get(page, params)
        [sql] = [
            query["sql"] for query in seen
            if f'FROM "{table}"' in query["sql"] and "COUNT(" not in query["sql"]
        ]  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            plan = " ".join(row[3] for row in cursor.fetchall())
        assert f"SEARCH {table} USING INDEX {index}" in plan
        assert "TEMP B-TREE" not in plan


@pytest.mark.sqlite_only
def test_events_of_a_kind_are_read_in_the_order_of_their_index(client, company):
    """A rare kind among millions of events is found, and a frequent one not sorted."""
    trip(company, "Ana", make.driver(company, "Anna Roth"))
    with CaptureQueriesContext(connection) as seen:
        client.get(EVENTS, {"kind__exact": "booking.created"})
    sent = [query["sql"] for query in seen if 'FROM "bookings_event"' in query["sql"]]
    assert sent
    for sql in sent:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            plan = " ".join(row[3] for row in cursor.fetchall())
        assert "idx_event_company_kind (company_id=? AND kind=?)" in plan
        assert "TEMP B-TREE" not in plan


def test_a_driver_with_trips_stays_and_the_page_reads_none_of_them(admin_client, company):
    driver, free = make.driver(company, "Anna Roth"), make.driver(company, "Beat Frei")

    def statements():
        with CaptureQueriesContext(connection) as sent:
            page = admin_client.get(reverse("admin:drivers_driver_delete", args=[driver.pk]))
        assert "The trips of Anna Roth" in page.text
        return len(sent)

    trip(company, "Ana", driver)
    before = statements()
    with CaptureQueriesContext(connection) as sent:
        admin_client.get(reverse("admin:drivers_driver_delete", args=[driver.pk]))
    read = [query["sql"] for query in sent if "dispatch_assignment" in query["sql"]]
    assert all("EXISTS(" in sql for sql in read), read
    for number in range(3):
        trip(
            company, f"Ana {number}", driver,
            scheduled_time=make.NOW + timedelta(days=number + 1),
        )  # fmt: skip
    assert statements() == before
    for one in (driver, free):
        admin_client.post(reverse("admin:drivers_driver_delete", args=[one.pk]), {"post": "yes"})
    assert list(Driver.objects.filter(company=company)) == [driver]


def test_a_search_that_finds_no_driver_asks_for_nobodys_trips(client, company):
    trip(company, "Ana", make.driver(company, "Anna Roth"))
    with CaptureQueriesContext(connection) as seen:
        page = client.get(ASSIGNMENTS, {"q": "nobody"})
    assert page.status_code == 200
    assert not [
        query["sql"] for query in seen if '"driver_id" ' in query["sql"].partition("WHERE")[2]
    ]


def test_no_is_a_word_and_not_a_red_cross(client, company):
    make.client(company, "Zoé", wheelchair=False)
    text = client.get(reverse("admin:bookings_client_changelist")).text
    assert "close_small" not in text
    assert ">No</span>" in text
