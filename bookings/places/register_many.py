"""Search the address register for many addresses at once: 7 statements, however many there are.

As `bookings.places.register`, of which it has the words and the scores. An address that is written
in a file is complete, though: streets are looked up by its three rarest words, and by common ones
only around `near`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import nsmallest
from math import log
from typing import Any

from django.db import connection

from bookings.models import AddressWord, Street, WordInStreet, WordSpelling
from bookings.places.match import Match
from bookings.places.register import BEGINNINGS, END, FIRST_LETTERS, LIKELIEST, best, matches
from bookings.places.words import (
    ABBREVIATIONS,
    cells_around,
    similarity,
    spellings,
    street_words,
    typed_words,
    wanted,
)
from drivers.db.sent import sent_rows

RAREST = 3  # words of an address that its streets are looked up by
COMMON = 2_000  # streets: a word in more is looked up around `near` only
STREETS_READ = 60  # of an address: those with most of its words

Word = tuple[int, str, int]  # id, text, in how many streets


def search_register_many(
    texts: Sequence[str], *, near: tuple[float, float], limit: int
) -> dict[str, list[Match]]:
    """Return for each text the addresses, or streets, that are likely meant, the best first."""
    typed = {text: typed_words(text) for text in texts}
    likely = _likely_words({word for words in typed.values() for word in words})
    rarest = {text: _rarest([likely[word] for word in words]) for text, words in typed.items()}
    holders = _holders([word for groups in rarest.values() for group in groups for word in group],
                       near)  # fmt: skip
    candidates = {text: _candidates(groups, holders) for text, groups in rarest.items()}
    streets = _streets({pk for ids in candidates.values() for pk in ids})
    counts = {text: count for words in likely.values() for _pk, text, count in words}
    rated = {}
    for text, ids in candidates.items():
        read = [streets[pk] for pk in ids if pk in streets]
        vocabulary = {word: counts.get(word, 1) for _row, _name, words in read for word in words}
        rated[text] = best(wanted(typed[text], vocabulary), read, near)[: 2 * limit]
    numbers = _numbers({
        (row[0], number) for found in rated.values() for _score, row, number in found if number
    })  # fmt: skip
    found = {}
    for text, ones in rated.items():
        offered = [match for one in ones for match in matches(*one, numbers)]
        found[text] = sorted(offered, key=lambda match: -match.score)[:limit]
    return found


def _likely_words(typed: Iterable[str]) -> dict[str, list[Word]]:
    """Return for each typed word those of the register that it may be: 3 statements."""
    words = sorted(typed)
    texts = {*words, *(ABBREVIATIONS[word] for word in words if word in ABBREVIATIONS)}
    columns = AddressWord.objects.values_list("id", "text", "streets")
    exact = {row[1]: row for row in columns.filter(text__any_of=sorted(texts))}
    keys = {word: spellings(word) for word in words}
    by_key: dict[str, list[Word]] = defaultdict(list)
    spelled = WordSpelling.objects.filter(key__any_of=sorted(set().union(*keys.values())))
    for key, pk, text, count in spelled.values_list(
        "key", "word_id", "word__text", "word__streets"
    ):
        by_key[key].append((pk, text, count))
    begun = _begun([word for word in words if len(word) >= FIRST_LETTERS and word not in exact])
    likely = {}
    for word in words:
        rows = {row for key in keys[word] for row in by_key[key]} | set(begun[word])
        rows |= {exact[text] for text in (word, ABBREVIATIONS.get(word)) if text in exact}
        ranked = sorted(((similarity(word, row[1]), row) for row in rows),
                        key=lambda pair: (-pair[0], pair[1]))  # fmt: skip
        at_most = BEGINNINGS if ranked and ranked[0][0] < 1 else LIKELIEST
        likely[word] = [row for like, row in ranked[:at_most] if like]
    return likely


def _begun(words: list[str]) -> dict[str, list[Word]]:
    """Return for each word the most common of those that begin with it: 1 statement."""
    begun: dict[str, list[Word]] = defaultdict(list)
    source, params = sent_rows({"typed": "text"}, [(word,) for word in words])
    with connection.cursor() as cursor:
        cursor.execute(BEGUN.format(sent=source), [*params, END, BEGINNINGS])
        for word, *row in cursor.fetchall():
            begun[word].append((row[0], row[1], row[2]))
    return begun


BEGUN = """
    SELECT typed, id, text, streets FROM (
        SELECT typed, word.id, word.text, word.streets,
               row_number() OVER (PARTITION BY typed ORDER BY word.streets DESC, word.id) AS place
        FROM ({sent}) AS sent
        JOIN bookings_addressword AS word
            ON word.text >= sent.typed AND word.text < sent.typed || %s
    ) AS begun
    WHERE place <= %s
"""
NUMBERED = """
    SELECT address.street_id, address.number, address.lat, address.lon
    FROM ({sent}) AS sent
    JOIN bookings_address AS address
        ON address.street_id = sent.street AND address.number = sent.house
"""


def _rarest(likely: Sequence[list[Word]]) -> list[list[Word]]:
    groups = sorted(filter(None, likely), key=lambda words: sum(row[2] for row in words))
    return groups[:RAREST]


def _holders(words: Iterable[Word], near: tuple[float, float]) -> dict[int, list[int]]:
    """Return {word: streets that have it}: 2 statements."""
    common = {pk: count > COMMON for pk, _text, count in words}
    rare_ids = sorted(pk for pk, is_common in common.items() if not is_common)
    common_ids = sorted(pk for pk, is_common in common.items() if is_common)
    columns = WordInStreet.objects.values_list("word_id", "street_id")
    here = columns.filter(word__any_of=common_ids, cell__any_of=cells_around(*near))
    holders: dict[int, list[int]] = defaultdict(list)
    for word, street in (*columns.filter(word__any_of=rare_ids), *here):
        holders[word].append(street)
    return holders


def _candidates(groups: list[list[Word]], holders: Mapping[int, list[int]]) -> list[int]:
    """Return the streets that have most of the words, rare ones before common ones."""
    has: dict[int, float] = defaultdict(float)
    for group in groups:
        weight = 1 / log(2 + sum(row[2] for row in group))
        for street in {street for pk, _text, _count in group for street in holders[pk]}:
            has[street] += weight
    return nsmallest(STREETS_READ, has, key=lambda street: (-has[street], street))


def _streets(ids: Iterable[int]) -> dict[int, Any]:
    """Return {id: (row, words of its name, all its words)}: 1 statement."""
    columns = ("id", "key", "lat", "lon", "name", "postcode", "locality")
    rows = Street.objects.filter(id__any_of=sorted(ids)).values_list(*columns)
    return {row[0]: (row, *street_words(row[1])) for row in rows}


def _numbers(
    asked: Iterable[tuple[int, str]],
) -> dict[tuple[int, str], tuple[float, float]]:
    """Return the positions of these houses, by street and number: 1 statement."""
    source, params = sent_rows({"street": "bigint", "house": "text"}, sorted(asked))
    with connection.cursor() as cursor:
        cursor.execute(NUMBERED.format(sent=source), params)
        return {row[:2]: row[2:] for row in cursor.fetchall()}
