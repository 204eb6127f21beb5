"""Make a register of addresses, and misspelled searches for some of them; seeded.

A register is localities around Geneva, each with streets that every village has (“Rue de la Gare”)
and streets with names of its own, French and German, and houses with numbers, some with a letter.

A search has one to three faults, as people make them: a letter wrong (a neighbour on the keyboard),
missing, twice or swapped with the next; a double letter single; written as it sounds. Half of them
have besides: the type of the street abbreviated, the little words left out, the words in another
order, or the last word not typed to its end. None has accents or capitals. The locality or the
postcode is there, unless the street's name is the only one within 20 km of the depot.
"""

import csv
import random
import re
from dataclasses import dataclass

from bookings.places.words import words_of
from drivers.models.far_places import km_between

DEPOT = (46.2044, 6.1432)
NEAR_KM = 20
LITTLE = {"de", "la", "du", "des", "le", "les", "l", "d"}
TYPES = {
    "Rue": ("r.", "rue"), "Avenue": ("av.", "ave"), "Chemin": ("ch.", "chem."),
    "Route": ("rte", "rte."), "Boulevard": ("bd", "blvd"), "Place": ("pl.", "place"),
    "Impasse": ("imp.",), "Allée": ("all.",), "Quai": ("quai",), "Sentier": ("sentier",),
    "Passage": ("pass.",), "Promenade": ("prom.",),
}  # fmt: skip
EVERYWHERE = (
    "de la Gare", "de l'Église", "de l'École", "du Stand", "de la Poste", "des Vignes",
    "du Château", "de la Fontaine", "du Moulin", "des Écoles", "du Lac", "de la Forêt",
    "des Tilleuls", "du Centre", "de Genève", "de Lausanne", "de la Croix", "des Prés",
    "du Midi", "de Bellevue", "du Simplon", "de la Paix", "des Cerisiers", "du Temple",
)  # fmt: skip
REAL = """
    Genève Carouge Lancy Meyrin Vernier Onex Thônex Versoix Nyon Gland Morges Lausanne Renens
    Pully Vevey Montreux Yverdon-les-Bains Annemasse Ferney-Voltaire Gex Chêne-Bougeries
    Plan-les-Ouates Collonge-Bellerive Fribourg Bulle Neuchâtel Bern Köniz Thun Biel/Bienne
""".split()  # noqa: SIM905 - words are read more easily so
STARTS = """
    Ba Be Bo Bri Cha Cho Cla Cor Cou Da Du Fa Fleu Fon Ga Gri Jo La Lu Ma Mar Mon Mou Na Per Phi
    Pi Pru Ra Ro Sa Sau Ta Thé Tou Va Ver Vi Zu Scha
""".split()  # noqa: SIM905 - words are read more easily so
MIDDLES = """
    ba be cha ché di do fi ga la lle lli ma mi na nne pa quo ra rri ssa tta va ve yo ri to
""".split()  # noqa: SIM905 - words are read more easily so
ENDS = """
    bert court dier fond gny lard lier mont nand nex ney ron sier tier ton vaz ville xon zod
    rand chat get let phe
""".split()  # noqa: SIM905 - words are read more easily so
GERMAN = ("strasse", "weg", "gasse", "platz")
KEYS = ("qwertzuiop", "asdfghjkl", "yxcvbnm")
SOUNDS = (("ph", "f"), ("qu", "k"), ("y", "i"), ("eau", "o"), ("au", "o"), ("ai", "e"), ("ss", "s"))


@dataclass(frozen=True)
class House:
    street: str
    number: str
    postcode: str
    locality: str
    lat: float
    lon: float

    @property
    def label(self):
        return f"{self.street} {self.number}, {self.postcode} {self.locality}"


