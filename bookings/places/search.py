"""Search all places that a company may drive to."""

from bookings.places.geocoder import search_geocoder
from bookings.places.known import OFFERED, Place, known_place, search_known
from bookings.places.match import Match
from bookings.places.register import search_register
from drivers.db.folding import fold
from drivers.models import Company, Customer

LONGEST = 200  # letters of a search that are read
SURE = 0.9  # the score of a match that needs no geocoder
OWN_FIRST = 0.05
NOWHERE = 0.0, 0.0


def search_places(
    company: Company | None,
    text: str,
    near: tuple[float, float] | None = None,
    *,
    limit: int = OFFERED,
    customer: Customer | None = None,
) -> list[Match]:
    """Return the places that are likely meant, the best first, at most `limit`.

    The company's own places are those of one customer alone if it is named. Tolerant
    of accents, misspellings, and the order of words. From the company's own places, the
    address register, and the geocoder, which is asked only if the others are not sure. Of places
    that fit as well, those near to `near`, by default the depot, come first. A company that is only
    being made, None, has no places yet. Statements: those of `search_known` and `search_register`.
    """
    text = text[:LONGEST]
    found = []
    if company is None:
        near = near or NOWHERE
    else:
        near = near or (company.depot_lat, company.depot_lon)
        found = search_known(company, text, near=near, limit=limit, customer=customer)
    found += search_register(text, near=near, limit=limit)
    if not any(match.score >= SURE and match.is_exact for match in found):
        found += search_geocoder(text, near=near, limit=limit)
    found.sort(key=lambda match: -match.score - OWN_FIRST * (match.source == "company"))
    different: dict[str, Match] = {}
    for match in found:
        different.setdefault(fold(match.address), match)
    return list(different.values())[:limit]


def place_at(company: Company, address: str) -> Place | None:
    """Return the place with this very address, ignoring case and accents, or None.

    Known to the company, or a house of the register: nothing is guessed.
    """
    known = known_place(company, address)
    if known is not None:
        return known
    near = company.depot_lat, company.depot_lon
    for match in search_register(address[:LONGEST], near=near, limit=OFFERED):
        if match.is_exact and fold(match.address) == fold(address):
            return Place(match.address, match.lat, match.lon)
    return None
