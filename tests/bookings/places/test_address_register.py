"""The address register: importing files of several forms, and finding what was meant."""

import gzip

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.models import Address, AddressWord, Street, WordInStreet
from bookings.places import import_addresses as importing
from bookings.places.address_file import AddressFileError, of_lv95, read_addresses
from bookings.places.register import search_register
from bookings.places.words import similarity, spellings, words_of
from tests.support import builders as make

pytestmark = pytest.mark.django_db
NEAR = make.HOSPITAL
OPEN_ADDRESSES = """LON,LAT,NUMBER,STREET,CITY,POSTCODE
6.1434,46.2107,12,Rue de Lausanne,Genève,1201
6.1436,46.2109,14b,Rue de Lausanne,Genève,1201
6.6323,46.5197,12,Rue de Genève,Lausanne,1003
6.0800,46.2340,1,Avenue de Feuillasse,Meyrin,1217
6.1440,46.1980,3,Place du Bourg-de-Four,Genève,1204
6.1487,46.1936,4,Rue Gabrielle-Perret-Gentil,Genève,1205
6.1200,46.2000,31,Rue du 31-Décembre,Genève,1207
7.4474,46.9480,7,Bahnhofstrasse,Bern,3011
"""


@pytest.fixture
def register(tmp_path):
    return imported(tmp_path, OPEN_ADDRESSES)


def imported(folder, text, *options, encoding="utf-8", name="addresses.csv"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return call_command("import_addresses", str(path), *options, verbosity=0)


def found(text, near=NEAR):
    return [match.address for match in search_register(text, near=near, limit=5)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("rue de lausanne 12", "Rue de Lausanne 12, 1201 Genève"),
        ("RUE DE LAUSANE 12 GENEVE", "Rue de Lausanne 12, 1201 Genève"),
        ("12 lausanne", "Rue de Lausanne 12, 1201 Genève"),
        ("geneve, rue lausanne 14 B", "Rue de Lausanne 14b, 1201 Genève"),
        ("r. lausnane 12", "Rue de Lausanne 12, 1201 Genève"),
        ("1003 rue de geneve 12", "Rue de Genève 12, 1003 Lausanne"),
        ("av feuillase 1", "Avenue de Feuillasse 1, 1217 Meyrin"),
        ("fouillasse", "Avenue de Feuillasse, 1217 Meyrin"),
        ("feui", "Avenue de Feuillasse, 1217 Meyrin"),
        ("bourgdefour 3", "Place du Bourg-de-Four 3, 1204 Genève"),
        ("gabriele peret gentil 4", "Rue Gabrielle-Perret-Gentil 4, 1205 Genève"),
        ("rue du 31 decembre", "Rue du 31-Décembre, 1207 Genève"),
        ("rue du 31 decembre 31", "Rue du 31-Décembre, 1207 Genève"),
        ("bahnhof strasse 7 bern", "Bahnhofstrasse 7, 3011 Bern"),
        ("banhofstrasse", "Bahnhofstrasse, 3011 Bern"),
    ],
)
def test_what_was_meant_comes_first(register, typed, meant):
    assert found(typed)[0] == meant


def test_a_house_that_is_not_there_is_offered_as_its_street_and_says_so(register):
    (match, *_others) = search_register("rue de lausanne 99", near=NEAR, limit=5)
    assert match.address == "Rue de Lausanne, 1201 Genève"
    assert not match.is_exact
    (house, *_others) = search_register("rue de lausanne 12", near=NEAR, limit=5)
    assert (house.lat, house.lon, house.is_exact) == (46.2107, 6.1434, True)


def test_of_streets_that_fit_as_well_the_nearer_comes_first(tmp_path):
    lines = [
        "lat,lon,number,street,city",
        "46.2,6.1,1,Rue du Stand,Ici",
        "47.4,8.5,1,Rue du Stand,Loin",
    ]
    imported(tmp_path, "\n".join(lines))
    assert found("rue stand", near=(46.2, 6.1))[0] == "Rue du Stand, Ici"
    assert found("rue stand", near=(47.4, 8.5))[0] == "Rue du Stand, Loin"


@pytest.mark.parametrize("typed", ["", " ", "-", "xyzzyx", "%", "12", "\U0010ffff", "a" * 500])
def test_what_is_no_address_finds_nothing_and_breaks_nothing(register, typed):
    assert found(typed) == []


def test_an_import_may_be_repeated_and_corrected(tmp_path):
    assert imported(tmp_path, OPEN_ADDRESSES).startswith("8 addresses read: 8 written")
    before = [model.objects.count() for model in (Street, Address, AddressWord, WordInStreet)]
    assert imported(tmp_path, OPEN_ADDRESSES) == "8 addresses read: 0 written, 8 unchanged."
    assert before == [
        model.objects.count() for model in (Street, Address, AddressWord, WordInStreet)
    ]
    moved = OPEN_ADDRESSES.replace("7.4474,46.9480", "9.4474,47.9480")
    assert imported(tmp_path, moved).startswith("8 addresses read: 1 written")
    bern = Street.objects.get(locality="Bern")
    assert (bern.lat, bern.lon) == (47.948, 9.4474)
    assert set(bern.words.values_list("cell", flat=True)) == {bern.cell}
    assert found("bahnhofstrasse", near=(47.9, 9.4)) == ["Bahnhofstrasse, 3011 Bern"]


SWISS = """\ufeffADR_EGAID;STN_LABEL;ADR_NUMBER;ZIP_LABEL;COM_NAME;ADR_EASTING;ADR_NORTHING
1;Bundesplatz;3;3005 Bern;Bern;2600421.8;1199520.9
"""
FRENCH = """id;numero;rep;nom_voie;code_postal;nom_commune;x;y;lon;lat
74;12;bis;Rue de la République;74100;Annemasse;1;1;6.2364;46.1934
"""


