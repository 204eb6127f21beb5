"""Addresses of an OpenStreetMap extract: houses, streets without any, what is incomplete."""

import sys

import pytest
from django.core.management import CommandError, call_command

from bookings.models import Address, Street
from bookings.places.address_file import BadRowError
from bookings.places.osm_file import is_osm, read_osm
from bookings.places.register import search_register

pytestmark = pytest.mark.django_db
NEAR = (46.2, 6.1)


def node(pk, lat, lon, **tags):
    return f'<node id="{pk}" version="1" lat="{lat}" lon="{lon}">{tagged(tags)}</node>'


def way(pk, refs, **tags):
    nodes = "".join(f'<nd ref="{ref}"/>' for ref in refs)
    return f'<way id="{pk}" version="1">{nodes}{tagged(tags)}</way>'


def tagged(tags):
    names = ((name.replace("__", ":"), value) for name, value in tags.items())
    return "".join(f'<tag k="{name}" v="{value}"/>' for name, value in names)


TOWN = [
    node(1, 46.2000, 6.1000, place="town", name="Carouge"),
    node(2, 46.2010, 6.1010, addr__housenumber="12", addr__street="Rue du Stand",
         addr__postcode="1204", addr__city="Genève"),
    node(3, 46.2020, 6.1020, addr__housenumber="3;5 b", addr__street="Rue Haute"),
    node(4, 46.2100, 6.1100), node(5, 46.2100, 6.1102), node(6, 46.2102, 6.1102),
    node(7, 46.2102, 6.1100),
    node(8, 10.0, 10.0, addr__housenumber="1", addr__street="Far from any place"),
    node(9, 46.2040, 6.1040, addr__housenumber="7", addr__place="Les Hameaux"),
    way(20, [4, 5, 6, 7, 4], addr__housenumber="8", addr__street="Rue Haute", building="yes"),
    way(21, [4, 5], highway="residential", name="Rue Haute"),
    way(22, [5, 6], highway="residential", name="Sentier Neuf"),
    way(23, [6, 7], highway="tertiary", name="Sentier Neuf"),
    way(24, [6, 7], highway="residential"),
    way(25, [98, 99], highway="residential", name="Outside the extract"),
]  # fmt: skip


def written(folder, name="town.osm"):
    path = folder / name
    path.write_text(f'<osm version="0.6">{"".join(TOWN)}</osm>', encoding="utf-8")
    return path


@pytest.fixture
def osmium():
    return pytest.importorskip("osmium", reason="requirements-osm.txt is not installed")


def rows(path):
    return [
        (row.street, row.number, row.postcode, row.locality, row.lat, row.lon)
        for row in read_osm(path)
        if not isinstance(row, BadRowError)
    ]


def test_houses_are_nodes_and_ways_and_the_rest_are_streets_without_houses(osmium, tmp_path):
    assert rows(written(tmp_path)) == [
        ("Rue du Stand", "12", "1204", "Genève", 46.201, 6.101),
        ("Rue Haute", "3", "", "Carouge", 46.202, 6.102),
        ("Rue Haute", "5 b", "", "Carouge", 46.202, 6.102),
        ("", "7", "", "Les Hameaux", 46.204, 6.104),
        ("Rue Haute", "8", "", "Carouge", 46.2101, 6.1101),  # the middle of its four corners
        ("Sentier Neuf", "", "", "Carouge", 46.2101, 6.1102),  # once, of its two roads
    ]


def test_the_command_counts_and_the_search_finds(osmium, tmp_path):
    path = written(tmp_path)
    said = call_command("import_addresses", str(path), verbosity=0)
    assert said == (
        "6 addresses read: 6 written, 0 unchanged, 1 of them without a number, 1 rows left out."
    )
    assert (Street.objects.count(), Address.objects.count()) == (4, 6)
    (house, *_others) = search_register("rue haute 5b carouge", near=NEAR, limit=5)
    assert (house.address, house.is_exact) == ("Rue Haute 5b, Carouge", True)
    (street, *_others) = search_register("sentier neuf", near=NEAR, limit=5)
    assert street.address == "Sentier Neuf, Carouge"
    assert "0 written, 6 unchanged" in call_command("import_addresses", str(path), verbosity=0)


def test_what_is_near_no_place_is_where_the_command_says(osmium, tmp_path):
    path = str(written(tmp_path))
    call_command("import_addresses", path, locality="Lagos", verbosity=0)
    assert Street.objects.get(locality="Lagos").name == "Far from any place"


def test_a_packed_map_is_the_same(osmium, tmp_path):
    plain, packed = written(tmp_path), tmp_path / "town.osm.pbf"
    with osmium.SimpleWriter(str(packed)) as out:
        for one in osmium.FileProcessor(str(plain)):
            out.add(one)
    assert rows(packed) == rows(plain)


@pytest.mark.parametrize("content", [b"", b"<osm", b"\x00\x00\x00\x0dOSM", b"a,b\n1,2\n"])
@pytest.mark.parametrize("name", ["broken.osm", "broken.osm.pbf"])
def test_what_is_no_map_is_refused(osmium, tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_addresses", str(path), verbosity=0)
    assert not Street.objects.exists()


def test_a_map_that_is_not_there_is_refused(osmium, tmp_path):
    with pytest.raises(CommandError, match="there is no such file"):
        call_command("import_addresses", str(tmp_path / "gone.osm.pbf"), verbosity=0)


def test_without_the_package_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "osmium", None)
    with pytest.raises(CommandError, match="pip install -r requirements-osm.txt"):
        call_command("import_addresses", str(written(tmp_path)), verbosity=0)


@pytest.mark.parametrize(
    ("name", "is_map"),
    [("a.osm", True), ("a.osm.pbf", True), ("A.PBF", True), ("a.osm.gz", True),
     ("a.csv", False), ("a.csv.gz", False), ("osm.csv", False)],
)  # fmt: skip
def test_a_map_is_known_by_its_name(tmp_path, name, is_map):
    assert is_osm(tmp_path / name) == is_map
