"""Known places of a company: its own, homes and saved places of clients, ends of trips."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import nsmallest
from itertools import chain
from math import log
from typing import Any

from django.db.models import QuerySet

from bookings.models import Booking, Client, CompanyPlace, SavedPlace
from bookings.places.match import LEAST, Match, Source, nearness
from bookings.places.words import Vocabulary, Wanted, typed_words, wanted, words_of
from bookings.search import find_clients
from drivers.companies.scope import Scope
from drivers.db.folding import fold
from drivers.models import Company, Customer

RECENT_TRIPS = 1_000  # of a company that are searched
TRIPS_OF_CLIENT = 20
TRIPS_OF_MANY = 10_000  # that are read to search many places at once
LIKELIEST = 60  # places with most of the words, which are rated
OFFERED = 8
SHOWN_ON_MAP = 500


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
    company: Company,
    text: str,
    *,
    near: tuple[float, float],
    limit: int,
    customer: Customer | None = None,
) -> list[Match]:
    """Return the known places that are likely meant, the best first: 5 statements.

    Of the company, or of one customer's clients and trips alone.
    By their address, the name that a place has, or the client whose home it is.
    """
    typed = typed_words(text)
    if not typed:
        return []
    named = _named(company, text, customer)
    read = {(place, name): (words_of(place.address), words_of(name)) for place, name in named}
    counts = Counter(word for words in read.values() for part in words for word in part)
    return _best(wanted(typed, counts), read, near)[:limit]


def _best(asked: Wanted, read: Mapping[Any, Any], near: tuple[float, float]) -> list[Match]:
    """Return the matches among {(place, name): (words of its address, words of the name)}."""
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
    return sorted(best.values(), key=lambda match: -match.score)


def search_known_many(
    company: Company,
    texts: Iterable[str],
    *,
    near: tuple[float, float],
    limit: int,
    customer: Customer | None = None,
) -> dict[str, list[Match]]:
    """Return for each text the known places that are likely meant, the best first: 4 statements."""
    named = _named(company, "", customer, trips=TRIPS_OF_MANY)
    read = [(one, (words_of(one[0].address), words_of(one[1]))) for one in dict.fromkeys(named)]
    counts = Counter(word for _one, words in read for part in words for word in part)
    vocabulary = Vocabulary(counts)
    holders: dict[str, set[int]] = defaultdict(set)
    for i, (_one, words) in enumerate(read):
        for word in chain(*words):
            holders[word].add(i)
    found = {}
    for text in texts:
        typed = typed_words(text)
        likely = [vocabulary.like(word) for word in typed]
        has: dict[int, float] = defaultdict(float)
        for like in likely:
            for i in set().union(*(holders[word] for word in like)):
                has[i] += 1 / log(2 + sum(like.values()))
        likeliest = nsmallest(LIKELIEST, has, key=lambda i: (-has[i], i))
        asked = wanted(typed, {word: n for like in likely for word, n in like.items()})
        found[text] = _best(asked, dict(read[i] for i in likeliest), near)[:limit]
    return found


def known_place(company: Company, address: str) -> Place | None:
    """Return the place with this address, ignoring case and accents, or None: 4 statements."""
    wanted = fold(address)
    same = (p for p in _known(company) if fold(p.address) == wanted)
    return next(same, None)


def known_places(company: Company) -> list[Place]:
    """Return the different known places of the company, the latest first: 3 statements."""
    return _different(_known(company))[:SHOWN_ON_MAP]


def _known(company: Company) -> list[Place]:
    return [place for place, _name in _named(company, "")]


def _named(
    company: Company,
    text: str,
    customer: Customer | None = None,
    *,
    trips: int = RECENT_TRIPS,
) -> list[tuple[Place, str]]:
    """Return known places with what else they are called, the latest first: 4 statements.

    The company's own come before others at the same address; no customer is shown them.
    1 more finds the homes of clients by the words of the text, however many clients there are.
    """
    scope = Scope(company, customer)
    latest = scope.of(Booking.objects.all()).order_by("-scheduled_time", "-id")
    columns = ("address", "lat", "lon", "name")
    homes = scope.of(Client.objects.filter(lat__isnull=False).exclude(address=""))
    rows: list[Any] = list(homes.order_by("-id").values_list(*columns)[:trips])
    if text:
        found = find_clients(company, text, customer=customer)
        found = found.filter(lat__isnull=False).exclude(address="")
        rows += found.values_list(*columns)[:RECENT_TRIPS]
    saved = scope.of(SavedPlace.objects.all(), "client__company").order_by("-id")
    rows += saved.values_list("address", "lat", "lon", "label")[:trips]
    ends = [(place, "") for place in _ends(latest[:trips])]
    first: list[Any] = []
    if customer is None:
        own = CompanyPlace.objects.filter(company=company).order_by("-id")
        first = list(own.values_list(*columns)[:RECENT_TRIPS])
    return [*_with_names(first), *ends, *_with_names(rows)]


def _with_names(rows: Iterable[tuple[str, float, float, str]]) -> list[tuple[Place, str]]:
    return [(Place(address, lat, lon), name) for address, lat, lon, name in rows]


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
