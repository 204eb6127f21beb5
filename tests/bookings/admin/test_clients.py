"""A client's page: saved places, preferences, last trips, and the way to the telephone."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.models import DriverPreference, SavedPlace
from bookings.places.known import places_of_client, usual_place
from drivers.models import Role
from tests.support import builders as make

pytestmark = pytest.mark.django_db
TELEPHONE = reverse("admin:bookings_booking_telephone")


@pytest.fixture
def ana(client):
    company = make.company()
    client.force_login(make.member(company))
    return make.client(company, "Ana", phone="1", address="Quai 3", notes="rings twice")


def url(person):
    return reverse("admin:bookings_client_change", args=[person.pk])


def place(person, label, **fields):
    where = {"address": f"{label} 1", "lat": 46.2, "lon": 6.1}
    return SavedPlace.objects.create(client=person, label=label, **where | fields)


def form(person, places=(), preferences=(), recipients=(), **fields):
    """Return what the page sends; places and preferences are rows of fields."""
    sent = {"name": person.name, "phone": person.phone, "address": "", "notes": ""} | fields
    formsets = {"places": places, "driver_preferences": preferences, "pauses": ()}
    formsets["recipients"] = recipients
    for prefix, rows in formsets.items():
        stored = sum("id" in row for row in rows)
        sent |= {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": stored}
        for number, row in enumerate(rows):
            row = {"client": person.pk} | row
            sent |= {f"{prefix}-{number}-{name}": value for name, value in row.items()}
    return sent


def row(label, **fields):
    return {"label": label, "address": f"{label} 1", "lat": 46.2, "lon": 6.1} | fields


def usual(person):
    return list(person.places.filter(is_usual=True).values_list("label", flat=True))


def test_places_are_added_changed_and_removed_and_one_is_the_usual(client, ana):
    client.post(url(ana), form(ana, [row("Hospital"), row("Work", is_usual="on")]))
    assert usual(ana) == ["Work"]
    work, hospital = (ana.places.get(label=label) for label in ("Work", "Hospital"))
    rows = [row("Work", id=work.pk), row("Clinic", id=hospital.pk, is_usual="on")]
    assert client.post(url(ana), form(ana, rows)).status_code == 302
    assert usual(ana) == ["Clinic"]
    rows = [row("Work", id=work.pk, DELETE="on"), row("Clinic", id=hospital.pk, is_usual="on")]
    client.post(url(ana), form(ana, rows))
    assert list(ana.places.values_list("label", flat=True)) == ["Clinic"]
    assert usual(ana) == ["Clinic"]  # saved again unchanged, it stays


def test_the_usual_place_that_another_chose_meanwhile_gives_way(client, ana):
    clinic = place(ana, "Clinic")
    place(ana, "Work", is_usual=True)  # not on the page that is sent
    client.post(url(ana), form(ana, [row("Clinic", id=clinic.pk, is_usual="on")]))
    assert usual(ana) == ["Clinic"]


def test_two_usual_places_are_refused_on_the_page_and_in_the_database(client, ana):
    page = client.post(url(ana), form(ana, [row("A", is_usual="on"), row("B", is_usual="on")]))
    assert "Only one place can be the usual one" in page.text
    assert not ana.places.exists()
    place(ana, "A", is_usual=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        place(ana, "B", is_usual=True)


def test_drivers_of_the_company_are_preferred_or_forbidden(client, ana):
    mine, theirs = make.driver(ana.company), make.driver(make.company("lyon"))
    page = client.post(url(ana), form(ana, (), [{"driver": theirs.pk, "kind": "preferred"}]))
    assert page.status_code == 200
    assert str(theirs.name) not in page.text
    client.post(url(ana), form(ana, (), [{"driver": mine.pk, "kind": "forbidden"}]))
    assert DriverPreference.objects.get().driver == mine


def test_who_is_told_by_messages_is_written_and_refused_at_its_field(client, ana):
    son = {"person": "contact", "channel": "email", "address": "son@example.org"}
    client.post(url(ana), form(ana, recipients=[son, {"person": "client", "channel": "none"}]))
    assert set(ana.recipients.values_list("person", "channel", "address")) == {
        ("contact", "email", "son@example.org"),
        ("client", "none", ""),
    }
    person = make.client(ana.company)
    wrong = form(person, recipients=[son | {"address": "son"}])
    assert "Enter a valid email address." in client.post(url(person), wrong).text
    assert not person.recipients.exists()


def test_the_page_reads_as_often_with_more_rows(client, ana, django_assert_num_queries):
    client.get(url(ana))  # kinds of rows are known from now on
    with CaptureQueriesContext(connection) as one:
        client.get(url(ana))
    for number in range(4):
        place(ana, f"Place {number}")
        DriverPreference.objects.create(
            client=ana, driver=make.driver(ana.company), kind="preferred"
        )
        make.booking(ana.company, client=ana)
    with django_assert_num_queries(len(one)):
        client.get(url(ana))


def test_the_page_shows_the_last_trips_and_books_one(client, ana):
    trip = make.booking(ana.company, client=ana)
    page = client.get(url(ana))
    assert reverse("admin:bookings_booking_change", args=[trip.pk]) in page.text
    assert f"{TELEPHONE}?company=geneva&amp;client={ana.pk}" in page.text
    client.force_login(make.member(ana.company, Role.VIEWER))
    page = client.get(url(ana))
    assert page.status_code == 200
    assert TELEPHONE not in page.text


def test_the_telephone_form_begins_at_the_usual_place(client, ana):
    asked = {"company": "geneva", "client": ana.pk}
    assert client.get(TELEPHONE, asked).context["form"].initial["pickup_address"] == "Quai 3"
    place(ana, "Clinic", is_usual=True)
    place(ana, "Work")
    page = client.get(TELEPHONE, asked)
    assert page.context["form"].initial["pickup_address"] == "Clinic 1"
    assert "rings twice" in page.text
    assert usual_place(ana).address == "Clinic 1"
    assert [p.address for p in places_of_client(ana)] == ["Clinic 1", "Quai 3", "Work 1"]
