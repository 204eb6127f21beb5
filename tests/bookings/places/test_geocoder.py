"""The geocoder: both protocols against a small server, time-outs, cache, turns and outages."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured

from bookings.places import geocoder
from bookings.places.search import search_places
from dispatchsite import env
from drivers.rest.throttling import OUTAGE
from tests.support import builders as make

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
PHOTON = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [6.1487, 46.1936]},
            "properties": {
                "name": "Hôpitaux Universitaires", "street": "Rue Gabrielle-Perret-Gentil",
                "housenumber": "4", "postcode": "1205", "city": "Genève", "country": "Suisse",
            },
        },
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [6.15, 46.2]},
            "properties": {"name": "Rue du Stand", "street": "Rue du Stand", "city": "Genève"},
        },
    ],
}  # fmt: skip
HOSPITAL = {"features": PHOTON["features"][:1]}
NOMINATIM = [
    {
        "lat": "46.1936", "lon": "6.1487", "display_name": "4, Rue Gabrielle-Perret-Gentil",
        "address": {"road": "Rue Gabrielle-Perret-Gentil", "house_number": "4",
                    "postcode": "1205", "city": "Genève"},
    }
]  # fmt: skip
HOUSE = "Rue Gabrielle-Perret-Gentil 4, 1205 Genève"


class Server(ThreadingHTTPServer):
    """Answers every GET with `answer`: (status, body); `asked` are the paths so far."""

    daemon_threads = True
    answer = 200, json.dumps(PHOTON)

    def __init__(self):
        self.asked, self.agents, self.go_on = [], [], threading.Event()
        self.go_on.set()
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.server.agents.append(self.headers["User-Agent"])
        self.server.go_on.wait(10)
        status, body = self.server.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def server(settings, monkeypatch):
    monkeypatch.setattr(geocoder, "WITHIN_S", 0.3)
    geocoder._server.cache_clear()
    cache.clear()
    OUTAGE.until_s = 0
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        settings.GEOCODER = env.Geocoder("photon", "http", f"127.0.0.1:{running.server_port}")
        yield running
        running.go_on.set()
        running.shutdown()
    geocoder._server.cache_clear()
    cache.clear()


@pytest.fixture
def company():
    return make.company()


def found(company, text="hopital gentil"):
    return [(match.address, match.source) for match in search_places(company, text)]


def test_photon_is_asked_near_the_depot_which_is_rounded(server, company):
    (hospital, stand) = search_places(company, "hopital gentil")
    assert hospital.address == f"Hôpitaux Universitaires, {HOUSE}"
    assert (hospital.lat, hospital.lon, hospital.source) == (46.1936, 6.1487, "geocoder")
    assert (stand.address, stand.is_exact) == ("Rue du Stand, Genève", False)
    (path,) = server.asked
    asked = parse_qs(urlsplit(path).query)
    assert (urlsplit(path).path, asked["q"]) == ("/api", ["hopital gentil"])
    assert (asked["lat"], asked["lon"]) == (["46.2"], ["6.1"])
    assert server.agents == [geocoder.USER_AGENT]


def test_nominatim_is_asked_once_a_second_by_all_together(server, company, settings):
    settings.GEOCODER = settings.GEOCODER._replace(protocol="nominatim")
    server.answer = 200, json.dumps(NOMINATIM)
    assert found(company) == [(HOUSE, "geocoder")]
    assert urlsplit(server.asked[0]).path == "/search"
    assert found(company, "another place") == []
    cache.delete("geocoder.turn")  # a second later
    assert found(company, "another place") == [(HOUSE, "geocoder")]
    assert len(server.asked) == 2


def test_the_same_is_not_asked_twice(server, company):
    assert found(company) == found(company, "Hôpital  GENTIL")
    assert len(server.asked) == 1


def test_it_is_not_asked_about_a_few_letters_or_what_is_known_for_sure(server, company):
    make.client(company, address="Quai 3, Genève")
    assert found(company, "hug") == []
    assert found(company, "quai 3 geneve") == [("Quai 3, Genève", "company")]
    assert server.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        (500, "oops"),
        (429, ""),
        (200, "<html>Mei Dubois</html>"),
        (200, "[]"),
        (200, '{"features": [{}]}'),
        (200, json.dumps(HOSPITAL).replace("[6.1487, 46.1936]", "[null, null]")),
        (200, json.dumps(HOSPITAL).replace("[6.1487, 46.1936]", "[6.1487, NaN]")),
        (200, json.dumps(HOSPITAL).replace("[6.1487, 46.1936]", "[1000, 46.1936]")),
    ],
)
def test_a_fault_leaves_the_other_sources_and_is_logged_without_what_was_typed(
    server, company, caplog, answer
):
    make.client(company, "Mei Dubois", address="Rue Dubois, Genève")
    server.answer = answer
    assert found(company, "dubois clinique geneve") == [("Rue Dubois, Genève", "company")]
    (record,) = (record for record in caplog.records if record.name == geocoder.__name__)
    assert record.levelname == "ERROR"
    assert "dubois" not in record.getMessage().lower()
    assert record.exc_info is None
    server.answer = 200, json.dumps(PHOTON)
    found(company, "something else")
    assert len(server.asked) == 1  # it rests
    cache.delete("geocoder.rests")
    assert len(found(company, "something else")) == 2


def test_one_that_does_not_answer_is_not_waited_for(server, company, caplog):
    server.go_on.clear()
    assert found(company) == []
    assert "GeocoderTimedOut" in caplog.text


def test_one_that_is_not_there_is_an_outage(company, settings, caplog):
    cache.clear()
    settings.GEOCODER = env.Geocoder("photon", "http", "127.0.0.1:9")
    assert found(company) == []
    assert "The geocoder fails" in caplog.text
    cache.clear()


def test_the_address_of_the_geocoder_names_its_protocol(monkeypatch):
    monkeypatch.setenv("GEOCODER_URL", "photon+https://geo.example.org/photon/")
    assert env.geocoder("GEOCODER_URL") == ("photon", "https", "geo.example.org/photon")
    monkeypatch.setenv("GEOCODER_URL", "")
    assert env.geocoder("GEOCODER_URL") is None
    for wrong in ("https://geo.example.org", "photon+ftp://x", "photon+https://me:secret@x"):
        monkeypatch.setenv("GEOCODER_URL", wrong)
        with pytest.raises(ImproperlyConfigured, match="GEOCODER_URL"):
            env.geocoder("GEOCODER_URL")


def test_one_odd_row_takes_no_other_away_and_silences_nobody(server, company):
    odd = {"geometry": {"coordinates": [6.1, 46.2]}, "properties": {"country": "Suisse"}}
    server.answer = 200, json.dumps({"features": [odd, *PHOTON["features"]]})
    assert len(found(company)) == 2
    assert not cache.get("geocoder.rests")


@pytest.mark.parametrize(
    ("properties", "address", "is_exact"),
    [
        ({"type": "street", "name": "Rue du Lac", "city": "Nyon"}, "Rue du Lac, Nyon", False),
        ({"type": "city", "name": "Satigny", "county": "Genève"}, "Satigny", False),
        ({"type": "house", "name": "Clinique", "city": "Nyon"}, "Clinique, Nyon", True),
    ],
)
def test_a_street_or_a_town_of_photon_is_no_house(properties, address, is_exact):
    raw = {"geometry": {"coordinates": [6.1, 46.2]}, "properties": properties}
    assert geocoder._of_photon(raw) == (address, 46.2, 6.1, is_exact)
