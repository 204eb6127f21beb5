"""Ask the geocoder of GEOCODER_URL, if there is one: by the protocol of Photon or of Nominatim.

It is asked within a time-out, not again while it rests after a failure, and not twice about the
same. Nominatim is asked once a second at most, by all processes together, as its operators ask.
What is typed is sent there, with a position rounded to a tenth of a degree; neither is logged.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from django.conf import settings
from django.core.cache import cache as shared
from django.utils.translation import get_language
from geopy.adapters import URLLibAdapter
from geopy.exc import GeopyError
from geopy.geocoders import Nominatim, Photon

from bookings.places.match import LEAST, Match, Source, nearness
from bookings.places.words import typed_words, wanted, words_of
from drivers.db.folding import fold
from drivers.rest.throttling import OUTAGE

logger = logging.getLogger(__name__)
WITHIN_S = 2.0
RESTS_S = 30  # after a failure
KEPT_S = 24 * 3600
TURN_S = 0.1  # between two looks whether it is our turn
EVERY_S = 1  # the pause between two questions to Nominatim
ASKED_FROM = 4  # letters: less is a beginning that everything matches
USER_AGENT = "Dispatchsite address search"
AREAS = frozenset({"city", "district", "locality", "county", "state", "country"})  # Photon's types
PLACES = ("city", "town", "village", "municipality", "hamlet", "locality")
NONSENSE = (GeopyError, ValueError, TypeError, KeyError, AttributeError)  # whatever it answers


MayAsk = Callable[[], bool]


def search_geocoder(text: str, *, near: tuple[float, float], limit: int) -> list[Match]:
    """Return what the geocoder finds; nothing if there is none, or it does not answer in time."""
    return ask_geocoder(text, near=near, limit=limit, may_ask=is_our_turn) or []


def ask_geocoder(
    text: str, *, near: tuple[float, float], limit: int, may_ask: MayAsk
) -> list[Match] | None:
    """Return what the geocoder finds, or None if it was not asked, or did not answer in time.

    `may_ask` is called before it is asked: what is kept of an earlier answer needs no turn.
    """
    if settings.GEOCODER is None or len(fold(text).replace(" ", "")) < ASKED_FROM:
        return []
    around = tuple(round(degrees, 1) for degrees in near)
    language = get_language() or "en"
    asked = repr((settings.GEOCODER, fold(text), around, limit, language))
    key = f"geocoder.{hashlib.sha256(asked.encode()).hexdigest()}"
    found = OUTAGE.ask(lambda: shared.get(key))
    if found is None:
        if not may_ask():
            return None
        found = _ask(text, around, limit, language)
        if found is None:
            return None
        answer = found
        OUTAGE.ask(lambda: shared.set(key, answer, KEPT_S))
    return _rated(text, found, near)


def is_our_turn() -> bool:
    """Return whether it does not rest, and it is our turn; not where the cache cannot tell."""
    if OUTAGE.ask(lambda: shared.get("geocoder.rests", False)) is not False:
        return False
    if settings.GEOCODER.protocol == "photon":
        return True
    return OUTAGE.ask(lambda: shared.add("geocoder.turn", True, EVERY_S)) is True


def wait_for_turn(until_s: float) -> bool:
    """Return whether it is our turn before `until_s` of the monotonic clock; wait for it."""
    while True:
        if OUTAGE.ask(lambda: shared.get("geocoder.rests", False)) is not False:
            return False
        if time.monotonic() >= until_s:
            return False
        if is_our_turn():
            return True
        time.sleep(TURN_S)


def _ask(
    text: str, around: tuple[float, ...], limit: int, language: str
) -> list[tuple[str, float, float, bool]] | None:
    """Return (address, lat, lon, whether it is a house) of each answer, or None if it failed."""
    server = _server(*settings.GEOCODER)
    try:
        if isinstance(server, Photon):
            found = server.geocode(
                text, exactly_one=False, limit=limit, location_bias=around, language=language
            )
            return _addresses(_of_photon, found)
        found = server.geocode(
            text, exactly_one=False, limit=limit, addressdetails=True, language=language
        )
        return _addresses(_of_nominatim, found)
    except NONSENSE as error:
        # The message may hold what was typed.
        logger.error("The geocoder fails: %s. It rests for %s s.", type(error).__name__, RESTS_S)
        OUTAGE.ask(lambda: shared.set("geocoder.rests", True, RESTS_S))
        return None


@cache
def _server(protocol: str, scheme: str, domain: str) -> Photon | Nominatim:
    kind = {"photon": Photon, "nominatim": Nominatim}[protocol]
    return kind(
        scheme=scheme, domain=domain, timeout=WITHIN_S, user_agent=USER_AGENT,
        adapter_factory=URLLibAdapter,
    )  # fmt: skip


def _addresses(
    read: Callable[[Mapping[str, Any]], tuple[str, float, float, bool]],
    found: Sequence[Any] | None,
) -> list[tuple[str, float, float, bool]]:
    """Return what can be read as an address: one odd row takes none of the others away.

    Raises the error of the first row if none can be read.
    """
    addresses, odd = [], None
    for one in found or ():
        try:
            addresses.append(read(one.raw))
        except NONSENSE as error:
            odd = odd or error
    if odd is not None and not addresses:
        raise odd
    return addresses


def _of_photon(raw: Mapping[str, Any]) -> tuple[str, float, float, bool]:
    found = raw["properties"]
    lon, lat = raw["geometry"]["coordinates"]
    place = found.get("city") or found.get("district") or found.get("county")
    parts = ("name", "street", "housenumber", "postcode")
    name, street, number, postcode = map(found.get, parts)
    kind = found.get("type")
    if kind == "street":
        street = street or name
    elif kind in AREAS:
        place, name = name or place, None
    return _read(lat, lon, name, street, number, postcode, place)


def _of_nominatim(raw: Mapping[str, Any]) -> tuple[str, float, float, bool]:
    found = raw["address"]
    place = next((found[name] for name in PLACES if name in found), None)
    street, number, postcode = map(found.get, ("road", "house_number", "postcode"))
    return _read(raw["lat"], raw["lon"], raw.get("name"), street, number, postcode, place)


def _read(
    lat: Any,
    lon: Any,
    name: str | None,
    street: str | None,
    number: str | None,
    postcode: str | None,
    place: str | None,
) -> tuple[str, float, float, bool]:
    """Return the address as the register writes it, degrees, and whether it is that of a house.

    Raises TypeError or ValueError if it is no address, or nowhere on earth.
    """
    lat, lon = float(lat), float(lon)
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise ValueError("nowhere on earth")
    named = name if name not in (street, place) else None
    parts = (named, _joined(street, number), _joined(postcode, place))
    address = ", ".join(filter(None, parts))[:200]
    if not address:
        raise ValueError("no address")
    return address, lat, lon, bool(number or named)


def _joined(*words: str | None) -> str:
    return " ".join(filter(None, words))


def _rated(text: str, found: Any, near: tuple[float, float]) -> list[Match]:
    """Return the matches with scores as the other sources have them: it may know better, so that
    none is left out.
    """
    typed = typed_words(text)
    matches = []
    for address, lat, lon, is_exact in found:
        words = words_of(address)
        score, _number = wanted(typed, dict.fromkeys(words, 1)).score(words, with_number=True)
        rated = max(LEAST, score * 0.95) + nearness(lat, lon, near)
        matches.append(Match(address, lat, lon, Source.GEOCODER, round(rated, 3), is_exact))
    return matches