def houses(count, *, seed):
    """Yield `count` houses, street by street."""
    rng = random.Random(seed)
    localities = [*REAL, *(f"{_name(rng)}{rng.choice(('', '', '-sur-Lac', '-Dessus'))}"
                           for _ in range(max(10, count // 1_100)))]  # fmt: skip
    made, turn, seen = 0, 0, set()
    while made < count:
        place = turn % len(localities)
        centre = (46.2 + (place * 37 % 90) / 100, 6.1 + (place * 53 % 160) / 100)
        locality, postcode = localities[place], str(1200 + place)
        turn += 1
        street = _street(rng)
        if (street, postcode) in seen:
            continue
        seen.add((street, postcode))
        at = (centre[0] + rng.uniform(-0.02, 0.02), centre[1] + rng.uniform(-0.03, 0.03))
        for number in range(1, min(rng.choice((5, 9, 14, 20, 32)), count - made) + 1):
            text = f"{number}{rng.choice(('', '', '', '', '', '', 'b', 'bis'))}"
            lat, lon = at[0] + number * 1e-4, at[1] + number * 1e-4
            yield House(street, text, postcode, locality, round(lat, 6), round(lon, 6))
            made += 1


def write(path, rows):
    """Write the houses as a CSV file and return them."""
    rows = list(rows)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("LON", "LAT", "NUMBER", "STREET", "CITY", "POSTCODE"))
        writer.writerows((h.lon, h.lat, h.number, h.street, h.locality, h.postcode) for h in rows)
    return rows


def searches(rows, count, *, seed):
    """Return (what is typed, the House that is meant) pairs."""
    rng = random.Random(seed)
    near = {}
    for house in rows:
        if km_between(*DEPOT, house.lat, house.lon) <= NEAR_KM:
            near.setdefault(house.street, set()).add(house.postcode)
    return [(_typed(rng, house, near), house) for house in rng.sample(rows, count)]


def _name(rng):
    middle = "".join(rng.choice(MIDDLES) for _ in range(rng.choice((0, 1, 1, 2))))
    return f"{rng.choice(STARTS)}{middle}{rng.choice(ENDS)}"


def _street(rng):
    if rng.random() < 0.2:
        return f"{_name(rng)}{rng.choice(GERMAN)}"
    if rng.random() < 0.25:
        return f"{rng.choice(list(TYPES))} {rng.choice(EVERYWHERE)}"
    name = _name(rng) if rng.random() < 0.6 else f"{_name(rng)}-{_name(rng)}"
    return f"{rng.choice(list(TYPES))} {rng.choice(('de ', 'du ', 'des ', 'de la ', ''))}{name}"


def _typed(rng, house, near):
    first, *others = house.street.split()
    if first in TYPES and rng.random() < 0.3:
        first = rng.choice(TYPES[first])
    street = [first, *(word for part in others for word in words_of(part))]
    if rng.random() < 0.25:
        street = [word for word in street if word.lower() not in LITTLE]
    street = [word.lower() for word in street]
    alone = near.get(house.street) == {house.postcode}
    place = [] if alone and rng.random() < 0.5 else [house.postcode]
    if not alone and rng.random() < 0.7:
        place = words_of(house.locality)
    words = [" ".join(words_of(word)) if word.isalpha() else word for word in (*street, *place)]
    long = [i for i, word in enumerate(words) if len(word) >= 5 and word.isalpha()]
    for i in rng.sample(long, min(len(long), rng.choice((1, 1, 2, 3)))):
        words[i] = _misspelled(rng, words[i])
    street, place = words[: len(street)], words[len(street) :]
    number = [house.number] if rng.random() < 0.7 else []
    if not number and not place and rng.random() < 0.3 and len(street[-1]) > 6:
        street[-1] = street[-1][:-2]
    parts = [street, number, place]
    if rng.random() < 0.3:
        parts = rng.choice(
            ([number, street, place], [place, street, number], [place, number, street])
        )
    return re.sub(" +", " ", " ".join(" ".join(part) for part in parts)).strip()


def _misspelled(rng, word):
    if rng.random() < 0.25:
        heard = [pair for pair in SOUNDS if pair[0] in word]
        if heard:
            return word.replace(*rng.choice(heard))
    doubles = re.findall(r"(.)\1", word)
    if doubles and rng.random() < 0.4:
        return word.replace(doubles[0] * 2, doubles[0], 1)
    i = rng.randrange(1, len(word) - 1)
    kind = rng.choice(("wrong", "missing", "twice", "swapped"))
    if kind == "wrong":
        row = next((row for row in KEYS if word[i] in row), "e")
        at = row.find(word[i])
        return word[:i] + rng.choice(row[max(0, at - 1)] + row[(at + 1) % len(row)]) + word[i + 1 :]
    if kind == "missing":
        return word[:i] + word[i + 1 :]
    if kind == "twice":
        return word[:i] + word[i] + word[i:]
    return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
