"""Many addresses searched at once: the same answers, a constant number of statements."""

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.places import geocoder, many
from bookings.places.many import search_many, surely
from bookings.places.match import Match, Source
from bookings.places.register import search_register
from bookings.places.register_many import search_register_many
from bookings.places.words import Vocabulary
from dispatchsite import env
from tests.bookings.places.test_address_register import NEAR, OPEN_ADDRESSES, imported
from tests.support import builders as make

pytestmark = pytest.mark.django_db
TYPED = [
    "rue de lausanne 12", "RUE DE LAUSANE 12 GENEVE", "geneve, rue lausanne 14 B",
    "1003 rue de geneve 12", "av feuillase 1", "bourgdefour 3", "bahnhof strasse 7 bern",
    "gabriele peret gentil 4", "Rue du 31 decembre 31", "rue de lausanne 99", "xyzzyx", "",
]  # fmt: skip


@pytest.fixture
def register(tmp_path):
    return imported(tmp_path, OPEN_ADDRESSES)


def found_by(found, text):
    one = found[text]
    return one.sure and one.sure.address


def test_the_register_answers_as_it_does_to_one(register):
    together = search_register_many(TYPED, near=NEAR, limit=5)
    for text in TYPED:
        alone = search_register(text, near=NEAR, limit=5)
        assert together[text][:1] == alone[:1], text


def test_the_statements_are_the_same_for_any_number(register):
    company = make.company()
    make.client(company, "Mei Dubois", address="Rue de Lausanne 40")
    counts = []
    for texts in (TYPED[:1], TYPED, [f"Rue de Lausanne {n}, 1201 Genève" for n in range(200)]):
        with CaptureQueriesContext(connection) as statements:
            search_many(company, texts)
        counts.append(len(statements))
    assert counts == [11, 11, 11]


def test_own_places_come_first_and_misspelled_ones_are_found(register):
    company = make.company()
    make.client(company, "Mei Dubois", address="Chemin des Palettes 7, Lancy")
    make.booking(company, dropoff_address="Rue de Lausanne 12, 1201 Genève")
    texts = ["Chemin des Paletes 7 Lancy", "mei dubois", "Rue de Lausanne 12, 1201 Genève"]
    found = search_many(company, texts)
    assert found_by(found, "chemin des paletes 7 lancy") == "Chemin des Palettes 7, Lancy"
    by_name = found["mei dubois"]  # a name may be somebody else's: offered, not taken
    assert [match.address for match in by_name.matches] == ["Chemin des Palettes 7, Lancy"]
    assert by_name.sure is None
    house = found["rue de lausanne 12, 1201 geneve"]
    assert [match.source for match in house.matches[:1]] == ["company"]
    assert house.sure == house.matches[0]
    assert not search_many(make.company("other"), texts[:1])["chemin des paletes 7 lancy"].matches


def a_match(address, score, lat=46.2, lon=6.1, **values):
    return Match(address, lat, lon, Source.REGISTER, score, **values)


def test_sure_is_a_house_that_no_other_place_comes_near_to():
    here, there = a_match("Rue de la Gare 5, Nyon", 0.97), a_match("Rue de la Gare 5, Gex", 0.95)
    elsewhere = a_match("Rue de la Gare 5, Gex", 0.95, lat=46.3)
    assert surely("rue de la gare 5", [here, elsewhere]) is None  # which of the two?
    assert surely("rue de la gare 5", [here, there]) == here  # the same place
    assert surely("rue de la gare 5, gex", [here, elsewhere]) == elsewhere
    assert surely("rue de la gare 5, nyonn", [here, elsewhere]) is None  # 0.02 better
    worse = a_match("Rue de la Gare 5, Gex", 0.91, lat=46.3)
    assert surely("rue de la gare 5, nyonn", [here, worse]) == here
    assert surely("rue de la gare 5, nyon", [a_match("Rue de la Gare 5, Nyon", 0.89)]) is None
    street = a_match("Rue de la Gare, Nyon", 0.97, is_exact=False)
    assert surely("rue de la gare, nyon", [street]) is None
    assert surely("rue de la gare 5", []) is None


def test_a_vocabulary_knows_what_was_meant():
    words = Vocabulary({"boulevard": 3, "lausanne": 7, "lausannette": 1, "gare": 2})
    assert words.like("bd") == {"boulevard": 3}
    assert words.like("lausane") == {"lausanne": 7}
    assert words.like("laus") == {"lausanne": 7, "lausannette": 1}
    assert words.like("xyz") == {}


def test_the_geocoder_is_asked_for_the_rest_for_a_while(register, settings, monkeypatch):
    settings.GEOCODER = env.Geocoder("photon", "http", "geocoder.test")
    cache.clear()
    asked = []

    def answer(text, *_args):
        asked.append(text)
        return [(text, 46.2, 6.1, True)]

    monkeypatch.setattr(geocoder, "_ask", answer)
    monkeypatch.setattr(many, "ASKED_AT_MOST", 2)
    company = make.company()
    texts = ["Rue de Lausanne 12, 1201 Genève", "Quai Wilson 1", "Quai Wilson 2", "Quai Wilson 3"]
    found = search_many(company, texts)
    assert asked == texts[1:3]  # what the register is sure of is not sent anywhere
    assert [one.is_asked for one in found.values()] == [True, True, True, False]
    assert found_by(found, "quai wilson 1") == "Quai Wilson 1"
    assert all(one.is_asked for one in search_many(company, texts).values())  # the rest
    assert asked == texts[1:]
    monkeypatch.setattr(many, "ASKED_FOR_S", 0.0)
    cache.clear()
    search_many(company, texts)
    assert asked == texts[1:]


def test_a_client_system_waits_for_no_turn_of_the_geocoder(register, settings, monkeypatch):
    settings.GEOCODER = env.Geocoder("nominatim", "http", "geocoder.test")
    cache.clear()
    asked, slept = [], []
    monkeypatch.setattr(geocoder, "_ask", lambda text, *_args: asked.append(text) or [])
    monkeypatch.setattr(geocoder.time, "sleep", slept.append)
    customer = make.company().default_customer
    texts = [f"Quai Wilson {n}" for n in range(8)]
    found = search_many(customer.company, texts, customer=customer)
    assert (asked, slept) == (texts[:1], [])  # Nominatim has one turn in a second
    assert [one.is_asked for one in found.values()] == [True] + [False] * 7
    settings.GEOCODER = env.Geocoder("photon", "http", "geocoder.test")
    search_many(customer.company, texts, customer=customer)
    assert asked[1:] == texts[: many.ASKED_OF_CLIENTS]
    monkeypatch.setattr(many, "ASKED_OF_CLIENTS_FOR_S", 0.0)
    cache.clear()
    search_many(customer.company, texts, customer=customer)
    assert len(asked) == 1 + many.ASKED_OF_CLIENTS
