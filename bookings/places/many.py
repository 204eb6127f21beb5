"""Search many addresses at once, as those of an imported file.

The same sources, words and scores as `search_places`, but for any number of addresses the
statements stay the same. The geocoder, if there is one, is asked one by one, for a while.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bookings.places.geocoder import MayAsk, ask_geocoder, is_our_turn, wait_for_turn
from bookings.places.known import OFFERED, search_known_many
from bookings.places.match import Match
from bookings.places.register_many import search_register_many
from bookings.places.search import LONGEST, OWN_FIRST, SURE
from bookings.places.words import similarity, typed_words, words_of
from drivers.db.folding import fold
from drivers.models import Company, Customer
from drivers.models.far_places import km_between

CLEARLY = 0.05  # by how much the best must be better than the next, another place
SAME_KM = 0.2
ASKED_AT_MOST = 50  # addresses, of the geocoder at once
ASKED_FOR_S = 8.0
# The same for a client system: it waits for no turn, so that it keeps no worker busy.
ASKED_OF_CLIENTS, ASKED_OF_CLIENTS_FOR_S = 5, 1.0


@dataclass(frozen=True, slots=True)
class Found:
    """What was found for an address: `matches`, the best first, and which of them is `sure`.

    `is_asked` is False if the geocoder, which may know better, was not asked any more.
    """

    matches: tuple[Match, ...]
    sure: Match | None
    is_asked: bool = True


def search_many(
    company: Company,
    addresses: Iterable[str],
    *,
    limit: int = OFFERED,
    customer: Customer | None = None,
) -> dict[str, Found]:
    """Return {folded address: what was found}, each searched once: 10 statements.

    The company's own places are those of one customer alone if it is named. What neither it nor the
    register is sure of is asked of the geocoder, at most `ASKED_AT_MOST` and for `ASKED_FOR_S`, or
    of one customer `ASKED_OF_CLIENTS` and while it is our turn; its answers are kept, so that
    asking again goes on.
    """
    texts = {fold(address): address[:LONGEST] for address in addresses}
    near = company.depot_lat, company.depot_lon
    known = search_known_many(company, texts.values(), near=near, limit=limit, customer=customer)
    registered = search_register_many(list(texts.values()), near=near, limit=limit)
    found = {}
    may_ask = _waiting() if customer is None else _not_waiting()
    for key, text in texts.items():
        matches = _merged([*known[text], *registered[text]], limit)
        sure = surely(text, matches)
        is_asked = True
        if sure is None:
            asked = ask_geocoder(text, near=near, limit=limit, may_ask=may_ask)
            is_asked = asked is not None
            matches = _merged([*matches, *(asked or ())], limit)
            sure = surely(text, matches)
        found[key] = Found(tuple(matches), sure, is_asked)
    return found


def _waiting() -> MayAsk:
    """Return whether the geocoder may be asked once more, which waits for our turn."""
    until_s = time.monotonic() + ASKED_FOR_S
    left = ASKED_AT_MOST

    def may_ask() -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and wait_for_turn(until_s)

    return may_ask


def _not_waiting() -> MayAsk:
    """Return whether a client system may have it asked once more, at once."""
    until_s = time.monotonic() + ASKED_OF_CLIENTS_FOR_S
    left = ASKED_OF_CLIENTS

    def may_ask() -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and time.monotonic() < until_s and is_our_turn()

    return may_ask


def _merged(matches: Sequence[Match], limit: int) -> list[Match]:
    """Return the best match of each address, those of the company first where they fit as well."""
    ranked = sorted(matches, key=lambda m: -m.score - OWN_FIRST * (m.source == "company"))
    different: dict[str, Match] = {}
    for match in ranked:
        different.setdefault(fold(match.address), match)
    return list(different.values())[:limit]


def surely(text: str, matches: Sequence[Match]) -> Match | None:
    """Return the match that is meant without doubt, or None: then somebody has to choose.

    It is a house with a score of at least `SURE`. If all words of the text are in it, no other
    match may have them all; otherwise the next is worse by `CLEARLY`. Another match within
    `SAME_KM` is the same place.
    """
    likely = [match for match in matches if match.is_exact and match.score >= SURE]
    if not likely:
        return None
    typed = typed_words(text)
    complete = [match for match in likely if _has_all(typed, match)]
    best, *others = complete or likely
    if not complete:
        others = [match for match in others if match.score > best.score - CLEARLY]
    if any(km_between(best.lat, best.lon, one.lat, one.lon) > SAME_KM for one in others):
        return None
    return best


def _has_all(typed: Sequence[str], match: Match) -> bool:
    words = words_of(match.address)
    words += ["".join(pair) for pair in zip(words, words[1:], strict=False)]  # “12 b”
    return all(any(similarity(one, word) == 1 for word in words) for one in typed)
