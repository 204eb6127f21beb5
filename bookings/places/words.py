"""Compare what somebody types with the words of an address: any order, accents, misspellings.

`spellings` are keys that a word shares with its likely misspellings: the word as it sounds, and
that with one letter left out (symmetric deletion: Garbe, SymSpell, 2012). Similarities and scores
are from 0 to 1.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, takewhile
from math import log
from os.path import commonprefix

from rapidfuzz.distance import OSA

from drivers.db.folding import fold

WORDS_AT_MOST = 12  # of a search; further words are not looked at
LONGEST = 60
MOST_BEGUN = 40  # words that begin as typed
SPELLED_FROM = 4  # letters: shorter words have too many neighbours
SIMILAR = 0.6  # less is another word
CELLS_PER_DEGREE = 10
WORDS = re.compile(r"[^\W_]+")
NUMBER = re.compile(r"[0-9]{1,3}[a-z]{0,3}")
APART = re.compile(r"\b([0-9]{1,3})\s+([abcefgh]|bis|ter)(?![\w'])")
ABBREVIATIONS = {  # those that the full word does not begin with
    "bd": "boulevard", "bld": "boulevard", "blvd": "boulevard", "bvd": "boulevard",
    "rte": "route", "st": "saint", "ste": "sainte", "fbg": "faubourg", "fg": "faubourg",
    "chem": "chemin", "pte": "petite", "pt": "petit", "gde": "grande", "gd": "grand",
}  # fmt: skip
SOUNDS = (("ph", "f"), ("qu", "c"), ("ck", "c"), ("k", "c"), ("q", "c"), ("y", "i"), ("z", "s"),
          ("w", "v"), ("h", ""), ("ai", "e"), ("ei", "e"), ("eau", "o"), ("au", "o"))  # fmt: skip


def words_of(text: str) -> list[str]:
    """Return the folded words of a text: letters and digits, “d'Aïre-le-Lac” has four."""
    return [word[:LONGEST] for word in WORDS.findall(fold(text))]


def street_words(key: str) -> tuple[list[str], list[str]]:
    """Return the words of a street's name, and all that it is found by.

    `key` is folded: name, postcode and locality. What a hyphen joins is one word too.
    """
    name = WORDS.findall(key.partition("|")[0])
    joined = ["".join(WORDS.findall(part)) for part in key.replace("|", " ").split() if "-" in part]
    return [word[:LONGEST] for word in name], [
        word[:LONGEST] for word in (*WORDS.findall(key), *joined)
    ]


def spellings(word: str) -> set[str]:
    """Return the keys of a folded word; none of a short word or a number."""
    if len(word) < SPELLED_FROM or not word.isalpha():
        return set()
    heard = _heard(word)
    return {heard, *(heard[:i] + heard[i + 1 :] for i in range(len(heard)))}


def _heard(word: str) -> str:
    for written, sound in SOUNDS:
        word = word.replace(written, sound)
    return re.sub(r"(.)\1+", r"\1", word)


def similarity(typed: str, word: str) -> float:
    """Return how well a word is what was typed, or its beginning, or misspelled: 0 if it is not."""
    if typed == word or ABBREVIATIONS.get(typed) == word:
        return 1.0
    if typed.isdecimal() and len(typed) < len(word) and len(word) >= SPELLED_FROM:
        return 0.0  # a house number is no beginning of a postcode
    if word.startswith(typed):
        return 0.75 + 0.2 * len(typed) / len(word)
    if len(typed) >= SPELLED_FROM and typed.isdecimal() and len(word) == len(typed):
        return 0.6 * (len(commonprefix((typed, word))) / len(typed))  # a postcode nearby
    if len(typed) < SPELLED_FROM or not typed.isalpha():
        return 0.0
    likeness: float = OSA.normalized_similarity(typed, word)
    if len(word) > len(typed):  # misspelled, and not typed to its end
        begun = OSA.normalized_similarity(typed, word[: len(typed)])
        likeness = max(likeness, begun - 0.2)
    return likeness * 0.95 if likeness >= SIMILAR else 0.0


