"""One search over the company's places and the register, through the API too."""

import pytest
from django.core.management import call_command

from bookings.models import SavedPlace
from bookings.places.search import place_at, search_places
from drivers.models import Role
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return make.company()


@pytest.fixture
def register(tmp_path):
    path = tmp_path / "addresses.csv"
    path.write_text(
        "lat,lon,number,street,postcode,city\n46.2107,6.1434,12,Rue de Lausanne,1201,Genève\n",
        encoding="utf-8",
    )
    call_command("import_addresses", str(path), verbosity=0)


def found(company, text):
    return [(match.address, str(match.source)) for match in search_places(company, text)]


def test_own_places_are_found_by_label_client_and_misspelled_address(company):
    hospital = "Rue Gabrielle-Perret-Gentil 4, 1205 Genève"
    mei = make.client(company, "Mei Dubois", address="Chemin des Palettes 7, Lancy")
    SavedPlace.objects.create(client=mei, label="HUG", address=hospital, lat=46.19, lon=6.14)
    assert found(company, "hug") == [(hospital, "company")]
    assert found(company, "dubois mei")[0] == (mei.address, "company")
    for typed in ("palete 7", "lancy chemin paletes", "CHEMIN PALETTES"):
        assert found(company, typed)[0] == (mei.address, "company"), typed
    assert found(company, "chemin des palettes 9") == []  # another house


def test_the_own_place_comes_before_the_same_of_the_register_and_once(company, register):
    assert found(company, "lausane 12") == [("Rue de Lausanne 12, 1201 Genève", "register")]
    make.booking(company, dropoff_address="Rue de Lausanne 12, 1201 Genève")
    assert found(company, "lausane 12") == [("Rue de Lausanne 12, 1201 Genève", "company")]


def test_an_old_client_is_found_among_many(company, monkeypatch):
    monkeypatch.setattr("bookings.places.known.RECENT_TRIPS", 2)
    first = make.client(company, "Zoé Favre", address="Quai Wilson 33")
    for number in range(5):
        make.client(company, f"Other {number}", address=f"Rue {number}")
    assert found(company, "wilson") == [(first.address, "company")]


def test_a_place_is_taken_by_its_very_address_and_nothing_is_guessed(company, register):
    place = place_at(company, "rue de lausanne 12, 1201 geneve")
    assert (place.address, place.lat) == ("Rue de Lausanne 12, 1201 Genève", 46.2107)
    assert place_at(company, "rue de lausanne 12") is None
    assert place_at(company, "rue de lausane 12, 1201 geneve") is None
    assert place_at(company, "Rue de Lausanne, 1201 Genève") is None


def test_the_api_answers_with_the_source_and_only_of_the_own_company(company, register):
    make.client(company, address="Rue de Lausanne 40")
    make.client(make.company("other"), address="Rue de Lausanne 99")
    for role in (Role.VIEWER, Role.CLIENT_API):
        answer = caller(role, company).get(f"{API}places/", {"q": "lausane", "near": "46.2,6.1"})
        assert answer.status_code == 200
        rows = {row["address"]: row for row in answer.json()["results"]}
        assert rows.keys() == {"Rue de Lausanne 40", "Rue de Lausanne, 1201 Genève"}
        street = rows["Rue de Lausanne, 1201 Genève"]
        assert (street["source"], street["is_exact"]) == ("register", False)
        assert (street["lat"], street["lon"]) == (46.2107, 6.1434)
    assert caller(Role.DRIVER, company).get(f"{API}places/", {"q": "a"}).status_code == 403


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "q"),
        ({"q": " "}, "q"),
        ({"q": "a" * 201}, "q"),
        ({"q": "a", "near": "91,0"}, "near"),
        ({"q": "a", "near": "nan,0"}, "near"),
        ({"q": "a", "near": "here"}, "near"),
        ({"q": "a", "limit": "21"}, "limit"),
        ({"q": "a", "words": "b"}, "words"),
    ],
)
def test_the_api_refuses_what_it_does_not_understand(company, query, field):
    answer = caller(Role.VIEWER, company).get(f"{API}places/", query)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
