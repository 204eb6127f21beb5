"""Known places of a company: homes and saved places of clients, ends of recent trips."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from bookings.models import Booking, Client, SavedPlace
from bookings.places.match import LEAST, Match, Source, nearness
from bookings.places.words import typed_words, wanted, words_of
from bookings.search import find_clients
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


def search_known(
    company: Company, text: str, *, near: tuple[float, float], limit: int
) -> list[Match]:
    """Return the known places that are likely meant, the best first: 4 statements.

    By their address, the name that a client's place has, or the client whose home it is.
    """
    typed = typed_words(text)
    if not typed:
        return []
    named = _named(company, text)
    read = {(place, name): (words_of(place.address), words_of(name)) for place, name in named}
    counts = Counter(word for words in read.values() for part in words for word in part)
    asked = wanted(typed, counts)
    best: dict[str, Match] = {}
    for (place, _name), (address, name) in read.items():
        score, other_number = asked.score(address, name, with_number=True)
        if score < LEAST or other_number:
            continue
        score = score * 0.95 + nearness(place.lat, place.lon, near)
        match = Match(place.address, place.lat, place.lon, Source.COMPANY, round(score, 3))
        same = best.get(key := fold(place.address))
        if same is None or same.score < match.score:
            best[key] = match
    return sorted(best.values(), key=lambda match: -match.score)[:limit]


def known_place(company: Company, address: str) -> Place | None:
    """Return the place with this address, ignoring case and accents, or None: 3 statements."""
    wanted = fold(address)
    same = (p for p in _known(company) if fold(p.address) == wanted)
    return next(same, None)


def _known(company: Company) -> list[Place]:
    return [place for place, _name in _named(company, "")]


def _named(company: Company, text: str) -> list[tuple[Place, str]]:
    """Return known places with what else they are called, the latest first: 3 statements.

    1 more finds the homes of clients by the words of the text, however many clients there are.
    """
    trips = Booking.objects.filter(company=company).order_by("-scheduled_time", "-id")
    columns = ("address", "lat", "lon", "name")
    homes = Client.objects.filter(company=company, lat__isnull=False).exclude(address="")
    rows: list[Any] = list(homes.order_by("-id").values_list(*columns)[:RECENT_TRIPS])
    if text:
        found = find_clients(company, text).filter(lat__isnull=False).exclude(address="")
        rows += found.values_list(*columns)[:RECENT_TRIPS]
    saved = SavedPlace.objects.filter(client__company=company).order_by("-id")
    rows += saved.values_list("address", "lat", "lon", "label")[:RECENT_TRIPS]
    ends = [(place, "") for place in _ends(trips[:RECENT_TRIPS])]
    return [*ends, *((Place(*row[:3]), row[3]) for row in rows)]


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
