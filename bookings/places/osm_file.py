"""Read the addresses of an OpenStreetMap extract: .osm, packed or not, or .osm.pbf.

Houses are what has `addr:housenumber`, nodes and ways (by the middle of their corners), each number
of “12;14” for itself. Streets without any house are the named roads. Where `addr:city` is missing,
as it often is, the locality is the nearest place on the map within `PLACE_KM`. Lines count the
objects read. Needs the package osmium (requirements-osm.txt), which keeps the positions of the
nodes in a temporary file.
"""

import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from django.utils.functional import cached_property

from bookings.places.address_file import MOST, AddressFileError, AddressRow, BadRowError
from bookings.places.words import cell_of, cells_around
from drivers.db.folding import fold
from drivers.models.far_places import km_between

NAMES = re.compile(r".+\.(osm|osm\.(gz|bz2|pbf)|pbf)", re.IGNORECASE)
PLACES = ("city", "town", "village", "hamlet")
PLACE_KM = 10
ROADS = frozenset({
    "residential", "living_street", "pedestrian", "unclassified", "tertiary", "secondary",
    "primary", "trunk", "service", "road", "footway", "path", "track", "steps",
})  # fmt: skip


def is_osm(path: Path) -> bool:
    return NAMES.fullmatch(path.name) is not None


def read_osm(path: Path, locality: str = "") -> Iterator[AddressRow | BadRowError]:
    """Yield the houses, then the streets without houses, or the fault of an object.

    `locality` is that of what names none and has no place near.
    In memory are the places and the streets, not the houses. Raises AddressFileError if it is no
    such file, or osmium is not installed.
    """
    osmium = _osmium()
    if not path.is_file():
        raise AddressFileError(f"{path} cannot be read: there is no such file.")
    try:
        with tempfile.NamedTemporaryFile(suffix=".nodes") as nodes:
            yield from _rows(osmium, str(path), f"sparse_file_array,{nodes.name}", locality)
    except (RuntimeError, OSError) as error:
        raise AddressFileError(f"{path} cannot be read: {error}.") from None


def _osmium() -> Any:
    try:
        return import_module("osmium")
    except ImportError:
        raise AddressFileError(
            "To read a map the package osmium is needed: pip install -r requirements-osm.txt."
        ) from None


def _rows(
    osmium: Any, path: str, storage: str, otherwise: str
) -> Iterator[AddressRow | BadRowError]:
    places = Places(osmium, path)
    roads: dict[tuple[str, str], tuple[str, str, float, float]] = {}
    with_houses: set[tuple[str, str]] = set()
    line = 0
    objects = osmium.FileProcessor(path, osmium.osm.NODE | osmium.osm.WAY)
    objects = objects.with_locations(storage).with_filter(
        osmium.filter.KeyFilter("addr:housenumber", "highway")
    )
    for line, one in enumerate(objects, 1):
        tags, at = one.tags, _middle(one)
        if at is None:
            continue
        is_house = "addr:housenumber" in tags
        street = _text(tags.get("addr:street" if is_house else "name"))
        if not is_house and (tags.get("highway") not in ROADS or not street):
            continue
        city = tags.get("addr:city") or tags.get("addr:place") if is_house else None
        locality = _text(city) or places.near(*at) or otherwise
        if not locality:
            yield BadRowError(
                line, f"{street or 'a house'} has no addr:city, and no place is near."
            )
            continue
        key = fold(street), fold(locality)
        if not is_house:
            roads.setdefault(key, (street, locality, *at))
            continue
        with_houses.add(key)
        postcode = _text(tags.get("addr:postcode"))
        for number in re.split(r"[;,]", tags["addr:housenumber"]):
            yield _checked(AddressRow(line, street, _text(number), postcode, locality, *at))
    for key, (street, locality, lat, lon) in roads.items():
        if key not in with_houses:
            line += 1
            yield _checked(AddressRow(line, street, "", "", locality, lat, lon))


def _checked(row: AddressRow) -> AddressRow | BadRowError:
    texts = {"street": row.street, "number": row.number, "postcode": row.postcode,
             "locality": row.locality}  # fmt: skip
    for (name, text), most in zip(texts.items(), MOST, strict=True):
        if len(text) > most:
            return BadRowError(row.line, f"the {name} has more than {most} characters.")
    return row


def _text(value: str | None) -> str:
    return " ".join((value or "").split())


def _middle(one: Any) -> tuple[float, float] | None:
    """Return degrees, rounded to a centimetre: of a way the mean of its corners, each once."""
    if one.is_node():
        corners = [one.location]
    else:
        corners = list({node.ref: node.location for node in one.nodes}.values())
    known = [(at.lat, at.lon) for at in corners if at.valid()]
    if not known:
        return None  # its nodes are outside the extract
    lat, lon = (sum(axis) / len(known) for axis in zip(*known, strict=True))
    return round(lat, 7), round(lon, 7)


class Places:
    """The named places of a map, by cells: which one is nearest to a position."""

    def __init__(self, osmium: Any, path: str) -> None:
        self.osmium, self.path = osmium, path

    @cached_property
    def by_cell(self) -> dict[int, list[tuple[float, float, str]]]:
        cells = defaultdict(list)
        nodes = self.osmium.FileProcessor(self.path, self.osmium.osm.NODE)
        for node in nodes.with_filter(self.osmium.filter.KeyFilter("place")):
            name = _text(node.tags.get("name"))
            if name and node.tags["place"] in PLACES:
                at = node.location
                cells[cell_of(at.lat, at.lon)].append((at.lat, at.lon, name))
        return cells

    def near(self, lat: float, lon: float) -> str:
        """Return the name of the nearest place, "" if none is within `PLACE_KM`."""
        around = [one for cell in cells_around(lat, lon) for one in self.by_cell.get(cell, ())]
        nearest = min(((km_between(lat, lon, *one[:2]), one[2]) for one in around), default=None)
        return nearest[1] if nearest and nearest[0] <= PLACE_KM else ""
