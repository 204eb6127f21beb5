"""Every search finds Élodie Müller however her name is typed."""

from base64 import urlsafe_b64decode
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from bookings.places.known import known_place
from bookings.places.search import search_places
from drivers.models import Role
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db
SPELLINGS = ["Élodie", "élodie", "ÉLODIE", "Elodie", "elodie", "MULLER", "Müller", "E\u0301lodie M"]
DAY = {"from": make.DAY.isoformat(), "to": make.DAY.isoformat()}


@pytest.fixture
def elodie(client):
    company = make.company()
    client.force_login(make.member(company, Role.OWNER))
    person = make.client(company, "Élodie Müller")
    make.booking(company, client=person, reference="hers")
    make.booking(company, client=make.client(company, "Anna Blanc"), reference="another")
    driver = make.driver(company, "Élodie Müller")
    make.shift(driver)
    make.driver(company, "Anna Blanc")
    return person


def listed(client, url, **params):
    page = client.get(reverse(url), params)
    assert page.status_code == 200
    return [str(row) for row in page.context["cl"].result_list]


def autocompleted(client, words):
    field = {"app_label": "bookings", "model_name": "booking", "field_name": "client"}
    answer = client.get(reverse("admin:autocomplete"), field | {"term": words})
    return [row["text"] for row in answer.json()["results"]]


@pytest.mark.parametrize("words", SPELLINGS)
def test_the_lists_of_the_admin_find_her(client, elodie, words):
    assert listed(client, "admin:bookings_client_changelist", q=words) == ["Élodie Müller"]
    assert listed(client, "admin:drivers_driver_changelist", q=words) == ["Élodie Müller"]
    assert len(listed(client, "admin:drivers_shift_changelist", q=words)) == 1
    assert listed(client, "admin:bookings_booking_changelist", q=words) == ["hers"]
    assert listed(client, "admin:bookings_booking_changelist", q=words, **DAY) == ["hers"]
    assert autocompleted(client, words) == ["Élodie Müller"]


@pytest.mark.parametrize("words", SPELLINGS)
def test_the_telephone_finds_her(client, elodie, words):
    page = client.get(reverse("admin:bookings_booking_telephone_clients"), {"q": words})
    assert page.context["clients"].get() == elodie


@pytest.mark.parametrize("words", SPELLINGS)
def test_the_api_finds_her(elodie, words):
    owner = caller(Role.OWNER)

    def found(rows):
        return [
            row.get("name") or row["reference"]
            for row in owner.get(f"{API}{rows}/", {"search": words}).json()["results"]
        ]

    assert found("clients") == found("drivers") == ["Élodie Müller"]
    assert found("bookings") == ["hers"]


def test_a_new_name_is_found_after_a_change_in_the_api(elodie):
    owner = caller(Role.OWNER)
    answer = owner.patch(f"{API}clients/{elodie.id}/", {"name": "Zoé Müller"})
    assert answer.status_code == 200
    (row,) = owner.get(f"{API}clients/", {"search": "ZOE"}).json()["results"]
    assert row["name"] == "Zoé Müller"


def test_nothing_of_another_company_is_found(client, elodie):
    make.client(make.company("other"), "Élodie Meier")
    assert listed(client, "admin:bookings_client_changelist", q="elodie") == ["Élodie Müller"]
    page = client.get(reverse("admin:bookings_booking_telephone_clients"), {"q": "elodie"})
    assert page.context["clients"].get() == elodie


def test_places_are_found_without_accents():
    company = make.company()
    make.client(company, address="Hôpital de Genève")
    assert [place.address for place in search_places(company, "GENEVE hopital")] == [
        "Hôpital de Genève"
    ]
    assert known_place(company, "hopital de geneve").address == "Hôpital de Genève"


def test_names_are_listed_and_paged_beside_each_other_with_and_without_accents(client):
    company = make.company()
    client.force_login(make.member(company, Role.OWNER))
    for name in ("Zoé", "Élodie", "emma", "Elsa", "Élodie"):
        make.client(company, name, phone=f"{name} {len(name)} {company.clients.count()}")
    names = ["Élodie", "Élodie", "Elsa", "emma", "Zoé"]
    assert listed(client, "admin:bookings_client_changelist") == names

    def paged(ordering):
        found, url = [], f"{API}clients/?limit=2&ordering={ordering}"
        while url:
            page = owner.get(url).json()
            found += [row["name"] for row in page["results"]]
            url = page["next"]
            cursor = parse_qs(urlsplit(url or "").query).get("cursor", [""])[0]
            readable = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            assert b"elo" not in readable  # no name is in the address
            assert b"els" not in readable
        return found

    owner = caller(Role.OWNER)
    assert paged("name") == names
    assert paged("-name") == names[::-1]
