"""Telephone numbers as people compare them: `079 111 11 11` in Zurich is `+41 79 111 11 11`."""

import re
from functools import cache, lru_cache
from importlib import resources

import phonenumbers

from drivers.db.folding import fold

UNSEEN = re.compile("[\u200b-\u200f\u2060\ufeff]")


@lru_cache(maxsize=10_000)  # an import asks several times for each row
def phone_key(text: str, timezone: str) -> str:
    """Return what two spellings of one number have in common, "" for none.

    The international form if it can be a number, written in the country of the timezone; else the
    text, folded and without what stands between its letters and digits.
    """
    text = fold(UNSEEN.sub("", text))
    if not text:
        return ""
    try:
        number = phonenumbers.parse(text, region_of(timezone))
    except phonenumbers.NumberParseException:
        number = None
    if number is not None and phonenumbers.is_possible_number(number):
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[:40]
    return re.sub(r"[\W_]+", "", text)[:40]


def person_key(name: str, phone: str, timezone: str) -> tuple[str, str]:
    """Return what two spellings of one person's name and telephone number have in common."""
    return fold(UNSEEN.sub("", name)), phone_key(phone, timezone)


@cache
def region_of(timezone: str) -> str | None:
    """Return the country whose clocks show the timezone ("CH"), None if no country's do."""
    table = resources.files("tzdata").joinpath("zoneinfo/zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return {row[2]: row[0] for row in rows}.get(timezone)