@dataclass(frozen=True)
class Wanted:
    """What was typed, beside a vocabulary.

    `similar` has for each typed word the similarity of the words it may be, `weights` how much
    it tells: a rare word more than “rue”.
    """

    words: tuple[str, ...]
    similar: tuple[Mapping[str, float], ...]
    weights: tuple[float, ...]

    def score(
        self, name: Sequence[str], rest: Sequence[str] = (), *, with_number: bool = False
    ) -> tuple[float, str]:
        """Return (how well an address is what was typed, the house number that is left over).

        `name` are the words that should be typed, of `rest` those that may be. A short number that
        is in neither is the house number; `with_number` those of the address have theirs.
        """
        total = reached = 0.0
        matched: set[str] = set()
        number = ""
        for typed, similar, weight in zip(self.words, self.similar, self.weights, strict=True):
            best, where = 0.0, ""
            for word in (*name, *rest):
                like = similar.get(word, 0.0)
                if like > best:
                    best, where = like, word
            if NUMBER.fullmatch(typed) and (best == 0 or best < 1 and not with_number):
                number = typed
                continue
            matched.add(where)
            total += weight
            reached += weight * best
        if not total:
            return 0.0, number
        covered = sum(word in matched for word in name) / max(1, len(name))
        return reached / total * (0.85 + 0.15 * covered), number


def typed_words(text: str) -> list[str]:
    """Return the words of a search, each once; “12 B” is “12b”."""
    words = words_of(APART.sub(r"\1\2", fold(text)))
    return list(dict.fromkeys(words))[:WORDS_AT_MOST]


def wanted(typed: Sequence[str], vocabulary: Mapping[str, int]) -> Wanted:
    """Return what was typed beside words with the number of their occurrences."""
    similar = [
        {word: like for word in vocabulary if (like := similarity(one, word))} for one in typed
    ]
    for i, joined in enumerate(map("".join, pairwise(typed))):  # “haupt strasse”
        if joined in vocabulary:
            similar[i][joined] = similar[i + 1][joined] = 1.0
    weights = [_weight(words, vocabulary) for words in similar]
    return Wanted(tuple(typed), tuple(similar), tuple(weights))


class Vocabulary:
    """Words with the number of their occurrences, in which many typed words are looked up.

    Those that begin as typed, sound alike or are the same; not all that are similar.
    """

    def __init__(self, counts: Mapping[str, int]) -> None:
        self.counts = counts
        self.words = sorted(counts)
        self.known: dict[str, dict[str, int]] = {}
        self.spelled: dict[str, set[str]] = {}
        for word in self.words:
            for key in spellings(word):
                self.spelled.setdefault(key, set()).add(word)

    def like(self, typed: str) -> dict[str, int]:
        """Return the words that a typed word may be, with their occurrences."""
        if typed not in self.known:
            first = bisect_left(self.words, typed)
            begun = takewhile(lambda word: word.startswith(typed), islice(self.words, first, None))
            same = {ABBREVIATIONS.get(typed, typed)} & self.counts.keys()
            words = {*islice(begun, MOST_BEGUN), *same}
            words.update(*(self.spelled.get(key, ()) for key in spellings(typed)))
            self.known[typed] = {word: self.counts[word] for word in words}
        return self.known[typed]


def _weight(words: Mapping[str, float], vocabulary: Mapping[str, int]) -> float:
    """Inverse document frequency of the likeliest word; what nobody knows tells nothing much."""
    if not words:
        return 4.0
    likeliest = max(words, key=lambda word: (words[word], vocabulary[word]))
    return max(1.0, log(1e6 / (1 + vocabulary[likeliest])))


def cell_of(lat: float, lon: float) -> int:
    """Return the cell of the grid, of a tenth of a degree, in which a position is."""
    column = int((lon + 180) * CELLS_PER_DEGREE)
    return int((lat + 90) * CELLS_PER_DEGREE) * 10_000 + column


def cells_around(lat: float, lon: float, *, reach: int = 2) -> list[int]:
    """Return the cells at most `reach` away, the own one first."""
    steps = sorted(range(-reach, reach + 1), key=abs)
    own = cell_of(lat, lon)
    return [own + row * 10_000 + column for row in steps for column in steps]


def numbers_like(texts: Iterable[str]) -> list[str]:
    """Return the texts as house numbers are compared: “12 B” is “12b”."""
    return ["".join(words_of(text))[:20] for text in texts]
