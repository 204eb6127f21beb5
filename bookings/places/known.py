"""Known places of a company: homes and saved places of clients, ends of recent trips."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from bookings.models import Booking, Client, SavedPlace
from drivers.db.folding import fold
from drivers.models import Company

RECENT_TRIPS = 1_000  # of a company that are searched
TRIPS_OF_CLIENT = 20
OFFERED = 8


@dataclass(frozen=True, slots=True)
class Place:
    """An address and its position, degrees."""

    address: str
    lat: float
    lon: float


def places_of_client(client: Client) -> list[Place]:
    """Return usual place, home, other saved places and ends of last trips: 2 statements."""
    trips = Booking.objects.filter(client=client).order_by("-id")
    usual, saved = _saved(client)
    known = [*usual, *_home(client), *saved, *_ends(trips[:TRIPS_OF_CLIENT])]
    return _different(known)[:OFFERED]


def usual_place(client: Client) -> Place | None:
    """Return the default pickup of the client, or None if there is none: 1 statement."""
    usual, _others = _saved(client)
    return next(iter([*usual, *_home(client)]), None)


def search_places(company: Company, words: str) -> list[Place]:
    """Return known places whose address contains every word, the latest first: 3 statements."""
    wanted = fold(words).split()
    if not wanted:
        return []
    matches = (p for p in _known(company) if all(w in fold(p.address) for w in wanted))
    return _different(matches)[:OFFERED]


def known_place(company: Company, address: str) -> Place | None:
    """Return the place with this address, ignoring case and accents, or None: 3 statements."""
    wanted = fold(address)
    same = (p for p in _known(company) if fold(p.address) == wanted)
    return next(same, None)


def _known(company: Company) -> list[Place]:
    trips = Booking.objects.filter(company=company).order_by("-scheduled_time", "-id")
    homes = Client.objects.filter(company=company, lat__isnull=False).exclude(address="")
    latest = homes.order_by("-id").values_list("address", "lat", "lon")[:RECENT_TRIPS]
    saved = SavedPlace.objects.filter(client__company=company).order_by("-id")
    latest_saved = saved.values_list("address", "lat", "lon")[:RECENT_TRIPS]
    rows: list[Any] = [*latest, *latest_saved]
    return [*_ends(trips[:RECENT_TRIPS]), *(Place(*row) for row in rows)]


def _ends(trips: QuerySet[Booking]) -> list[Place]:
    rows = trips.values_list(
        "pickup_address", "pickup_lat", "pickup_lon", "dropoff_address", "dropoff_lat",
        "dropoff_lon",
    )  # fmt: skip
    return [Place(*end) for row in rows for end in (row[:3], row[3:]) if end[0]]


def _saved(client: Client) -> tuple[list[Place], list[Place]]:
    """Return the usual place of the client, if there is one, and the others: 1 statement."""
    rows = SavedPlace.objects.filter(client=client).order_by("label", "id")
    usual: list[Place] = []
    others: list[Place] = []
    for is_usual, address, lat, lon in rows.values_list("is_usual", "address", "lat", "lon"):
        (usual if is_usual else others).append(Place(address, lat, lon))
    return usual, others


def _home(client: Client) -> Iterator[Place]:
    if client.address and client.lat is not None and client.lon is not None:
        yield Place(client.address, client.lat, client.lon)


def _different(places: Iterable[Place]) -> list[Place]:
    """Return the first place of every address."""
    by_address: dict[str, Place] = {}
    for place in places:
        by_address.setdefault(fold(place.address), place)
    return list(by_address.values())
