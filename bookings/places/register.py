"""Search the address register: at most 5 statements and 3 for each word.

The typed words are looked up among the words of the register: as typed, as a beginning, and by the
keys of their misspellings. The streets of the rarest words are read, those near first, and scored.
"""

from collections.abc import Sequence
from typing import Any

from bookings.models import Address, AddressWord, Street, WordInStreet, WordSpelling
from bookings.places.match import LEAST, Match, Source, nearness
from bookings.places.words import (
    ABBREVIATIONS,
    Wanted,
    cells_around,
    similarity,
    spellings,
    street_words,
    typed_words,
    wanted,
)

STREETS_READ = 500
BEGINNINGS = 40  # of a typed word that are followed
LIKELIEST = 12  # words that a typed word is taken for
FIRST_LETTERS = 2  # from so many a beginning is looked up
END = "\U0010ffff"  # after every text with the same beginning


def search_register(text: str, *, near: tuple[float, float], limit: int) -> list[Match]:
    """Return the addresses, or without a house number the streets, that are likely meant.

    The best first; a street nearer to `near` before one that fits as well.
    """
    typed = typed_words(text)
    found = _likely_words(typed)
    if not any(found):
        return []
    streets = _streets(found, near)
    read = [(row, *street_words(row[1])) for row in streets]
    counts = {word: count for words in found for _pk, word, count in words}
    vocabulary = {word: counts.get(word, 1) for _row, _name, words in read for word in words}
    likely = best(wanted(typed, vocabulary), read, near)[: 2 * limit]
    numbers = _numbers([(row[0], number) for _score, row, number in likely if number])
    offered = [match for one in likely for match in matches(*one, numbers)]
    offered.sort(key=lambda match: -match.score)
    return offered[:limit]


def _likely_words(typed: Sequence[str]) -> list[list[tuple[int, str, int]]]:
    """Return for each typed word the (id, text, number of streets) of what it may be.

    2 statements, and 1 for each word.
    """
    keys = {key for word in typed for key in spellings(word)}
    by_key = WordSpelling.objects.filter(key__any_of=sorted(keys))
    spelled = set(by_key.values_list("word_id", "word__text", "word__streets"))
    texts = [*typed, *(ABBREVIATIONS[word] for word in typed if word in ABBREVIATIONS)]
    texts += ["".join(pair) for pair in zip(typed, typed[1:], strict=False)]
    columns = AddressWord.objects.values_list("id", "text", "streets")
    spelled |= set(columns.filter(text__any_of=texts))
    found = []
    for i, word in enumerate(typed):
        begun: list[Any] = []
        if len(word) >= FIRST_LETTERS or len(typed) == 1:
            begins = columns.filter(text__gte=word, text__lt=word + END)
            begun = list(begins.order_by("-streets", "id")[:BEGINNINGS])
        joined = {"".join(typed[i : i + 2]), "".join(typed[max(0, i - 1) : i + 1])}
        rated = [
            (1.0 if row[1] in joined else similarity(word, row[1]), row)
            for row in {*spelled, *begun}
        ]
        rated = sorted((pair for pair in rated if pair[0]), key=lambda pair: (-pair[0], pair[1]))
        found.append([row for _like, row in _kept(rated)])
    return found


def _kept(rated: list[tuple[float, Any]]) -> list[tuple[float, Any]]:
    """Return the likeliest words; all beginnings of a word that was not typed to its end."""
    return rated[: BEGINNINGS if rated and rated[0][0] < 1 else LIKELIEST]


def _streets(
    found: list[list[tuple[int, str, int]]], near: tuple[float, float]
) -> list[tuple[int, str, float, float, str, str, str]]:
    """Read the streets of the rarest words: 1 statement, and 2 for each word at most."""
    cells = cells_around(*near)
    ids: dict[int, None] = {}
    for words in sorted(filter(None, found), key=lambda words: sum(row[2] for row in words)):
        room = STREETS_READ - len(ids)
        if room <= 0:
            break
        of_words = WordInStreet.objects.filter(word__any_of=[row[0] for row in words])
        here = of_words.filter(cell__any_of=cells).values_list("street_id", flat=True)
        ids.update(dict.fromkeys(here[:room]))
        if (room := STREETS_READ - len(ids)) > 0:
            ids.update(dict.fromkeys(of_words.values_list("street_id", flat=True)[:room]))
    rows = Street.objects.filter(id__any_of=list(ids))
    return list(rows.values_list("id", "key", "lat", "lon", "name", "postcode", "locality"))


def best(
    asked: Wanted, read: list[tuple[Any, list[str], list[str]]], near: tuple[float, float]
) -> list[tuple[float, Any, str]]:
    """Return (score, row, house number) of the streets that are likely enough."""
    rated = []
    for row, name, words in read:
        score, number = asked.score(name or words, words)
        if score >= LEAST:
            rated.append((score * 0.95 + nearness(row[2], row[3], near), row, number))
    rated.sort(key=lambda one: (-one[0], one[1][0]))
    return rated


def _numbers(asked: list[tuple[int, str]]) -> dict[tuple[int, str], tuple[float, float]]:
    """Return the positions of house numbers by street and number: 1 statement if any is asked."""
    if not asked:
        return {}
    streets, numbers = zip(*asked, strict=True)
    rows = Address.objects.filter(
        street__any_of=sorted(set(streets)), number__any_of=sorted(set(numbers))
    )
    return {row[:2]: row[2:] for row in rows.values_list("street_id", "number", "lat", "lon")}


def matches(
    score: float, row: Any, number: str, numbers: dict[tuple[int, str], tuple[float, float]]
) -> list[Match]:
    """Return what is offered of a rated street: the house, or the street if it has no such one."""
    pk, _key, lat, lon, name, postcode, locality = row
    place = " ".join(filter(None, (postcode, locality)))
    position = numbers.get((pk, number)) if number else None
    if position is None:
        at_street = ", ".join(filter(None, (name, place)))
        less = 0.9 if number else 1.0  # the street does not have the house
        return [Match(at_street, lat, lon, Source.REGISTER, round(score * less, 3), False)]
    house = f"{name} {number}, {place}" if name else f"{place} {number}"
    return [Match(house, *position, Source.REGISTER, round(score, 3))]