@pytest.mark.parametrize(
    ("text", "encoding", "address", "lat", "lon"),
    [
        (SWISS, "utf-8", "Bundesplatz 3, 3005 Bern", 46.9468, 7.4441),
        (FRENCH, "cp1252", "Rue de la République 12bis, 74100 Annemasse", 46.1934, 6.2364),
        (FRENCH, "utf-16", "Rue de la République 12bis, 74100 Annemasse", 46.1934, 6.2364),
    ],
)
def test_files_of_every_common_form_are_read(tmp_path, text, encoding, address, lat, lon):
    imported(tmp_path, text, encoding=encoding)
    (match,) = search_register(address, near=(lat, lon), limit=5)
    assert match.address == address
    assert (match.lat, match.lon) == (pytest.approx(lat, abs=2e-3), pytest.approx(lon, abs=2e-3))


def test_swiss_coordinates_are_those_of_the_reference():
    # Swisstopo's example: 2 700 000, 1 100 000 is 46 02 38.87 N, 8 43 49.79 E.
    lat, lon = of_lv95(2_700_000, 1_100_000)
    assert lat == pytest.approx(46 + 2 / 60 + 38.87 / 3600, abs=1e-5)
    assert lon == pytest.approx(8 + 43 / 60 + 49.79 / 3600, abs=1e-5)


def test_a_compressed_file_is_read(tmp_path):
    path = tmp_path / "addresses.csv.gz"
    path.write_bytes(gzip.compress(OPEN_ADDRESSES.encode()))
    assert "8 written" in call_command("import_addresses", str(path), verbosity=0)


def test_a_bad_row_is_named_and_nothing_is_written_unless_it_is_left_out(tmp_path):
    bad = (
        OPEN_ADDRESSES
        + "here,46.2,1,Rue A,Genève,1200\n6.1,146.2,1,Rue B,Genève,1200\n6,46,1,C,,\n"
    )
    with pytest.raises(CommandError) as error:
        imported(tmp_path, bad)
    for part in (
        "Line 10: the longitude 'here' is not a number.",
        "Line 11:",
        "Line 12: the locality",
    ):
        assert part in str(error.value)
    assert not Street.objects.exists()
    assert imported(tmp_path, bad, "--skip-invalid").endswith("3 rows left out.")
    assert Address.objects.count() == 8


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"a,b\n1,2\n", "must name the columns of the position"),
        (b"lat,lon\n1,2\n", "must name the columns of the locality"),
        (b"PK\x03\x04zip", "is not a CSV file"),
    ],
)
def test_another_file_is_refused_with_a_sentence(tmp_path, content, says):
    path = tmp_path / "other.csv"
    path.write_bytes(content)
    with pytest.raises(AddressFileError, match=says):
        list(read_addresses(path))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_addresses", str(tmp_path / "missing.csv"))


def test_a_chunk_takes_as_many_statements_whatever_its_size(tmp_path, monkeypatch):
    def statements(rows, chunk):
        monkeypatch.setattr(importing, "CHUNK", chunk)
        lines = [f"46.{i},6.{i},{i},Rue {rows} {i},Ville {i}" for i in range(rows)]
        with CaptureQueriesContext(connection) as seen:
            imported(tmp_path, "\n".join(["lat,lon,number,street,city", *lines]))
        return len(seen)

    assert statements(5, 1_000) == statements(300, 1_000)
    assert statements(900, 300) - statements(600, 300) == statements(901, 300) - statements(
        601, 300
    )


def test_a_search_takes_as_many_statements_whatever_the_size(register, tmp_path):
    def statements():
        with CaptureQueriesContext(connection) as seen:
            assert found("rue de lausane 12")[0] == "Rue de Lausanne 12, 1201 Genève"
        return len(seen)

    few = statements()
    places = [str(i).translate(str.maketrans("0123456789", "abcdefghij")) for i in range(300)]
    lines = [f"47.{i},8.{i},{i},Rue de Lausanne,{place}" for i, place in enumerate(places)]
    imported(tmp_path, "\n".join(["lat,lon,number,street,city", *lines]))
    assert statements() == few <= 17


def test_words_are_compared_as_people_write_them():
    assert words_of("d'Aïre-le-Lac 12") == ["d", "aire", "le", "lac", "12"]
    assert similarity("lausanne", "lausanne") == similarity("bd", "boulevard") == 1
    assert 0.75 < similarity("laus", "lausanne") < 1
    assert 0.6 < similarity("losanne", "lausanne") < 1
    assert similarity("12", "1204") == similarity("berne", "vernier") == 0
    assert spellings("lausanne") & spellings("losane")
    assert spellings("rue") == spellings("1204") == set()


def test_an_import_that_was_stopped_at_its_end_is_finished_by_the_next(tmp_path, monkeypatch):
    def stopped():
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(importing, "make_searchable", stopped)
        with pytest.raises(KeyboardInterrupt):
            imported(tmp_path, OPEN_ADDRESSES)
    assert found("feui") == []
    imported(tmp_path, OPEN_ADDRESSES)
    assert found("feui") == ["Avenue de Feuillasse, 1217 Meyrin"]


def test_half_a_compressed_file_is_refused_with_a_sentence(tmp_path):
    path = tmp_path / "addresses.csv.gz"
    path.write_bytes(gzip.compress(OPEN_ADDRESSES.encode())[:-20])
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_addresses", str(path), verbosity=0)
    assert not Street.objects.exists()
